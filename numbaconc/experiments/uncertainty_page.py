"""How regions that people find hard are shown: tables beside the published figure, what is certified, and plots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.norms import NORMS
from numbaconc.numerals import at_least, exact
from numbaconc.results.queries import mean_and_std
from numbaconc.show.markdown import escaped, markdown_table
from numbaconc.show.pictures import legends, style

GAMMA = 0.17  # γ of Zhang and Evans
THEIRS, AS_NEEDED = "hard balls", "hard balls, T as needed"
# Risk, and intrinsic robustness with γ = .17 and without γ: of Figure 4 of Zhang and Evans (ICLR 2022), read off the plot
FIGURE = ((0.051, 0.897, 0.936), (0.096, 0.822, 0.891), (0.129, 0.777, 0.852), (0.162, 0.722, 0.811))
READ_OFF = "read off a plot, ± .003"
FIGURE_OF = "cifar10h"
LOOKS = {
    THEIRS: ("0.45", "o"),
    AS_NEEDED: ("black", "s"),
    "half spaces": (style.BLUE, "^"),
    "balls": (style.ORANGE, "D"),
    "free balls": (style.GREEN, "v"),
    "faces": (style.PURPLE, "P"),
}
INTRODUCTION = """\
The label uncertainty of an image is 1 - (p[y] - max p[k], k ≠ y), p the shares of people who give it each label, y its label. \
Classifiers err where it is high, so that error regions are asked for a mean of at least γ (Zhang and Evans, ICLR 2022). \
Intrinsic robustness is 1 - adversarial risk: what concentration allows a classifier whose errors are such a region.

The points are halves of a test set: regions are found on one half, at (1 + δ) α of its points, δ = {delta}, and measured on the \
other one. Values are {of}.

