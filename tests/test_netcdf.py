"""Result files and region files: what is in them is not believed, and nothing that cannot be read is written."""

from __future__ import annotations

import concurrent.futures
import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import blobs, refused

import numbaconc as nc
from numbaconc.data.formats import netcdf, trial
from numbaconc.results.schema import SCHEMA

posix = pytest.mark.skipif(os.name != "posix", reason="forks")
REGIONS = {
    "boxes": nc.RectangleComplement([[0.0, 0.1]], [[0.5, np.inf]], 0.1),
    "balls": nc.BallUnion([[0.0, 0.1], [0.2, 0.3]], [0.1, 0.2], [4, -1]),
    "half_space": nc.HalfSpace([0.6, 0.8], 0.25, 2),
}


@pytest.fixture(scope="module")
def results():
    """A result with seeds, text and a coordinate along another one."""
    X = blobs(60, 3, 0)
    search = nc.Restarts(nc.RectangleSearch(n_sets=2, q=0.8, n_neighbors=3), 2)
    return nc.measure(search, X[:40], X[40:], epsilon=[0.1, 0.2], alpha=0.1)


def small(**variables):
    """A dataset that open_results takes, unless variables or what is done to its file say otherwise."""
    return xr.Dataset(variables, attrs={"schema": SCHEMA, "search": "faces", "norm": "linf"})


def write_raw(path, change, ds=None):
    """Write a file that open_results takes, and then change it as another tool might."""
    netcdf.write(small(risk=("split", [0.1, 0.2]), split=["train", "test"]) if ds is None else ds, path)
    with netCDF4.Dataset(path, "a") as file:
        change(file)
    return path


def test_what_is_saved_is_opened(tmp_path, results):
    nc.save_results(results, tmp_path / "a.nc")
    again = nc.open_results(tmp_path / "a.nc")
    xr.testing.assert_identical(again, results.assign_attrs(again.attrs))
    assert again.attrs.keys() == results.attrs.keys()
    assert set(again.coords) == set(results.coords)
    with xr.open_dataset(tmp_path / "a.nc") as by_xarray:
        xr.testing.assert_identical(by_xarray.load(), again)
    nc.save_results(again, tmp_path / "b.nc")
    xr.testing.assert_identical(nc.open_results(tmp_path / "b.nc"), again)


@pytest.mark.parametrize("name", REGIONS)
def test_regions_are_loaded_as_they_were_saved(tmp_path, name):
    REGIONS[name].save(tmp_path / "r.nc")
    again = nc.load_region(tmp_path / "r.nc")
    before, after = (xr.Dataset(region._variables()) for region in (REGIONS[name], again))
    xr.testing.assert_identical(before, after)
    assert type(again) is type(REGIONS[name])


def test_other_tools_can_add_to_a_file(tmp_path):
    """To one that was made in memory they cannot."""
    REGIONS["boxes"].save(tmp_path / "r.nc")
    with netCDF4.Dataset(tmp_path / "r.nc", "a") as file:
        assert list(file.variables) == ["lower", "upper", "epsilon"]
        file.comment = "kept"
    assert nc.load_region(tmp_path / "r.nc").epsilon == 0.1


# What a file can be instead


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"a,b\n1,2\n",
        b"\x89HDF\r\n\x1a\n",
        b"\x89HDF\r\n\x1a\n" + bytes(9999),
        b"CDF\x01" + bytes(99),
        b"PK\x03\x04" + bytes(99),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("read", [nc.open_results, nc.load_region])
def test_what_is_no_netcdf_file_is_refused(tmp_path, contents, read):
    (tmp_path / "a.nc").write_bytes(contents)
    refused(lambda: read(tmp_path / "a.nc"), repr(str(tmp_path / "a.nc")), "cannot be read", "allowed: a netCDF file")


