"""Error regions, one family a file: sets that answer one question, how far a point is from them."""

from numbaconc.regions.balls import BallUnion
from numbaconc.regions.base import Measurement, Region, load_region
from numbaconc.regions.halfspace import HalfSpace
from numbaconc.regions.rectangles import RectangleComplement, extend_to_domain

__all__ = ["BallUnion", "HalfSpace", "Measurement", "RectangleComplement", "Region", "extend_to_domain", "load_region"]
