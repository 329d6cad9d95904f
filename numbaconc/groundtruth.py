"""Distributions whose concentration function is known: what a search should come near, and never get below.

Each has `sample(n, seed)` and `concentration(alpha, epsilon)`, the exact h(μ, α, ε) in the distance that
it names. Some also say what a sub-family of sets, or an expansion taken in the ambient space, reaches:
bounds that stay above the truth however many points there are.
"""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv
from scipy.stats import laplace, norm, uniform

from numbaconc.data.arrays import as_sample, parse_epsilon
from numbaconc.data.conversion import as_floats
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, check_choice, check_count, check_fraction, said, shown
from numbaconc.norms import check_p, dual

ROUNDING = 1e-12  # relative; a measure this near to one that sets can have is that one
MOST_CLUSTERS = 16  # all unions of them are looked at
MOST_POINTS = 1 << 20  # of a cube that may be listed
MOST_NUMBERS = 1 << 32  # in a sample
MOST_FLIPS = 10_000  # dimensions of a cube, the subsets of which are counted exactly


class GroundTruth(abc.ABC):
    """A distribution on ℓp space with a known concentration function.

    Attributes
    ----------
    p : float
        Norm of the distance: 1, 2, infinity, or another number from 1.
    n_features : int
        Coordinates of a point.
    """

    p: float
    n_features: int

    def sample(self, n: int, seed: int) -> Sample:
        """Draw n independent points with `numpy.random.default_rng(seed)`, in the distance's own units.

        InputError if `n` or `seed` is not allowed.
        """
        rng = np.random.default_rng(check_count("seed", seed, 0))
        n = check_count("n", n, 1, MOST_NUMBERS // self.n_features, f"{MOST_NUMBERS} numbers, at most, make a sample")
        return as_sample(self._draw(n, rng), unit=1.0, min_rows=1)

    def concentration(self, alpha: float, epsilon: float | str) -> float:
        """Return h(μ, α, ε), the least measure of the ε-expansion of a set of measure at least α.

        InputError if α or ε is not allowed, or h is not known there.
        """
        return float(self._concentration(*_arguments(alpha, epsilon)))

    @abc.abstractmethod
    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.uint8] | NDArray[np.floating]: ...

    @abc.abstractmethod
    def _concentration(self, alpha: float, epsilon: float) -> float: ...


class Gaussian(GroundTruth):
    """N(θ, Σ) in ℓp: h = Φ(Φ⁻¹(α) + ε / ‖Σ^½‖_{2→p}), which half spaces reach.

    The norm is √λ_max for p = 2, the largest deviation of a coordinate for p = ∞ and, for diagonal Σ, that too for
    p > 2 and ‖σ‖_{2p/(2-p)} for p < 2 (√tr Σ for p = 1). InputError if a shape does not fit, Σ is not positive
    definite, or the norm is not known for p. Prescott, Zhang, Evans, ICLR 2021; Borell 1975; Sudakov, Tsirelson 1974.

    Parameters
    ----------
    covariance : array-like, shape (d, d) or (d,)
        Σ, positive definite; its diagonal alone if it has no other entries.
    mean : array-like, shape (d,), optional
        θ; 0 if not given.
    p : float
        From 1 to infinity; 2 or infinity if Σ is not diagonal.
    """

    def __init__(self, covariance: ArrayLike, mean: ArrayLike | None = None, p: float = 2.0) -> None:
        given = as_floats(covariance, "covariance")
        self.covariance = np.diag(given) if given.ndim == 1 else given
        self.n_features = len(self.covariance) if given.ndim else 0
        self.mean = np.zeros(self.n_features) if mean is None else as_floats(mean, "mean")
        self.p = check_p(p)
        shape = (self.n_features, self.n_features)
        if self.n_features == 0 or self.covariance.shape != shape or self.mean.shape != shape[:1]:
            msg = f"covariance and mean have shapes {given.shape} and {self.mean.shape}; allowed: (d, d) or (d,), and (d,)"
            raise InputError(msg)
        finite = np.isfinite(self.covariance).all() and np.isfinite(self.mean).all()
        symmetric = finite and np.allclose(self.covariance, self.covariance.T)
        if not symmetric or not np.linalg.eigvalsh(self.covariance)[0] > 0:
            msg = "covariance is not symmetric and positive definite; allowed: one that is, or its positive diagonal"
            raise InputError(msg)
        self.diagonal = not (self.covariance - np.diag(np.diag(self.covariance))).any()
        if not self.diagonal and self.p not in {2.0, math.inf}:
            msg = f"p is {self.p:g} with a covariance that is not diagonal; allowed: 2 or infinity"
            raise InputError(msg)
        self._root = np.linalg.cholesky(self.covariance)

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.floating]:
        return self.mean + rng.normal(size=(n, self.n_features)) @ self._root.T

    @property
    def normal(self) -> NDArray[np.float64]:
        """Normal w of half spaces {w·x > b} that reach h: no other is less expanded."""
        deviations = np.sqrt(np.diag(self.covariance))
        if not self.diagonal and self.p == 2:
            best = np.linalg.eigh(self.covariance)[1][:, -1]
        elif self.p >= 2:
            best = np.eye(self.n_features)[deviations.argmax()]
        else:
            best = deviations ** (2 * (self.p - 1) / (2 - self.p))
        return np.asarray(best, dtype=np.float64)

    def half_space(self, w: ArrayLike, alpha: float, epsilon: float | str) -> float:
        """Measure of the ε-expansion of a half space of measure α with normal w: Φ(Φ⁻¹(α) + ε‖w‖_q / √(wᵀΣw))."""
        alpha, epsilon = _arguments(alpha, epsilon)
        given = as_floats(w, "w")
        if given.shape != (self.n_features,) or not np.isfinite(given).all() or not given.any():
            msg = f"w is {shown(given)}; allowed: finite numbers, not all 0, shape ({self.n_features},)"
            raise InputError(msg)
        v = given / np.abs(given).max()
        step = epsilon * np.linalg.norm(v, dual(self.p)) / math.sqrt(v @ self.covariance @ v)
        return float(norm.cdf(norm.ppf(alpha) + step))

    def _concentration(self, alpha: float, epsilon: float) -> float:
        return self.half_space(self.normal, alpha, epsilon)


