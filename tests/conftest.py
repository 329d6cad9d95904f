"""What the tests share: settings, a cache folder of their own, and strategies for small awkward data."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import netCDF4  # noqa: F401  # before h5py, which some tests write files with: numbaconc.data.formats.named.BEFORE
import numba
import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaconc
from numbaconc.errors import InputError
from numbaconc.kernels.threads import using_threads

# Thousands of tiny kernels: threads that spin while they wait for each other make a busy machine ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# How many examples a test sees: few with kernels in plain Python, and where `--hypothesis-profile=few` asks for it.
MANY, FEW = 40, 10
settings.register_profile("many", deadline=None, max_examples=MANY, print_blob=True)
settings.register_profile("few", settings.get_profile("many"), max_examples=FEW)
settings.load_profile("few" if numba.config.DISABLE_JIT else "many")

needs_jit = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="NUMBA_DISABLE_JIT is set: too slow in plain Python, or about compiled code"
)


def examples(number):
    """Let a test see so many examples, and in proportion fewer where tests see few."""
    return settings(max_examples=number * settings.default.max_examples // MANY)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep the user's cache folder out of the tests, and the tests out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def one_thread():
    """Threads on small data cost time where processors are busy."""
    with using_threads(1):
        yield


def refused(call, *words):
    """Return the message of the InputError that `call` raises: one line, with all of the words in it."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


SSE2, AVX2 = ("sse2",), ("sse2", "avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512bw", "avx512vl")  # without the instructions that multiply bytes


def on_processor(features, *command):
    """Run Python on what is compiled for a processor with these features only; without any, on portable code.

    Kernels are compiled once for all tests that ask for the same features. Return what is printed.
    """
    host = llvmlite.binding.get_host_cpu_features()
    if not all(host.get(feature) for feature in features):
        pytest.skip("this processor has no such vectors")
    environment = os.environ | {
        "NUMBA_CPU_NAME": "x86-64" if features else "generic",
        "NUMBA_CPU_FEATURES": ",".join(f"+{feature}" for feature in features),
        "PYTHONPATH": os.pathsep.join(str(one.parent) for one in (Path(numbaconc.__file__).parent, Path(__file__))),
    }
    environment.pop("PYTEST_ADDOPTS", None)  # one process, of which nothing is compiled twice
    ran = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.strip()


def lines(text):
    """Lines of standard error, without word of a compilation."""
    return [line for line in text.splitlines() if not line.startswith("compiling kernels")]


def idx(images, magic=b"\x00\x00\x08\x03"):
    """Return an IDX file of images."""
    return magic + struct.pack(">III", *images.shape) + images.tobytes()


def points(n, seed):
    """uint8 points (n, 5) in six blobs, a fifth of them anywhere: restarts differ."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(9).integers(40, 216, (6, 5))
    X = middles[rng.integers(0, 6, n)] + rng.integers(-12, 13, (n, 5))
    astray = rng.random(n) < 0.2
    X[astray] = rng.integers(0, 256, (astray.sum(), 5))
    return X.astype(np.uint8)


# Few distinct values make duplicates and ties; 0 and 255 are the extremes.
PALETTES = (None, (0, 255), (7,), (0, 1, 2, 3), (0, 1, 127, 128, 254, 255))


@st.composite
def grey(draw, n=(1, 12), d=(1, 9)):
    """uint8 points, shape (n, d), often with ties and duplicates; half of the time in clusters."""
    n, d = draw(st.integers(*n)), draw(st.integers(*d))
    if draw(st.booleans()):
        step = draw(st.sampled_from([1, 16, 85]))
        return blobs(n, d, draw(st.integers(0, 9999)), draw(st.integers(1, 4)), draw(st.integers(1, 60))) // step * step
    palette = draw(st.sampled_from(PALETTES))
    elements = st.integers(0, 255) if palette is None else st.sampled_from(palette)
    X = draw(hnp.arrays(np.uint8, (n, d), elements=elements))
    if draw(st.booleans()):
        X = X[draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))]
    return X


@st.composite
def exact_floats(draw, n=(2, 16), d=(1, 6)):
    """float32 points whose means over up to 16 rows, and all differences of those, are exact in float32.

    720720 is the least common multiple of 1..16, so that every mean is a whole number below 2**24.
    """
    shape = draw(st.integers(*n)), draw(st.integers(*d))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 11))).astype(np.float32) * np.float32(720720)


def images(n, d, seed, low=0, high=256):
    """Random uint8 points, for the sizes that strategies are too slow for."""
    return np.random.default_rng(seed).integers(low, high, (n, d)).astype(np.uint8)


def blobs(n, d, seed, n_blobs=3, spread=12):
    """Clustered uint8 points with a few outliers."""
    rng = np.random.default_rng(seed)
    middles = rng.integers(60, 196, (n_blobs, d))
    X = middles[rng.integers(0, n_blobs, n)] + rng.integers(-spread, spread + 1, (n, d))
    X[rng.random(n) < 0.1] = rng.integers(0, 256, d)
    return X.astype(np.uint8)
