"""The paper's tables as commands, on small files in the true formats, and the paper's numbers."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.io
from conftest import lines, needs_jit

import numbaconc as nc
from numbaconc.cli import main as numbaconc_main
from numbaconc.experiments import commands
from numbaconc.experiments.published import TYPED, published
from numbaconc.results.files import open_results

pytestmark = pytest.mark.usefixtures("one_thread")

N_TRAIN, N_TEST = 300, 60
RISK_TITLES = {
    ("risk", "train"): "risk train",
    ("risk", "test"): "risk test",
    ("adversarial_risk", "train"): "adv. risk train",
    ("adversarial_risk", "test"): "adv. risk test",
}
# What the paper's Tables 1 and 4 print, as they print it: data set, ε, T, q, then the RISK_TITLES in order.
PRINTED_1 = [
    "mnist 0.1 5 0.662 | 1.22 ± 0.11 | 1.23 ± 0.12 | 3.65 ± 0.29 | 3.64 ± 0.30",
    "mnist 0.2 10 0.660 | 1.12 ± 0.13 | 1.11 ± 0.10 | 5.76 ± 0.38 | 5.89 ± 0.44",
    "mnist 0.3 10 0.629 | 1.12 ± 0.12 | 1.15 ± 0.13 | 7.34 ± 0.38 | 7.24 ± 0.38",
    "mnist 0.4 10 0.598 | 1.15 ± 0.09 | 1.21 ± 0.09 | 9.89 ± 0.57 | 9.92 ± 0.60",
    "cifar10 2/255 10 0.680 | 5.32 ± 0.21 | 5.72 ± 0.25 | 7.29 ± 0.20 | 8.13 ± 0.26",
    "cifar10 4/255 20 0.688 | 5.59 ± 0.25 | 6.05 ± 0.40 | 11.43 ± 0.24 | 13.66 ± 0.33",
    "cifar10 8/255 40 0.734 | 5.55 ± 0.21 | 5.94 ± 0.34 | 13.69 ± 0.19 | 18.13 ± 0.30",
    "cifar10 16/255 75 0.719 | 5.16 ± 0.25 | 5.28 ± 0.23 | 19.77 ± 0.22 | 28.83 ± 0.46",
]
PRINTED_4 = [
    "fashion_mnist 0.1 10 0.758 | 5.64 ± 0.78 | 5.92 ± 0.85 | 10.30 ± 0.72 | 11.56 ± 0.84",
    "fashion_mnist 0.2 10 0.726 | 5.79 ± 1.00 | 6.00 ± 1.02 | 13.44 ± 0.60 | 14.82 ± 0.71",
    "fashion_mnist 0.3 10 0.668 | 5.90 ± 0.94 | 6.13 ± 0.93 | 17.46 ± 0.53 | 18.87 ± 0.66",
    "svhn 0.01 10 0.812 | 5.21 ± 0.19 | 8.83 ± 0.30 | 6.08 ± 0.20 | 10.17 ± 0.29",
    "svhn 0.02 10 0.773 | 5.31 ± 0.12 | 8.86 ± 0.20 | 7.76 ± 0.12 | 12.46 ± 0.15",
    "svhn 0.03 10 0.750 | 5.15 ± 0.13 | 8.55 ± 0.22 | 8.88 ± 0.13 | 13.82 ± 0.25",
]


class Ran(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


def run_table(number, *arguments):
    """`python -m numbaconc.experiments.tableN ...`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    name = f"numbaconc.experiments.table{number}"
    sys.modules.pop(name, None)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        try:
            runpy.run_module(name, run_name="__main__")
        except SystemExit as left:
            return Ran(left.code or 0, out.getvalue(), err.getvalue())
    pytest.fail("the command ends without an exit status")


