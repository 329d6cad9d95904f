"""Figures: read from the dataset alone, and written whole."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import matplotlib.axes
import matplotlib.figure
import numpy as np
import pytest
import xarray as xr
from conftest import images, refused

import numbaconc as nc
from numbaconc.errors import printable
from numbaconc.kernels.threads import using_threads
from numbaconc.results.queries import certificate, select_case
from numbaconc.show.plots import plot_measurement, simultaneous_band

X = images(140, 3, 0)


@pytest.fixture(scope="module")
def ds():
    search = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=5), 3)
    with using_threads(1):
        return nc.measure(search, X[:80], X[80:], epsilon=[0.05, 0.1], alpha=0.1, name="my points")


@pytest.fixture
def drawn(monkeypatch):
    """Every line that is drawn, by its label."""
    lines = {}
    plot = matplotlib.axes.Axes.plot

    def recording(axes, x, y, *args, **keywords):
        lines[keywords.get("label")] = np.array(x, float), np.array(y, float)
        return plot(axes, x, y, *args, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", recording)
    return lines


def test_png(ds, tmp_path):
    plot_measurement(ds, tmp_path / "plot.png")
    contents = (tmp_path / "plot.png").read_bytes()
    assert contents.startswith(b"\x89PNG\r\n")
    assert b"IEND" in contents[-12:]
    image = matplotlib.image.imread(tmp_path / "plot.png")
    assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) > 10


def test_svg(ds, tmp_path):
    plot_measurement(ds, str(tmp_path / "plot.svg"))
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    for label in ("strength of the expansion, ℓ∞ distance", "adversarial risk", "my points", "alpha = 10%"):
        assert label in text


def test_curves_are_the_datasets(ds, drawn, tmp_path):
    """Each starts at the kept region's risk and ends at its adversarial risk at epsilon."""
    plot_measurement(ds, tmp_path / "plot.png")
    curves = {label: line for label, line in drawn.items() if label is not None}
    assert len(curves) == 4
    for epsilon in (0.05, 0.1):
        for split in ("train", "test"):
            (found,) = [
                line for label, line in curves.items() if split in label and f"{epsilon:g}" in label.split(",")[0]
            ]
            here = ds.sel(dataset="my points", epsilon=epsilon, split=split).squeeze("T")
            kept = here.sel(seed=int(here["kept_seed"]))
            strengths, risks = found
            assert (strengths[0], risks[0]) == (0, kept["risk"])
            assert (strengths[-1], risks[-1]) == (epsilon, kept["adversarial_risk"])
            np.testing.assert_array_equal(risks[1:], kept["adversarial_risk_at"].sel(strength=slice(None, epsilon)))


def test_the_certificate_is_drawn_and_said(ds, monkeypatch, tmp_path):
    """L at no strength, U at epsilon, inside a band that is wider: it holds at all strengths at once."""
    points, bands = {}, []
    scatter, fill = matplotlib.axes.Axes.scatter, matplotlib.axes.Axes.fill_between

    def scattering(axes, x, y, **keywords):
        points[keywords["label"]] = x, y
        return scatter(axes, x, y, **keywords)

    def filling(axes, x, low, high, **keywords):
        bands.append((x, low, high))
        return fill(axes, x, low, high, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "scatter", scattering)
    monkeypatch.setattr(matplotlib.axes.Axes, "fill_between", filling)
    plot_measurement(ds, tmp_path / "plot.png")
    assert len(points) == len(bands) == 2
    for (label, (x, y)), (strengths, low, high), epsilon in zip(points.items(), bands, (0.05, 0.1), strict=True):
        here = ds.sel(epsilon=epsilon).squeeze()
        assert (x, y) == ([0, epsilon], [here["measure_at_least"], here["expansion_at_most"]])
        proven = certificate(select_case(ds, {"dataset": "my points", "epsilon": epsilon, "T": 2}), epsilon)
        assert label == f"certified, by itself: {proven.sentence}"
        assert (strengths[0], strengths[-1]) == (0, epsilon)
        assert low[0] < y[0]
        assert high[-1] > y[1]
    plot_measurement(ds.drop_vars("n_points"), tmp_path / "plot.png")  # no counts, nothing certified
    assert len(points) == len(bands) == 2


