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
from numbaconc.results.queries import certificate_at_alpha, select_case, with_classifier
from numbaconc.show.pictures.growth import simultaneous_band
from numbaconc.show.pictures.plots import plot_measurement

X = images(140, 3, 0)


@pytest.fixture(scope="module")
def ds():
    search = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=5), 3)
    with using_threads(1):
        return nc.measure(search, X[:80], X[80:], epsilon=0.1, alpha=0.1, name="my points")


@pytest.fixture(scope="module")
def several():
    """Three ε and two α, for the larger of which there are too few test points to certify it."""
    with using_threads(1):
        return nc.measure("halfspaces", X[:80], X[80:], epsilon=[0.02, 0.05, 0.1], alpha=[0.2, 0.95], name="my points")


@pytest.fixture
def drawn(monkeypatch):
    """Every line that is drawn, by its label, or by its color and style where it has none."""
    lines = {}
    plot = matplotlib.axes.Axes.plot

    def recording(axes, x, y, *args, **keywords):
        (line,) = plot(axes, x, y, *args, **keywords)
        name = keywords.get("label", (tuple(np.ravel(line.get_color())), line.get_linestyle()))
        lines[name] = np.array(x, float), np.array(y, float)
        return [line]

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", recording)
    return lines


def test_png(ds, tmp_path):
    plot_measurement(ds, tmp_path / "plot.png")
    contents = (tmp_path / "plot.png").read_bytes()
    assert contents.startswith(b"\x89PNG\r\n")
    assert b"IEND" in contents[-12:]
    image = matplotlib.image.imread(tmp_path / "plot.png")
    assert len(np.unique(image[::9].reshape(-1, image.shape[-1]), axis=0)) > 10


def test_svg(ds, tmp_path):
    plot_measurement(ds, str(tmp_path / "plot.svg"))
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    for label in ("strength of the expansion, ℓ∞ distance", "measure of the region", "my points", "α = 10%"):
        assert label in text


def test_curves_are_the_datasets(ds, drawn, tmp_path):
    """Each starts at the kept region's risk and ends at its adversarial risk at epsilon."""
    plot_measurement(ds, tmp_path / "plot.png")
    for split in ("train", "test"):
        strengths, risks = drawn[f"the region found, {split}"]
        kept = ds.sel(seed=int(ds["kept_seed"].item()), split=split).squeeze()
        assert (strengths[0], risks[0]) == (0, kept["risk"])
        assert (strengths[-1], risks[-1]) == (0.1, kept["adversarial_risk"])
        np.testing.assert_array_equal(risks[1:], kept["adversarial_risk_at"])


def test_the_certificate_is_drawn_and_said(ds, monkeypatch, tmp_path):
    """α at no strength, U at epsilon; and a band for what the found set's expansions measure at all strengths at once."""
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
    proven = certificate_at_alpha(select_case(ds, {"dataset": "my points", "epsilon": 0.1, "T": 2}), 0.1)
    assert points == {f"certified: {proven.sentence}": ([0, 0.1], [0.1, ds["certified"].item()])}
    ((strengths, low, high),) = bands
    assert (strengths[0], strengths[-1]) == (0, 0.1)
    assert low[0] < ds["measure_at_least"] <= ds["expansion_at_most"] < high[-1]
    plot_measurement(ds.drop_vars("n_points"), tmp_path / "plot.png")  # no counts, nothing certified
    assert len(points) == len(bands) == 1


def test_a_certificate_that_says_nothing_is_not_drawn(ds, drawn, tmp_path):
    """Its words would be too long for the legend, and its U would flatten the rest."""
    plot_measurement(ds.assign(certified_count=60 + 0 * ds["certified_count"]), tmp_path / "a.png")
    assert "nothing is certified at α = 10%" in drawn


def test_several_cases_are_the_curve_of_them(several, monkeypatch, tmp_path):
    """As `plot_curve` draws it, whose tests are elsewhere."""
    given = []
    monkeypatch.setattr("numbaconc.show.pictures.plots.plot_curve", lambda ds, axes: given.append((ds, axes)))
    plot_measurement(several, tmp_path / "plot.png")
    xr.testing.assert_identical(given[0][0]["certified"], several["certified"])
    assert given[0][1].get_title().startswith("my points: what is certified")


def test_files_of_before_there_were_certificates_are_drawn(ds, several, drawn, tmp_path):
    for old in (ds, several):
        drawn.clear()
        plot_measurement(old.drop_vars(["certified", "certified_count", "n_compared"]), tmp_path / "plot.png")
        assert not any(str(label).startswith("certified") for label in drawn)


def test_a_classifier_is_a_point(several, drawn, tmp_path):
    """At its risk and adversarial risk, above what is certified at its risk; and not where U says nothing."""
    ds = with_classifier(several.sel(alpha=0.2).isel(epsilon=[0]), 0.5)
    plot_measurement(ds, tmp_path / "plot.png")
    assert [line.tolist() for line in drawn["the classifier"]] == [0.2, 0.5]
    U = ds["certified"].item()
    assert [line.tolist() for line in drawn["not explained by concentration"]] == [[0.2, 0.2], [U, 0.5]]
    drawn.clear()
    plot_measurement(with_classifier(several.sel(alpha=0.95).isel(epsilon=[0]), 0.01), tmp_path / "plot.png")
    assert "the classifier" not in drawn  # there is no certificate to be beside


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


@pytest.mark.parametrize(
    "name", ["cost_$_per_$", r"$\frac$", "a\x1b[2Jb", "x\u202ey", "\udc80", "a<b>&c", "50%_\\alpha"]
)
def test_names_are_no_formulas(ds, tmp_path, name):
    named = ds.assign_coords(dataset=np.array([name]))
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plot_measurement(named, tmp_path / "plot.svg")
    text = "".join(ET.parse(tmp_path / "plot.svg").getroot().itertext())
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
