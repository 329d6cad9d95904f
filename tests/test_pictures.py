"""Pictures: their lines have the numbers of the dataset, legends cover nothing, colors survive, and names are no TeX."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from conftest import images, needs_jit, refused
from matplotlib.figure import Figure

import numbaconc as nc
from numbaconc.kernels.threads import using_threads
from numbaconc.results.queries import kept
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.growth import simultaneous_band

X = images(140, 3, 0)
DEUTERANOPE = [  # what is left of linear red, green and blue (Machado, Oliveira and Fernandes, 2009, severity 1)
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
]


@pytest.fixture(scope="module")
def several():
    """Three ε and two α, for the larger of which there are too few test points to certify it."""
    with using_threads(1):
        return nc.measure("halfspaces", X[:80], X[80:], epsilon=[0.02, 0.05, 0.1], alpha=[0.2, 0.95], name="mine")


@pytest.fixture(scope="module")
def many():
    """Ten ε and three α."""
    with using_threads(1):
        epsilons = np.arange(1, 11) / 100
        return nc.measure("halfspaces", X[:80], X[80:], epsilon=epsilons, alpha=[0.1, 0.5, 0.9], name="mine")


@pytest.fixture(scope="module")
def one():
    with using_threads(1):
        search = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=5), 3)
        return nc.find_regions(search, X[:80], X[80:], epsilon=0.1, alpha=0.1, name="mine")


def swept(n_q=6, n_T=2, n_epsilons=2, names=("mine",), seeds=3):
    """A sweep's result, of numbers that are drawn."""
    rng = np.random.default_rng(0)
    dims = {"dataset": list(names), "epsilon": np.arange(1, n_epsilons + 1) / 10, "T": [5 * 2**i for i in range(n_T)]}
    dims |= {"q": np.linspace(0.3, 0.9, n_q), "seed": np.arange(seeds), "split": ["train", "test"]}
    risk = xr.DataArray(rng.uniform(0, 0.4, [len(one) for one in dims.values()]), coords=dims)
    ds = xr.Dataset({"risk": risk, "adversarial_risk": risk + rng.uniform(0, 0.4, risk.shape)})
    return ds.assign_coords(alpha=0.05).assign_attrs(search="rectangles", norm="linf")


def axes_of(width=3.35, height=6.0):
    return Figure(figsize=(width, height), layout="constrained").subplots()


def same_lines(axes, x, y):
    """How many of the lines of axes are these numbers."""
    return sum(
        np.array_equal(np.asarray(line.get_xdata(), float), np.asarray(x, float))
        and np.array_equal(np.asarray(line.get_ydata(), float), np.asarray(y, float), equal_nan=True)
        for line in axes.lines
    )


def covered(axes):
    """Whether the legend covers something of the axes or of what labels them, or is not within the figure."""
    figure = axes.figure
    figure.draw_without_rendering()
    legend = axes.get_legend().get_window_extent()
    others = [axes.get_window_extent(), axes.xaxis.get_tightbbox(), axes.yaxis.get_tightbbox()]
    inside = figure.bbox.x0 - 1 <= legend.x0 and legend.x1 <= figure.bbox.x1 + 1 and legend.y0 >= figure.bbox.y0 - 1
    return any(legend.overlaps(other) for other in others if other is not None) or not inside


def told(axes):
    return [text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts()]


# Curves


@pytest.mark.parametrize("along", ["epsilon", "alpha"])
def test_curves_have_the_numbers_of_the_dataset(several, along):
    """U where it says something, and what was measured; a bound that says nothing is left out, and counted."""
    axes = nc.plot_curve(several, axes_of(), along=along)
    other = "alpha" if along == "epsilon" else "epsilon"
    for value in several[other].values:
        here = several.sel({other: value}).squeeze()
        assert same_lines(axes, here[along], here["certified"].where(here["certified"] < 1)) == 1
        assert same_lines(axes, here[along], here["adversarial_risk"].sel(split="test")) == 1
    left_out = int((~(several["certified"] < 1)).sum())
    assert 0 < left_out < several["certified"].size
    assert f"nothing certified at {left_out} of {several['certified'].size}" in told(axes)
    signs = {"epsilon": "ε", "alpha": "α"}
    assert {f"{signs[other]} = {value:g}" for value in several[other].values} <= set(told(axes))
    assert axes.get_xlabel().startswith(signs[along])


