"""How pictures are laid out: nothing is cut off or broken apart, and what several panels share stands once."""

from __future__ import annotations

import itertools
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from conftest import images, needs_jit, refused
from matplotlib.figure import Figure

import numbaconc as nc
from numbaconc.kernels.threads import using_threads
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.panels import Panel, lay_out
from numbaconc.show.pictures.plots import plot_panels
from numbaconc.show.pictures.regions import picture_of

X = images(140, 3, 0)


@pytest.fixture(scope="module")
def results():
    """The same points, measured in two norms."""
    asked = {"epsilon": [0.02, 0.05], "alpha": 0.2, "name": "mine"}
    with using_threads(1):
        return {norm: nc.measure("halfspaces", X[:80], X[80:], norm=norm, **asked) for norm in ("linf", "l2")}


def drawn(axes):
    axes.plot([1, 2], [0.6, 0.7])
    legends.from_zero(axes)
    legends.label_axes(axes, "along", "up")
    legends.put_legend(axes, [legends.entry("line")])


def test_panels_say_what_they_share_once():
    figure = Figure(figsize=(6.9, 3), layout="constrained")
    lay_out(figure, [Panel(f"panel {i}", drawn) for i in range(5)], 3, 1.2)
    legended = [bool(axes.get_legend()) for axes in figure.axes]
    assert legended == [False, False, False, True, False]
    assert [axes.get_ylabel() for axes in figure.axes] == ["up", "", "", "up", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "along", "along", "along"]
    figure.draw_without_rendering()
    assert all(abs(style.height_of(axes) - 1.2) < 0.02 for axes in figure.axes)


def test_the_margin_above_is_one_of_an_axis_from_zero():
    axes = Figure().subplots()
    drawn(axes)
    assert axes.get_ylim() == pytest.approx((0, 0.7 * 1.05), abs=1e-3)


def test_plots_of_an_experiment_are_panels_of_one_style(tmp_path, monkeypatch):
    class Plot:
        title = "ε = 1, h(μ, α, ε) ≤ 2"

        def plot(self, axes):
            figures.append(axes.figure)
            drawn(axes)

    figures = []
    plot_panels([Plot()] * 3, [tmp_path / "a.png", tmp_path / "a.svg"], "a caption of some words " * 10)
    assert figures[0].get_figwidth() == style.DOUBLE
    assert figures[0].axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 2)
    assert figures[0].get_supxlabel().replace("\n", " ").startswith("a caption of some words")
    assert (tmp_path / "a.png").exists()
    assert (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("text", ["α = 0.05", "h(μ, α, ε) ≤ U", "on the scale of [0, 1]"])
def test_what_belongs_together_is_in_one_line(text):
    for letters in range(len(text), 3 * len(text)):
        lines = style.wrapped(f"some words before {text}", letters * style.LETTER * 10 / 72, 10).split("\n")
        assert any(text.rpartition("of ")[2] in line for line in lines)


def test_letters_are_not_too_small_for_print():
    with mpl.rc_context({"font.size": 8.0}):
        assert style.font_size("x-small") == 6
    with mpl.rc_context({"font.size": 5.0}):  # as somebody wanted it
        assert style.font_size("x-small") == 5


@pytest.mark.parametrize("size", [8.0, 16.0])
def test_large_letters_make_a_larger_picture_that_is_not_cut_off(results, size, tmp_path):
    with mpl.rc_context({"font.size": size}), canvas.new_figure((style.SINGLE, 2.1)) as figure:
        lay_out(figure, [Panel("mine", lambda axes: nc.plot_curve(results["l2"], axes))], 1, 2.1)
        figure.draw_without_rendering()
        box, every = figure.axes[0].get_legend().get_window_extent(), figure.bbox
        assert every.x0 <= box.x0
        assert box.x1 <= every.x1
        assert every.y0 <= box.y0
    assert figure.get_figwidth() == pytest.approx(style.SINGLE * max(1, size / style.MOST))


def test_axes_of_something_else_are_refused_before_anything_is_drawn(results):
    axes = Figure(layout="constrained").subplots()
    nc.plot_curve(results["linf"], axes)
    before = len(axes.lines)
    refused(lambda: nc.plot_curve(results["l2"], axes), "ℓ∞ distance", "ℓ2 distance")
    refused(lambda: nc.plot_curve(results["linf"], axes, along="alpha"), "against 'α, risk threshold'")
    assert len(axes.lines) == before


def test_a_second_picture_on_the_same_axes_keeps_the_legend_of_the_first(results):
    axes = Figure(layout="constrained").subplots()
    ds = results["l2"]
    nc.plot_curve(ds, axes)
    once = [text.get_text() for text in axes.get_legend().get_texts()]
    nc.plot_curve(ds.drop_vars("alpha").assign_coords(alpha=0.1), axes)
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"α = 0.2", "α = 0.1"} <= set(told)
    assert len(told) == len(once) + 1


