"""
A classifier beside the curve
=============================

How robust a linear classifier of two classes is can be said exactly: it is right within ε of a point if its margin there is more than ε times the dual
norm of its weights. Its adversarial risk stands beside what concentration explains of it, at α = its clean error. The classes are even and odd digits.
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
# h grows with α, so what is certified at an α a little above the clean error holds there, too.

alpha = np.ceil(1000 * clean_error) / 1000
ds = nc.measure(
    "halfspaces", data.train, data.test, norm="linf", epsilon=epsilons, alpha=alpha, margin=0.03, name="digits"
)
fig, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
nc.plot_curve(ds, ax)
ax.plot([0, *epsilons], [clean_error, *adversarial_risks], "k--")
ax.annotate(
    "the classifier", (epsilons[1], adversarial_risks[1]), xytext=(-6, 4), textcoords="offset points", ha="right"
)
ax.set_ylim(top=0.5)
unexplained = 1 - ds["certified"].squeeze().values / adversarial_risks
print(
    f"clean error {clean_error:.1%}; unexplained at ε = {epsilons[-1]}: {unexplained[-1]:.1%} of the adversarial risk"
)