def test_a_bound_of_1_is_left_out(several):
    """As it says nothing; it is counted with those that there is none of."""
    axes = nc.plot_curve(several.assign(certified_count=60 + 0 * several["certified_count"]), axes_of())
    proven = [line.get_ydata() for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 3]
    assert len(proven) == 2
    assert np.isnan(proven).all()
    assert "nothing certified at 6 of 6" in told(axes)


def test_the_axis_is_the_one_of_more_values(several):
    assert nc.plot_curve(several, axes_of()).get_xlabel().startswith("ε")
    assert nc.plot_curve(several.isel(epsilon=[0]), axes_of()).get_xlabel().startswith("α")
    refused(lambda: nc.plot_curve(several, along="T"), "along is 'T'", "epsilon, alpha")
    refused(lambda: nc.plot_curve(several, ax=3), "ax is 3")
    refused(lambda: nc.plot_curve(several["risk"]), "ds is <xarray.DataArray")


def test_what_epsilon_is_in_stands_at_the_axis(several):
    assert "ℓ∞ distance" in nc.plot_curve(several, axes_of()).get_xlabel()
    assert "on the scale of [0, 1]" in nc.plot_curve(several, axes_of(7)).get_xlabel()


@pytest.mark.parametrize("simultaneous", [True, False])
def test_the_picture_says_whether_certificates_hold_together(simultaneous):
    with using_threads(1):
        asked = {"epsilon": [0.02, 0.05], "alpha": 0.2, "simultaneous": simultaneous}
        axes = nc.plot_curve(nc.measure("halfspaces", X[:80], X[80:], **asked), axes_of())
    (said,) = [label for label in told(axes) if label.startswith("certified")]
    assert ("all together" in said, "each by itself" in said) == (simultaneous, not simultaneous)


def test_restarts_are_a_mean_in_a_band(one):
    """Of several ε; a bar of one."""
    ds = xr.concat([one.dataset.assign_coords(epsilon=[value]) for value in (0.1, 0.2)], "epsilon", data_vars="minimal")
    axes = nc.plot_curve(ds, axes_of())
    values = one.dataset["adversarial_risk"].sel(split="test").values.ravel()
    mean, std = values.mean(), values.std()
    assert std > 0
    assert same_lines(axes, [0.1, 0.2], [mean, mean]) == 1
    band = axes.collections[-1].get_paths()[0].vertices
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [mean - std, mean + std])
    assert any("mean ± one standard deviation" in label for label in told(axes))


def test_cases_that_are_missing_are_gaps(many):
    broken = many.copy(deep=True)
    broken["certified"][{"epsilon": 3}] = np.nan
    axes = nc.plot_curve(broken.isel(alpha=[0]), axes_of())
    proven = next(line for line in axes.lines if len(line.get_xdata()) == 10).get_ydata()
    assert np.isnan(proven[3])
    assert np.isfinite(np.delete(proven, 3)).all()
    for name in ("risk", "adversarial_risk"):
        broken[name][{"epsilon": 5}] = np.nan
    axes = nc.plot_curve(broken.isel(alpha=[0]), axes_of())
    assert 0.06 not in [x for line in axes.lines for x in line.get_xdata()]


def test_many_values_have_a_bar_of_colors(many):
    """Ten ε against α: a legend of ten entries would be longer than the picture is tall."""
    axes = nc.plot_curve(many, axes_of(), along="alpha")
    (bar,) = [other for other in axes.figure.axes if other is not axes]
    assert [text.get_text() for text in bar.get_yticklabels()] == [f"{value:g}" for value in many["epsilon"].values]
    assert bar.get_title() == "ε"
    assert not any(label.startswith("ε =") for label in told(axes))
    colors = [line.get_color() for line in axes.lines if len(line.get_xdata()) == 3]
    assert len({tuple(color) for color in colors}) == 10


def test_more_than_markers_can_tell_apart_is_refused():
    ds = swept(n_T=9, n_q=3, n_epsilons=10)
    message = refused(lambda: nc.plot_risks(ds), "9 ways", "--select")
    assert "T" in message
    nc.plot_risks(ds.isel(T=slice(8)), ax=axes_of())


# Risks