def test_ticks_of_dense_values_are_not_all_named():
    axes = Figure(figsize=(2.3, 2)).subplots()
    legends.mark_each(axes, [256, 1024, 4096, 16_384, 65_536])
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names[-1] == "65,536"
    assert 2 <= sum(map(bool, names)) < 5
    axes.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


@needs_jit
def test_a_region_whose_border_was_moved_says_so():
    region = nc.HalfSpaceSearch(norm="l2", epsilon=0.1, alpha=0.2).fit(X).region_
    for one, expected in ((region, False), (region.at_rank(X, 30), True)):
        axes = nc.plot_region(one, ax=Figure(layout="constrained").subplots())
        told = " ".join(text.get_text() for text in axes.get_legend().get_texts())
        assert ("its border was moved" in " ".join(told.split())) == expected


def test_letters_that_no_font_has_are_one_warning(tmp_path):
    def draw():
        with canvas.drawing("it"), canvas.new_figure((3, 3)) as figure:
            figure.text(0, 0.5, "".join(map(chr, range(0xE000, 0xE010))))  # letters that are nobody's
            canvas.write(figure, tmp_path / "a.png")

    with pytest.warns(UserWarning, match="boxes stand for letters") as caught:
        draw()
    assert len(caught) == 1


def test_other_warnings_are_passed_on():
    with pytest.warns(UserWarning, match="^something$"), canvas.drawing("it"):
        warnings.warn("something", stacklevel=1)


def test_numbers_of_a_mosaic_of_colors_stand_toward_the_middle():
    """So that letters beside pixels of the edge are within the image."""
    from numbaconc.show.pictures import mosaics

    axes = Figure(figsize=(3, 3)).subplots()
    axes.imshow(np.zeros((32, 32, 3)))
    mosaics.name_channels(axes, np.array([4, 5, 9]), np.array([31, 31, 0]), np.array([2, 2, 0]))
    axes.figure.draw_without_rendering()
    inside = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == ["B", "B", "R"]
    assert not boxes[0].overlaps(boxes[1])
    assert all(inside.y0 <= box.y0 and box.y1 <= inside.y1 for box in boxes)


def test_axes_that_the_user_labeled_keep_what_is_on_them(results):
    axes = Figure(layout="constrained").subplots()
    axes.plot([0, 1], label="my own")
    axes.set_xlabel("what I call it")
    axes.legend()
    nc.plot_curve(results["l2"], axes)
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told[0] == "my own"
    assert len(told) > 2
    assert axes.get_xlabel().startswith("ε, ℓ2 distance")


@pytest.mark.parametrize("shape", [(4, 16), (1, 64), (64, 1), (8, 8)])
def test_flat_and_narrow_images_have_room_for_what_is_said_of_them(shape):
    """And numbers below images do not run into each other."""
    region = nc.BallUnion(np.random.default_rng(0).random((4, 64)), [2.5, 2.25, 2.125, 2.0])
    with canvas.new_figure((style.SINGLE, 2.1)) as figure:
        lay_out(figure, [Panel("mine", picture_of(region, None, shape))], 1, 2.1)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        legend, title = axes.get_legend().get_window_extent(), axes.title.get_window_extent()
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    assert legend.y0 >= 0
    assert title.y1 <= figure.bbox.y1
    assert legend.y1 <= axes.get_window_extent().y0
    assert figure.get_figheight() < 5.5


@pytest.mark.parametrize("usetex", [False, True])
def test_a_label_that_is_too_long_for_a_line_stands_once(usetex):
    """Also where the axes are labeled, and the legend made, once more."""
    region = nc.HalfSpace(np.ones(4), 3.0)
    name = "a_name_of_eighty_letters" * 4
    with mpl.rc_context({"text.usetex": usetex}):
        axes = Figure(figsize=(style.SINGLE, 6), layout="constrained").subplots()
        for split in ("test", "train"):
            nc.plot_growth(region, np.random.default_rng(0).random((50, 4)), axes, label=f"{name}, {split}")
        told = ["".join(text.get_text().split()) for text in axes.get_legend().get_texts()]
    assert told == [
        "".join(style.in_tex(one) if usetex else one).replace(" ", "") for one in (f"{name}, test", f"{name}, train")
    ]
