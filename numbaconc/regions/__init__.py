"""Error regions, one family a file: sets that answer one question, how far a point is from them."""

from numbaconc.regions.balls import BallUnion
from numbaconc.regions.base import Measurement, Region
from numbaconc.regions.faces import FaceComplement
from numbaconc.regions.halfspace import HalfSpace
from numbaconc.regions.loading import load_region
from numbaconc.regions.rectangles import RectangleComplement, extend_to_domain
from numbaconc.regions.sublevel import Sublevel
from numbaconc.regions.told import Source

__all__ = [
    "BallUnion",
    "FaceComplement",
    "HalfSpace",
    "Measurement",
    "RectangleComplement",
    "Region",
    "Source",
    "Sublevel",
    "extend_to_domain",
    "load_region",
]
