"""The paper's numbers, as printed in its Tables 1-5, for tables side by side."""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass
from importlib import resources

from numbaconc.data.arrays import parse_epsilon

QUANTITIES = ("risk", "adversarial_risk")

# The paper's program was given strengths such as 0.007843, a little less than 2/255: a point that lies exactly
# two levels outside a box is then in the error region. The printed risks show where that was so.
TYPED = {"2/255": "0.007843", "8/255": "0.03137", "16/255": "0.06274"}


@dataclass(frozen=True)
class Published:
    """One row of a table."""

    table: int
    dataset: str
    norm: str
    method: str
    alpha: float | None
    epsilon_text: str  # strength on the unit scale as printed: a number or a fraction
    n_sets: int | None  # T
    q: float | None
    # (quantity, split) → (mean, standard deviation or None), in per cent, where printed
    values: dict[tuple[str, str], tuple[float, float | None]]

    @property
    def epsilon(self) -> float:
        """Strength on the unit scale."""
        return parse_epsilon(self.epsilon_text)


def _number(text: str) -> float | None:
    return float(text) if text else None


def published(table: int) -> list[Published]:
    """Return the rows of one of the paper's tables, in its order."""
    rows = []
    with resources.files(__package__).joinpath("published.csv").open(encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            if int(line["table"]) != table:
                continue
            values = {}
            for quantity, column in zip(QUANTITIES, ("risk", "adv_risk"), strict=True):
                for split in ("train", "test"):
                    mean = _number(line[f"{column}_{split}"])
                    if mean is not None:
                        values[quantity, split] = (mean, _number(line[f"{column}_{split}_std"]))
            names = (line["dataset"], line["norm"], line["method"])
            n_sets = int(line["T"]) if line["T"] else None
            goal = (_number(line["alpha"]), line["epsilon"])
            rows.append(Published(table, *names, *goal, n_sets, _number(line["q"]), values))
    return rows


def as_typed(rows: list[Published]) -> list[Published]:
    """Return the rows, those of rectangles at k/255 followed by the same at the strength as it was typed."""
    both = []
    for row in rows:
        both.append(row)
        if row.method == "rectangles" and row.epsilon_text in TYPED:
            both.append(dataclasses.replace(row, epsilon_text=TYPED[row.epsilon_text]))
    return both
