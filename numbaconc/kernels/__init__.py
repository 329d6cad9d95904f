"""Every jitted function. Arrays in, arrays out: no validation, no files, no prints.

Docstrings give an array by its shape and type, as in `X : (n, d) uint8`.

Nearest neighbors are found from below to above: `sums` and `panels` add up over pairs of rows, of numbers and of bytes,
and `tiles` over all pairs of two blocks; `codes` turns rows of numbers into bytes; `schedule` says which blocks of rows
meet when, and `heaps` keeps what is least; `filtering` sums up only what codes leave open; `neighbors` puts them together.
`pairs` finds which rows are near in other ways, from the same tiles. Other files stand alone.
"""

import os

from numbaconc.kernels.environment import check_environment

# Threads that spin while they wait for work slow everything down where the processors are shared. OpenMP reads
# this once, when the first kernel runs; whoever wants another policy sets it before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
check_environment()
