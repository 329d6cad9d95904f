"""What files and containers hold beside plain numbers: taken as it is meant, or refused with what to do."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from conftest import refused
from PIL import Image
from test_space import BYTES, NOISE

import numbaconc as nc
from numbaconc.data.formats.named import role

pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")

Y = np.arange(len(NOISE)) % 3


@pytest.mark.parametrize(
    "name", ["trX", "x_tr", "train_set", "trainset", "train_emb", "tr", "feat_train", "training_vecs"]
)
def test_more_names_of_training_points(name):
    assert role(name) == "X_train"


def test_archives_of_objects_and_of_sparse_matrices(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X=NOISE, y=Y.astype(str).astype(object))  # as pandas has texts
    refused(lambda: nc.load_dataset(path), "y holds objects of Python", ".astype(str)")
    scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(NOISE))
    refused(lambda: nc.load_dataset(path), "sparse matrix", "load_npz", f"of {NOISE.nbytes:,} bytes")
    np.savez(path, fea=NOISE, other=NOISE)
    refused(lambda: nc.load_dataset(path, key="Fea"), "did you mean 'fea'?")


@pytest.mark.parametrize("attribute", ["scale_factor", "add_offset"])
def test_packed_numbers_are_not_taken_for_others(tmp_path, attribute):
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = BYTES
        file["X"].attrs[attribute] = 0.5
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("X", data=BYTES).attrs[attribute] = 0.5
    for name in ("a.h5", "a.zarr"):
        refused(lambda name=name: nc.load_dataset(tmp_path / name), f"'X' has {attribute}", "allowed")


def test_what_matlab_has_beside_numbers(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"X": BYTES > 99})
    refused(lambda: nc.load_dataset(path), "X has dtype bool")  # and no bytes of 0 and 1
    scipy.io.savemat(path, {"X": scipy.sparse.csc_matrix(NOISE), "info": {"a": 1}})
    refused(
        lambda: nc.load_dataset(path),
        f"X is sparse of shape {NOISE.shape}, of {NOISE.nbytes:,} bytes",
        "info is struct",
    )
    scipy.io.savemat(path, {"X": NOISE, "info": {"a": 1}})
    assert nc.load_dataset(path).train.n_features == NOISE.shape[1]
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"] = (BYTES.T > 99).astype(np.uint8)
        file["X"].attrs["MATLAB_class"] = np.bytes_(b"logical")
    refused(lambda: nc.load_dataset(path), "X has dtype bool")


def test_parquet_of_lists_that_are_no_points(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for lists in ([["a", "b"]] * 9, [[[1.0], [2.0]]] * 9):
        pq.write_table(pa.table({"v": lists}), tmp_path / "a.parquet")
        refused(lambda: nc.load_dataset(tmp_path / "a.parquet"), "column 'v' of list<", "lists of numbers")


def test_tuples_of_points_and_labels(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save((torch.tensor(NOISE), torch.tensor(Y)), tmp_path / "a.pt")
    np.savez(tmp_path / "a.npz", X=NOISE, y=Y)
    data, expected = (nc.load_dataset(tmp_path / name) for name in ("a.pt", "a.npz"))
    assert (data.train, data.test) == (expected.train, expected.test)
    torch.save((torch.tensor(NOISE), torch.tensor(NOISE)), tmp_path / "a.pt")
    refused(lambda: nc.load_dataset(tmp_path / "a.pt"), "has arrays 0, 1")
    refused(lambda: nc.as_sample(torch.utils.data.TensorDataset(torch.tensor(NOISE))), "TensorDataset", "X.tensors[0]")


def test_folders_of_one_part_and_of_deep_pixels(tmp_path):
    for place in ("train/cat", "val/cat"):
        (tmp_path / place).mkdir(parents=True)
        for number in range(5):
            Image.fromarray(BYTES[number].reshape(3, 4)).save(tmp_path / place / f"{number}.png")
    refused(lambda: nc.load_dataset(tmp_path), "has train, val", "train and test")
    assert len(nc.load_dataset(tmp_path / "train", test_fraction=0.4).train) == 3
    Image.fromarray(BYTES[0].reshape(3, 4).astype(np.uint16)).save(tmp_path / "train" / "cat" / "0.png")
    for number in range(1, 5):
        (tmp_path / "train" / "cat" / f"{number}.png").unlink()
    message = refused(lambda: nc.load_dataset(tmp_path / "train"), "mode I;16", "/ 65535")
    assert "convert" not in message  # which cuts off all above 255


def test_times_are_no_numbers():
    times = [datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    for package, make in (("pandas", "DataFrame"), ("pyarrow", "table"), ("polars", "DataFrame")):
        frame = getattr(pytest.importorskip(package), make)({"a": [1.0, 2.0, 3.0], "when": times})
        refused(lambda frame=frame: nc.as_sample(frame), "column 'when'", "drop='when'")
        assert nc.as_sample(frame, drop="when").n_features == 1


def test_records():
    for array in (np.rec.fromarrays(NOISE.T), np.zeros(5, "f8,f8")):
        refused(lambda array=array: nc.as_sample(array), "structured_to_unstructured(X)")


@pytest.mark.parametrize(
    ("most", "todo"), [(16, "give X / 16"), (1, "give X.astype('float32')"), (127, "give X / 127"), (128, ""), (0, "")]
)
def test_bytes_that_may_be_other_levels(most, todo):
    X = np.minimum(BYTES, most)
    note = nc.as_sample(X).note
    assert note.endswith(f"(if {most} is white, {todo})") if todo else not note


def test_labels_of_containers():
    masked, huge = np.ma.masked_equal(Y, 1), np.full(len(Y), 2**63, np.uint64)
    refused(lambda: nc.as_sample(NOISE, y=masked), "y has", "masked values")
    refused(lambda: nc.as_sample(NOISE, y=huge), "y is", "integers or texts")
    torch = pytest.importorskip("torch")
    sample = nc.as_sample(NOISE, y=torch.tensor(Y, dtype=torch.float32, requires_grad=True))
    np.testing.assert_array_equal(sample.y, Y)
