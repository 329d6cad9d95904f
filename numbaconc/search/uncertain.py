"""Error regions that people find hard: what searches are asked beside the risk, by the uncertainty of labels."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.annotations import MOST, as_uncertainty
from numbaconc.data.conversion import as_floats
from numbaconc.data.files import as_path, sha256_of_array
from numbaconc.data.formats.npy import read_array
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, reading, shown
from numbaconc.goal import Goal
from numbaconc.regions import Region
from numbaconc.search.base import Found, Search
from numbaconc.search.settings import Check, setting

ROUNDING = 1e-12  # what a mean may lack of γ, since sums are rounded
BITS = 41  # after the point of an excess: two units of the last are less than ROUNDING


class Constraint(NamedTuple):
    """That the uncertainty of some points has a mean of at least γ: that their excess has a sum of at least 0.

    Whole numbers have the same sum in any order, so that no number of threads changes what is allowed.

    Attributes
    ----------
    gamma : float
    excess : ndarray, shape (n,), int64
        Of each point, `scale` times what its uncertainty is beyond γ, rounded up, and up to one more. A mean of γ is
        thus never missed, and what is allowed lacks less than ROUNDING.
    scale : float
    """

    gamma: float
    excess: NDArray[np.int64]
    scale: float

    @classmethod
    def of(cls, uncertainty: NDArray[np.float64], gamma: float) -> Constraint:
        """Return what γ asks of points of some uncertainty."""
        scale = 2.0 ** min(BITS, 61 - len(uncertainty).bit_length())  # int64 holds the sum over all points
        return cls(gamma, np.floor((uncertainty - gamma) * scale).astype(np.int64) + 2, scale)

    def mean(self, excess: float) -> float:
        """Return the mean uncertainty that belongs to a mean excess, at least."""
        return self.gamma + (excess - 2) / self.scale


def _gamma(name: str, value: object) -> float:
    number = as_number(value)
    if not 0 <= number <= MOST:
        msg = f"{name} is {shown(value)}; allowed: a number from 0 to {MOST:g}"
        raise InputError(msg)
    return number


def _uncertainty(name: str, value: object) -> NDArray[np.float64]:
    """Return the numbers that are given, or that stand in a file of NumPy's."""
    given: Any = value
    if isinstance(value, str | os.PathLike):
        path = as_path(value, name)
        with reading(repr(str(path)), f"{name}, an .npy file"):
            given = read_array(io.BytesIO(path.read_bytes() if path.is_file() else b""), path.stat().st_size)
    numbers = as_floats(given, name)
    return as_uncertainty(numbers, numbers.size, name)


class UncertainSearch(Search):
    """A search that may be asked for a region of hard points: γ is the least mean label uncertainty in all of it.

    A classifier errs where labels are uncertain (Zhang and Evans, ICLR 2022), so that a region without uncertainty is
    none of its error regions. The mean is taken over the training points in the region, whatever it is made of.
    """

    uncertainty: Any = setting(
        default=None,
        check=Check("numbers from 0 to 2, one for each training point, or an .npy file of them", _uncertainty, str),
        help="how uncertain people are of the labels; what the sample knows of it if not given",
    )
    gamma: float | None = setting(
        default=None,
        check=Check(f"a number from 0 to {MOST:g}", _gamma),
        help="γ, the least mean uncertainty of the labels of the training points in the region",
        coordinate="gamma",
    )

    def check_together(self) -> None:
        """Refuse uncertainty without a γ, which would have no effect."""
        if self.uncertainty is not None and self.gamma is None:
            msg = "uncertainty is given without gamma; allowed: with the least mean that is asked for"
            raise InputError(msg)

    def check_for_part(self) -> None:
        """Refuse the uncertainty of all training points, of which the search will see some."""
        if self.uncertainty is not None:
            allowed = "that of the sample itself, as_sample(X, uncertainty=...)"
            msg = f"uncertainty is {shown(self.uncertainty)} in a search of some of the points; allowed: {allowed}"
            raise InputError(msg)

    def described(self) -> dict[str, Any]:
        """Return the settings that are no coordinates as plain values; of the uncertainty, its hash."""
        if self.uncertainty is None:
            return super().described()
        return super().described() | {"uncertainty": sha256_of_array(_uncertainty("uncertainty", self.uncertainty))}

    def hardness(self, sample: Sample) -> NDArray[np.float64] | None:
        """Return the uncertainty of each training point, (n,); None where no γ is asked for.

        InputError if γ is, and no uncertainty is known, or there is not one for each point.
        """
        if self.gamma is None:
            return None
        if self.uncertainty is not None:
            given = as_uncertainty(self.uncertainty, len(sample))
            if sample.uncertainty is not None and not np.array_equal(given, sample.uncertainty):
                row = int(np.flatnonzero(given != sample.uncertainty)[0])
                own = f"the Sample's own, where row {row} has {sample.uncertainty[row]:g}"
                msg = f"uncertainty has {given[row]:g} in row {row}; allowed: {own}, or a Sample without"
                raise InputError(msg)
            return given
        if sample.uncertainty is None:
            msg = f"gamma is {self.gamma:g} without uncertainty; allowed: with that of the training points"
            raise InputError(msg)
        return sample.uncertainty

    def constraint(self, sample: Sample) -> Constraint | None:
        """Return what γ asks of the training points in a region; None where none is given. Raises as `hardness`."""
        hardness = self.hardness(sample)
        return None if hardness is None or self.gamma is None else Constraint.of(hardness, self.gamma)

    def found(self, region: Region, sample: Sample, goal: Goal, trace: Sequence[Any] = (), **attributes: Any) -> Found:  # noqa: ANN401
        """Return a region as what was found; where γ was asked for, with its mean uncertainty on the sample."""
        hardness = self.hardness(sample)
        if hardness is not None:
            attributes["mean_uncertainty"] = float(hardness[region.in_space(sample.space).contains(sample)].mean())
        return super().found(region, sample, goal, trace, **attributes)
