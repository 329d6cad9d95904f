"""Regions that people find hard: balls as published, what is measured and written, and what the page says of it."""

from __future__ import annotations

import argparse
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from conftest import needs_jit, refused

from numbaconc import load_region
from numbaconc.data.arrays import as_sample
from numbaconc.data.datasets import Dataset
from numbaconc.experiments import uncertainty, uncertainty_page
from numbaconc.experiments.uncertainty_balls import Asked, CubeUnion, HardBalls
from numbaconc.experiments.uncertainty_page import AS_NEEDED, FIGURE, GAMMA, THEIRS, Answer
from numbaconc.results.files import open_results
from numbaconc.results.layout import assemble

NAMES = ["uncertainty.nc", "uncertainty.md", "uncertainty.png", "uncertainty.svg"]


# Balls as published


def as_published(X, hardness, norm, epsilon, alpha, gamma, n_sets):
    """A plain loop: centers and radii in levels, one for each ball that was counted, the same one again included."""
    n, short = len(X), 1e-6 * 255
    differences = np.abs(X[:, np.newaxis].astype(float) - X[np.newaxis])
    D = differences.max(axis=2) if norm == "linf" else np.sqrt((differences**2).sum(axis=2))
    target, kept = math.ceil(n * alpha * 1.05), 2 * math.ceil(n * alpha)
    covered, expanded, balls, counted, best, times = set(), set(), [], 0, None, 0
    for turn in range(n_sets):
        if target - counted <= 1:
            break
        fewest, most = math.ceil((target - counted) / (n_sets - turn)), target - counted
        least, found = n, False
        for u in range(n):
            near = [i for i in np.argsort(D[u], kind="stable")[:kept] if i not in covered]
            for k in range(fewest, most + 1):
                if k >= len(near):
                    continue
                radius = D[u, near[k]] - short
                new = [i for i in range(n) if i not in covered and D[u, i] <= radius]
                grown = [i for i in range(n) if i not in expanded and D[u, i] <= radius + epsilon * 255]
                if new and np.mean(hardness[new]) < gamma:
                    continue
                if len(grown) - len(new) < least:
                    least, found, best = len(grown) - len(new), True, (u, radius, new, grown)
        if best is None:
            return None
        times += not found
        covered |= set(best[2])
        expanded |= set(best[3])
        counted += len(best[2])
        balls += [best[:2]] if found else []
    return balls, times, len(covered) / n, len(expanded) / n


def made(n, d, seed, high=40):
    """Gray points in a few lumps, harder in some of them than in others."""
    rng = np.random.default_rng(seed)
    lump = rng.integers(0, 4, n)
    X = (rng.integers(0, 256 - high, (4, d))[lump] + rng.integers(0, high, (n, d))).astype(np.uint8)
    hardness = np.round(rng.random(n) * np.array([0.05, 0.2, 0.5, 0.9])[lump], 3)
    return as_sample(X, uncertainty=hardness)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("gamma", [0.0, 0.17, 0.38])
@pytest.mark.parametrize("high", [6, 40])  # the first with many ties
def test_balls_are_those_of_the_published_program(norm, gamma, high):
    repeated = 0
    for seed in range(3):
        sample = made(60, 5, seed, high)
        for epsilon, alpha, n_sets in ((0.04, 0.1, 2), (0.1, 0.3, 3), (0.02, 0.3, 6)):
            placed = HardBalls(sample, norm).place(Asked(epsilon, alpha, 0.05, gamma, n_sets))
            balls, times, risk, adversarial = as_published(
                sample.X, sample.uncertainty, norm, epsilon, alpha, gamma, n_sets
            )
            assert (placed.n_balls, placed.n_repeated) == (len(balls), times)
            assert np.allclose(placed.region.radii * 255, [radius for _, radius in balls], rtol=0, atol=1e-9)
            assert (placed.region.centers * 255 == sample.X[[center for center, _ in balls]]).all()
            measured = placed.region.measure(sample, epsilon)
            assert (measured.risk, measured.adversarial_risk) == (risk, adversarial)
            repeated += times
    assert repeated == 0 if gamma == 0 else repeated or (gamma, high) != (0.38, 40)


def test_no_ball_is_hard_enough():
    sample = made(40, 3, 0)
    refused(lambda: HardBalls(sample, "l2").place(Asked(0.1, 0.2, 0.05, 1.5, 2)), "gamma is 1.5", "5 points")
    assert as_published(sample.X, sample.uncertainty, "l2", 0.1, 0.2, 1.5, 2) is None
    balls, again = HardBalls(made(60, 5, 2), "l2"), Asked(0.1, 0.3, 0.05, 0.38, 3)
    assert balls.place(again).n_repeated == 1
    refused(lambda: balls.place(again, repeat=False), "gamma is 0.38", "after the 1 before it is as hard")
    refused(lambda: HardBalls(replace(sample, uncertainty=None), "l2"), "without uncertainty")


