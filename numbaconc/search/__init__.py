"""Searches for error regions, one a file; each that is imported here is known by its name everywhere."""

from numbaconc.search.balls import BallSearch as BallSearch, Placed as Placed
from numbaconc.search.base import Found as Found, Search as Search
from numbaconc.search.best import BestSearch as BestSearch
from numbaconc.search.descent import Moved as Moved
from numbaconc.search.faces import FaceSearch as FaceSearch, Relaxed as Relaxed, Start as Start
from numbaconc.search.free_balls import FreeBallSearch as FreeBallSearch
from numbaconc.search.halfspaces import HalfSpaceSearch as HalfSpaceSearch
from numbaconc.search.held_back import Candidate as Candidate
from numbaconc.search.hyperplane import HyperplaneSearch as HyperplaneSearch, Side as Side
from numbaconc.search.rectangles import RectangleSearch as RectangleSearch, Tried as Tried
from numbaconc.search.restarts import Restarts as Restarts
