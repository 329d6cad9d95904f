"""Tensors of PyTorch, in Python and in files, arrays of JAX, frames of polars: read as the numbers that they hold, or refused."""

from __future__ import annotations

import sys
import types
import zipfile

import numpy as np
import pytest
from conftest import refused

import numbaconc as nc
from numbaconc.data.arrays import as_sample

pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")

RNG = np.random.default_rng(62)
BYTES = RNG.integers(0, 256, (40, 3, 5, 4)).astype(np.uint8)
NOISE = RNG.normal(size=(40, 6)).astype(np.float32)
Y = np.arange(40) % 3


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


class WithSign:
    """A tensor of another library, whose numbers are to be turned, detached and brought here before NumPy may have them."""

    def __init__(self, X, steps=("detach", "cpu", "resolve_neg")):
        self.X, self.steps = X, steps
        self.shape, self.dtype = X.shape, X.dtype
        for name in steps:
            setattr(self, name, lambda name=name: WithSign(X, [one for one in steps if one != name]))

    def __array__(self, dtype=None, copy=None):
        if self.steps:
            raise RuntimeError(self.steps)
        return self.X


def test_whatever_a_tensor_asks_for_is_done():
    assert as_sample(WithSign(NOISE)) == as_sample(NOISE)
    assert as_sample([WithSign(row) for row in NOISE]) == as_sample(NOISE)


def test_tensors(torch):
    floats, short = torch.tensor(NOISE), torch.tensor(NOISE).bfloat16()
    for tensor, array in (
        (floats.requires_grad_(), NOISE),
        (torch.nn.Parameter(floats.detach()), NOISE),
        (floats.half(), NOISE.astype(np.float16)),
        (short, short.float().numpy()),
        (short.clone().requires_grad_(), short.float().numpy()),
        (list(floats), NOISE),
        (list(short), short.float().numpy()),
        (floats.detach()._neg_view(), -NOISE),
        (floats.detach().T.contiguous().T, NOISE),
        (torch.tensor(BYTES), BYTES),
        (torch.tensor(BYTES).contiguous(memory_format=torch.channels_last), BYTES),
        (torch.tensor(BYTES).permute(0, 2, 3, 1), np.moveaxis(BYTES, 1, -1)),
        (floats > 0, NOISE > 0),
    ):
        assert as_sample(tensor) == as_sample(array)


def test_a_sample_is_a_tensor_again(torch):
    images = torch.tensor(BYTES.reshape(-1, 3, 4))
    for make in (torch.as_tensor, torch.tensor, torch.from_dlpack):
        assert torch.equal(make(as_sample(images)), images)
    tensor = torch.as_tensor(sample := as_sample(NOISE))
    assert np.array_equal(tensor, np.asarray(sample))
    tensor += 1  # a copy
    assert sample == as_sample(NOISE)


def test_tensors_that_cannot_be_points(torch):
    floats = torch.tensor(NOISE)
    refused(lambda: as_sample(torch.zeros((0, 4))), "shape (0, 4)")
    refused(lambda: as_sample(torch.zeros((4, 0))), "shape (4, 0)")
    refused(lambda: as_sample(floats.to_sparse()), "sparse Tensor of shape (40, 6)", "960 bytes", "X.to_dense()")
    refused(lambda: as_sample(torch.zeros((5, 4), device="meta")), "no data")
    refused(lambda: as_sample(floats.to(torch.complex64)), "complex64")


def test_normalized_tensors(torch):
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (torch.tensor(BYTES).float() / 255 - mean[:, None, None]) / std[:, None, None]
    assert as_sample(pixels, normalize=(mean, std)) == as_sample(BYTES)
    assert as_sample(pixels.half(), normalize=(mean, std)) == as_sample(BYTES)
    refused(lambda: as_sample(pixels.bfloat16(), normalize=(mean, std)), "which makes", "rounded to bfloat16")


def test_arrays_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    short = jnp.array(NOISE).astype(jnp.bfloat16)
    for array, same in (
        (jnp.array(NOISE), NOISE),
        (jnp.array(BYTES), BYTES),
        (short, np.asarray(short.astype("float32"))),
    ):
        assert as_sample(array) == as_sample(same)
    refused(lambda: as_sample(jnp.zeros((0, 4))), "shape (0, 4)")


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(NOISE, schema=list("abcdef"))
    assert as_sample(frame).space.columns == tuple("abcdef")
    assert as_sample(frame).sha256 == as_sample(NOISE).sha256
    refused(lambda: nc.measure("faces", frame, frame[list("fabcde")], epsilon=0.1, alpha=0.1), "'f'", "'a'")
    refused(lambda: as_sample(frame.lazy()), "LazyFrame", "X.collect()")
    refused(lambda: as_sample(frame.with_columns(a=pl.lit("x"))), "'x' in column 'a'")
    refused(lambda: as_sample(frame.with_columns(a=None)), "a")


def test_masked_arrays():
    assert as_sample(np.ma.masked_array(NOISE, mask=np.zeros(NOISE.shape, bool))) == as_sample(NOISE)
    assert as_sample(list(np.ma.masked_array(NOISE))) == as_sample(NOISE)
    refused(lambda: as_sample(np.ma.masked_array(NOISE, mask=NOISE > 1)), "masked values of 240")


def test_whole_numbers_and_booleans():
    for array in (NOISE > 0, (NOISE > 0).astype(int)):
        assert as_sample(array).domain == (0, 1)
    with pytest.warns(nc.UnitWarning, match="give X / 16"):
        as_sample(RNG.integers(0, 17, (40, 6)))


