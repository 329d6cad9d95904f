"""
Regions of a table
==================

Columns of a data frame keep their names. With every column in standard deviations, ε is a number of them; the faces are drawn in each column's own
units.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import numbaconc as nc

table = load_breast_cancer(as_frame=True).data.filter(like="mean")
train, test = train_test_split(table, test_size=0.4, random_state=0)
sample = nc.as_sample(train, scale="standard")

search = nc.FaceSearch(n_sets=4, epsilon=0.1, alpha=0.1).fit(sample)
fig, ax = plt.subplots(figsize=(6.9, 3), layout="constrained")
nc.plot_region(search.region_, sample, ax)

# %%
# The same faces on points that were not seen:

measured = search.region_.measure(nc.as_sample(test, like=search.region_.space), epsilon=0.1)
print(f"risk {measured.risk:.1%}, adversarial risk {measured.adversarial_risk:.1%}")