@pytest.mark.parametrize("read", [nc.open_results, nc.load_region])
def test_what_is_no_file_is_refused(tmp_path, read):
    refused(lambda: read(tmp_path / "none.nc"), "none.nc", "No such file")
    refused(lambda: read(tmp_path), "Is a directory")
    for value in (None, 3, "", "a\0.nc", b"a.nc", object()):
        refused(lambda value=value: read(value))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.nc")
        refused(lambda: read(tmp_path / "pipe.nc"), "a pipe or a device")


@pytest.mark.parametrize("read", [nc.open_results, nc.load_region])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/a.nc", "https://127.0.0.1:1/a", "dap4://x/y", "s3://x/y.nc#mode=zarr"]
)
def test_an_address_is_a_file_name(read, address):
    refused(lambda: read(address), "No such file")


@pytest.mark.parametrize("read", [nc.open_results, nc.load_region])
def test_the_home_folder_is_found(tmp_path, monkeypatch, results, read):
    monkeypatch.setenv("HOME", str(tmp_path))
    nc.save_results(results, tmp_path / "a.nc") if read is nc.open_results else REGIONS["boxes"].save(tmp_path / "a.nc")
    assert read("~/a.nc") is not None


def test_cut_off_anywhere_it_is_refused(tmp_path, results):
    nc.save_results(results, tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    for end in np.linspace(0, len(whole) - 1, 15).astype(int):
        (tmp_path / "a.nc").write_bytes(whole[:end])
        refused(lambda: nc.open_results(tmp_path / "a.nc"), "cannot be read")


def test_other_formats_of_netcdf_are_refused(tmp_path):
    for kind in ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"):
        with netCDF4.Dataset(tmp_path / "a.nc", "w", format=kind) as file:
            file.schema = SCHEMA
        refused(lambda: nc.open_results(tmp_path / "a.nc"), "does not begin as a netCDF 4 file")


# What a file can promise


def unwritten(file, n=93_000, **settings):
    file.createDimension("many", n)
    file.createVariable("many_values", "f8", ("many", "many"), **settings)


@posix
@pytest.mark.parametrize("settings", [{}, {"zlib": True}, {"chunksizes": (1000, 1000)}], ids=str)
def test_values_that_were_never_written_take_no_memory(tmp_path, settings):
    path = write_raw(tmp_path / "a.nc", lambda file: unwritten(file, **settings))
    message = refused(lambda: nc.open_results(path), "it promises 69,192,0", "bytes hold at most")
    assert "GiB" not in message
    refused(lambda: nc.load_region(path), "it promises")


def test_values_that_are_all_alike_are_read(tmp_path):
    """A thousand to one is what zlib packs them to."""
    ds = small(risk=(("epsilon", "split"), np.zeros((100_000, 2))), split=["train", "test"])
    nc.save_results(ds, tmp_path / "a.nc")
    xr.testing.assert_equal(nc.open_results(tmp_path / "a.nc"), ds)


def test_the_same_text_everywhere_takes_no_memory(monkeypatch, tmp_path):
    """Text is stored where elements point to, and all may point to one place."""
    ds = small(error=("seed", np.array(["x" * 100] * 300, object)))
    nc.save_results(ds, tmp_path / "a.nc")
    contents = (tmp_path / "a.nc").read_bytes()
    xr.testing.assert_equal(netcdf._parsed(contents), ds.astype(str))
    monkeypatch.setattr(netcdf, "LARGEST", 7 * len(contents))  # seven at once
    monkeypatch.setattr(netcdf, "PACKED", 7)
    xr.testing.assert_equal(netcdf._parsed(contents), ds.astype(str))
    with netCDF4.Dataset("memory", memory=contents) as file, pytest.raises(netcdf.UnfitError, match="longer than the"):
        netcdf._texts(file["error"], 29_999)
    monkeypatch.setattr(netcdf, "LARGEST", 119_999)
    with netCDF4.Dataset("memory", memory=contents) as file, pytest.raises(netcdf.UnfitError, match="takes more than"):
        netcdf._texts(file["error"], 30_000)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file: file.createGroup("inside"), "groups, or types of its own"),
        (lambda file: file.createVLType(np.int32, "rag"), "groups, or types of its own"),
        (lambda file: file.createEnumType(np.int8, "kind", {"a": 1}), "groups, or types of its own"),
        (lambda file: file.createCompoundType(np.dtype([("a", "f8")]), "pair"), "groups, or types of its own"),
        (lambda file: file.createDimension("more", None), "'more' is empty, or has no end"),
        (lambda file: file.createVariable("c", "S1", ("split",)), "'c' is of |S1"),
        (lambda file: file.setncattr("schema", "another"), "it does not say"),
        (lambda file: file.setncattr("schema", [1.0, 2.0]), "it does not say"),
        (lambda file: file.delncattr("schema"), "it does not say"),
        (lambda file: file.setncattr("region", "BallUnion"), "holds a region"),
        (lambda file: file.setncattr("search", 3), "its attribute search is no text"),
        (lambda file: file.setncattr("norm", [1, 2]), "its attribute norm is no text"),
        (lambda file: file.createVariable("error", "f8", ("split",)), "error is no text"),
        (lambda file: file.createVariable("seed", str, ("split",)), "seed is text"),
        (lambda file: file.createVariable("alpha", str, ()), "alpha is text"),
        (lambda file: file["split"].__setitem__(..., np.array(["test", "test"], object)), "split has a value twice"),
    ],
    ids=range(16),
)
def test_what_numbaconc_does_not_write_is_refused(tmp_path, change, says):
    path = write_raw(tmp_path / "a.nc", change)
    refused(lambda: nc.open_results(path), repr(str(path)), says)


