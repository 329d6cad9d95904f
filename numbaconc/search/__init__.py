"""Searches for error regions, one a file; each that is imported here is known by its name everywhere."""

from numbaconc.search.balls import BallSearch, Placed
from numbaconc.search.base import Found, Search
from numbaconc.search.best import BestSearch
from numbaconc.search.descent import Moved
from numbaconc.search.faces import FaceSearch, Start
from numbaconc.search.free_balls import FreeBallSearch
from numbaconc.search.halfspaces import HalfSpaceSearch
from numbaconc.search.held_back import Candidate
from numbaconc.search.hyperplane import HyperplaneSearch, Side
from numbaconc.search.rectangles import RectangleSearch, Tried
from numbaconc.search.restarts import Restarts

__all__ = [
    "BallSearch",
    "BestSearch",
    "Candidate",
    "FaceSearch",
    "Found",
    "FreeBallSearch",
    "HalfSpaceSearch",
    "HyperplaneSearch",
    "Moved",
    "Placed",
    "RectangleSearch",
    "Restarts",
    "Search",
    "Side",
    "Start",
    "Tried",
]
