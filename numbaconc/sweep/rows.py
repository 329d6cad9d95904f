"""What the rows of a journal hold as JSON, checked: whatever a sweep cannot have written is a ValueError."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from numbaconc.data.annotations import MOST
from numbaconc.results.layout import Case, Outcome
from numbaconc.results.schema import BY_SPLIT, EPSILON_UNIT, SPLITS, STORED

TEXTS = ("error", "compared")
RISKS = ("risk", "adversarial_risk")


def case_of_row(text: str) -> Case:
    """Return the case that a row speaks of."""
    search, alpha, dataset, epsilon, at = json.loads(text)
    pairs = tuple((name, value) for name, value in at)
    _require(isinstance(search, str) and isinstance(dataset, str) and _is_number(alpha) and _is_number(epsilon))
    _require(
        all(isinstance(name, str) and isinstance(value, str | int | float) and value == value for name, value in pairs)
    )
    return Case(search, alpha, dataset, epsilon, pairs)


def outcome_of_row(text: str) -> Outcome:
    """Return the outcome that a row holds: an error, or values of which the risks are fractions."""
    outcome = _read(text)
    _require(isinstance(outcome, dict) and bool(outcome) and outcome.keys() <= STORED.keys())
    for name, value in outcome.items():
        if name in BY_SPLIT:
            _require(isinstance(value, dict) and value.keys() == set(SPLITS))
            _require(all(_is_number(one) and 0 <= one <= (1 if name in RISKS else MOST) for one in value.values()))
        else:
            _require(isinstance(value, str) if name in TEXTS else _is_number(value))
    return dict(outcome)


def identity_of_row(text: str) -> dict[str, Any]:
    """Return what all cases were measured with: settings, those of each search, and the contents of the data."""
    identity = _read(text)
    _require(isinstance(identity, dict) and identity.keys() == {"settings", "searches", "data"})
    tables = [identity["settings"]]
    for name in ("searches", "data"):
        _require(isinstance(identity[name], dict))
        tables += identity[name].values()
    _require(all(isinstance(table, dict) for table in tables))
    for facts in identity["data"].values():
        _require(facts.keys() == set(SPLITS) and all(isinstance(of, dict) for of in facts.values()))
        _require(all(of.keys() - {EPSILON_UNIT} == {"data_sha256", "n_points"} for of in facts.values()))
        _require(all(isinstance(of.get(EPSILON_UNIT, ""), str) for of in facts.values()))
        _require(all(isinstance(of["data_sha256"], str) and _is_number(of["n_points"]) for of in facts.values()))
    return dict(identity)


def check_together(finished: Mapping[Case, Outcome], identity: Mapping[str, Any] | None) -> None:
    """Refuse cases whose search or data the journal does not know, and those that have neither risks nor an error."""
    for case, outcome in finished.items():
        _require(identity is not None and case.search in identity["searches"] and case.dataset in identity["data"])
        _require("error" in outcome or outcome.keys() >= set(RISKS))


def _read(text: str) -> Any:  # noqa: ANN401
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    _require(math.isfinite(number))
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 64


def _require(holds: bool) -> None:  # noqa: FBT001
    if not holds:
        msg = "it holds what no sweep writes"
        raise ValueError(msg)