@pytest.mark.parametrize(
    "attribute",
    [
        {"scale_factor": 2.0, "add_offset": 1.0},
        {"scale_factor": "wrong"},
        {"_Unsigned": "true"},
        {"missing_value": 0.1},
        {"units": "days since 2000-01-01"},
        {"units": "seconds", "calendar": "none"},
        {"dtype": "bool"},
        {"valid_min": 0.15},
        {"valid_range": "none"},
        {"coordinates": 3},
        {"coordinates": "nothing split risk"},
    ],
    ids=str,
)
def test_attributes_change_no_number(tmp_path, attribute):
    path = write_raw(tmp_path / "a.nc", lambda file: file["risk"].setncatts(attribute))
    ds = nc.open_results(path)
    np.testing.assert_array_equal(ds["risk"], [0.1, 0.2])
    assert ds["risk"].dtype == np.float64
    nc.save_results(ds, path)
    np.testing.assert_array_equal(nc.open_results(path)["risk"], [0.1, 0.2])


def test_a_number_that_is_the_fill_value_stays(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.schema = SCHEMA
        file.createDimension("split", 2)
        file.createVariable("risk", ">f4", ("split",), fill_value=0.25, endian="big")[:] = [0.25, 0.5]
    ds = nc.open_results(tmp_path / "a.nc")
    assert ds["risk"].values.tolist() == [0.25, 0.5]
    assert ds["risk"].dtype.isnative


# What a region file can hold


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("balls", lambda file: file.setncattr("region", "Cube")),
        ("balls", lambda file: file.setncattr("region", 3)),
        ("balls", lambda file: file.setncattr("region", ["BallUnion", "BallUnion"])),
        ("balls", lambda file: file.setncattr("region", "HalfSpace")),
        ("balls", lambda file: file.delncattr("region")),
        ("balls", lambda file: file.renameVariable("radii", "sizes")),
        ("balls", lambda file: file.createVariable("more", "f8", ("T",))),
        ("balls", lambda file: file.renameDimension("T", "t")),
        ("balls", lambda file: file["radii"].__setitem__(0, np.nan)),
        ("balls", lambda file: file["radii"].__setitem__(0, -1)),
        ("boxes", lambda file: file["lower"].__setitem__((0, 0), np.nan)),
        ("boxes", lambda file: file["epsilon"].__setitem__(..., np.nan)),
        ("half_space", lambda file: file["w"].__setitem__(..., np.nan)),
        ("half_space", lambda file: file["p"].__setitem__(..., 0.5)),
        ("half_space", lambda file: file.renameVariable("b", "w2")),
    ],
    ids=range(15),
)
def test_what_is_no_region_is_refused(tmp_path, name, change):
    REGIONS[name].save(tmp_path / "r.nc")
    with netCDF4.Dataset(tmp_path / "r.nc", "a") as file:
        change(file)
    refused(lambda: nc.load_region(tmp_path / "r.nc"), repr(str(tmp_path / "r.nc")), "cannot be read", "allowed")