def centered_cubes(n_features: int, alpha: float, epsilon: float | str) -> float:
    """Return what complements of centered cubes reach for N(0, I) in ℓ∞: 1 - (2Φ(b - ε) - 1)^d at measure α.

    A sub-family of the complements of one box, far above h, which those with a single finite face reach.
    `n_features` is d; `alpha` and `epsilon` are as in `GroundTruth.concentration`. InputError if one is not allowed.
    """
    d, (alpha, epsilon) = check_count("n_features", n_features), _arguments(alpha, epsilon)
    beyond = -math.expm1(math.log1p(-alpha) / d) / 2  # of one coordinate, on one side
    inside = 1 - 2 * norm.sf(norm.isf(beyond) - epsilon)
    return float(1 - max(inside, 0.0) ** d)


class Sphere(GroundTruth):
    """Uniform on the unit sphere in R^d, ℓ2 (chordal) distance: h = σ(σ⁻¹(α) + 2 arcsin(ε/2)) for caps.

    σ(θ) = ½ I_{sin²θ}((d - 1)/2, ½) for θ <= π/2 is the measure of a cap of angle θ. Lévy 1951.
    InputError if `n_features`, which is d, is not a whole number of at least 2.
    """

    p = 2.0

    def __init__(self, n_features: int) -> None:
        self.n_features = check_count("n_features", n_features, 2)

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.floating]:
        X = rng.normal(size=(n, self.n_features))
        unit: NDArray[np.floating] = X / np.linalg.norm(X, axis=1, keepdims=True)
        return unit

    def cap(self, angle: float) -> float:
        """Measure of a cap, the points within an angle of a pole; of all points from π on.

        InputError if the angle is not a number of at least 0.
        """
        if not as_number(angle) >= 0:
            msg = f"angle is {shown(angle)}; allowed: a number of at least 0"
            raise InputError(msg)
        angle = as_number(angle)
        if angle > math.pi / 2:
            return 1 - self.cap(math.pi - min(angle, math.pi))
        return float(betainc((self.n_features - 1) / 2, 0.5, math.sin(angle) ** 2)) / 2

    def angle(self, alpha: float) -> float:
        """Angle of a cap of measure α, in (0, 1)."""
        alpha = check_fraction("alpha", alpha, one_allowed=False)
        if alpha > 0.5:
            return math.pi - self.angle(1 - alpha)
        return math.asin(math.sqrt(float(betaincinv((self.n_features - 1) / 2, 0.5, 2 * alpha))))

    def _concentration(self, alpha: float, epsilon: float) -> float:
        return self.cap(self.angle(alpha) + 2 * math.asin(min(epsilon / 2, 1.0)))

    def ambient_ball(self, alpha: float, epsilon: float | str) -> float:
        """Return what a ball of R^d around a point of the sphere reaches, its radius r enlarged to r + ε in R^d."""
        alpha, epsilon = _arguments(alpha, epsilon)
        chord = 2 * math.sin(self.angle(alpha) / 2) + epsilon
        return self.cap(2 * math.asin(min(chord / 2, 1.0)))

    def ambient_half_space(self, alpha: float, epsilon: float | str) -> float:
        """Return what a half space {w·x > b}, ‖w‖ = 1, reaches, its threshold moved to b - ε in R^d."""
        alpha, epsilon = _arguments(alpha, epsilon)
        return self.cap(math.acos(max(math.cos(self.angle(alpha)) - epsilon, -1.0)))