def test_the_band_holds_everywhere_at_once():
    """In at least 95% of samples, at every strength and not only at those that are drawn: gaps are uniform here."""
    rng, n, strengths = np.random.default_rng(0), 60, np.linspace(0, 0.5, 6)
    fine = np.linspace(0, 0.5, 101)[1:-1]
    held = 0
    for _ in range(400):
        gaps = rng.random(n) - 0.1  # a set of measure .1, its expansion by s of measure .1 + s
        x, low, high = simultaneous_band(strengths, [(gaps < s).mean() for s in strengths], n)
        at = np.searchsorted(strengths, fine, side="left")  # the step that each lies on, ends included
        least, most = low[2 * at - 2], high[2 * at - 2]
        held += bool(((least <= 0.1 + fine) & (most >= 0.1 + fine)).all())
        assert (x[2 * at - 2] <= fine).all()
        assert (x[2 * at - 1] >= fine).all()
    assert held >= 0.95 * 400 - 3 * (0.0475 * 400) ** 0.5


@pytest.mark.parametrize("name", ["cost_$_per_$", r"$\frac$", "a\x1b[2Jb", "x\u202ey", "\udc80"])
def test_names_are_no_formulas(ds, tmp_path, name, recwarn):
    """Nor TeX, for users whose Matplotlib sets everything in it."""
    named = ds.assign_coords(dataset=np.array([name], dtype=object))
    with matplotlib.rc_context({"text.usetex": True, "svg.fonttype": "none"}):
        plot_measurement(named, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    assert f"{printable(name)}: how fast" in text


def test_a_result_from_a_file_plots_the_same(ds, tmp_path):
    plot_measurement(ds, tmp_path / "a.png")
    nc.save_results(ds, tmp_path / "ds.nc")
    plot_measurement(nc.open_results(tmp_path / "ds.nc"), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    other = ds.copy(deep=True)
    other["adversarial_risk"] += 0.01
    plot_measurement(other, tmp_path / "c.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_the_dataset_stays_as_it_is(ds, tmp_path):
    before = ds.copy(deep=True)
    plot_measurement(ds, tmp_path / "plot.png")
    xr.testing.assert_identical(ds, before)


def test_one_restart_and_a_fixed_q(tmp_path):
    search = nc.RectangleSearch(q=0.5, n_sets=2, n_neighbors=5)
    with using_threads(1):
        ds = nc.measure(search, X[:80], X[80:], epsilon=0.1, alpha=0.05)
    plot_measurement(ds, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_several_alpha(drawn, monkeypatch, tmp_path):
    """A curve for each region, named, and a line for each alpha; the search here has no seed and no T."""
    levels = {}
    level = matplotlib.axes.Axes.axhline

    def leveling(axes, y, **keywords):
        levels[keywords["label"]] = y
        return level(axes, y, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "axhline", leveling)
    with using_threads(1):
        ds = nc.measure(nc.HyperplaneSearch(), X[:80], X[80:], epsilon=[0.05, 0.1], alpha=[0.1, 0.2])
    plot_measurement(ds, tmp_path / "plot.png")
    assert levels == {"alpha = 10%": 0.1, "alpha = 20%": 0.2}
    curves = {label: line for label, line in drawn.items() if label is not None and label.startswith("found")}
    assert len(curves) == 8
    for epsilon in (0.05, 0.1):
        for alpha in (0.1, 0.2):
            for split in ("train", "test"):
                strengths, risks = curves[f"found for epsilon {epsilon:g}, alpha {alpha:g}, {split}"]
                here = ds.sel(epsilon=epsilon, alpha=alpha, split=split).squeeze()
                assert (strengths[0], strengths[-1]) == (0, epsilon)
                assert (risks[0], risks[-1]) == (here["risk"], here["adversarial_risk"])


def test_a_failure_leaves_the_old_figure(ds, tmp_path, monkeypatch):
    """Whatever the disk says, in one line."""

    def half(figure, path, **_):
        path.write_bytes(b"\x89PNG")
        raise OSError(28, "No space left on device")

    (tmp_path / "plot.png").write_bytes(b"old")
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", half)
    refused(lambda: plot_measurement(ds, tmp_path / "plot.png"), "plot.png", "No space left")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"plot.png": b"old"}


def test_a_folder_in_the_way(ds, tmp_path):
    (tmp_path / "plot.png").mkdir()
    refused(lambda: plot_measurement(ds, tmp_path / "plot.png"), "plot.png", "is a folder")
