"""What the processor can do that Numba compiles for. Nothing else in the package looks.

Kernels read these constants when they are compiled. Numba's cache on disk tells processors and their features apart.
"""

from numba.core.registry import cpu_target

# The target need not be this machine's processor: NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name another.
_triple, _, _features = cpu_target.target_context.codegen().magic_tuple()
FEATURES = frozenset(_features.split(",") if _triple.startswith("x86_64") else ())

# Whether there are 32 registers of 64 bytes. Others have 16 registers, of 32 bytes at most.
WIDE_REGISTERS = "+avx512f" in FEATURES

# Whether one instruction multiplies 64 pairs of bytes and adds the products up.
BYTE_PRODUCTS = "+avx512vnni" in FEATURES

# The instructions that sum up absolute differences of bytes: how many bytes each takes, and LLVM's name for it.
# The widest comes first. LLVM finds them by itself for a few plain loops only, so kernels call them by name.
BYTE_DIFFERENCES = {
    width: name
    for width, feature, name in (
        (64, "+avx512bw", "llvm.x86.avx512.psad.bw.512"),
        (32, "+avx2", "llvm.x86.avx2.psad.bw"),
        (16, "+sse2", "llvm.x86.sse2.psad.bw"),
    )
    if feature in FEATURES
}
