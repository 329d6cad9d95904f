"""
Two results side by side
========================

Every function of numbaconc that draws takes ``ax=`` and returns it, so that pictures stand beside each other as Matplotlib has it. Here are the digits under
two norms. At the command line, ``numbaconc plot FIRST.nc SECOND.nc`` draws two files side by side.
"""

import matplotlib.pyplot as plt

import numbaconc as nc

data = nc.load_dataset("digits")
asked = {"alpha": 0.05, "margin": 0.03, "name": "digits"}
linf = nc.measure("halfspaces", data.train, data.test, norm="linf", epsilon=[0.05, 0.1, 0.15, 0.2], **asked)
l2 = nc.measure("halfspaces", data.train, data.test, norm="l2", epsilon=[0.25, 0.5, 1, 1.5], **asked)

fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, ds in zip(axes, (linf, l2), strict=True):
    nc.plot_curve(ds, ax)