@pytest.mark.parametrize(
    "variable",
    [
        ("T", np.array([4.5, np.nan])),
        ("T", np.array(["4", "5"], object)),
        ((), 4),
        ("coordinate", np.array([4, 5])),
    ],
    ids=range(4),
)
def test_variables_of_a_region_have_its_types_and_dimensions(tmp_path, variable):
    held = xr.Dataset(REGIONS["balls"]._variables(), attrs={"region": "BallUnion"})
    netcdf.write(held, tmp_path / "r.nc")
    assert nc.load_region(tmp_path / "r.nc").center_indices.tolist() == [4, -1]
    netcdf.write(held.assign(center_indices=variable), tmp_path / "r.nc")
    refused(lambda: nc.load_region(tmp_path / "r.nc"), "cannot be read")


# Libraries that crash


@posix
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: os.abort(), "crashes"),
        (lambda: os.kill(os.getpid(), 11), "crashes"),
        (lambda: sum(range(10**12)), "more than 1 seconds"),
        (lambda: np.ones(1 << 36), "MemoryError"),
        (lambda: {}["missing"], "missing"),
        (lambda: sys.exit(3), "SystemExit"),
    ],
    ids=range(6),
)
def test_a_crash_in_a_trial_is_an_error_here(call, says, capfd):
    with pytest.raises(trial.TrialError, match=says):
        trial.try_out(call, 1)
    assert capfd.readouterr() == ("", "")


@posix
def test_a_trial_that_sleeps_ends(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 1)
    with pytest.raises(trial.TrialError, match="crashes, or takes"):
        trial.try_out(lambda: time.sleep(60), 1)


@pytest.fixture
def unknown(results, tmp_path, monkeypatch):
    """A file that this process has not made."""
    nc.save_results(results, tmp_path / "a.nc")
    monkeypatch.setattr(netcdf, "_parsable", set())
    return tmp_path / "a.nc"


@posix
def test_a_trial_leaves_nothing_behind_and_is_not_repeated(unknown, monkeypatch):
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []  # noqa: PTH112, PTH208
    children, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: children.append(fork()) or children[-1])
    for _ in range(2):
        nc.open_results(unknown)
    (child,) = children
    with pytest.raises(ChildProcessError):  # it is waited for, so that its number is nobody's any more
        os.waitpid(child, os.WNOHANG)
    assert before == [] or len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


@posix
def test_a_file_that_crashes_the_library_is_refused_each_time(unknown, monkeypatch):
    monkeypatch.setattr(netcdf, "_parsed", lambda contents: os.abort())
    for _ in range(2):
        refused(lambda: nc.open_results(unknown), "cannot be read", "crashes, or takes more than 3 seconds")


# Threads and processes


