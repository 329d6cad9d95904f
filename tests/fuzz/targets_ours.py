"""The readers of what numbaconc itself writes, and of grids."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from random import Random

import numpy as np

import numbaconc as nc
from fuzz import ours
from fuzz.targets import Target
from numbaconc.density import knn_radii
from numbaconc.results.layout import Case, check_alike, lay_out
from numbaconc.search.run import Run
from numbaconc.show.words import describe
from numbaconc.sweep.grid import load_grid, read_grid
from numbaconc.sweep.journal import Journal

POINTS = np.random.default_rng(0).integers(0, 256, (40, 3)).astype(np.uint8)


class result(Target):
    suffix = ".nc"

    def prepare(self) -> None:
        with contextlib.chdir(self.folder):
            data = {"one": (POINTS[:30], POINTS[30:])}
            grid = {"dataset": "one", "epsilon": [0.1, 0.2], "alpha": 0.2, "search": "hyperplane"}
            nc.run_sweep(grid, "sweep.nc", progress=False, data=data)
            grid = {"dataset": "one", "epsilon": 0.2, "alpha": [0.1, 0.2], "T": [1, 2], "q": 0.8, "seed": [0, 1]}
            nc.run_sweep(grid | {"n_neighbors": 3}, "boxes.nc", progress=False, data=data)
            nc.save_results(nc.measure("faces", POINTS[:30], POINTS[30:], epsilon=0.2, alpha=0.2, n_sets=2), "one.nc")
        self.examples = [(self.folder / f"{name}.nc").read_bytes() for name in ("sweep", "boxes", "one")]
        self.found = [ours.declared(self.examples[0], self.folder), ours.scaled(self.examples[0], self.folder)]
        self.found += ours.misplaced(self.examples[0], self.folder)

    def make(self, rng: Random) -> bytes:
        return ours.netcdf(rng.choice(self.examples), rng, self.folder)

    def read(self) -> None:
        assert isinstance(describe(nc.open_results(self.path)), str)


class region(Target):
    suffix = ".nc"

    def prepare(self) -> None:
        boxes = nc.RectangleComplement(
            [[0.1, 0.1, 0.1], [0.5, -np.inf, 0]], [[0.5, 0.5, 0.9], [0.6, np.inf, 1]], epsilon=0.1
        )
        balls, half = nc.BallUnion([[0.1, 0.2, 0.3]], [0.2]), nc.HalfSpace([1.0, 0.0, 0.5], 0.2)
        for one in (boxes, balls, half):
            one.save(self.path)
            self.examples.append(self.path.read_bytes())
        self.found = [ours.declared(self.examples[1], self.folder), ours.scaled(self.examples[1], self.folder)]

    def make(self, rng: Random) -> bytes:
        return ours.netcdf(rng.choice(self.examples), rng, self.folder)

    def read(self) -> None:
        found = nc.load_region(self.path)
        assert isinstance(repr(found), str)
        measured = found.measure(POINTS, 0.1)
        assert 0 <= measured.risk <= measured.adversarial_risk <= 1


class Stop(Exception):
    pass


class checkpoint(Target):
    suffix = ".npz"

    def prepare(self) -> None:
        from numbaconc.search import greedy

        self.sample = nc.as_sample(POINTS)
        self.search = nc.BallSearch(n_sets=4, epsilon=0.05, alpha=0.4).checked()
        self.run = Run(self.search, self.sample, nc.How(progress=False))
        saves: list[dict] = []

        def keeping(*args):
            saves.append({name: np.array(one) for name, one in packed(*args).items()})  # the search goes on in place
            return saves[-1]

        packed, greedy.packed, every, greedy.SAVE_EVERY = greedy.packed, keeping, greedy.SAVE_EVERY, -1.0
        self.whole = self.run.find(self.search.goal(), self.path)
        greedy.packed, greedy.SAVE_EVERY = packed, every
        counting = saves[0] | {"rounds_counted": np.array(0), "counts": np.zeros((40, 9), np.int32)}
        self.states = [counting, *saves]
        self.examples = [ours._stored(one, ours.Stored()) for one in saves]

    def make(self, rng: Random) -> bytes:
        return ours.state(rng.choice(self.states), rng)

    def read(self) -> None:
        found = self.run.find(self.search.goal(), self.path)
        assert 16 <= found.attributes["covered"][-1] <= 40
        assert (found.region.center_indices >= 0).all()


class radii(Target):
    suffix = ".npz"

    def prepare(self) -> None:
        self.expected = knn_radii(POINTS, 5, cache_dir=self.folder)
        (self.path,) = (self.folder / "radii").iterdir()
        self.examples = [self.path.read_bytes()]
        with np.load(self.path) as kept:
            self.arrays = dict(kept)

    def make(self, rng: Random) -> bytes:
        return ours.radii(self.arrays, rng)

    def read(self) -> None:
        found = knn_radii(POINTS, 5, cache_dir=self.folder)
        assert found.shape == (40,)
        assert found.dtype == np.float64
        assert np.isfinite(found).all()
        assert (found >= 0).all()


class journal(Target):
    suffix = ".nc.journal"

    def prepare(self) -> None:
        self.out = self.folder / "file.nc"
        place = (("T", 2), ("q", 0.8), ("seed", 0))
        fact = {"data_sha256": "0" * 64, "n_points": 30}
        with Journal(self.out) as one:
            one.identity = {
                "settings": {"norm": "linf"},
                "searches": {"rectangles": {"margin": 0.0}},
                "data": {"one": {"train": fact, "test": fact}},
            }
            outcome = {
                "risk": {"train": 0.5, "test": 0.4},
                "adversarial_risk": {"train": 0.6, "test": 0.5},
                "vc_dimension": 6,
            }
            one.add([(Case("rectangles", 0.2, "one", 0.1, place), outcome, 0.1)])
            one.add([(Case("rectangles", 0.2, "one", 0.2, place), {"error": "odd"}, 0.1)])
            connection = one._connection
            connection.execute("pragma journal_mode = delete")
        self.examples = [self.path.read_bytes()]
        for change in ours.JOURNALS:
            with contextlib.closing(sqlite3.connect(self.path)) as edited, edited:
                edited.execute(change)
            self.found.append(self.path.read_bytes())
            self.path.write_bytes(self.examples[0])

    def make(self, rng: Random) -> bytes:
        return ours.journal(self.examples[0], rng, self.folder)

    def read(self) -> None:
        for leftover in ("-wal", "-shm", "-journal"):
            Path(f"{self.path}{leftover}").unlink(missing_ok=True)
        with Journal(self.out) as one:
            finished, identity, seconds = one.checked(), one.identity, one.seconds
        assert np.isfinite(seconds)
        if not finished or identity is None:
            return
        check_alike(finished)
        ds = lay_out(finished, identity["data"])
        for name in ("risk", "adversarial_risk"):
            values = ds[name].values
            assert (((values >= 0) & (values <= 1)) | np.isnan(values)).all()


class toml(Target):
    suffix = ".toml"

    def prepare(self) -> None:
        self.examples = [
            ours.GOOD_GRID.encode(),
            ours.GOOD_GRID.encode("utf-8-sig"),
            ours.GOOD_GRID.replace("\n", "\r\n").encode(),
        ]
        nested = [
            "a=" + "[" * 30000,
            "a=" + "[" * 3000 + "]" * 3000,
            "a=" + "{a=" * 2000 + "1" + "}" * 2000,
            "seed=" + "9" * 5000,
        ]
        nested += [".".join("a" * 5000) + "=1", "grid." + ".".join("a" * 5000) + "=1"]
        axis = ", ".join(map(str, range(1, 300)))
        nested.append(
            f'dataset = "digits"\nepsilon = "1/16"\nT = [{axis}]\nseed = [{axis}]\nmax_iter = 3\nq = [{axis}]'.replace(
                "q = [1, ", "q = ["
            )
        )
        self.found = [text.encode() for text in nested]

    def make(self, rng: Random) -> bytes:
        return ours.toml(rng)

    def read(self) -> None:
        grid = read_grid(load_grid(self.path))
        assert 0 < len(grid.cases) <= 100_000
        json.dumps([list(case) for case in grid.cases])
