"""numbaconc: how concentrated a data set is, and how much robustness concentration does not rule out."""

from importlib.metadata import version

from numbaconc.data.arrays import Sample, UnitWarning, as_sample, parse_epsilon
from numbaconc.certify import Certificate, buffer_for, certify, uniform_deviation
from numbaconc.clustering import Clusters, cluster
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.density import dense_first, knn_radii
from numbaconc.errors import InputError
from numbaconc.measurement import Findings, find_regions, measure
from numbaconc.regions import (
    BallUnion,
    HalfSpace,
    Measurement,
    RectangleComplement,
    Region,
    extend_to_domain,
    load_region,
)
from numbaconc.results import open_results, save_results
from numbaconc.search.balls import BallSearch, search_balls
from numbaconc.search.best import BestSearch, Candidate, search_best
from numbaconc.search.faces import FaceSearch, search_faces
from numbaconc.search.halfspaces import HalfSpaceSearch, search_halfspaces
from numbaconc.search.hyperplane import HyperplaneSearch, search_hyperplane
from numbaconc.search.rectangles import RectangleSearch, Tried, cover_rectangles, search_rectangles
from numbaconc.sweep.run import run_sweep

__version__ = version("numbaconc")
__all__ = [
    "BallSearch",
    "BallUnion",
    "BestSearch",
    "Candidate",
    "Certificate",
    "Clusters",
    "Dataset",
    "FaceSearch",
    "Findings",
    "HalfSpace",
    "HalfSpaceSearch",
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
    "buffer_for",
    "certify",
    "cluster",
    "cover_rectangles",
    "dense_first",
    "extend_to_domain",
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
    "search_best",
    "search_faces",
    "search_halfspaces",
    "search_hyperplane",
    "search_rectangles",
    "uniform_deviation",
]