def test_threads_take_turns(tmp_path):
    """In a process of its own: where they do not, it ends."""
    code = f"""
import concurrent.futures, numpy as np, xarray as xr, numbaconc as nc
from numbaconc.results.schema import SCHEMA
ds = xr.Dataset({{name: (("T", "seed"), np.random.default_rng(0).random((9, 9))) for name in "abcdef"}}, attrs={{"schema": SCHEMA}})
region = nc.BallUnion(np.ones((5, 5)), np.ones(5))
for i in range(3):
    nc.save_results(ds, f"{tmp_path}/{{i}}.nc"); region.save(f"{tmp_path}/r{{i}}.nc")
def job(i):
    nc.save_results(ds, f"{tmp_path}/{{i % 3}}.nc"); region.save(f"{tmp_path}/r{{i % 3}}.nc")
    nc.open_results(f"{tmp_path}/{{i % 3}}.nc"); nc.load_region(f"{tmp_path}/r{{i % 3}}.nc")
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(job, range(24)))
print("done")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert (ran.stdout, ran.stderr) == ("done\n", "")


@posix
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_can_read_while_a_thread_has_its_turn(tmp_path, results):
    nc.save_results(results, tmp_path / "a.nc")
    ready, go_on = threading.Event(), threading.Event()

    def hold():
        with netcdf._turns:
            ready.set()
            go_on.wait(0.5)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        ready.wait()
        child = multiprocessing.get_context("fork").Process(target=nc.open_results, args=(tmp_path / "a.nc",))
        child.start()
        child.join(60)
        assert child.exitcode == 0


# Writing


@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_full_disk_is_named(tmp_path, results, monkeypatch, failure, old):
    if old is not None:
        (tmp_path / "a.nc").write_bytes(old)

    def write_bytes(path, contents):
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr(netcdf, "_has_locks", lambda part: False)
    monkeypatch.setattr("pathlib.Path.write_bytes", write_bytes)
    refused(lambda: nc.save_results(results, tmp_path / "a.nc"), "a.nc", os.strerror(failure))
    refused(lambda: REGIONS["balls"].save(tmp_path / "a.nc"), "a.nc", os.strerror(failure))
    monkeypatch.undo()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if old is None else [old])


@posix
def test_a_file_system_needs_no_locks(tmp_path, results, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", none)
    monkeypatch.setattr(netcdf, "_on_disk", lambda *_: pytest.fail("needs locks"))
    nc.save_results(results, tmp_path / "a.nc")
    xr.testing.assert_equal(nc.open_results(tmp_path / "a.nc"), results)
    assert (tmp_path / "a.nc").stat().st_size % 1024 > 0  # the library keeps files in memory in pieces of 64 KiB


@posix
def test_a_real_limit_is_named(tmp_path):
    code = f"""
import resource, signal, numpy as np, numbaconc as nc
region = nc.BallUnion(np.random.default_rng(0).random((50, 50)), np.ones(50))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    region.save({str(tmp_path / "r.nc")!r})
except nc.InputError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert "File too large" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"when": ("T", np.array(["2000-01-01"], "M8[ns]"))}, "when is of datetime64"),
        ({"z": ("T", np.array([1j]))}, "z is of complex128"),
        ({"mixed": ("T", np.array([{}], object))}, ""),
        ({"a/b": ("T", [1.0])}, "a/b"),
        ({"none": ("nothing", np.zeros(0))}, "'nothing' is empty, or"),
    ],
    ids=range(5),
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, change, says):
    (tmp_path / "a.nc").write_bytes(b"old")
    refused(lambda: nc.save_results(small(**change), tmp_path / "a.nc"), "a.nc", "cannot be written", says)
    assert (tmp_path / "a.nc").read_bytes() == b"old"


def test_attributes_and_text_of_any_kind_are_written(tmp_path):
    given = {"flag": np.True_, "plain": True, "none": None, "map": {"a": 1}, "big": 2**70, "half": np.float16(0.5)}
    given |= {"several": [1, 2], "words": ["a", "b"], "text": "a\0b", "name": "caf\udce9.npy", "nothing": []}
    ds = small(error=("T", np.array(["a\0b", "caf\udce9"]))).assign_attrs(given)
    nc.save_results(ds, tmp_path / "a.nc")
    again = nc.open_results(tmp_path / "a.nc")
    assert again["error"].values.tolist() == ["a\\x00b", "caf\\udce9"]
    found = {name: again.attrs[name] for name in given}
    assert found == {
        "flag": 1,
        "plain": 1,
        "none": "None",
        "map": "{'a': 1}",
        "big": str(2**70),
        "half": 0.5,
        "several": (1, 2),
        "words": "['a', 'b']",
        "text": "a\\x00b",
        "name": "caf\\udce9.npy",
        "nothing": "[]",
    }
