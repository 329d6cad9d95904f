"""
How one region grows
====================

The region is fixed; what changes is how far every point may move. The fraction of points within reach climbs in steps, one for each point. The
band holds the measures of all expansions at once, with 95% confidence: it takes test points that had no part in finding the region.
"""

import matplotlib.pyplot as plt

import numbaconc as nc

data = nc.load_dataset("digits")
search = nc.HalfSpaceSearch(norm="l2", epsilon=1, alpha=0.05).fit(data.train)

fig, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
nc.plot_growth(search.region_, data.test, ax, epsilon=2, label="test", band=True)
nc.plot_growth(search.region_, data.train, ax, epsilon=2, label="train")