@pytest.mark.parametrize("along", ["q", "T"])
def test_risks_have_the_numbers_of_the_dataset(along):
    ds = swept()
    axes = nc.plot_risks(ds, along, axes_of())
    others = [dim for dim in ("epsilon", "T", "q") if dim != along]
    for values in itertools.product(*(ds[dim].values for dim in others)):
        here = ds.sel(dict(zip(others, values, strict=True)) | {"split": "test"}).squeeze()
        for name in ("risk", "adversarial_risk"):
            expected = [float(np.mean(here[name].sel({along: place}).values)) for place in ds[along].values]
            lines = [line.get_ydata() for line in axes.lines if np.array_equal(line.get_xdata(), ds[along].values)]
            assert any(np.allclose(line, expected, rtol=1e-14) for line in lines)


def test_few_lines_have_bands_and_the_training_points():
    ds = swept(n_T=1, n_epsilons=1)
    axes = nc.plot_risks(ds, "q", axes_of())
    assert len(axes.lines) == len(axes.collections) == 4
    here = ds["risk"].sel(split="train").squeeze()
    low, high = here.mean("seed") - here.std("seed"), here.mean("seed") + here.std("seed")
    edges = [collection.get_paths()[0].vertices[:, 1] for collection in axes.collections]
    assert any(set(np.round(np.r_[low, high], 12)) <= set(np.round(edge, 12)) for edge in edges)
    assert told(axes) == [
        "risk, train",
        "risk, test",
        "adversarial risk, train",
        "adversarial risk, test",
        "ε = 0.1, α = 0.05, T = 5",
        "ε, ℓ∞ distance",
    ]


def test_the_axis_of_q_has_what_was_measured():
    """And no part that is empty: from .4 to .6 it would be two thirds of it."""
    ds = swept(n_q=3).assign_coords(q=[0.4, 0.5, 0.6])
    low, high = nc.plot_risks(ds, "q", axes_of()).get_xlim()
    assert 0.38 < low < 0.4 < 0.6 < high < 0.62


def test_lines_that_others_hide_are_told():
    ds = swept(n_T=1, n_epsilons=2, seeds=1)
    assert not any("same numbers" in label for label in told(nc.plot_risks(ds, "q", axes_of())))
    same = ds.assign(risk=0 * ds["risk"])
    assert told(nc.plot_risks(same, "q", axes_of()))[-1] == "3 lines lie under others of the same numbers"


def test_risks_of_what_is_not_there(several):
    refused(lambda: nc.plot_risks(several), "along is 'q'", "these results have none")
    refused(lambda: nc.plot_risks(swept(), "epsilon"), "along is 'epsilon'", "q, T")


# Growth


def value_at(line, strength):
    """The height of a step function that is drawn, at a place."""
    x, y = line.get_xdata(), line.get_ydata()
    if line.get_drawstyle() == "steps-post":
        return y[max(i for i in range(len(x)) if x[i] <= strength)]
    return y[min(i for i in range(len(x)) if x[i] >= strength)]


@pytest.mark.parametrize("closed", [True, False])
def test_growth_is_steps_at_the_points(closed):
    """Everywhere what a plain count of the points within each strength says; on a border by whether it belongs to the set."""
    rng = np.random.default_rng(5)
    points = (rng.integers(0, 30, (60, 2)) / 30).tolist()
    if closed:
        region = nc.BallUnion([[0.5, 0.5]], [0.1])
        gaps = [math.dist(point, (0.5, 0.5)) - 0.1 for point in points]
    else:
        region = nc.HalfSpace([1.0, 0.0], 0.8, math.inf)
        gaps = [0.8 - point[0] for point in points]
    axes = nc.plot_growth(region, np.array(points), axes_of(), epsilon=0.3)
    (line,) = axes.lines
    for strength in np.linspace(0.001, 0.299, 149):
        if min(abs(strength - gap) for gap in gaps) > 1e-5:
            assert value_at(line, strength) == sum(gap < strength for gap in gaps) / len(gaps)
    assert len(line.get_xdata()) > 5
    assert line.get_xdata()[-1] == 0.3
    assert line.get_ydata()[0] == region.measure(np.array(points), 0.3).risk


def test_growth_of_a_region_has_a_band_if_asked(one):
    region, test = one.regions[0.1], X[80:]
    axes = nc.plot_growth(region, test, axes_of(), band=True, label="test")
    strengths = np.linspace(0, 0.1, 101)
    risks = [
        float(region.measure(test, s).adversarial_risk) if s else float(region.measure(test, 0.1).risk)
        for s in strengths
    ]
    _, low, high = simultaneous_band(strengths, risks, len(test))
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.min() == low.min()
    assert edges.max() == high.max()
    assert told(axes) == ["test", "test: 95% band at all strengths at once"]
    nc.plot_growth(region, X[:80], axes, label="train")
    assert len({line.get_color() for line in axes.lines}) == len({line.get_linestyle() for line in axes.lines}) == 2
    assert told(axes)[-1] == "train"
    assert axes.get_xlim()[1] >= 0.1


