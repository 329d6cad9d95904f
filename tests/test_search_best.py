"""The best of all searches is chosen on training points that were held back, and found again on all."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import blobs, needs_jit

import numbaconc as nc
from numbaconc.search import best as module

X = blobs(400, 4, 1)
NAMES = {"linf": ["rectangles", "faces", "halfspaces"], "l2": ["balls", "free_balls", "halfspaces", "hyperplane"]}


def split(seed, validation=0.3):
    order = np.random.default_rng(seed).permutation(len(X))
    held = round(len(X) * validation)
    return X[np.sort(order[held:])], X[np.sort(order[:held])]


@needs_jit
@pytest.mark.parametrize("norm", NAMES)
def test_every_search_is_tried_and_measured_on_points_held_back(norm):
    found = nc.search_best(X, 0.1, 0.1, norm, 3, seed=5)
    assert [one.search for one in found.table] == NAMES[norm]
    rest, apart = split(5)
    by_hand = {
        "faces": lambda: nc.search_faces(rest, 0.1, 0.1, 3),
        "halfspaces": lambda: nc.search_halfspaces(rest, 0.1, 0.1, {"linf": np.inf, "l2": 2}[norm]),
        "rectangles": lambda: nc.search_rectangles(rest, 0.1, 0.1, 3, 5, extend=True),
        "balls": lambda: nc.search_balls(rest, 0.1, 0.1, 3, local_search=True),
        "free_balls": lambda: nc.search_balls(rest, 0.1, 0.1, 1, centers="neighbours"),
        "hyperplane": lambda: nc.search_hyperplane(rest, 0.1, 0.1),
    }
    for one in found.table:
        measured = by_hand[one.search]().region.measure(apart, 0.1)
        assert (one.risk, one.adversarial_risk) == (measured.risk, measured.adversarial_risk)
    on_train = found.region.measure(X, 0.1)
    assert (found.risk, found.adversarial_risk) == (on_train.risk, on_train.adversarial_risk)


class Fixed:
    """A search that finds what it is told, on any points."""

    def __init__(self, risk, adversarial_risk):
        self.risk, self.adversarial_risk = risk, adversarial_risk

    def measure(self, *_):
        return nc.Measurement(0.1, self.risk, self.adversarial_risk, 80)


@pytest.mark.parametrize(
    ("risks", "chosen"),
    [
        ({"a": (0.10, 0.30), "b": (0.12, 0.20), "c": (0.09, 0.10)}, "b"),  # c is too small
        ({"a": (0.10, 0.20), "b": (0.10, 0.20)}, "a"),
        ({"a": (0.05, 0.06), "b": (0.09, 0.50)}, "b"),  # none is enough: the most risk
        ({"a": None, "b": (0.2, 0.5)}, "b"),  # a fails
    ],
)
def test_the_choice(monkeypatch, risks, chosen):
    def searches(*_, **__):
        def make(values):
            def search(*_):
                if values is None:
                    msg = "no"
                    raise nc.InputError(msg)
                return Fixed(*values)

            return search

        return {name: make(values) for name, values in risks.items()}

    monkeypatch.setattr(module, "_searches", searches)
    found = nc.search_best(X, 0.1, 0.1)
    assert found.search == chosen
    assert [bool(one.error) for one in found.table] == [values is None for values in risks.values()]


def test_all_fail(monkeypatch):
    def fail(*_):
        msg = "cannot"
        raise nc.InputError(msg)

    monkeypatch.setattr(module, "_searches", lambda *_, **__: {"a": fail})
    with pytest.raises(nc.InputError, match=r"no search found a region at epsilon 0.1 and alpha 0.1: a: cannot"):
        nc.search_best(X, 0.1, 0.1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"norm": "l7"}, "norm is 'l7'; allowed: linf, l2"),
        ({"buffer": 0.95}, "buffer is 0.95; allowed: less than 1 - alpha = 0.9"),
        ({"buffer": -1}, "buffer is -1; allowed: a number of at least 0"),
        ({"validation": 1}, "validation is 1; allowed: a number in (0, 1)"),
        ({"seed": -1}, "seed is -1; allowed: a whole number of at least 0"),
    ],
)
def test_what_is_refused(given, says):
    with pytest.raises(nc.InputError) as caught:
        nc.search_best(X, 0.1, 0.1, **given)
    assert str(caught.value).startswith(says)
