"""What the numbers were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from common import THREADS
from numbaconc.kernels.panels import WIDTH
from numbaconc.kernels.processor import BYTE_PRODUCTS


def description() -> dict[str, str]:
    """Return the processor, its caches, the system and the versions that matter, by name."""
    found = {"processor": _processor(), "vectors": _vectors(), "processors used": str(THREADS)} | _caches()
    if hasattr(os, "sysconf"):
        found["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    if hasattr(os, "getloadavg"):
        found["load before"] = f"{os.getloadavg()[0]:.1f}"
    found |= {"system": f"{platform.system()} {platform.release()}", "python": platform.python_version()}
    for name in ("numbaconc", "numba", "llvmlite", "numpy", "scikit-learn", "faiss-cpu", "pynndescent", "distributed"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed, left out"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([tuple(map(str.strip, line.split(":", 1))) for line in lines if ":" in line]))
    name = facts.get("model name") or platform.machine()
    number = f" (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else ""
    return f"{name}{number}"


def _vectors() -> str:
    """What kernels are compiled for."""
    width = f"{8 * WIDTH} bits"
    return f"{width}, with products of bytes (VNNI)" if BYTE_PRODUCTS else width


def _caches() -> dict[str, str]:
    """Caches of the first processor, by level; empty where the system does not say."""
    found = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((cache / what).read_text().strip() for what in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level} cache"] = size
    return found
