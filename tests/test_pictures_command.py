"""`numbaconc plot`: which picture of which file, files of every format, and one line for what cannot be drawn."""

from __future__ import annotations

import contextlib
import io
import re
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from conftest import images, lines, needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.kernels.threads import using_threads
from numbaconc.show.pictures import canvas, style

X, X_TEST = images(80, 4, 0), images(60, 4, 1)
Y = np.arange(80) % 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with results and regions."""
    folder = tmp_path_factory.mktemp("made")
    points = X.reshape(80, 4, 1), X_TEST.reshape(60, 4, 1)
    with using_threads(1), contextlib.chdir(folder):
        one = nc.find_regions("halfspaces", *points, epsilon=0.1, alpha=0.2, name="mine")
        nc.save_results(one.dataset, "one.nc")
        one.regions[0.1].save("region.nc")
        several = nc.measure("halfspaces", *points, epsilon=[0.02, 0.1], alpha=0.2, name="mine")
        nc.save_results(several, "several.nc")
        wide = nc.measure("hyperplane", *points, epsilon=[0.2, 0.4], alpha=0.5, name="wide_$")
        nc.save_results(wide, "wide.nc")
        np.savez("mine.npz", X_train=points[0], X_test=points[1])
        np.savez("labels.npz", X_train=X.reshape(80, 2, 2), y_train=Y, X_test=X_TEST.reshape(60, 2, 2))
        assert (
            main(["labels", "labels.npz", "--epsilon", "0.1", "--quiet", "--out", "pairs.nc", "--plot", "x.png"]) == 0
        )
        np.savez("table.npz", X_train=X, y_train=Y, X_test=X_TEST)
        assert main(["labels", "table.npz", "--epsilon", "0.1", "--quiet", "--out", "no-images.nc"]) == 0
        Path("x.png").unlink()
    return folder


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    """Copies of them to work with."""
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["plot", *map(str, arguments)])
        except SystemExit as left:
            status = left.code
    return status, out.getvalue(), "\n".join(lines(err.getvalue()))


def drawn(*arguments):
    """The file that is written, by what the command says."""
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    return Path(re.fullmatch(r"plot:    (.+)\n", out)[1])


def refused(*arguments):
    """The one line; nothing is written."""
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("numbaconc plot: error: ")
    assert "\n" not in err
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before
    return err


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is written."""
    kept, write = [], canvas.write

    def keeping(figure, path, kind=None):
        kept.append(figure)
        write(figure, path, kind)

    monkeypatch.setattr(canvas, "write", keeping)
    return kept


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


# Formats


def test_a_pdf_with_fonts_that_are_whole():
    path = drawn("several.nc")
    assert path == Path("several-curve.pdf")
    contents = path.read_bytes()
    assert contents.startswith(b"%PDF-")
    assert contents.rstrip().endswith(b"%%EOF")
    plain = contents + b"".join(_inflated(contents))
    assert b"/CIDFontType2" in plain
    assert b"/Type3" not in plain
    assert b"CreationDate" not in plain


def _inflated(contents):
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", contents, re.DOTALL):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(stream)


def test_svg_and_png():
    svg, png = (drawn("several.nc", "--format", name) for name in ("svg", "png"))
    root = ET.parse(svg).getroot()
    assert root.tag.endswith("svg")
    assert not re.search(r"<dc:date>", svg.read_text(encoding="utf-8"))
    assert float(root.get("width").removesuffix("pt")) == pytest.approx(72 * style.SINGLE, abs=1)
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    assert mpl.image.imread(png).shape[1] == round(style.SINGLE * canvas.DOTS_PER_INCH)