# Files


@pytest.fixture
def reference(tmp_path):
    np.savez(tmp_path / "both.npz", X_train=BYTES[:30], X_test=BYTES[30:], y_train=Y[:30], y_test=Y[30:])
    return nc.load_dataset(tmp_path / "both.npz")


def test_files_of_tensors(torch, tmp_path, reference):
    path, X, y = tmp_path / "a.pt", torch.tensor(BYTES), torch.tensor(Y)
    for tensors in (
        {"x_train": X[:30], "x_test": X[30:], "y_train": y[:30], "y_test": y[30:]},
        {"train": {"images": X[:30], "labels": y[:30]}, "test": {"images": X[30:], "labels": y[30:]}, "epoch": 3},
        {"train_images": (X[:30].float() / 255).requires_grad_(), "test_images": X[30:], "train_labels": y[:30, None]},
    ):
        torch.save(tensors, path)
        data = nc.load_dataset(path)
        assert data.sha256 == reference.sha256
        np.testing.assert_array_equal(data.train.y, Y[:30])
    for name, part in (("tr.pt", X[:30]), ("te.pth", X[30:])):
        torch.save(part, tmp_path / name)
    assert nc.load_dataset(f"{tmp_path / 'tr.pt'},{tmp_path / 'te.pth'}").sha256 == reference.sha256
    torch.save((X, X[:30]), path)
    refused(lambda: nc.load_dataset(path), "has arrays 0, 1", "--key")
    assert nc.load_dataset(path, key="0", seed=2).train.shape == (32, 3, 5, 4)
    torch.save(torch.tensor(NOISE).bfloat16(), path)
    assert nc.load_dataset(path, seed=4).test == as_sample(torch.tensor(NOISE).bfloat16())[_test_rows(40, 4)]


def _test_rows(n, seed):
    return np.sort(np.random.default_rng(seed).permutation(n)[: n // 5])


def test_what_was_read_does_not_change_with_the_file(torch, tmp_path):
    torch.save(torch.tensor(BYTES), path := tmp_path / "a.pt")
    data = nc.load_dataset(path)
    before = data.train.X.copy()
    torch.save(torch.zeros(BYTES.shape, dtype=torch.uint8), tmp_path / "zeros.pt")
    with path.open("r+b") as file:  # in its place, where a map would see it
        file.write((tmp_path / "zeros.pt").read_bytes())
    np.testing.assert_array_equal(data.train.X, before)


class Evil:
    """What makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_but_tensors_is_unpickled(torch, tmp_path):
    made = tmp_path / "made"
    for bad in ({"X": torch.tensor(NOISE), "more": Evil(str(made))}, {"X": NOISE}, torch.nn.Linear(3, 4)):
        torch.save(bad, path := tmp_path / "bad.pt")
        refused(lambda: nc.load_dataset(path), "'" + str(path) + "'", "more than tensors", "torch.save({'X': X")
    assert not made.exists()
    refused(lambda: nc.load_dataset(tmp_path / "bad.pt", key="X"), "more than tensors")


def test_files_of_tensors_that_cannot_be_read(torch, tmp_path, monkeypatch):
    path = tmp_path / "bad.pt"
    for saved, words in (
        (torch.nn.Linear(3, 4).state_dict(), "has arrays weight, bias"),
        (3, "has arrays (none)"),
        (torch.zeros(1).expand(10**6, 100), "promises 400000000 bytes"),
        (torch.tensor(NOISE).to_sparse(), "sparse Tensor"),
        (torch.zeros((0, 4)), "shape (0, 4)"),
        (torch.tensor(Y), "shape (40,)"),
        (torch.tensor(BYTES).long(), "dtype int64"),
        (torch.zeros((5, 4), device="meta"), "no data"),
    ):
        torch.save(saved, path)
        refused(lambda: nc.load_dataset(path), words)
    torch.save(torch.tensor(NOISE), path, _use_new_zipfile_serialization=False)
    refused(lambda: nc.load_dataset(path), "torch 1.6")
    for contents in (b"", b"PK\x03\x04", b"no tensor"):
        path.write_bytes(contents)
        refused(lambda: nc.load_dataset(path), "cannot be read as .pt of tensors")
    torch.save(torch.tensor(NOISE), path)
    monkeypatch.setattr(torch, "__version__", "2.5.1")
    refused(lambda: nc.load_dataset(path), "needs torch 2.6 or later", "2.5.1")


def test_torch_is_named_where_it_is_missing(tmp_path, monkeypatch):
    (tmp_path / "a.pt").write_bytes(b"PK\x03\x04")
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(lambda: nc.load_dataset(tmp_path / "a.pt"), "needs the package torch", "pip install torch")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(__version__="1.13.0"))
    refused(lambda: nc.load_dataset(tmp_path / "a.pt"), "needs torch 2.6 or later")


def test_files_that_torch_did_not_write_so(torch, tmp_path):
    torch.save(torch.tensor(NOISE), tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as old,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refused(lambda: nc.load_dataset(tmp_path / "b.pt"), "compressed after torch.save wrote it")
    X = torch.tensor(NOISE)
    for both, name in (({"a/X": X, "a": {"X": X + 1}}, "'a/X'"), ({"": X, "X": X + 1}, "'X'")):
        torch.save(both, tmp_path / "c.pt")
        refused(lambda: nc.load_dataset(tmp_path / "c.pt"), f"two tensors of the path {name}")