class Line(GroundTruth):
    """One of the symmetric log-concave distributions on the line: h = F(F⁻¹(α) + ε), which half lines reach.

    Its `name` is "normal", of deviation 1, "laplace", of scale 1, or "uniform", on [0, 1]; InputError for others.
    Bobkov, The Annals of Probability 24, 1996.
    """

    p = 2.0  # all norms are one on the line
    n_features = 1
    distributions: ClassVar = {"normal": norm, "laplace": laplace, "uniform": uniform}

    def __init__(self, name: str) -> None:
        self.distribution = self.distributions[check_choice("name", name, tuple(self.distributions))]

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.floating]:
        X: NDArray[np.floating] = self.distribution.rvs(size=(n, 1), random_state=rng)
        return X

    def _concentration(self, alpha: float, epsilon: float) -> float:
        return float(self.distribution.cdf(self.distribution.ppf(alpha) + epsilon))


class HammingCube(GroundTruth):
    """Uniform on {0, 1}^d in ℓp: a distance of ε is ⌊ε^p⌋ flips; h is that of Harper's sets.

    No set of m points has fewer within one flip than the m first by weight, those of one weight
    in lexicographic order; what is within one flip is again such a set. Its size is counted exactly (Kruskal
    and Katona) for every m. At α = 2^-d Σ_{i<=k} C(d, i) the set is a ball of k flips, or a half space with
    w = ±1, which in ℓ1 reaches h. Harper, Journal of Combinatorial Theory 1, 1966.

    `n_features` is d. `p` is 1 for the number of flips; ℓ2 is its square root. InputError if one is not allowed.
    """

    def __init__(self, n_features: int, p: float = 1.0) -> None:
        self.n_features, self.p = check_count("n_features", n_features, 1, MOST_FLIPS), check_p(p)

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        return rng.integers(0, 2, (n, self.n_features), dtype=np.uint8)

    def points(self) -> Sample:
        """All 2^d points, so that fractions of them are measures; InputError if there are more than a million."""
        check_count("n_features", self.n_features, 1, MOST_POINTS.bit_length() - 1, "or there are too many points")
        numbers = np.arange(1 << self.n_features, dtype=np.uint32)[:, np.newaxis]
        X = (numbers >> np.arange(self.n_features, dtype=np.uint32)) & np.uint32(1)
        return as_sample(X.astype(np.uint8), unit=1.0)

    def ball(self, k: int) -> float:
        """Measure of the points within k flips of one; of all points from d on."""
        return self._size(self._flips(k)) / (1 << self.n_features)

    def flips(self, epsilon: float | str) -> int:
        """Flips that a distance of ε allows."""
        epsilon = parse_epsilon(epsilon)
        if epsilon >= 1 and (math.isinf(self.p) or self.p * math.log(epsilon) >= math.log(self.n_features)):
            return self.n_features
        return math.floor(math.pow(epsilon, self.p) * (1 + ROUNDING)) if epsilon >= 1 else 0

    def _size(self, k: int) -> int:
        return sum(math.comb(self.n_features, i) for i in range(k + 1))

    def _concentration(self, alpha: float, epsilon: float) -> float:
        size = math.ceil(Fraction(alpha) * (1 << self.n_features))
        for _ in range(self.flips(epsilon)):
            size = self._within_one_flip(size)
        return size / (1 << self.n_features)

    def _within_one_flip(self, size: int) -> int:
        """Points within one flip of the `size` first: the next whole ball, and the upper shadow of what is beyond one."""
        d, k = self.n_features, -1
        while k < d and self._size(k + 1) <= size:
            k += 1
        if k == d:
            return size
        beyond, shadow = size - self._size(k), 0
        # the first sets of k + 1 elements are complements of the first, in colexicographic order, of rank elements
        rank = d - k - 1
        while beyond and rank:  # the binomials that `beyond` is a sum of, largest first
            top = rank
            while math.comb(top + 1, rank) <= beyond:
                top += 1
            beyond -= math.comb(top, rank)
            shadow += math.comb(top, rank - 1)
            rank -= 1
        return self._size(k + 1) + shadow

    def ambient_ball(self, k: int, epsilon: float | str) -> float:
        """Return what a ball of k flips reaches in ℓ2, its radius √k enlarged to √k + ε in R^d."""
        reached = (math.sqrt(self._flips(k)) + self._moved(epsilon)) ** 2
        return self.ball(min(math.floor(reached * (1 + ROUNDING)), self.n_features))

    def ambient_half_space(self, k: int, epsilon: float | str) -> float:
        """Return what {x : Σx <= k} reaches in ℓ2, its border moved by ε in R^d, that is to Σx <= k + ε√d."""
        reached = self._flips(k) + self._moved(epsilon) * math.sqrt(self.n_features)
        return self.ball(min(math.floor(reached * (1 + ROUNDING)), self.n_features))

    def _flips(self, k: object) -> int:
        return min(check_count("k", k, 0), self.n_features)

    def _moved(self, epsilon: float | str) -> float:
        """Return ε, but no more than what reaches all points."""
        return min(parse_epsilon(epsilon), float(self.n_features))