def test_the_format_is_that_of_the_ending_or_the_one_that_is_asked_for():
    assert drawn("one.nc", "--out", "a.SVG").read_bytes().startswith(b"<?xml")
    assert drawn("one.nc", "--out", "b.svg").read_bytes().startswith(b"<?xml")
    assert drawn("one.nc", "--out", "picture", "--format", "png").read_bytes().startswith(b"\x89PNG")
    assert "--out is 'a.jpg'; allowed: a name that ends in .pdf, .svg, .png" in refused("one.nc", "--out", "a.jpg")
    assert "--out is 'a'" in refused("one.nc", "--out", "a")
    assert "--format is 'gif'; allowed: pdf, svg, png" in refused("one.nc", "--format", "gif")
    assert "--format is pdf with --out 'a.svg'" in refused("one.nc", "--out", "a.svg", "--format", "pdf")


@pytest.mark.parametrize("ending", ["pdf", "svg"])
def test_the_same_picture_is_the_same_file(ending):
    first, second = (drawn("several.nc", "--out", f"{name}.{ending}") for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("columns", "width"), [(1, style.SINGLE), (2, style.DOUBLE)])
def test_columns(columns, width, figures):
    drawn("several.nc", "--columns", columns)
    assert figures[0].get_figwidth() == width
    assert "--columns is '3'; allowed: 1, 2" in refused("several.nc", "--columns", "3")


# Names of files


def test_the_usual_name_stands_beside_the_file_and_replaces_nothing(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "r.nc").write_bytes(Path("several.nc").read_bytes())
    assert drawn("sub/r.nc") == Path("sub/r-curve.pdf")
    contents = Path("sub/r-curve.pdf").read_bytes()
    assert drawn("sub/r.nc") == Path("sub/r-curve.pdf")  # the same picture replaces itself
    Path("sub/r-curve.pdf").write_bytes(b"mine")
    for _ in range(2):
        status, out, err = call("sub/r.nc")
        assert (status, out) == (0, f"plot:    {Path('sub/r-curve-2.pdf')}\n")
        assert err.startswith(f"note: {Path('sub/r-curve.pdf')} holds something else and is left as it is")
    assert Path("sub/r-curve.pdf").read_bytes() == b"mine"
    assert Path("sub/r-curve-2.pdf").read_bytes() == contents
    assert len(list(Path("sub").iterdir())) == 3
    drawn("sub/r.nc", "--out", "sub/r-curve.pdf")
    assert Path("sub/r-curve.pdf").read_bytes().startswith(b"%PDF")