def test_cubes(tmp_path):
    X = np.array([[10, 10], [14, 9], [15, 10], [30, 20], [38, 20], [39, 20]], np.uint8)
    region = CubeUnion(np.array([[10, 10], [30, 20]]) / 255, np.array([4, 0]) / 255)
    assert region.contains(X).tolist() == [True, True, False, True, False, False]
    measured = region.measure(X, 8 / 255)
    assert (measured.risk, measured.adversarial_risk) == (3 / 6, 5 / 6)
    assert region.at_rank(X, 4).contains(X).sum() == 4
    region.save(tmp_path / "cubes.nc")
    assert load_region(tmp_path / "cubes.nc").gap(X).tolist() == region.gap(X).tolist()
    assert (region.n_features, region.n_sets, region.vc_dimension()) == (2, 2, int(2 * 4 * 2 * math.log2(6)))


# A run on made data


def halves(name, seed, options):
    """Two halves of made points: hard ones are those of a corner."""
    if name == "mnist" and options.mnist_probabilities is None:
        msg = "a model's probabilities are not there"
        raise uncertainty.InputError(msg)
    train, test = made(120, 6, 2 * seed, 90), made(120, 6, 2 * seed + 1, 90)
    return Dataset(name, train, test, verified=True)


@pytest.fixture
def tiny(monkeypatch):
    """Few cases, of made data."""
    monkeypatch.setattr(uncertainty, "halves", halves)
    monkeypatch.setattr(uncertainty, "QUICK_ALPHAS", (0.1, 0.3))
    monkeypatch.setattr(uncertainty, "OWN_ALPHAS", (0.3,))
    monkeypatch.setattr(uncertainty, "QUICK_POINTS", 100)
    planes = ("half spaces", uncertainty.HalfSpaceSearch(norm="l2", max_iter=0))
    setting = {"l2": uncertainty.Setting(0.1, 3, (planes,))}
    monkeypatch.setattr(uncertainty, "SETTINGS", dict.fromkeys(("cifar10h", "mnist"), setting))


def run(folder, *arguments):
    options = ["--quick", "--quiet", "--threads", "1", "--splits", "2", "--out", str(folder)]
    return uncertainty.main([*options, *arguments])


@needs_jit
def test_a_run(tiny, tmp_path, capsys, monkeypatch):
    assert run(tmp_path) == 0
    out, err = capsys.readouterr()
    assert err == "mnist is left out: a model's probabilities are not there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    assert out.splitlines()[-4:] == [str(tmp_path / name) for name in NAMES]
    assert ET.parse(tmp_path / "uncertainty.svg").getroot().tag.endswith("svg")
    text = (tmp_path / "uncertainty.md").read_text()
    assert text.count(uncertainty_page.READ_OFF) == 2
    assert all(f"| {risk} | {hard} | {plain} |" in text for risk, hard, plain in FIGURE)

    ds = open_results(tmp_path / "uncertainty.nc")
    here = ds.sel(dataset="cifar10h", norm="l2", search="half spaces", gamma=GAMMA, alpha=0.3, seed=1)
    data = halves("cifar10h", 1, argparse.Namespace())
    train, test = (sample.subsample(100, 0) for sample in (data.train, data.test))
    search = uncertainty.HalfSpaceSearch(norm="l2", max_iter=0, gamma=GAMMA, epsilon=0.1, alpha=0.3, margin=0.05 * 0.3)
    region = search.fit(train).region_
    inside = region.contains(test)
    assert here["risk"].sel(split="test") == inside.mean()
    assert here["uncertainty"].sel(split="test") == test.uncertainty[inside].mean()
    assert here["uncertainty"].sel(split="train") >= GAMMA
    order = np.argsort(region.gap(test), kind="stable")
    assert here["uncertainty_at_alpha"] == pytest.approx(test.uncertainty[order[:30]].mean(), abs=1e-12)
    assert here["risk_at_alpha"] == 0.3
    assert 0 < here["gamma_certified"] < here["uncertainty_at_alpha"]
    hard = ds.sel(dataset="cifar10h", norm="l2", search=THEIRS, gamma=GAMMA, alpha=0.3, seed=0)
    placed = HardBalls(halves("cifar10h", 0, None).train.subsample(100, 0), "l2").place(Asked(0.1, 0.3, 0.05, GAMMA, 3))
    assert (hard["n_sets"], hard["n_repeated"]) == (placed.n_balls, placed.n_repeated)

    monkeypatch.setattr(uncertainty._Finder, "outcome", None)  # a second run searches for nothing
    assert run(tmp_path) == 0
    assert (tmp_path / "uncertainty.md").read_text() == text
    with pytest.raises(TypeError):  # as of these nothing is known yet
        run(tmp_path, "--mnist-probabilities", "there")


