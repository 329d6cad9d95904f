"""Every jitted function. Arrays in, arrays out: no validation, no files, no prints.

Docstrings give an array by its shape and type, as in `X : (n, d) uint8`.

Numba's cache on disk does not notice a change in a jitted function of another file, so each kernel file stands alone:
it imports nothing of ours but `compiling` (how functions are compiled), `processor` (what instructions there are),
`threads` and `environment`, none of which has a jitted function. A test holds the files to it.
"""

import os

from numbaconc.kernels.environment import check_environment

# Threads that spin while they wait for work slow everything down where the processors are shared. OpenMP reads
# this once, when the first kernel runs; whoever wants another policy sets it before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
check_environment()
