"""Classifiers of others, with the accuracies that leaderboards print for them, and what is measured beside them.

`leaderboards.txt` beside the files says where they are from, of what date, and under which license.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import NamedTuple

import numpy as np

from numbaconc.data.arrays import parse_epsilon
from numbaconc.experiments.published import Published, published
from numbaconc.norms import NORMS

N_BEST, N_ALPHAS = 10, 15  # models of a table, and the most α of a curve
NORMS_OF = {"Linf": "linf", "L2": "l2"}  # as leaderboards write them
FILES = {"robustbench.csv": "model_id", "mnist_leaderboards.csv": "model"}  # and their columns of names
SOURCES = (
    "RobustBench (snapshot of 2025-03-31, MIT license); README files of fra31/auto-attack, MadryLab/mnist_challenge and "
    "cifar10_challenge, and robust-ml"
)


class Model(NamedTuple):
    """One classifier on a leaderboard."""

    dataset: str
    norm: str
    epsilon_text: str  # strength that it was attacked within, on the unit scale as printed: a number or a fraction
    name: str
    clean: float | None  # per cent of the test points that it gets right; None where that is not printed
    robust: float  # per cent that it gets right under the attacks that were tried, too

    @property
    def risk(self) -> float:
        """1 - the clean accuracy, a fraction; not for a model without one."""
        assert self.clean is not None  # of the models of a board  # noqa: S101
        return _fraction_wrong(self.clean)

    @property
    def adversarial_risk(self) -> float:
        """1 - the robust accuracy, a fraction."""
        return _fraction_wrong(self.robust)


def models() -> list[Model]:
    """Return every model of both files, in their order."""
    found = []
    for file, name in FILES.items():
        with resources.files(__package__).joinpath(file).open(encoding="utf-8") as lines:
            for line in csv.DictReader(lines):
                clean = float(line["clean_acc"]) if line["clean_acc"] else None
                at = (line["dataset"], NORMS_OF[line["threat"]], line["epsilon"])
                found.append(Model(*at, line[name], clean, float(line["robust_acc"])))
    return found


def _fraction_wrong(accuracy: float) -> float:
    """Return what is left of 100%, to the ten digits that are more than leaderboards print."""
    return round(1 - accuracy / 100, 10)


class Board(NamedTuple):
    """A data set, and the strength within which models were attacked on it."""

    dataset: str
    norm: str
    epsilon_text: str

    @property
    def epsilon(self) -> float:
        """Strength on the unit scale."""
        return parse_epsilon(self.epsilon_text)

    @property
    def title(self) -> str:
        """The board in words."""
        return f"{self.dataset}, {NORMS[self.norm].sign} ε = {self.epsilon_text}"

    def models(self) -> list[Model]:
        """Return its models, those without a clean accuracy left out; the most robust first."""
        here = [one for one in models() if one[:3] == self and one.clean is not None]
        return sorted(here, key=lambda one: one.adversarial_risk)

    def left_out(self) -> list[Model]:
        """Return the models of its data set and norm that are no points here."""
        return [one for one in models() if one[:2] == self[:2] and (one.clean is None or one[:3] != self)]

    def paper(self) -> list[Published]:
        """Return the rows of the paper's Table 2 at this strength."""
        return [row for row in published(2) if (row.dataset, row.norm, row.epsilon_text) == self]

    def alphas(self) -> list[float]:
        """Return the α of its curve: the risks of the best models, α of the paper's rows, and some from end to end."""
        risks = [one.risk for one in self.models()]
        least, most = min(risks), max(risks)
        asked = {*risks[:N_BEST], least, most, *(row.alpha for row in self.paper() if row.alpha is not None)}
        between = np.geomspace(least, most, N_ALPHAS - len(asked) + 2)[1:-1]
        return sorted(asked | {round(float(alpha), 4) for alpha in between})


BOARDS = (Board("cifar10", "linf", "8/255"), Board("cifar10", "l2", "0.5"), Board("mnist", "linf", "0.3"))
