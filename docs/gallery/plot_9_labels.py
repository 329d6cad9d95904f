"""
How far labels are apart
========================

Half the distance to the nearest point of another label is the ε from which two labels meet at that point. What every classifier must lose then is a matching
bound.
"""

import matplotlib.pyplot as plt
import numpy as np

import numbaconc as nc

data = nc.load_dataset("digits")
halves = nc.separation(data.train, None, norm="l2").distances / 2
epsilons = np.linspace(0.4, 1.2, 9)
losses = [nc.classifier_bound(data.train, epsilon=epsilon, norm="l2").loss for epsilon in epsilons]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.hist(halves, bins=40, color="0.6")
left.set(xlabel="half the distance to another label, ℓ2", ylabel="training points")
right.plot(epsilons, losses, "o-", color="#0072B2")
right.set(xlabel="ε, ℓ2", ylabel="what every classifier loses, at least")
