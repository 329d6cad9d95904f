"""Figures from results, never from raw arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbaconc.files import replacing
from numbaconc.results import mean_and_std
from numbaconc.words import NORM_SIGNS, cases, kept, select_case

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

STYLES = {"train": "--", "test": "-"}
SIZE = (6.4, 4.2)  # inches
DOTS_PER_INCH = 150


def plot_measurement(ds: xr.Dataset, path: str | Path) -> None:
    """Plot adversarial risk against epsilon for the kept regions, and write it to a file.

    A curve is one region, the set fixed, expanded by every strength up to the epsilon that its search
    aimed at; it starts at the region's risk. The marker at its end is the mean over the restarts, its
    bar one standard deviation.

    Parameters
    ----------
    ds : xarray.Dataset
        From `measure`.
    path : path-like
        PNG, SVG or PDF, by its suffix.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for number, case in enumerate(cases(ds)):
        _plot_case(axes, select_case(ds, case), case["epsilon"], f"C{number}")
    alpha = float(ds["alpha"].max())
    axes.axhline(alpha, color="0.5", linewidth=1, linestyle=":", label=f"alpha = {100 * alpha:g}%")
    axes.set_xlim(0, 1.04 * float(ds["epsilon"].max()))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_xlabel(f"strength of the expansion, {NORM_SIGNS.get(ds.attrs.get('norm', ''), '')} distance")
    axes.set_ylabel("adversarial risk of the region found")
    names = ", ".join(str(name) for name in ds["dataset"].values)
    axes.set_title(f"{names}: how fast the least-growing set found grows", fontsize="medium")
    axes.legend(fontsize="small")
    with replacing(path) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH)


def _plot_case(axes: Any, here: xr.Dataset, epsilon: float, color: str) -> None:  # noqa: ANN401
    mean, std = mean_and_std(here, "adversarial_risk")
    for split, style in STYLES.items():
        at_split = kept(here).sel(split=split)
        curve = at_split["adversarial_risk_at"].sel(strength=slice(None, epsilon))
        strengths = [0.0, *curve["strength"].values]
        label = f"found for epsilon {epsilon:g}, {split}"
        axes.plot(strengths, [float(at_split["risk"]), *curve.values], style, color=color, linewidth=1.5, label=label)
        filled = color if split == "test" else "white"
        axes.errorbar(
            epsilon,
            float(mean.sel(split=split)),
            yerr=float(std.sel(split=split)) or None,
            fmt="o",
            color=color,
            markerfacecolor=filled,
            capsize=3,
        )
