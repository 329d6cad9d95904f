"""numbaconc: how concentrated a data set is, and how much robustness concentration does not rule out."""

from importlib.metadata import version

from numbaconc.arrays import Sample, UnitWarning, as_sample, parse_epsilon
from numbaconc.clustering import Clusters, cluster
from numbaconc.datasets import Dataset, load_dataset
from numbaconc.density import dense_first, knn_radii
from numbaconc.errors import InputError
from numbaconc.measurement import Findings, find_regions, measure
from numbaconc.regions import BallUnion, HalfSpace, Measurement, RectangleComplement, Region, load_region
from numbaconc.results import open_results, save_results
from numbaconc.search.balls import BallSearch, search_balls
from numbaconc.search.hyperplane import HyperplaneSearch, search_hyperplane
from numbaconc.search.rectangles import RectangleSearch, Tried, cover_rectangles, search_rectangles
from numbaconc.sweep.run import run_sweep

__version__ = version("numbaconc")
__all__ = [
    "BallSearch",
    "BallUnion",
    "Clusters",
    "Dataset",
    "Findings",
    "HalfSpace",
    "HyperplaneSearch",
    "InputError",
    "Measurement",
    "RectangleComplement",
    "RectangleSearch",
    "Region",
    "Sample",
    "Tried",
    "UnitWarning",
    "as_sample",
    "cluster",
    "cover_rectangles",
    "dense_first",
    "find_regions",
    "knn_radii",
    "load_dataset",
    "load_region",
    "measure",
    "open_results",
    "parse_epsilon",
    "run_sweep",
    "save_results",
    "search_balls",
    "search_hyperplane",
    "search_rectangles",
]
