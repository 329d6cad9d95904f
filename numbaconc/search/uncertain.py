"""Error regions that people find hard: what searches are asked beside the risk, by the uncertainty of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.annotations import MOST, as_uncertainty
from numbaconc.data.conversion import as_floats
from numbaconc.data.files import sha256_of_array
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, shown
from numbaconc.search.base import Search
from numbaconc.search.settings import Check, setting

ROUNDING = 1e-12  # what a mean may lack of γ, since sums are rounded


def _gamma(name: str, value: object) -> float:
    number = as_number(value)
    if not 0 <= number <= MOST:
        msg = f"{name} is {shown(value)}; allowed: a number from 0 to {MOST:g}"
        raise InputError(msg)
    return number


class UncertainSearch(Search):
    """A search that may be asked for a region of hard points: γ is the least mean label uncertainty in all of it.

    A classifier errs where labels are uncertain (Zhang and Evans, ICLR 2022), so that a region without uncertainty is
    none of its error regions. The mean is taken over the training points in the region, whatever it is made of.
    """

    uncertainty: Any = setting(
        default=None,
        check=Check("numbers from 0 to 2, one for each training point", lambda name, value: as_floats(value, name)),
        help="how uncertain people are of the labels; what the sample knows of it if not given",
    )
    gamma: float | None = setting(
        default=None,
        check=Check(f"a number from 0 to {MOST:g}", _gamma),
        help="γ, the least mean uncertainty of the labels of the training points in the region",
    )

    def check_together(self) -> None:
        """Refuse uncertainty without a γ, which would have no effect."""
        if self.uncertainty is not None and self.gamma is None:
            msg = "uncertainty is given without gamma; allowed: with the least mean that is asked for"
            raise InputError(msg)

    def described(self) -> dict[str, Any]:
        """Return the settings that are no coordinates as plain values; of the uncertainty, its hash."""
        if self.uncertainty is None:
            return super().described()
        return super().described() | {"uncertainty": sha256_of_array(np.asarray(self.uncertainty, np.float64))}

    def hardness(self, sample: Sample) -> NDArray[np.float64] | None:
        """Return the uncertainty of each training point, (n,); None where no γ is asked for.

        InputError if γ is, and no uncertainty is known, or there is not one for each point.
        """
        if self.gamma is None:
            return None
        if self.uncertainty is not None:
            return as_uncertainty(self.uncertainty, len(sample))
        if sample.uncertainty is None:
            msg = f"gamma is {self.gamma:g} without uncertainty; allowed: with that of the training points"
            raise InputError(msg)
        return sample.uncertainty
