from .certify import (
    Certificate as Certificate,
)
from .certify import (
)
from .certify import (
    certify as certify,
)
from .certify import (
    uniform_deviation as uniform_deviation,
)
from .clustering import (
    Clusters as Clusters,
)
from .clustering import (
    cluster as cluster,
)
from .data.arrays import (
    Sample as Sample,
)
from .data.arrays import (
    UnitWarning as UnitWarning,
)
from .data.arrays import (
    as_sample as as_sample,
)
from .data.arrays import (
    parse_epsilon as parse_epsilon,
)
from .data.datasets import (
    Dataset as Dataset,
)
from .data.datasets import (
    load_dataset as load_dataset,
)
from .density import (
    dense_first as dense_first,
)
from .density import (
    knn_radii as knn_radii,
)
from .errors import InputError as InputError
from .goal import Goal as Goal
from .how import How as How
from .measurement import (
    Findings as Findings,
)
from .measurement import (
    find_regions as find_regions,
)
from .measurement import (
    measure as measure,
)
from .regions import (
    BallUnion as BallUnion,
)
from .regions import (
    HalfSpace as HalfSpace,
)
from .regions import (
    Measurement as Measurement,
)
from .regions import (
    RectangleComplement as RectangleComplement,
)
from .regions import (
    Region as Region,
)
from .regions import (
    extend_to_domain as extend_to_domain,
)
from .regions import (
    load_region as load_region,
)
from .results.files import (
    open_results as open_results,
)
from .results.files import (
    save_results as save_results,
)
from .search import (
    BallSearch as BallSearch,
)
from .search import (
    BestSearch as BestSearch,
)
from .search import (
    Candidate as Candidate,
)
from .search import (
    FaceSearch as FaceSearch,
)
from .search import (
    Found as Found,
)
from .search import (
    FreeBallSearch as FreeBallSearch,
)
from .search import (
    HalfSpaceSearch as HalfSpaceSearch,
)
from .search import (
    HyperplaneSearch as HyperplaneSearch,
)
from .search import (
    Moved as Moved,
)
from .search import (
    Placed as Placed,
)
from .search import (
    RectangleSearch as RectangleSearch,
)
from .search import (
    Restarts as Restarts,
)
from .search import (
    Search as Search,
)
from .search import (
    Side as Side,
)
from .search import (
    Start as Start,
)
from .search import (
    Tried as Tried,
)
from .search.settings import setting as setting
from .sweep.run import run_sweep as run_sweep

__version__: str
