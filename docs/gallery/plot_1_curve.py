"""
What is certified, against ε and against α
==========================================

One call measures every pair of ε and α, and shares the work that does not depend on them. U, which test points prove at exactly α, is solid; dashed is
what was measured on them with the border where the search put it. ``simultaneous=True`` makes the whole picture true at once, with 95% confidence.
"""

import matplotlib.pyplot as plt

import numbaconc as nc

data = nc.load_dataset("digits", test_fraction=0.5)
ds = nc.measure(
    "halfspaces",
    data.train,
    data.test,
    norm="l2",
    epsilon=[0.25, 0.5, 0.75, 1.0, 1.25],
    alpha=[0.05, 0.1, 0.2],
    margin=0.06,
    simultaneous=True,
    name="digits",
)

fig, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
nc.plot_curve(ds, ax)

# %%
# The other way round: for each ε, against α.

fig, ax = plt.subplots(figsize=(6.9, 4.5), layout="constrained")
nc.plot_curve(ds, ax, along="alpha")
