"""
A classifier beside the curve
=============================

How robust a linear classifier of two classes is can be said exactly: it is right within ε of a point if its margin there is more than ε times the dual
norm of its weights. Its adversarial risk stands beside what concentration explains of it. The classes are even and odd digits.
Pixels may leave [0, 1] here, for the classifier as for the regions that it is compared with (``unbounded``).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

import numbaconc as nc

data = nc.load_dataset("digits", test_fraction=0.5)
X_train, X_test = np.asarray(data.train), np.asarray(data.test)
model = LogisticRegression(max_iter=1000).fit(X_train, data.train.y % 2)

epsilons = np.array([0.01, 0.02, 0.03, 0.04, 0.05])
margins = (2 * (data.test.y % 2) - 1) * model.decision_function(X_test) / np.abs(model.coef_).sum()
clean_error = np.mean(margins <= 0)
adversarial_risks = [np.mean(margins <= epsilon) for epsilon in epsilons]

# %%
# h grows with α, so what is certified at α = 0.1 holds at the clean error, which is less. α was settled before a test point was looked at: that is
# what a certificate takes.

asked = {"norm": "linf", "epsilon": epsilons, "alpha": 0.1}
ds = nc.measure("halfspaces", data.train, data.test, **asked, margin=0.03, unbounded=True)
fig, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
nc.plot_curve(ds, ax)
ax.plot([0, *epsilons], [clean_error, *adversarial_risks], "k--")
place = {"xytext": (-6, 4), "textcoords": "offset points", "ha": "right"}
ax.annotate("the classifier", (epsilons[1], adversarial_risks[1]), **place)
ax.set_ylim(top=0.5)
unexplained = 1 - ds["certified"].squeeze().values / adversarial_risks
print(f"clean error {clean_error:.1%}")
print(f"unexplained at ε = {epsilons[-1]}: {unexplained[-1]:.1%} of the adversarial risk")