def test_outputs_that_cannot_be_written(folder, monkeypatch):
    (folder / "taken.pdf").mkdir()
    assert "is a folder" in refused("one.nc", "--out", "taken.pdf")
    assert "is not a folder" in refused("one.nc", "--out", "one.nc/a.pdf")
    assert "which is a file that is drawn" in refused("one.nc", "--out", "one.nc", "--format", "png")

    def fail(figure, path, **_):
        path.write_bytes(b"%PDF half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mpl.figure.Figure, "savefig", fail)
    Path("old.pdf").write_bytes(b"old")
    assert "No space left" in refused("one.nc", "--out", "old.pdf")


def test_a_failure_of_matplotlib_is_one_line(monkeypatch):
    """Such as LaTeX that is not there."""

    def fail(*_, **__):
        msg = "Failed to process string with tex because latex could not be found"
        raise RuntimeError(msg)

    monkeypatch.setattr(mpl.figure.Figure, "draw_without_rendering", fail)
    assert "the picture cannot be drawn: RuntimeError: Failed to process" in refused("one.nc")


# What is drawn


def test_each_file_has_its_picture(figures):
    assert drawn("one.nc").name == "one-growth.pdf"
    assert drawn("several.nc").name == "several-curve.pdf"
    assert drawn("region.nc").name == "region-region.pdf"
    assert drawn("pairs.nc").name == "pairs-pairs.pdf"
    assert drawn("one.nc", "--kind", "curve").name == "one-curve.pdf"
    assert drawn("several.nc", "--kind", "growth").name == "several-growth.pdf"
    assert titles(figures[0]) == ["mine, halfspaces"]
    assert len(figures[3].axes) == 20


def test_a_result_without_the_restart_that_was_kept_is_a_curve():
    """Since how a region grows is stored of the one that was kept."""
    ds = nc.open_results("one.nc")
    nc.save_results(ds.assign(adversarial_risk_at=np.nan * ds["adversarial_risk_at"]), "rest.nc")
    assert drawn("rest.nc").name == "rest-curve.pdf"
    assert "of a restart that is drawn; allowed: a slice" in refused("rest.nc", "--kind", "growth")


def test_a_sweep_is_drawn_along_its_longest_lines(figures):
    with using_threads(1):
        searches = [nc.RectangleSearch(n_sets=2, n_neighbors=5, q=q) for q in (0.5, 0.6, 0.7)]
        parts = [nc.measure(one, X, X_TEST, epsilon=[0.1, 0.2], alpha=0.05) for one in searches]
    from numbaconc.results.join import join_results

    nc.save_results(join_results(parts), "sweep.nc")
    assert drawn("sweep.nc").name == "sweep-risks.pdf"
    assert figures[0].axes[0].get_xlabel().startswith("q, share")
    drawn("sweep.nc", "--select", "q=0.6", "--kind", "curve", "--out", "c.pdf")
    places = {tuple(line.get_xdata()) for line in figures[1].axes[0].lines}
    assert (0.1, 0.2) in places
    assert "--select is 'p=1'; allowed: NAME=VALUE, where NAME is one of dataset, epsilon" in refused(
        "sweep.nc", "--select", "p=1"
    )
    assert "--select q is '0.65'; allowed: 0.5, 0.6, 0.7" in refused("sweep.nc", "--select", "q=0.65")
    assert "--select is 'q=1' with 'region.nc'" in refused("region.nc", "--select", "q=1")


def test_two_files_side_by_side_have_one_scale(figures):
    """Of measures; each has its own ε below, since these may be of different norms."""
    assert drawn("several.nc", "wide.nc") == Path("several-wide-curve.pdf")
    (figure,) = figures
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    for axes in (left, right):
        for line in axes.lines:
            heights = np.asarray(line.get_ydata(), float)
            assert np.nanmax(heights, initial=0) <= left.get_ylim()[1]
    assert titles(figure) == ["mine, halfspaces", "wide_$, hyperplane"]
    assert right.get_xlim()[1] > 0.4 > left.get_xlim()[1]
    assert left.get_xlabel().startswith("ε, ℓ∞")
    assert figure.get_figwidth() == style.DOUBLE
    boxes = [axes.get_legend().get_window_extent() for axes in (left, right) if axes.get_legend()]
    assert not any(box.overlaps(axes.get_window_extent()) for box in boxes for axes in (left, right))


def test_titles_that_are_the_same_name_their_files(figures, folder):
    (folder / "sub").mkdir()
    for name in ("other.nc", "sub/several.nc"):
        Path(name).write_bytes(Path("several.nc").read_bytes())
    drawn("several.nc", "other.nc", "wide.nc")
    assert titles(figures[0]) == ["mine, halfspaces (several)", "mine, halfspaces (other)", "wide_$, hyperplane"]
    drawn("several.nc", "sub/several.nc")
    files = ("several.nc", Path("sub/several.nc"))
    assert [title.replace("\n", " ") for title in titles(figures[1])] == [f"mine, halfspaces ({one})" for one in files]


def test_points_beside_a_region_of_divided_columns_are_divided_as_well(figures):
    """By what the region knows, not by what the points tell; the warning of a unit that none is in stays away."""
    rng = np.random.default_rng(2)
    train, new = (rng.normal(size=(50, 3)) * [1, 10, 100] for _ in range(2))
    region = nc.HyperplaneSearch(epsilon=0.4, alpha=0.1).fit(nc.as_sample(train, scale="standard")).region_
    region.save("divided.nc")
    np.savez("new.npz", X_train=new, X_test=new)
    drawn("divided.nc", "--data", "new.npz", "--quiet")
    expected = np.mean((new / train.std(axis=0)) @ region.w > region.b)
    assert figures[0].axes[0].lines[0].get_ydata()[0] == expected


def test_a_region_grows_on_data(figures):
    drawn("region.nc", "--data", "mine.npz", "--quiet")
    axes = figures[0].axes[0]
    region = nc.load_region("region.nc")
    for line, points in zip(axes.lines, (X_TEST, X), strict=True):
        assert line.get_ydata()[-1] == region.measure(points.reshape(-1, 4, 1), 0.1).adversarial_risk
        assert line.get_xdata()[-1] == 0.1
    texts = [text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts()]
    assert texts == ["mine, test", "mine, test: 95% band at all strengths at once", "mine, train"]
    drawn("region.nc", "--data", "mine.npz", "--epsilon", "51/255", "--out", "far.pdf")
    assert figures[1].axes[0].lines[0].get_xdata()[-1] == 0.2


def test_other_points_than_those_that_a_region_was_found_on_are_noted():
    np.savez("other.npz", X_train=X_TEST.reshape(60, 4, 1), X_test=X.reshape(80, 4, 1))
    status, _, err = call("region.nc", "--data", "other.npz")
    assert (status, err) == (0, "note: the region was found on other points than the training points of other")


def test_options_without_effect_are_refused():
    assert "--key is 'x' without --data" in refused("region.nc", "--key", "x")
    assert "--scale is 'range' without --data" in refused("one.nc", "--scale", "range")
    assert "--data is given with one, which is a result" in refused("one.nc", "--data", "mine.npz")
    assert "--kind is growth with a region and no data" in refused("region.nc", "--kind", "growth")
    assert "--epsilon is 0.1 with a picture of the region" in refused("region.nc", "--epsilon", "0.1")
    assert "--shape is given with one" in refused("one.nc", "--shape", "2x2")
    assert "--shape is 'x'" in refused("region.nc", "--shape", "x")
    assert "shape is (3, 3)" in refused("region.nc", "--shape", "3x3")
    assert "--along is epsilon with a picture of kind growth" in refused("one.nc", "--along", "epsilon")
    assert "--kind is 'curves'; allowed: curve, risks" in refused("one.nc", "--kind", "curves")
    assert "--kind is region with a result" in refused("one.nc", "--kind", "region")
    assert "--kind is curve with a region" in refused("region.nc", "--kind", "curve")
    assert "--kind is curve with a result about labels" in refused("pairs.nc", "--kind", "curve")
    assert "some of them of labels" in refused("pairs.nc", "one.nc")


def test_files_with_nothing_to_draw():
    assert "hold no images" in refused("no-images.nc")
    assert "cannot be read" in refused("mine.npz")
    assert "cannot be read" in refused("nothing.nc")
    empty = nc.open_results("one.nc")
    empty["error"] = empty["risk"].isel(split=0, drop=True).astype(str)
    nc.save_results(empty.assign({name: np.nan * empty[name] for name in ("risk", "adversarial_risk")}), "empty.nc")
    assert "no measured case" in refused("empty.nc")
    assert "along is 'q'" in refused("several.nc", "--kind", "risks")


@needs_jit
def test_hostile_names_of_files():
    for name in ("$x_1$.nc", "a<b>&%.nc", r"back\slash.nc", "x" * 80 + ".nc"):
        Path(name).write_bytes(Path("region.nc").read_bytes())
        path = drawn(name, "--format", "svg")
        assert path.name == f"{name[:-3]}-region.svg"
        assert ET.parse(path).getroot().tag.endswith("svg")


def test_points_that_may_be_images_in_color_are_noted(folder):
    points = np.random.default_rng(0).integers(0, 256, (40, 192), np.uint8)
    nc.HalfSpaceSearch(norm="l2", epsilon=0.1, alpha=0.2).fit(points).region_.save("r.nc")
    status, _, err = call("r.nc", "--out", "a.png")
    assert status == 0
    assert "note: the points of r.nc may be images in color; --shape 3x8x8" in err
    for quiet in (("--shape", "3x8x8"), ("--quiet",)):
        assert call("r.nc", "--out", "a.png", *quiet)[2] == ""