def test_growth_of_several_cases(many):
    """Each on the test points up to its own ε, at which it has a mark."""
    axes = nc.plot_growth(many, ax=axes_of())
    for epsilon in many["epsilon"].values:
        for alpha in many["alpha"].values:
            here = many.sel(epsilon=epsilon, alpha=alpha).squeeze()
            curve = (
                kept(here)["adversarial_risk_at"].sel(split="test", strength=slice(None, epsilon)).dropna("strength")
            )
            risk = float(here["risk"].sel(split="test"))
            assert same_lines(axes, [0, *curve["strength"].values], [risk, *curve.values]) >= 1
            end = float(here["adversarial_risk"].sel(split="test"))
            assert same_lines(axes, [epsilon], [end]) >= 1


def test_growth_refuses_what_it_has_no_part_in(one, several):
    region = one.regions[0.1]
    refused(lambda: nc.plot_growth(region), "X is None")
    refused(lambda: nc.plot_growth(several, X), "X is given beside a result")
    refused(lambda: nc.plot_growth("region", X), "region is 'region'")
    refused(lambda: nc.plot_growth(several.drop_vars("adversarial_risk_at")), "lack adversarial_risk_at")
    kept_seed = int(one.dataset["kept_seed"].item())
    nc.plot_growth(one.dataset.sel(seed=[kept_seed]), ax=axes_of())
    for seed in {0, 1, 2} - {kept_seed}:  # its curve is not stored
        refused(lambda seed=seed: nc.plot_growth(one.dataset.sel(seed=[seed])), "that were kept")
    refused(lambda: nc.plot_growth(region, X, epsilon=-1), "epsilon is -1")


# Legends


@needs_jit
@pytest.mark.parametrize(("width", "size"), [(style.SINGLE, 8), (style.DOUBLE, 12)])
def test_legends_cover_nothing(several, many, one, width, size):
    """Neither data, of which all lie within the axes, nor ticks and labels."""
    with mpl.rc_context({"font.size": size}):
        pictures = [
            lambda axes: nc.plot_curve(several, axes),
            lambda axes: nc.plot_curve(many, axes),
            lambda axes: nc.plot_curve(many, axes, along="alpha"),
            lambda axes: nc.plot_risks(swept(), "T", axes),
            lambda axes: nc.plot_risks(swept(n_q=3, n_epsilons=10, n_T=8), "q", axes),
            lambda axes: nc.plot_growth(one.dataset, ax=axes),
            lambda axes: nc.plot_growth(many, ax=axes),
        ]
        for i, draw in enumerate(pictures):
            axes = draw(axes_of(width, 9.0))
            assert not covered(axes), i
            for line in axes.lines:
                places = axes.transData.transform(np.c_[line.get_xdata(), line.get_ydata()])
                box = axes.get_legend().get_window_extent()
                assert not box.count_contains(places[np.isfinite(places).all(axis=1)])


def test_a_figure_grows_until_its_axes_are_as_tall_as_wanted(several):
    with canvas.new_figure((style.SINGLE, 2.0)) as figure:
        axes = nc.plot_curve(several, figure.subplots())
        canvas.fit(figure, [2.1])
        assert not covered(axes)
        assert axes.get_window_extent().height / figure.dpi == pytest.approx(2.1, abs=0.05)
        assert figure.get_figwidth() == style.SINGLE


# Colors


def luminance(color):
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(color))
    return red, green, blue, 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lightness(color):
    """L* of CIE 1976, from 0 to 100."""
    return 116 * luminance(color)[3] ** (1 / 3) - 16


@pytest.mark.parametrize("background", ["white", "black"])
@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_colors_in_an_order_are_so_in_gray(background, n):
    axes = Figure(facecolor=background).subplots()
    axes.set_facecolor(background)
    levels = [lightness(color) for color in style.shades(axes, n)]
    assert np.diff(levels).min() > 35 / n  # one is told from the next
    assert all(abs(level - lightness(background)) > 12 for level in levels)


