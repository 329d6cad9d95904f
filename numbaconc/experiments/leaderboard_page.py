"""How leaderboards are shown: tables in words, and the plot of a curve among models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numbaconc.experiments.models import BOARDS, N_BEST, SOURCES, Board, Model
from numbaconc.experiments.published import published
from numbaconc.norms import NORMS
from numbaconc.numerals import percent_at_most
from numbaconc.show.markdown import code, escaped, markdown_table
from numbaconc.show.pictures import legends, style

INTRODUCTION = f"""\
A classifier's errors are an error region E, of measure α, its risk; whatever they are, its adversarial risk is at least \
h(μ, α, ε), the least measure that the expansion by ε of a set of measure α or more can have. Here that is bounded from above, \
and models of leaderboards stand beside it, by risk = 1 - clean accuracy and adversarial risk = 1 - robust accuracy.

**What is certified.** At each α of a curve, the best of several searches finds a region on the training points. Test points \
then place its border such that its measure is at least α, and bound the measure of its expansion: h(μ, α, ε) ≤ U, with 95% \
confidence for all α of one curve at once (at most {{n_compared}}, Bonferroni; each curve by itself), if training and test points are independent draws \
from one distribution. h grows with α, so that U of an α bounds h at every smaller one, too: at a model's risk, U is the least \
of those certified at an α of at least that risk. The risks of the {N_BEST} best models are themselves α of the curve.

**What concentration leaves unexplained** is (adversarial risk - U) / adversarial risk: at least this part of a model's \
adversarial risk is not forced upon it by its risk, since there is a set of at least that measure whose expansion has measure at \
most U.

