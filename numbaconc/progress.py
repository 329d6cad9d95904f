"""Progress bars: on a terminal, when asked for, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterable


def bar(items: Iterable[Any] | None = None, *, what: str, shown: bool, total: float | None = None) -> Any:  # noqa: ANN401
    """Return a tqdm bar over `items`, silent unless `shown` and on a terminal."""
    return tqdm(items, desc=what, total=total, disable=None if shown else True, leave=False, delay=0.5)