def test_colors_without_an_order_differ_for_the_color_blind():
    for a, b in itertools.combinations(style.CATEGORIES, 2):
        seen = [
            np.array([np.dot(row, luminance(one)[:3]) for row in DEUTERANOPE]).clip(0, 1) ** (1 / 2.2) for one in (a, b)
        ]
        assert np.abs(seen[0] - seen[1]).max() > 0.1
    assert len(set(style.MARKERS)) == len(style.MARKERS) >= len(style.CATEGORIES)


def test_few_lines_differ_in_more_than_color(several):
    axes = nc.plot_curve(several, axes_of())
    proven = [line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"]
    assert len({line.get_marker() for line in proven}) == len(proven) == 2


def test_dark_backgrounds(one, many):
    """All that is drawn is seen on black."""
    with plt.style.context("dark_background"):
        for draw in (lambda ax: nc.plot_growth(one.dataset, ax=ax), lambda ax: nc.plot_curve(many, ax)):
            axes = draw(Figure(layout="constrained").subplots())
            assert style.ink(axes) == "white"
            assert all(lightness(line.get_color()) > 30 for line in axes.lines)


# Names


HOSTILE = ["cost_$_per_$", r"$\frac$", "a<b>&c#", r"50%_\alpha", "x^2~{y}", "naïve", "数据", 'a"b|c`d']


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_told_letter_by_letter(several, name):
    named = several.assign_coords(dataset=np.array([name]))
    both = xr.concat([named, named.assign_coords(dataset=np.array(["other"]))], "dataset", data_vars="minimal")
    axes = nc.plot_curve(both.isel(alpha=[0]), axes_of(7))
    assert name in told(axes)
    assert not any(text.get_parse_math() for text in axes.get_legend().get_texts())


TEX = {
    "cost_$_per_$": r"cost\_\$\_per\_\$",
    r"$\frac$": r"\$\textbackslash{}frac\$",
    "a<b>&c#": r"a$<$b$>$\&c\#",
    r"50%_\alpha": r"50\%\_\textbackslash{}alpha",
    "x^2~{y}": r"x\textasciicircum{}2\textasciitilde{}\{y\}",
    "naïve": "naïve",
    "数据": "{[}U+6570{]}{[}U+636E{]}",
    "[1ex]*": "{[}1ex{]}{*}",
    "ε ≤ 8/255, ℓ∞": r"$\varepsilon$ $\leq$ 8/255, $\ell$$\infty$",
}


@pytest.mark.parametrize("name", TEX)
def test_names_in_tex(name):
    assert style.in_tex(name) == TEX[name]
    assert style.literal(name) == name
    with mpl.rc_context({"text.usetex": True}):
        assert style.literal(name) == TEX[name]


def test_nothing_reaches_tex_unescaped(several, one):
    """Whatever is written: of the special letters of TeX none but our own is without a backslash."""
    named = several.assign_coords(dataset=np.array(["50%_$x"]))
    with mpl.rc_context({"text.usetex": True}):
        for draw in (lambda ax: nc.plot_curve(named, ax), lambda ax: nc.plot_growth(one.dataset, ax=ax)):
            axes = draw(axes_of())
            legends.put_title(axes, "50%_$x")
            texts = [*told(axes), axes.get_xlabel(), axes.get_ylabel()]
            assert axes.get_title() == r"50\%\_\$x"
            for text in texts:
                assert not {*text} & {*"εαμℓ∞≤±"}
                assert "%" not in text.replace(r"\%", "")
                assert text.replace(r"\$", "").count("$") % 2 == 0


def test_the_users_settings_are_kept(several):
    """The size of letters, if there is one; the fonts, before those that have what they lack; and LaTeX."""
    with mpl.rc_context({"font.size": 13.0, "font.family": ["serif"], "text.usetex": True}):
        with canvas.new_figure((3, 3)):
            assert mpl.rcParams["font.size"] == 13
            assert mpl.rcParams["font.family"][0] == "serif"
            assert mpl.rcParams["text.usetex"]
        assert mpl.rcParams["font.family"] == ["serif"]
    with canvas.new_figure((3, 3)):
        assert mpl.rcParams["font.size"] == canvas.SMALL_PRINT
        assert mpl.rcParams["pdf.fonttype"] == 42


def test_new_axes_are_of_a_figure_of_the_users(several):
    with mpl.rc_context({"figure.figsize": (5.0, 4.0)}):
        axes = nc.plot_curve(several)
    try:
        assert axes.figure.number in plt.get_fignums()
        assert tuple(axes.figure.get_size_inches()) == (5, 4)
    finally:
        plt.close(axes.figure)
