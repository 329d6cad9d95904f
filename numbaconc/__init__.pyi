from .certify import (
    Certificate as Certificate,
    certify as certify,
    uniform_deviation as uniform_deviation,
)
from .clustering import (
    Clusters as Clusters,
    cluster as cluster,
)
from .data.annotations import label_uncertainty as label_uncertainty
from .data.arrays import (
    UnitWarning as UnitWarning,
    as_sample as as_sample,
    parse_epsilon as parse_epsilon,
)
from .data.datasets import (
    Dataset as Dataset,
    load_dataset as load_dataset,
)
from .data.sample import Sample as Sample
from .density import (
    dense_first as dense_first,
    knn_radii as knn_radii,
)
from .errors import InputError as InputError, NoRegionError as NoRegionError
from .goal import Goal as Goal
from .how import How as How
from .labels.matching import (
    ClassifierBound as ClassifierBound,
    classifier_bound as classifier_bound,
)
from .labels.separation import (
    Separation as Separation,
    separation as separation,
)
from .lower import (
    LowerBound as LowerBound,
    lower_bound as lower_bound,
)
from .measurement import (
    Findings as Findings,
    find_regions as find_regions,
    measure as measure,
)
from .regions import (
    BallUnion as BallUnion,
    HalfSpace as HalfSpace,
    Measurement as Measurement,
    RectangleComplement as RectangleComplement,
    Region as Region,
    extend_to_domain as extend_to_domain,
    load_region as load_region,
)
from .results.files import (
    open_results as open_results,
    save_results as save_results,
)
from .search import (
    BallSearch as BallSearch,
    BestSearch as BestSearch,
    Candidate as Candidate,
    FaceSearch as FaceSearch,
    Found as Found,
    FreeBallSearch as FreeBallSearch,
    HalfSpaceSearch as HalfSpaceSearch,
    HyperplaneSearch as HyperplaneSearch,
    Moved as Moved,
    Placed as Placed,
    RectangleSearch as RectangleSearch,
    Restarts as Restarts,
    Search as Search,
    Side as Side,
    Start as Start,
    Tried as Tried,
)
from .search.settings import setting as setting
from .show.pictures.curves import plot_curve as plot_curve
from .show.pictures.growth import plot_growth as plot_growth
from .show.pictures.regions import plot_region as plot_region
from .show.pictures.risks import plot_risks as plot_risks
from .sweep.run import run_sweep as run_sweep

__version__: str
