"""
Regions of images
=================

What does a set look like that hardly grows? A few faces lie beyond pixels that are nearly always black. A half space is an image itself: how much each pixel
counts. Balls have images in their centers.
"""

import matplotlib.pyplot as plt

import numbaconc as nc

data = nc.load_dataset("digits")

faces = nc.FaceSearch(n_sets=5, epsilon="2/16", alpha=0.05).fit(data.train)
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
nc.plot_region(faces.region_, data.train, ax)

# %%

half_space = nc.HalfSpaceSearch(norm="l2", epsilon=1, alpha=0.05).fit(data.train)
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
nc.plot_region(half_space.region_, ax=ax)

# %%

balls = nc.BallSearch(n_sets=6, epsilon=1, alpha=0.05).fit(data.train)
fig, ax = plt.subplots(figsize=(6.9, 1.8), layout="constrained")
nc.plot_region(balls.region_, ax=ax)