def test_what_is_not_allowed(tiny, tmp_path, capsys):
    for arguments, word in (
        (["--splits", "0"], "splits"),
        (["--datasets", "svhn"], "--datasets is 'svhn'"),
        (["--datasets", "mnist"], "none of mnist can be had"),
    ):
        assert run(tmp_path, *arguments) == 2
        assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_points_that_are_others_are_measured_anew():
    facts = {
        (name, 0): {
            split: {"n_points": 9.0, "data_sha256": name, "mean_uncertainty": 0.1} for split in ("train", "test")
        }
        for name in ("cifar10h", "mnist")
    }
    cases = [uncertainty.Case(name, "l2", THEIRS, 0.0, 0.1, 0) for name in ("cifar10h", "mnist")]
    outcome = {"seconds": 1.0, "n_sets": 2.0, "error": "", "risk": {"train": 0.1, "test": 0.2}}
    ds = uncertainty._lay_out(dict.fromkeys(cases, outcome), facts, dict.fromkeys(("cifar10h", "mnist"), "known"))
    assert uncertainty._facts_in(ds) == facts
    assert uncertainty._kept(ds, facts) == dict.fromkeys(cases, outcome)
    key = "cifar10h", 0
    assert uncertainty._kept(ds, {key: facts[key]}) == dict.fromkeys(cases, outcome)  # of others, all is kept
    others = {key: {split: told | {"data_sha256": "another"} for split, told in facts[key].items()}}
    assert list(uncertainty._kept(ds, others)) == cases[1:]


def test_mnist_has_the_uncertainty_of_a_model(tmp_path, monkeypatch):
    whole = replace(made(20, 3, 0), uncertainty=None, y=np.arange(20) % 10)
    data = Dataset("mnist", whole, whole, verified=True)
    monkeypatch.setattr(uncertainty, "load_dataset", lambda *_, **__: data)
    options = argparse.Namespace(data_dir=str(tmp_path), unverified_data=True, quiet=True, mnist_probabilities=None)
    refused(
        lambda: uncertainty.halves("mnist", 0, options),
        "a model's probabilities are not at",
        "mnist_test_model_probs.npy",
    )
    shares = np.full((20, 10), 0.04)
    shares[np.arange(20), np.arange(20) % 10] = 0.64
    (tmp_path / "mnist").mkdir()
    np.save(tmp_path / "mnist" / "mnist_test_model_probs.npy", shares)
    half = uncertainty.halves("mnist", 0, options)
    assert (len(half.train), len(half.test)) == (10, 10)
    assert np.allclose(half.train.uncertainty, 0.4, atol=1e-12)


# What is said


def curve(risks, adversarial, repeated):
    rows = [
        {"alpha": alpha, "seed": seed, "split": "test", "risk": risk + step, "adversarial_risk": worse + step}
        for alpha, (risk, worse) in enumerate(zip(risks, adversarial, strict=True))
        for seed, step in ((0, -0.01), (1, 0.01))
    ]
    rows += [{"alpha": a, "seed": s, "n_repeated": n * s} for a, n in enumerate(repeated) for s in (0, 1)]
    return assemble(rows)


def test_robustness_between_measured_risks():
    here = curve([0.05, 0.1, 0.2], [0.1, 0.2, 0.5], [0, 0, 0])
    assert uncertainty_page.robustness_at(here, 0.06) == pytest.approx(0.88)
    assert math.isnan(uncertainty_page.robustness_at(here, 0.21))
    again = curve([0.05, 0.1, 0.2], [0.1, 0.2, 0.5], [0, 1, 0])  # the middle one is left out
    assert uncertainty_page.robustness_at(again, 0.1) == pytest.approx(1 - 0.1 - 0.4 / 3)


def test_what_is_said_of_regions_at_one_risk():
    theirs = [Answer(0.05, GAMMA, THEIRS, 0.9, 0.11, 0.05), Answer(0.05, GAMMA, AS_NEEDED, 0.91, 0.1, 0.0625)]
    plain, hard = Answer(0.05, 0.1, "balls", 0.93, 0.12, 0.07), Answer(0.05, 0.25, "half spaces", 0.92, 0.18, 0.1)
    harder = Answer(0.05, 0.33, "faces", 0.905, 0.3, 0.25)
    said = uncertainty_page._against(theirs, [plain, hard, harder])
    assert "*half spaces*, γ = 0.25, with 0.9200 and 0.180" in said
    assert said.startswith("theirs have robustness 0.9100 and uncertainty 0.100")
    assert "none has 0.17" in uncertainty_page._against(theirs, [plain, harder])
    assert "none of this package's is more robust" in uncertainty_page._against(theirs, [harder])
    said = uncertainty_page._largest(theirs, [plain, hard, harder])
    assert "theirs 0.0625" in said
    assert "this package's 0.2500 (*faces*, γ = 0.33)" in said