*{theirs}* are Algorithm 2 as published: each ball by itself is hard enough, and T is theirs ({sets}); where no ball is, \
their program counts the one before it once more, so that the region holds less than it was asked for. *{needed}*: T is doubled until \
that does not happen. All others are this package's searches, which ask it of the whole region.
"""


def page(ds: xr.Dataset) -> str:
    """Write a result as Markdown."""
    sets = ", ".join(f"{NORMS[norm].sign}: {_most_sets(ds, norm)}" for norm in ds["norm"].values.tolist())
    n_splits = ds.sizes["seed"]
    several = f"means over {n_splits} splits ± the population standard deviation"
    told = {"delta": ds.attrs["delta"], "of": several if n_splits > 1 else "of one split", "sets": sets}
    parts = [INTRODUCTION.format(theirs=THEIRS, needed=AS_NEEDED, **told)]
    if FIGURE_OF in ds["dataset"].values:
        parts += ["**Beside the published figure**", *_figure(ds)]
    for name in ds["dataset"].values.tolist():
        for norm in ds["norm"].values.tolist():
            here = _at(ds, name, norm)
            if here["seconds"].notnull().any():
                parts += list(_at_alpha(here, name, norm))
    parts.append(f"Data: {escaped(ds.attrs['data_verified'])}.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _at(ds: xr.Dataset, name: str, norm: str) -> xr.Dataset:
    """Return what a result has of one data set and norm, on the splits of that data set."""
    here = ds.sel(dataset=name, norm=norm)
    return here.isel(seed=np.flatnonzero(here["n_points"].notnull().all("split")))


def _most_sets(ds: xr.Dataset, norm: str) -> int:
    return int(ds["n_sets"].sel(norm=norm, search=THEIRS).max())


def robustness_at(here: xr.Dataset, risk: float) -> float:
    """Return the intrinsic robustness of a curve at a test risk, between two measured ones; NaN outside of them.

    `here` is on alpha and seed; an α of which a split has no region, or one that was counted once more, is left out.
    """
    tested = here.sel(split="test")
    whole = tested["risk"].notnull() & ~(tested["n_repeated"] > 0)
    measured = tested.isel(alpha=np.flatnonzero(whole.all("seed")))
    risks, adversarial = (measured[name].mean("seed").values for name in ("risk", "adversarial_risk"))
    order = np.argsort(risks)
    return float(np.interp(risk, risks[order], 1 - adversarial[order], math.nan, math.nan)) if len(order) else math.nan


def _figure(ds: xr.Dataset) -> Iterator[str]:
    """Yield what was published beside what comes out."""
    columns = [(GAMMA, THEIRS), (GAMMA, AS_NEEDED), (0.0, THEIRS), (0.0, "half spaces")]
    norms = ds["norm"].values.tolist()
    columns = [(gamma, search) for gamma, search in columns if search in ds["search"].values]
    header = ["risk", f"γ = {exact(GAMMA)} ({READ_OFF})", f"without γ ({READ_OFF})"]
    for norm in norms:
        header += [f"{NORMS[norm].sign}, {search}, {_asked(gamma)}" for gamma, search in columns]
    lines = [header]
    for risk, hard, plain in FIGURE:
        line = [exact(risk), exact(hard), exact(plain)]
        for norm in norms:
            here = _at(ds, FIGURE_OF, norm)
            curves = (here.sel(search=search, gamma=gamma) for gamma, search in columns)
            line += [_number(robustness_at(curve, risk)) for curve in curves]
        lines.append(line)
    yield "\n".join(markdown_table(lines))
    yield (
        "Intrinsic robustness at the figure's risks, on the test half: between the two α whose mean test risks are next to it, along "
        "a straight line; a dash where there are none. An α is left out where a split has no region as hard, or counts a ball "
        "once more."
    )


def _asked(gamma: float) -> str:
    return f"γ = {exact(gamma)}" if gamma else "without γ"


def _at_alpha(here: xr.Dataset, name: str, norm: str) -> Iterator[str]:
    """Yield the table of one data set and norm, and what it shows."""
    epsilon = float(here["strength"])
    yield f"**{name}, {NORMS[norm].sign}, ε = {exact(epsilon)}**"
    yield "\n".join(markdown_table(list(_rows(here))))
    yield (
        "*as found*: on the test half, its border where the search left it. *at α*: its border moved to hold just α of "
        "the test half, so that regions of one α are compared at the same risk. *certified*, each by itself with 95% confidence: the mean "
        "uncertainty is at least this, in a region of measure at least α whose expansion has measure at most U; the least of the splits, "
        f"and the largest U. The mean uncertainty of the whole test half is {_number(float(_tested(here, 'mean_uncertainty').mean()))}."
    )
    yield "\n".join(_answers(here))


def _tested(here: xr.Dataset, name: str) -> xr.DataArray:
    return here[name].sel(split="test")


def _rows(here: xr.Dataset) -> Iterator[list[str]]:
    yield [
        *("α", "γ", "search", "sets", "counted again", "risk as found", "robustness as found", "uncertainty as found"),
        *("robustness at α", "uncertainty at α", "certified uncertainty", "certified U"),
    ]
    for alpha, gamma, search in _measured(here):
        one = here.sel(alpha=alpha, gamma=gamma, search=search)
        lead = [exact(alpha), exact(gamma) if gamma else "", search]
        if (one["error"] != "").any() if "error" in one else False:
            yield [*lead, "", "", _failed(one), *[""] * 6]
            continue
        sets = f"{one['n_sets'].mean().item():.3g}"
        again = one["n_repeated"].sum().item()
        found = [_both(one, name, split="test") for name in ("risk", "adversarial_risk", "uncertainty")]
        moved = [_both(one, f"{name}_at_alpha") for name in ("adversarial_risk", "uncertainty")]
        proven = [at_least(float(one["gamma_certified"].min())), _upper(float(one["U"].max()))]
        yield [*lead, sets, f"{again:.0f}" if again else "", *found, *moved, *proven]


def _measured(here: xr.Dataset) -> Iterator[tuple[float, float, str]]:
    """Yield the cases that were looked at in every split of the data set, by α, then γ."""
    seen = here["seconds"].notnull().all("seed")
    for alpha in here["alpha"].values.tolist():
        for gamma in here["gamma"].values.tolist():
            for search in here["search"].values.tolist():
                if seen.sel(alpha=alpha, gamma=gamma, search=search):
                    yield alpha, gamma, search


def _failed(one: xr.Dataset) -> str:
    return f"none found in {int((one['error'] != '').sum())} of {one.sizes['seed']}"


def _both(one: xr.Dataset, name: str, split: str | None = None) -> str:
    """Write a mean and a standard deviation over the splits; of adversarial risk those of robustness."""
    mean, std = (value if split is None else value.sel(split=split) for value in mean_and_std(one, name))
    if math.isnan(mean.item()):  # in some split there is no point of which it is the mean
        return "-"
    middle = 1 - mean.item() if name.startswith("adversarial_risk") else mean.item()
    return f"{middle:.4f}" + (f" ± {std.item():.4f}" if one.sizes["seed"] > 1 else "")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _upper(value: float) -> str:
    return f"{math.ceil(1e4 * value) / 1e4:.4f}"


class Answer(NamedTuple):
    """A region with its means over the splits: at a risk of α, and what every split certifies."""

    alpha: float
    gamma: float
    search: str
    robustness: float
    uncertainty: float
    certified: float


def answers(here: xr.Dataset) -> list[Answer]:
    """Return what was found in every split of one data set and norm."""
    found = []
    for alpha, gamma, search in _measured(here):
        one = here.sel(alpha=alpha, gamma=gamma, search=search)
        if one["adversarial_risk_at_alpha"].notnull().all():
            adversarial, uncertainty = (
                float(one[f"{name}_at_alpha"].mean()) for name in ("adversarial_risk", "uncertainty")
            )
            certified = float(one["gamma_certified"].min())
            found.append(Answer(alpha, gamma, search, 1 - adversarial, uncertainty, certified))
    return found


def _answers(here: xr.Dataset) -> Iterator[str]:
    """Yield, for each α: regions that are as hard as γ on the test half and more robust, and what is certified at most."""
    every = answers(here)
    for alpha in dict.fromkeys(one.alpha for one in every):
        mine = [one for one in every if one.alpha == alpha]
        theirs = [one for one in mine if one.search in (THEIRS, AS_NEEDED) and one.gamma == GAMMA]
        ours = [one for one in mine if one.search not in (THEIRS, AS_NEEDED)]
        if not theirs or not ours:
            continue
        yield f"- α = {exact(alpha)}: {_against(theirs, ours)} {_largest(theirs, ours)}"


def _against(theirs: Sequence[Answer], ours: Sequence[Answer]) -> str:
    """Say which region is as hard as γ on the test half and more robust than theirs, or how hard the hardest such one is."""
    best = max(theirs, key=lambda one: one.robustness)
    better = [one for one in ours if one.robustness > best.robustness]
    said = f"theirs have robustness {best.robustness:.4f} and uncertainty {best.uncertainty:.3f};"
    hard = [one for one in better if one.uncertainty >= GAMMA]
    if hard:
        one = max(hard, key=lambda one: one.robustness)
        return f"{said} {_told(one)}, is as hard as γ = {exact(GAMMA)} on the test half, and more robust."
    if better:
        one = max(better, key=lambda one: one.uncertainty)
        return f"{said} of those more robust, {_told(one)}, is the hardest: none has {exact(GAMMA)} on the test half."
    return f"{said} none of this package's is more robust."


def _told(one: Answer) -> str:
    """Write which region it is, with its means over the splits at a risk of α."""
    return f"*{one.search}*, {_asked(one.gamma)}, with {one.robustness:.4f} and {one.uncertainty:.3f}"


def _largest(theirs: Sequence[Answer], ours: Sequence[Answer]) -> str:
    first, second = (max(some, key=lambda one: one.certified) for some in (theirs, ours))
    names = f"*{first.search}*, {_asked(first.gamma)}", f"*{second.search}*, {_asked(second.gamma)}"
    return (
        f"Largest uncertainty certified in every split: theirs {at_least(first.certified)} ({names[0]}), "
        f"this package's {at_least(second.certified)} ({names[1]})."
    )


def caption() -> str:
    """Say what the plots show."""
    return (
        "First, against test risk, the intrinsic robustness of balls that are hard one by one, means over the splits; crosses are "
        f"the published figure, {READ_OFF}: lower ones γ = {exact(GAMMA)}, upper ones without γ. Hollow points: in some split a ball "
        "was counted once more. Then robustness against mean label uncertainty, both on the test half at a risk of α: each "
        "point is a search with one γ, and a line joins those of a search. Farther right and higher is harder and more robust."
    )


def panels(ds: xr.Dataset) -> list[RiskPanel | HardnessPanel]:
    """Lay out the plots of a result."""
    plots: list[RiskPanel | HardnessPanel] = []
    if FIGURE_OF in ds["dataset"].values:
        plots += [RiskPanel(_at(ds, FIGURE_OF, norm), norm) for norm in ds["norm"].values.tolist()]
    for name in ds["dataset"].values.tolist():
        for norm in ds["norm"].values.tolist():
            here = _at(ds, name, norm)
            found = answers(here)
            alphas = dict.fromkeys(one.alpha for one in found if one.search not in (THEIRS, AS_NEEDED))
            for alpha in alphas:
                title = f"{name}, {NORMS[norm].sign} {exact(float(here['strength']))}, α = {exact(alpha)}"
                plots.append(HardnessPanel([one for one in found if one.alpha == alpha], title))
    return plots


class RiskPanel(NamedTuple):
    """Robustness of their balls against risk, beside the published figure."""

    ds: xr.Dataset
    norm: str

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"{FIGURE_OF}, {NORMS[self.norm].sign} {exact(float(self.ds['strength']))}"

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        handles: list[Any] = []
        for search, gamma, dashes in ((THEIRS, 0.0, ":"), (THEIRS, GAMMA, "--"), (AS_NEEDED, GAMMA, "-")):
            here = self.ds.sel(search=search, gamma=gamma).sel(split="test")
            risks, adversarial = (here[name].mean("seed").values for name in ("risk", "adversarial_risk"))
            again, (color, marker) = here["n_repeated"].sum("seed").values > 0, LOOKS[search]
            label = f"{search}, {_asked(gamma)}"
            handles += axes.plot(risks, 1 - adversarial, dashes, color=color, linewidth=1, label=label)
            look = {"color": color, "marker": marker, "markersize": 3.5, "linestyle": ""}
            axes.plot(risks[~again], 1 - adversarial[~again], **look)
            axes.plot(risks[again], 1 - adversarial[again], markerfacecolor="none", **look)
        published = [(risk, robustness) for risk, *several in FIGURE for robustness in several]
        cross = {"marker": "x", "color": style.VERMILION, "markersize": 5, "linestyle": ""}
        handles += axes.plot(*zip(*published, strict=True), label="the published figure", **cross)
        _finish(axes, "test risk", handles)


class HardnessPanel(NamedTuple):
    """Robustness against mean label uncertainty, at one risk."""

    answers: Sequence[Answer]
    title: str

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        handles: list[Any] = []
        for search, (color, marker) in LOOKS.items():
            mine = sorted((one for one in self.answers if one.search == search), key=lambda one: one.gamma)
            if mine:
                places = [one.uncertainty for one in mine], [one.robustness for one in mine]
                look = {"color": color, "marker": marker, "markersize": 4, "linewidth": 1}
                handles += axes.plot(*places, label=search, **look)
        line = {"color": style.faint(axes), "linewidth": 0.8, "linestyle": ":"}
        handles.append(axes.axvline(GAMMA, label=f"γ = {exact(GAMMA)}", **line))
        _finish(axes, "mean label uncertainty, test", handles)


def _finish(axes: Any, along: str, handles: Sequence[Any]) -> None:  # noqa: ANN401
    legends.label_axes(axes, along, "intrinsic robustness")
    legends.put_legend(axes, handles)