class SeparatedClusters(GroundTruth):
    """Clusters farther apart than ε: h(α) = α for every α that is the mass of a union of clusters.

    Where each cluster also lies within ε of each of its points, h is known for all α: the least mass of a
    union of clusters that is at least α. InputError if masses or centers are not allowed.

    Parameters
    ----------
    clusters : sequence of (center, mass)
        At most 16; masses add up to 1.
    half_width : float
        Of the cube, around its center, in which each cluster is uniform; 0 for atoms.
    p : float
        Norm of the distance.
    """

    def __init__(self, clusters: Sequence[tuple[ArrayLike, float]], half_width: float, p: float = 2.0) -> None:
        try:
            centers, masses = zip(*itertools.islice(clusters, MOST_CLUSTERS + 1), strict=True)
        except Exception as error:  # what is no sequence of pairs raises what it likes
            msg = f"clusters is {shown(clusters)}; allowed: a list of pairs, a center and a mass ({said(error)})"
            raise InputError(msg) from error
        check_count("number of clusters", len(centers), 2, MOST_CLUSTERS)
        self.centers, self.masses = as_floats(centers, "centers"), as_floats(masses, "masses")
        self.half_width, self.p = as_number(half_width), check_p(p)
        if self.centers.ndim != 2 or not np.isfinite(self.centers).all() or not 0 <= self.half_width < math.inf:
            msg = f"clusters have centers of shape {self.centers.shape} and half width {shown(half_width)}; allowed: finite (K, d)"
            raise InputError(msg)
        if not (self.masses > 0).all() or abs(self.masses.sum() - 1) > ROUNDING:
            msg = f"masses are {self.masses.tolist()}; allowed: positive numbers that add up to 1"
            raise InputError(msg)
        self.n_features = self.centers.shape[1]

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.floating]:
        which = rng.choice(len(self.masses), n, p=self.masses)
        around: NDArray[np.floating] = rng.uniform(-self.half_width, self.half_width, (n, self.n_features))
        return self.centers[which] + around

    @property
    def separation(self) -> float:
        """Least distance between points of different clusters."""
        pairs = itertools.combinations(self.centers, 2)
        return min(float(np.linalg.norm(np.maximum(np.abs(a - b) - 2 * self.half_width, 0), self.p)) for a, b in pairs)

    @property
    def diameter(self) -> float:
        """Largest distance between points of one cluster."""
        return float(np.linalg.norm(np.full(self.n_features, 2 * self.half_width), self.p))

    def _concentration(self, alpha: float, epsilon: float) -> float:
        if not self.separation > epsilon:
            msg = f"epsilon is {epsilon:g}; allowed: less than {self.separation:g}, the distance between clusters"
            raise InputError(msg)
        sums = np.array([sum(s) for k in range(len(self.masses)) for s in itertools.combinations(self.masses, k + 1)])
        least = float(sums[sums >= alpha * (1 - ROUNDING)].min())
        if self.diameter > epsilon and least > alpha * (1 + ROUNDING):
            msg = f"alpha is {alpha:g}; allowed: the mass of a union of clusters, or epsilon of at least {self.diameter:g}"
            raise InputError(msg)
        return least


def _arguments(alpha: float, epsilon: float | str) -> tuple[float, float]:
    return check_fraction("alpha", alpha, one_allowed=False), parse_epsilon(epsilon)
