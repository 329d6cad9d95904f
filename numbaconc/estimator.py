"""What searches derive from: scikit-learn's estimators.

Importing scikit-learn takes as long as measuring the digits, and a command asks a search for nothing but its settings.
In a process that runs a command and no code of others, searches derive from a class that tells them, and no more.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from typing import Any

ENTRY_POINTS = "numbaconc.searches"  # the group in which packages of others name modules or classes with searches

runs_a_command = False  # whether the process is a command's own; the command line says so before searches are imported


class _Told:
    """The part of scikit-learn's BaseEstimator that commands use."""

    settings: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002
        """Return the settings, by name."""
        return {name: getattr(self, name) for name in self.settings()}


def base_of_searches() -> Any:  # noqa: ANN401
    """Return the class that searches derive from."""
    if runs_a_command and "sklearn" not in sys.modules and not searches_of_others():
        return _Told
    from sklearn.base import BaseEstimator

    return BaseEstimator


@functools.cache
def searches_of_others() -> tuple[importlib.metadata.EntryPoint, ...]:
    """Return the entry points by which other packages name searches."""
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))
