"""
Against a known answer, from both sides
=======================================

Of a normal distribution the concentration function is known. Test points bound it from above, by a half space that other points chose, and from below, by
what any points have within ε of them.
"""

import matplotlib.pyplot as plt
import numpy as np

import numbaconc as nc
from numbaconc.groundtruth import Gaussian

known, alpha, epsilons = Gaussian([1.0, 1.0]), 0.25, [0.5, 1.0, 1.5, 2.0, 2.5]
train, test = known.sample(1000, seed=0), known.sample(200, seed=1)
ds = nc.measure("halfspaces", train, test, norm="l2", epsilon=epsilons, alpha=alpha, lower=True, name="N(0, I)")

fig, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
nc.plot_curve(ds, ax)
places = np.linspace(0.5, 2.5, 101)
ax.plot(places, [known.concentration(alpha, epsilon) for epsilon in places], "k:", label="h")
ax.annotate("h, known", (1.5, known.concentration(alpha, 1.5)), xytext=(4, -12), textcoords="offset points")
