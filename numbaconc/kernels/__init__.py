"""Every jitted function. Arrays in, arrays out: no validation, no files, no prints.

Numba's cache on disk does not notice a change in a jitted function of another file, so each kernel
file stands alone: no jitted function here calls one of another file (a test holds them to it).
"""

import os

# Threads that spin while they wait for work slow everything down where the processors are shared. OpenMP reads
# this once, when the first kernel runs; whoever wants another policy sets it before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
