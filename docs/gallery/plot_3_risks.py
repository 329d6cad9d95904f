"""
Risk and adversarial risk against q and T
=========================================

Algorithm 1 covers a share q of the points with T boxes; the rest is the error region. More boxes fit the data more closely, and a larger q
leaves less outside. A sweep measures every combination.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import numbaconc as nc

folder = Path(tempfile.mkdtemp())
grid = {"dataset": "digits", "epsilon": "1/16", "T": 5, "q": [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], "seed": [0, 1, 2]}
against_q = nc.run_sweep(grid, folder / "against-q.nc")
against_T = nc.run_sweep(grid | {"q": 0.7, "T": [1, 2, 4, 8, 16]}, folder / "against-T.nc")

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
nc.plot_risks(against_q, "q", left)
nc.plot_risks(against_T, "T", right)
