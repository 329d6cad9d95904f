"""A search as a user would write one: the best of random half spaces. It must stay this short."""

import numpy as np

import numbaconc as nc
from numbaconc.search.settings import Count, NotNegative


class ToySearch(nc.Search):
    """Cut off the share of the points that lies farthest along one of some random directions."""

    name = "toy"
    norms = ("l2",)

    n_directions: int = nc.setting(default=20, check=Count(), help="directions that are tried", coordinate="directions")
    bend: float = nc.setting(default=1.0, check=NotNegative(), help="power of the sizes of a direction's coordinates")
    seed: int = nc.setting(default=0, check=Count(0), help="of the directions", coordinate="seed")

    def find(self, prepared, goal, how):
        """Cut along every direction, and keep the best cut."""
        drawn = np.random.default_rng(self.seed).normal(size=(self.n_directions, prepared.n_features))
        n_inside = goal.n_inside(len(prepared))
        regions = [nc.HalfSpace(w, 0.0).holding(prepared, n_inside) for w in np.sign(drawn) * abs(drawn) ** self.bend]
        cuts = [self.found(region, prepared, goal) for region in regions]
        return min(cuts, key=lambda one: one.adversarial_risk)