**What that does not mean.** It is no test of a model. Robust accuracies are of attacks, hence upper bounds of the models' \
robustness; U is an upper bound of h; both can only make the unexplained part larger than it is shown. Labels have no part in the set \
that grows so little, and no classifier is known that errs on such a set alone: 1 - U is a robust accuracy that concentration \
does not rule out, not one that can be reached. Models' risks are taken as printed, of the same test points, within ε of which \
labels are taken to stay; that they are near the true ones is no part of what is certified.
"""


NEAR = (7.0, 10.0)  # points from a model to its number


def at_board(ds: xr.Dataset, board: Board) -> xr.Dataset:
    """Return what a result has of a board, on the α of its curve alone: an empty dataset where it has nothing."""
    if "alpha" not in ds.dims or board.dataset not in ds["dataset"].values or board.epsilon not in ds["epsilon"].values:
        return xr.Dataset(coords={"alpha": ("alpha", [])})
    here = ds.sel(dataset=board.dataset, epsilon=board.epsilon).isel(seed=0)
    return here.isel(alpha=np.flatnonzero(here["certified"].notnull()))


def bound_at(here: xr.Dataset, risk: float) -> xr.Dataset:
    """Return the case of the least U among those of at least so much α: h grows with α, and they hold at once."""
    enough = here.isel(alpha=here["alpha"].values >= risk)
    return enough.isel(alpha=int(enough["certified"].values.argmin()))


def boards_in(ds: xr.Dataset) -> list[Board]:
    """Return the boards that a result has all of."""
    return [board for board in BOARDS if at_board(ds, board)["alpha"].values.tolist() == board.alphas()]


def page(ds: xr.Dataset) -> str:
    """Write leaderboards as Markdown, in per cent: the best models of each, and the paper's Table 2."""
    boards = boards_in(ds)
    parts = [INTRODUCTION.format(n_compared=f"{float(ds['n_compared'].max()):g}")]
    for board in boards:
        here = at_board(ds, board)
        parts += [f"**{board.title}**", "\n".join(markdown_table(list(_best(here, board)))), _others(here, board)]
    parts += ["**The paper's Table 2**", "\n".join(markdown_table(list(_paper(ds, boards))))]
    n_train = ", ".join(
        f"{name} {int(ds['n_points'].sel(dataset=name, split='train')):,}"
        for name in dict.fromkeys(board.dataset for board in boards)
    )
    said = escaped(ds.attrs["data_verified"])
    parts.append(f"Models: {SOURCES}. Data: {said}. Training points: {n_train}. All in per cent.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _best(here: xr.Dataset, board: Board) -> Iterator[list[str]]:
    """Yield the rows of the table of the most robust models."""
    yield ["", "model", "risk", "adv. risk", "certified U", "search", "unexplained"]
    for number, model in enumerate(board.models()[:N_BEST], 1):
        proven = bound_at(here, model.risk)
        row = [str(number), code(model.name), _percent(model.risk), _percent(model.adversarial_risk)]
        yield [*row, _upper(proven), _search(proven), _unexplained(model.adversarial_risk, proven)]


def _others(here: xr.Dataset, board: Board) -> str:
    """Say how the other models fare, and which are no points."""
    every = board.models()
    shares = [_share(one.adversarial_risk, bound_at(here, one.risk)) for one in every]
    text = f"Of all {len(every)} models, unexplained: at least {_down(min(shares))}; of half of them at least {_down(float(np.median(shares)))}."
    if left := board.left_out():
        names = ", ".join(f"{code(one.name)} ({_why_not(one, board)})" for one in left)
        text += f" No points: {names}."
    return text


def _why_not(model: Model, board: Board) -> str:
    return "no clean accuracy printed" if model.epsilon_text == board.epsilon_text else f"ε = {model.epsilon_text}"


def _paper(ds: xr.Dataset, boards: Sequence[Board]) -> Iterator[list[str]]:
    """Yield the paper's rows, classifiers and regions, each with what is certified at its risk, or at its α."""
    yield ["data set", "method", "α", "ε", "risk", "adv. risk", "certified U", "search", "unexplained"]
    names = {board.dataset for board in boards}
    for row in (row for row in published(2) if row.dataset in names):
        risk, adversarial = (round(row.values[name, "test"][0] / 100, 10) for name in ("risk", "adversarial_risk"))
        board = Board(row.dataset, row.norm, row.epsilon_text)
        beside = ["", "", ""]
        if board in boards:
            proven = bound_at(at_board(ds, board), row.alpha or risk)
            said = "" if row.alpha else _unexplained(adversarial, proven)
            beside = [_upper(proven), _search(proven), said]
        alpha = _percent(row.alpha) if row.alpha else ""
        at = [row.dataset, row.method, alpha, f"{NORMS[row.norm].sign} {row.epsilon_text}"]
        yield [*at, _percent(risk), _percent(adversarial), *beside]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _upper(proven: xr.Dataset) -> str:
    """Write U, rounded up; a U of 1 in words."""
    if float(proven["certified"]) == 1:
        return "nothing"
    return percent_at_most(float(proven["certified"])).removesuffix("%")


def _search(proven: xr.Dataset) -> str:
    """Return the search whose region is certified, the best of those that were compared."""
    return escaped(str(proven["compared"].item()).partition(" of ")[0])


def _share(adversarial_risk: float, proven: xr.Dataset) -> float:
    return max(0.0, 1 - float(proven["certified"]) / adversarial_risk)


def _unexplained(adversarial_risk: float, proven: xr.Dataset) -> str:
    return _down(_share(adversarial_risk, proven))


def _down(share: float) -> str:
    """Write a share in per cent, rounded down."""
    return f"{math.floor(1000 * share) / 10:.1f}%"


def caption() -> str:
    """Say what the plots show."""
    return (
        f"Points: models of leaderboards, risk = 1 - clean accuracy, adversarial risk = 1 - robust accuracy; the {N_BEST} most "
        "robust have their numbers in the table. Robust accuracies are of attacks: true points may lie higher. "
        "U is certified at every α of a curve at once with 95% confidence; dots are the α that regions were found for. "
        "Crosses: the paper's Table 2. In the gray corner adversarial risk would be less than risk: impossible."
    )


class BoardPanel(NamedTuple):
    """The certified curve of a board among its models, both axes logarithmic."""

    ds: xr.Dataset
    board: Board

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.board.title

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        here, every = at_board(self.ds, self.board), self.board.models()
        alphas = here["alpha"].values
        least = np.minimum.accumulate(here["certified"].values[::-1])[::-1]  # of all larger α
        points = 100 * np.array([(one.risk, one.adversarial_risk) for one in every])
        ends = 100 * np.array([alphas.min() / 1.15, alphas.max() * 1.15])
        axes.fill_between(ends, ends, ends.min() / 10, color=style.ink(axes), alpha=0.08, linewidth=0)
        axes.plot(ends, ends, "--", color=style.faint(axes), linewidth=1)
        best = {
            "linestyle": "",
            "marker": "D",
            "color": style.VERMILION,
            "markersize": 3,
            "label": f"the {N_BEST} most robust models",
        }
        others = {"linestyle": "", "marker": ".", "color": "0.6", "markersize": 5, "label": "other models"}
        axes.plot(*points[:N_BEST].T, zorder=3, **best)
        axes.plot(*points[N_BEST:].T, **others)
        places, heights = [*ends[:1], *100 * alphas], 100 * least
        curve = {"color": style.BLUE, "linewidth": 1.5, "where": "pre", "label": "certified: h(μ, α, ε) ≤ U"}
        axes.step(places, [heights[0], *heights], **curve)
        axes.plot(100 * alphas, heights, "o", markersize=2.5, color=style.BLUE)
        for row in self.board.paper():
            place = [row.values[name, "test"][0] for name in ("risk", "adversarial_risk")]
            marker, label = ("x", "the paper's classifier") if row.alpha is None else ("+", "the paper's region")
            axes.plot(*place, marker, color=style.ink(axes), markersize=6, label=label)
        _finish(axes, ends)
        _number(axes, points)
        legends.put_legend(axes, axes.get_legend_handles_labels()[0])


def _number(axes: Any, points: NDArray[np.float64]) -> None:  # noqa: ANN401
    """Write the numbers of the best models, each at the place around it where other points and numbers are farthest."""
    places = axes.transData.transform(points) * 72 / axes.figure.dpi
    angles = np.arange(16) * np.pi / 8
    around = np.concatenate([away * np.array([np.cos(angles), np.sin(angles)]).T for away in NEAR])
    taken = list(places)
    look = {"textcoords": "offset points", "fontsize": style.font_size("x-small"), "ha": "center", "va": "center"}
    for i, place in enumerate(places[:N_BEST]):
        free = np.min([np.hypot(*(place + around - other).T) for other in taken], axis=0)
        side = around[int(free.argmax())]
        taken.append(place + side)
        axes.annotate(str(i + 1), points[i], tuple(side), color=style.VERMILION, **look)


def _finish(axes: Any, ends: Any) -> None:  # noqa: ANN401
    """Put logarithmic axes in per cent around what was drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*ends)
    axes.set_ylim(ends.min(), 160)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
        axis.set_minor_locator(NullLocator())
    legends.label_axes(axes, "α, risk", "adversarial risk")