def blobs(n, d, seed):
    """Images in a few blobs, some of them with pixels astray."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(1).integers(60, 196, (8, d))
    X = middles[rng.integers(0, 8, n)] + rng.integers(-20, 21, (n, d))
    astray = rng.random((n, d)) < rng.choice([0, 0.001], (n, 1))
    X[astray] = rng.integers(0, 256, astray.sum())
    return X.astype(np.uint8)


def write_idx(folder, seed):
    folder.mkdir(parents=True)
    X = blobs(N_TRAIN + N_TEST, 784, seed)
    for name, images in (("train", X[:N_TRAIN]), ("t10k", X[N_TRAIN:])):
        header = b"\x00\x00\x08\x03" + struct.pack(">III", len(images), 28, 28)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
    return X[:N_TRAIN], X[N_TRAIN:]


def write_cifar10(folder):
    folder.mkdir(parents=True)
    X = blobs(N_TRAIN + N_TEST, 3072, 2)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for name, images in zip(names, np.split(X, range(60, 301, 60)), strict=True):
        (folder / name).write_bytes(np.hstack([np.zeros((len(images), 1), np.uint8), images]).tobytes())
    return X[:N_TRAIN], X[N_TRAIN:]


def write_svhn(folder):
    folder.mkdir(parents=True)
    X = blobs(N_TRAIN + N_TEST, 3072, 3)
    for name, images in (("train", X[:N_TRAIN]), ("test", X[N_TRAIN:])):
        scipy.io.savemat(folder / f"{name}_32x32.mat", {"X": np.moveaxis(images.reshape(-1, 32, 32, 3), 0, 3)})
    return X[:N_TRAIN], X[N_TRAIN:]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBACONC_DATA_DIR", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


@pytest.fixture(scope="module")
def sets(data_dir):
    """All four data sets on disk, none of them the published one."""
    return {
        "mnist": write_idx(data_dir / "mnist", 0),
        "fashion_mnist": write_idx(data_dir / "fashion_mnist", 1),
        "cifar10": write_cifar10(data_dir / "cifar10"),
        "svhn": write_svhn(data_dir / "svhn"),
    }


@pytest.fixture(scope="module")
def tables(sets, data_dir, tmp_path_factory):
    """Both tables, run with three restarts: what was said, and where the files are."""
    made = {}
    for number in (1, 4):
        out = tmp_path_factory.mktemp("out") / "new"
        options = ["--data-dir", data_dir, "--unverified-data", "--restarts", 3, "--seed", 2, "--out", out, "--quiet"]
        made[number] = run_table(number, *options), out
        assert made[number][0].status == 0, made[number][0].err
    return made


def read_page(text):
    """Rows of a Markdown table: a list of (ours, paper's) for each risk, by (data set, ε, T, q)."""
    table = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    header, _, *rows = table
    column = {title: header.index(title) for title in ("data set", "ε", "T", "q", *RISK_TITLES.values(), "off by")}
    page = {}
    for row in rows:
        key = tuple(row[column[title]] for title in ("data set", "ε", "T", "q"))
        assert all(header[column[title] + 1] == "paper" for title in RISK_TITLES.values())
        page[key] = {cell: (row[column[t]], row[column[t] + 1]) for cell, t in RISK_TITLES.items()}
        page[key]["off by"] = row[column["off by"]]
    return page


@needs_jit
@pytest.mark.parametrize(("number", "printed"), [(1, PRINTED_1), (4, PRINTED_4)])
def test_the_paper_stands_beside_as_printed(tables, number, printed):
    page = read_page((tables[number][1] / f"table{number}.md").read_text(encoding="utf-8"))
    assert [
        " ".join(key) + " | " + " | ".join(row[cell][1] for cell in RISK_TITLES)
        for key, row in page.items()
        if key[1] not in TYPED.values()
    ] == printed


@needs_jit
def test_rows_at_epsilon_as_typed(tables):
    """A strength a little below k/255 is the same clustering, with points at exactly k levels in the region."""
    ds = open_results(tables[1][1] / "table1.nc")
    page = read_page((tables[1][1] / "table1.md").read_text(encoding="utf-8"))
    typed = [key for key in page if key[1] in TYPED.values()]
    assert len(typed) == 3
    for name, epsilon, n_sets, q in typed:
        (fraction,) = (text for text, decimal in TYPED.items() if decimal == epsilon)
        assert 0 < nc.parse_epsilon(fraction) * 255 - float(epsilon) * 255 < 0.002
        here = ds.sel(dataset=name, T=int(n_sets), q=float(q))
        below, exact = here.sel(epsilon=float(epsilon)), here.sel(epsilon=nc.parse_epsilon(fraction))
        assert (below["adversarial_risk"] == exact["adversarial_risk"]).all()
        assert (below["risk"] >= exact["risk"]).all()
        assert page[name, epsilon, n_sets, q]["off by"].endswith("σ")


@needs_jit
@pytest.mark.parametrize("number", [1, 4])
def test_the_page_is_the_file_s_numbers(tables, number):
    """Mean ± population standard deviation, per cent, and the largest distance in published deviations."""
    ran, folder = tables[number]
    assert {path.name for path in folder.iterdir()} == {f"table{number}.md", f"table{number}.nc"}
    text = (folder / f"table{number}.md").read_text(encoding="utf-8")
    ds = open_results(folder / f"table{number}.nc")
    assert ds["seed"].values.tolist() == [2, 3, 4]
    page = read_page(text)
    assert len(page) == ds["risk"].sel(seed=2, split="test").notnull().sum()
    for (name, epsilon, n_sets, q), row in page.items():
        at = {"dataset": name, "T": int(n_sets), "q": float(q), "epsilon": nc.parse_epsilon(epsilon)}
        distances = []
        for (quantity, split), (ours, paper) in ((cell, row[cell]) for cell in RISK_TITLES):
            values = 100 * ds[quantity].sel(at | {"split": split}).values
            assert values.shape == (3,)
            assert ours == f"{values.mean():.2f} ± {values.std():.2f}"
            mean, deviation = map(float, paper.split(" ± "))
            distances.append(abs(values.mean() - mean) / deviation)
        assert row["off by"] == f"{max(distances):.1f} σ"
    assert text.split("\n", 2)[2].strip() in ran.out
    assert ran.err == ""


@needs_jit
@pytest.mark.parametrize(
    ("number", "name", "epsilon", "n_sets", "q"),
    [
        (1, "mnist", 0.1, 5, 0.662),
        (1, "cifar10", "16/255", 75, 0.719),
        (4, "fashion_mnist", 0.3, 10, 0.668),
        (4, "svhn", 0.02, 10, 0.773),
    ],
)
def test_the_numbers_are_those_of_the_papers_setting(tables, sets, number, name, epsilon, n_sets, q):
    """k = 50 with the point itself, mean centers: one covering a seed."""
    ds = open_results(tables[number][1] / f"table{number}.nc")
    train, test = sets[name]
    here = ds.sel(dataset=name, epsilon=nc.parse_epsilon(epsilon), T=n_sets, q=q)
    train = nc.as_sample(train)  # it keeps the radii
    search = nc.RectangleSearch(n_sets=n_sets, q=q, n_neighbors=50, epsilon=epsilon, alpha=0.05)
    for seed in (2, 3, 4):
        region = search.set_params(seed=seed).fit(train).region_
        for split, X in (("train", train), ("test", test)):
            m = region.measure(X, epsilon)
            assert here["risk"].sel(seed=seed, split=split).item() == m.risk
            assert here["adversarial_risk"].sel(seed=seed, split=split).item() == m.adversarial_risk
    assert here["adversarial_risk"].max() > 0, "the data no longer make the point"


@needs_jit
def test_the_file_is_in_the_schema(tables):
    ds = open_results(tables[1][1] / "table1.nc")
    assert ds["risk"].dims == ("dataset", "epsilon", "T", "q", "seed", "split")
    assert ds["dataset"].values.tolist() == ["mnist", "cifar10"]
    assert ds["n_points"].sel(split="train").values.tolist() == [N_TRAIN] * 2
    assert ds["alpha"].sel(dataset="mnist") == 0.01
    assert ds["alpha"].sel(dataset="cifar10") == 0.05
    mean = ds.sel(dataset="cifar10").sel(epsilon=8 / 255, method="nearest").mean("seed")
    assert mean["risk"].sel(T=40, q=0.734, split="test").notnull()
    assert "mnist: NOT the published contents" in ds.attrs["data_verified"]
    assert "cifar10: NOT the published contents" in ds.attrs["data_verified"]
    assert "--unverified-data --restarts 3" in ds.attrs["command"]
    assert "max_train" not in ds.attrs


@needs_jit
def test_the_page_says_whose_data_they_are(tables):
    for number in (1, 4):
        text = (tables[number][1] / f"table{number}.md").read_text(encoding="utf-8")
        assert "NOT the published contents" in text
        assert "3 restarts" in text
        assert "quick" not in text


@needs_jit
def test_show_prints_a_table_s_file(tables):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert numbaconc_main(["show", str(tables[1][1] / "table1.nc")]) == 0
    assert "mnist, ℓ∞ ε = 0.3 on the scale of [0, 1], α = 0.01, T = 10, q = 0.629, 3 restarts" in out.getvalue()
    assert "cifar10, ℓ∞ ε = 8/255 on the scale of [0, 1], α = 0.05, T = 40, q = 0.734, 3 restarts" in out.getvalue()
    assert "nan" not in out.getvalue()


@needs_jit
def test_one_data_set_asked_for(sets, data_dir):
    options = ["--data-dir", data_dir, "--unverified-data", "--restarts", 1]
    ran = run_table(1, "--datasets", "cifar10", *options)
    assert ran.status == 0
    assert {key[0] for key in read_page(Path("table1.md").read_text(encoding="utf-8"))} == {"cifar10"}
    assert open_results("table1.nc")["seed"].values.tolist() == [0]


@needs_jit
def test_a_data_set_that_cannot_be_had_is_named_and_left_out(sets, data_dir, tmp_path):
    some = tmp_path / "some"
    some.mkdir()
    (some / "mnist").symlink_to(data_dir / "mnist")
    ran = run_table(1, "--data-dir", some, "--unverified-data", "--restarts", 1)
    assert ran.status == 0
    said = [line for line in lines(ran.err) if "left out" in line]
    assert len(said) == 1
    assert said[0].startswith("cifar10 is left out: ")
    assert {key[0] for key in read_page(ran.out)} == {"mnist"}
    assert open_results("table1.nc")["dataset"].values.tolist() == ["mnist"]


@needs_jit
def test_quick_is_said_and_reduced(sets, data_dir, monkeypatch):
    """As much data and as many restarts as fit in a minute."""
    assert commands.QUICK_TRAIN < 60000
    monkeypatch.setattr(commands, "QUICK_TRAIN", 200)
    ran = run_table(1, "--quick", "--data-dir", data_dir, "--unverified-data", "--seed", 5)
    assert ran.status == 0
    ds = open_results("table1.nc")
    assert ds["n_points"].sel(split="train").values.tolist() == [200, 200]
    assert 1 < ds.sizes["seed"] < 10
    assert ds.attrs["max_train"] == 200
    assert "quick" in Path("table1.md").read_text(encoding="utf-8")
    train, test = sets["mnist"]
    search = nc.RectangleSearch(n_sets=5, q=0.662, seed=5, epsilon=0.1, alpha=0.01)
    region = search.fit(nc.as_sample(train).subsample(200, 0)).region_
    at = {"dataset": "mnist", "epsilon": 0.1, "T": 5, "q": 0.662, "seed": 5, "split": "test"}
    assert ds["adversarial_risk"].sel(at) == region.measure(test, 0.1).adversarial_risk


def refused(number, *arguments):
    """Run what must fail: status 2 and nothing written; return what was said."""
    before = sorted(Path().rglob("*"))
    ran = run_table(number, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert sorted(Path().rglob("*")) == before
    return lines(ran.err)


def test_none_can_be_had():
    first, second, last = refused(1, "--data-dir", "nowhere")
    assert first.startswith("mnist is left out: data set 'mnist' is not on disk")
    assert second.startswith("cifar10 is left out: data set 'cifar10' is not on disk")
    assert last == "table1: error: none of mnist, cifar10 can be had"


def test_none_can_be_had_and_no_folder_is_made():
    refused(4, "--data-dir", "nowhere", "--out", "new")


def test_data_that_are_not_the_published_ones(sets, data_dir):
    """Named with both hashes, and left out, unless asked for."""
    said = refused(1, "--datasets", "mnist", "--data-dir", data_dir)
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", said[0]))) == 2
    assert "mnist is left out" in said[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--datasets", "svhn"], ["datasets", "'svhn'", "mnist, cifar10"]),
        (["--datasets", "mnist", "cifar"], ["datasets", "'cifar'", "did you mean 'cifar10'"]),
        (["--restarts", "0"], ["restarts", "0", "at least 1"]),
        (["--restarts", "many"], ["restarts", "'many'"]),
        (["--out", "file"], ["'file/table1.nc'", "cannot be written"]),
        (["--fast"], ["--fast"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_bad_arguments(arguments, says):
    Path("file").touch()
    (line,) = refused(1, *arguments)
    assert all(words in line for words in says), line


@needs_jit
@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--seed", "-1"], ["seed", "-1", "at least 0"]), (["--threads", "0"], ["threads", "0", "from 1"])],
)
def test_bad_arguments_that_need_the_data(sets, data_dir, arguments, says):
    """Of what cannot be used nothing is left, and an old table stays."""
    Path("table1.nc").write_bytes(b"old")
    Path("table1.md").write_bytes(b"old")
    (line,) = refused(1, *arguments, "--data-dir", data_dir, "--unverified-data", "--quick")
    assert all(words in line for words in says), line
    assert (Path("table1.nc").read_bytes(), Path("table1.md").read_bytes()) == (b"old", b"old")


def test_the_command_itself(tmp_path):
    """Its exit status reaches the shell."""
    kept = {name: value for name, value in os.environ.items() if name != "NUMBACONC_DATA_DIR"}
    done = subprocess.run(
        [sys.executable, "-m", "numbaconc.experiments.table4", "--data-dir", "nowhere"],
        env=kept | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "table4: error: none of fashion_mnist, svhn can be had"


# The paper's numbers


@pytest.mark.parametrize(("number", "printed"), [(1, PRINTED_1), (4, PRINTED_4)])
def test_tables_1_and_4_are_all_there(number, printed):
    rows = []
    for row in published(number):
        values = [f"{row.values[cell][0]:.2f} ± {row.values[cell][1]:.2f}" for cell in RISK_TITLES]
        rows.append(f"{row.dataset} {row.epsilon_text} {row.n_sets} {row.q:.3f} | " + " | ".join(values))
        assert (row.table, row.norm, row.method) == (number, "linf", "rectangles")
        assert row.alpha == (0.01 if row.dataset == "mnist" else 0.05)
    assert rows == printed


def test_epsilon_as_a_fraction():
    assert [row.epsilon for row in published(1)] == [0.1, 0.2, 0.3, 0.4, 2 / 255, 4 / 255, 8 / 255, 16 / 255]


def test_what_is_not_printed_is_none():
    madry = published(2)[0]
    assert (madry.dataset, madry.method, madry.epsilon) == ("mnist", "madry2018", 0.3)
    assert (madry.alpha, madry.n_sets, madry.q) == (None, None, None)
    assert madry.values == {("risk", "test"): (1.2, None), ("adversarial_risk", "test"): (10.7, None)}


def test_a_few_rows_of_the_other_tables():
    assert [len(published(number)) for number in range(1, 6)] == [8, 6, 12, 6, 12]
    rectangles = published(2)[-1]
    assert (rectangles.dataset, rectangles.alpha, rectangles.n_sets) == ("cifar10", 0.127, 40)
    assert rectangles.values["adversarial_risk", "test"] == (29.21, 0.35)
    hyperplane = published(3)[2]
    assert (hyperplane.method, hyperplane.norm, hyperplane.epsilon) == ("hyperplane", "l2", 4.74)
    assert hyperplane.values == {("risk", "test"): (1.18, None), ("adversarial_risk", "test"): (23.4, None)}
    last = published(5)[-1]
    assert (last.dataset, last.method, last.epsilon, last.n_sets) == ("svhn", "balls", 0.9381, 10)
    assert last.values == {
        ("risk", "train"): (5.0, None),
        ("risk", "test"): (7.56, None),
        ("adversarial_risk", "train"): (5.96, None),
        ("adversarial_risk", "test"): (8.94, None),
    }


def test_there_is_no_table_6():
    assert published(6) == []


@needs_jit
@pytest.mark.usefixtures("sets")
def test_rows_of_one_search_alone(data_dir):
    """Table 2 has rectangles alone on CIFAR-10: q is a dimension then, which was searched."""
    options = ["--data-dir", data_dir, "--unverified-data", "--restarts", 2, "--quiet", "--out", "alone"]
    ran = run_table(2, "--datasets", "cifar10", *options)
    assert ran.status == 0, ran.err
    ds = nc.open_results("alone/table2.nc")
    assert ds["dataset"].values.tolist() == ["cifar10"]
    assert ds["risk"].notnull().any()
    rows = [
        line for line in Path("alone/table2.md").read_text(encoding="utf-8").splitlines() if "| rectangles |" in line
    ]
    assert len(rows) == 2
    assert all(re.search(r"\| \d\.\d{3} \|", row) for row in rows)  # q is printed


@pytest.fixture(scope="module")
def l2_tables(sets, data_dir, tmp_path_factory):
    """Tables 2, 3 and 5 on small MNIST and CIFAR-10: the page's cells by (data set, method, ε), and the file."""
    made = {}
    for number in (2, 3, 5):
        out = tmp_path_factory.mktemp("l2")
        options = [
            "--data-dir",
            data_dir,
            "--unverified-data",
            "--out",
            out,
            "--quiet",
            "--datasets",
            "mnist",
            "cifar10",
        ]
        ran = run_table(number, *options, *(["--restarts", 2, "--seed", 5] if number == 2 else []))
        assert ran.status == 0, ran.err
        page = (out / f"table{number}.md").read_text(encoding="utf-8")
        header, _, *rows = [
            [cell.strip() for cell in line[1:-1].split("|")] for line in page.splitlines() if "|" in line
        ]
        cells = {tuple(row[i] for i in (0, 1, 3)): dict(zip(header, row, strict=True)) for row in rows}
        made[number] = cells, open_results(out / f"table{number}.nc")
        if number == 2:
            made["searches for q"] = page, open_results(out / "table2-q.nc")
    return made


@needs_jit
def test_balls_are_the_search_s(l2_tables, sets):
    page, ds = l2_tables[5]
    assert set(ds["risk"].dims) == {"dataset", "epsilon", "T", "split"}
    assert len(page) == 6
    for (name, n_sets, alpha, delta), epsilons in (
        (("mnist", 20, 0.01, 0.25), ("1.58", "3.16", "4.74")),
        (("cifar10", 5, 0.05, 0.0), ("0.2453", "0.4905", "0.9810")),
    ):
        train, test = sets[name]
        for epsilon in epsilons:
            search = nc.BallSearch(n_sets=n_sets, delta=delta, epsilon=epsilon, alpha=alpha)
            region = search.fit(train).region_
            row = page[name, "balls", epsilon]
            for split, X in (("train", train), ("test", test)):
                m = region.measure(X, epsilon)
                here = ds.sel(dataset=name, epsilon=float(epsilon), T=n_sets, split=split)
                assert (here["risk"], here["adversarial_risk"]) == (m.risk, m.adversarial_risk)
                assert row[f"adv. risk {split}"] == f"{100 * m.adversarial_risk:.2f}"
            assert row["off by"].endswith("pp")


@needs_jit
def test_two_searches_stand_side_by_side(l2_tables, sets):
    page, ds = l2_tables[3]
    assert ds["search"].values.tolist() == ["hyperplane", "balls"]
    for epsilon in ("1.58", "3.16", "4.74"):
        region = nc.HyperplaneSearch(epsilon=epsilon, alpha=0.01).fit(sets["mnist"][0]).region_
        m = region.measure(sets["mnist"][1], epsilon)
        here = ds.sel(search="hyperplane", dataset="mnist", T=1, epsilon=float(epsilon), split="test")
        assert (here["risk"], here["adversarial_risk"]) == (m.risk, m.adversarial_risk)
        assert page["mnist", "hyperplane", epsilon]["risk test"] == f"{100 * m.risk:.2f}"
    assert "q" in page["mnist", "balls", "1.58"]
    assert ds["alpha"].sel(search="balls").values.tolist() == [0.01, 0.05]


@needs_jit
def test_trained_classifiers_stand_beside_regions(l2_tables):
    page, ds = l2_tables[2]
    assert page["mnist", "madry2018", "0.3"]["risk test"] == ""
    assert page["mnist", "madry2018", "0.3"]["adv. risk test"] == ""
    row = page["mnist", "rectangles", "0.3"]
    here = ds.sel(search="rectangles", dataset="mnist", epsilon=0.3, T=10)
    assert here["seed"].values.tolist() == [5, 6]
    assert row["q"] == f"{float(here['q_found']):.3f}"
    assert float(here["alpha"]) == 0.012
    assert (here["risk"].sel(split="train", seed=5) >= 0.012).all()  # the q of the search with the first seed
    values = 100 * here["risk"].sel(split="test").values
    assert row["risk test"] == f"{values.mean():.2f} ± {values.std():.2f}"
    balls = ds["risk"].sel(search="balls", dataset="mnist", epsilon=1.5, T=20, split="test")
    assert balls.notnull().values.tolist() == [True, False]


@needs_jit
def test_where_q_is_searched_the_spread_over_seeds_is_told(l2_tables, sets):
    """Each seed with a q of its own; the restarts of the table are at that of the first."""
    page, searched = l2_tables["searches for q"]
    cells, ds = l2_tables[2]
    assert {key: row["off by"][-1] for key, row in cells.items() if key[1] == "rectangles"} == {
        ("mnist", "rectangles", "0.3"): "†",
        ("cifar10", "rectangles", "8/255"): "†",
        ("cifar10", "rectangles", "0.03137"): "†",
    }
    here = searched.sel(dataset="mnist", epsilon=0.3, T=10)
    train, test = sets["mnist"]
    for seed in (5, 6):
        found = nc.RectangleSearch(n_sets=10, seed=seed, epsilon=0.3, alpha=0.012).fit(train)
        assert here["q_found"].sel(seed=seed) == found.q_
        on_test = found.region_.measure(test, 0.3)
        assert here["adversarial_risk"].sel(seed=seed, split="test") == on_test.adversarial_risk
    assert here["q_found"].sel(seed=5) == ds["q_found"].sel(search="rectangles", dataset="mnist", epsilon=0.3, T=10)
    (line,) = (line for line in page.splitlines() if line.startswith("- mnist, α = 0.012, ε = 0.3: "))
    values = 100 * here["adversarial_risk"].sel(split="test").values
    spread = f"{values.min():.2f} to {values.max():.2f} ({values.mean():.2f} ± {values.std():.2f})"
    assert f"adv. risk {spread}" in line
    risk = 100 * here["risk"].sel(split="test").values.mean()
    assert line.endswith(f"by {max(abs(values.mean() - 8.28) / 0.22, abs(risk - 1.35) / 0.08):.1f} σ.")
    assert page.count("†") == 4
