"""`numbaconc measure`: one data set, any search, a result, a plot and regions."""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numbaconc.cli.console import EXIT_DEGENERATE, add_data_options, epilog, say, tell
from numbaconc.cli.options import add_plugin_option, add_search_options, given_settings, whole_number
from numbaconc.cli.outputs import check_apart, settled
from numbaconc.data.arrays import parse_alphas, parse_epsilons
from numbaconc.data.files import cache_dir, check_writable
from numbaconc.data.formats.known import KNOWN, name_of
from numbaconc.errors import InputError, NoRegionError, as_number, check_count, check_fraction, printable, said, shown
from numbaconc.how import How
from numbaconc.norms import NORMS
from numbaconc.numerals import strength

if TYPE_CHECKING:
    import xarray as xr

    from numbaconc.data.datasets import Dataset
    from numbaconc.regions import Region
    from numbaconc.search.base import Search


EPSILON, ALPHA = "0.1", "0.05"
OWN = f"{KNOWN}; two with a comma between are train and test"
BEST = "best"  # the search that a classifier is compared with, if none is named
NO_ANSWER = (
    "no region of enough risk was found{where}: the training risk is below α, or no test point lies in the region"
)
ROUNDING = 1e-12  # .3 and .7 make 1


def add_measure(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "measure",
        usage="%(prog)s [data] [OPTION ...]",
        help="find the least-growing error region of a data set and say what it bounds",
        description="Search the training points for a set of measure at least alpha whose expansion by epsilon is as "
        "small as possible, and measure it on the test points.",
        epilog=epilog(EXIT_DEGENERATE),
    )
    add_data(parser)
    goal = parser.add_argument_group("what is asked").add_argument
    goal("--search", help="how regions are found")  # which ones there are is told when they are known
    add_norm(goal, "that of the search, or linf")
    add_epsilon(goal)
    goal("--alpha", action="append", metavar="A", help=f"risk threshold, in (0, 1), or several (default: {ALPHA})")
    goal(
        "--simultaneous",
        action="store_true",
        help="certificates of all pairs of epsilon and alpha hold together; otherwise each by itself",
    )
    goal(
        "--lower",
        action="store_true",
        help="bound h from below, too, by pairs of test points within epsilon: the interval holds with 95%% confidence",
    )
    goal("--restarts", metavar="N", help="repeat a search that draws with seeds seed .. seed+N-1 (default: 1)")
    beside = parser.add_argument_group("a classifier of yours beside it, compared with best if no search is named")
    beside.add_argument("--clean-error", metavar="F", help="its error on clean points, which is alpha then")
    beside.add_argument(
        "--robust-accuracy", metavar="F", help="its accuracy under attacks of the one epsilon asked for"
    )
    run = parser.add_argument_group("how it runs")
    add = run.add_argument
    add("--threads", metavar="N", help="threads for the kernels (default: all)")
    add("--workers", metavar="N", help="rectangles: find neighbor radii in N processes (default: here)")
    add("--checkpoint", metavar="FILE", help="balls: a file from which an interrupted search goes on")
    add_plugin_option(run)
    add = parser.add_argument_group("what comes out").add_argument
    add("--out", metavar="FILE.nc", help="result file; plot and region are saved beside it (default: NAME-NORM.nc)")
    add_told(add)
    parser.fill = add_search_options
    parser.set_defaults(run=_measure)


def add_norm(add: Callable[..., object], usual: str) -> None:
    """Add the option that names a norm."""
    add("--norm", help=f"what epsilon is measured in: {', '.join(NORMS)} (default: {usual})")


def add_epsilon(add: Callable[..., object]) -> None:
    """Add the option of one or more strengths."""
    add(
        "--epsilon",
        action="append",
        metavar="E",
        help="strength, of images on the scale of [0, 1], otherwise in units of the data or of --scale: a number, "
        f'"8/255", a comma list, or given several times (default: {EPSILON})',
    )


def add_told(add: Callable[..., object]) -> None:
    """Add what says how a result is printed."""
    add("--json", action="store_true", help="print JSON instead of words")
    add("--quiet", action="store_true", help="no progress bars and no notes")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add what says which data, and which of their points, are looked at, and where data sets lie."""
    group = parser.add_argument_group("which data")
    add_data_arguments(group.add_argument)
    add_data_options(group)


def add_data_arguments(add: Callable[..., object]) -> None:
    """Add what says which data, and which of their points, are looked at."""
    add("data", nargs="?", default="digits", help=f"a data set's name (numbaconc data list), or your own: {OWN}")
    add(
        "--key",
        metavar="NAME",
        help="the array in your file, or TRAIN,TEST (default: by names such as X_train, X_test)",
    )
    add(
        "--normalize",
        metavar="MEAN/STD",
        help="pixels in your file were normalized by these, numbers or one a channel with commas between, such as "
        "0.1307/0.3081: undo it, so that epsilon is on the scale of pixels",
    )
    add(
        "--scale",
        metavar="HOW",
        help="divide every column of your file by its spread in the training points, standard or range, or by numbers with "
        "commas between, so that epsilon is in units of each feature",
    )
    add(
        "--drop",
        metavar="NAME,NAME",
        help="leave columns of your file out, such as an index: their names, or positions from 0 on",
    )
    add("--max-train", metavar="N", help="use N training points, drawn evenly")
    add(
        "--test-fraction",
        metavar="F",
        help="share of test points of the digits, and where your data are in one piece (default: 0.2)",
    )


def _measure(options: argparse.Namespace) -> int:
    from numbaconc.measurement import find_regions
    from numbaconc.results.files import save_results
    from numbaconc.results.queries import with_classifier
    from numbaconc.results.schema import VERIFIED_WORDS
    from numbaconc.show.records import as_json, written

    epsilons, classifier = parse_epsilons(options.epsilon or EPSILON), _classifier(options)
    alphas = parse_alphas(options.alpha or ALPHA) if classifier is None else [classifier.clean_error]
    if classifier is not None and len(epsilons) > 1:
        msg = f"epsilon is {', '.join(options.epsilon)} beside --robust-accuracy; allowed: the one that it was measured at"
        raise InputError(msg)
    search = _search(options, None if classifier is None else BEST)
    check_source(options)
    outputs = _outputs(options, search.norm_name, epsilons, alphas)
    data = load_data(options)
    provided: dict[str, Any] = {"data_verified": VERIFIED_WORDS[data.verified]}
    provided |= {} if options.max_train is None else {"max_train": len(data.train)}
    provided |= told_of(options)
    workers = None if options.workers is None else check_count("--workers", whole_number(options.workers))
    how = How(not options.quiet, whole_number(options.threads), cache_dir(), options.checkpoint, workers)
    told: dict[str, Any] = {"name": data.name, "simultaneous": options.simultaneous, "lower": options.lower, "how": how}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "no region of enough risk")  # it is said in the end
            found = find_regions(search, data.train, data.test, epsilon=epsilons, alpha=alphas, **told)
    except NoRegionError as error:
        if options.json and error.dataset is not None:
            say(written(as_json(error.dataset)))
        raise
    goals = [(epsilon, alpha) if len(alphas) > 1 else epsilon for epsilon in epsilons for alpha in alphas]
    outputs = outputs.of([goal in found.regions for goal in goals])
    ds = found.dataset if classifier is None else with_classifier(found.dataset, classifier.robust_accuracy)
    ds.attrs |= provided
    if options.out is None:
        usual = outputs

        def same(name: Path) -> bool:
            return _hold(usual.at(name).regions.values(), found.regions.values())

        named = settled(usual.result, ds, lambda name: usual.at(name).files, quiet=options.quiet, same=same)
        outputs = usual.at(named)
    save_results(ds, outputs.result)
    for path, region in zip(outputs.regions.values(), found.regions.values(), strict=True):
        region.save(path)
    _say(ds, outputs, drawn=_draw(ds, outputs.plot), as_plain_json=options.json)
    return _status(ds, len(goals) - len(found.regions))


def _status(ds: xr.Dataset, n_unreached: int) -> int:
    """Return the exit status, and say why it is not 0."""
    from numbaconc.results.queries import cases, degenerate, failures

    n_measured, n_empty = len(list(cases(ds))), len(degenerate(ds))
    if n_empty:
        tell(NO_ANSWER.format(where="" if n_empty == n_measured else f" in {n_empty} of {n_measured} cases"))
    if n_unreached:
        which = f"{n_unreached} of {n_measured + n_unreached} cases"
        tell(f"no region of enough risk was found in {which}: {printable(failures(ds)[0])}")
    return EXIT_DEGENERATE if n_empty or n_unreached else 0


def _hold(paths: Iterable[Path], regions: Iterable[Region]) -> bool:
    """Return whether those of the files that exist hold these regions, which are always written the same."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "region.nc"
        for path, region in zip(paths, regions, strict=True):
            if os.path.lexists(path):
                region.save(written)
                if not path.is_file() or path.read_bytes() != written.read_bytes():
                    return False
    return True


class _Classifier(NamedTuple):
    """What is known of a classifier of the user's."""

    clean_error: float
    robust_accuracy: float


def _classifier(options: argparse.Namespace) -> _Classifier | None:
    """Return the classifier that is compared; InputError for one that cannot be, or is only half told."""
    given = {"--clean-error": options.clean_error, "--robust-accuracy": options.robust_accuracy}
    if all(value is None for value in given.values()):
        return None
    for name, other in (tuple(given), tuple(given)[::-1]):
        if given[name] is None:
            msg = f"{other} is {shown(given[other])} without {name}; allowed: both of a classifier, or neither"
            raise InputError(msg)
    if options.alpha is not None:
        msg = f"--clean-error is {shown(options.clean_error)} beside --alpha; allowed: one of them, the error is alpha"
        raise InputError(msg)
    error, accuracy = (check_fraction(name, value, one_allowed=False) for name, value in given.items())
    if error + accuracy > 1 + ROUNDING:
        least = f"at most 1 - clean error = {1 - error:g}, since what is wrong is not robust"
        msg = f"--robust-accuracy is {accuracy:g} with a clean error of {error:g}; allowed: {least}"
        raise InputError(msg)
    return _Classifier(error, accuracy)


def _search(options: argparse.Namespace, usual: str | None) -> Search:
    """Return the search that is asked for, repeated if that is, too; `usual` if none is named."""
    from numbaconc.search import Restarts
    from numbaconc.search.base import known_searches, make_search, search_named

    name = usual if options.search is None else options.search
    search = make_search(name, options.norm, given_settings(options, search_named(name, options.norm)))
    if (n_restarts := check_count("restarts", whole_number("1" if options.restarts is None else options.restarts))) > 1:
        if "seed" not in search.settings():
            drawing = ", ".join(name for name, cls in known_searches().items() if "seed" in cls.settings())
            msg = f"restarts is {n_restarts} with search {search.name!r}, which draws nothing; allowed: only with {drawing}"
            raise InputError(msg)
        search = Restarts(search, n_restarts)
    search.checked()
    return search


def _say(ds: xr.Dataset, outputs: Outputs, *, drawn: bool, as_plain_json: bool) -> None:
    """Print what was found, and where it lies."""
    from numbaconc.show.records import as_json, written
    from numbaconc.show.words import MANY, describe

    if as_plain_json:
        regions = {label: str(path) for label, path in outputs.regions.items()}
        files = {"result": str(outputs.result), "plot": str(outputs.plot) if drawn else None, "regions": regions}
        say(written(as_json(ds, files)))
    else:
        say(describe(ds))
        say(f"\nresult:  {printable(outputs.result)}" + (f"\nplot:    {printable(outputs.plot)}" if drawn else ""))
        paths = [printable(path) for path in outputs.regions.values()]
        many = f"{paths[0]} … {paths[-1]}, {len(paths)} files"
        say(f"region:  {many if len(paths) > MANY else ', '.join(paths)}")


def told_of(options: argparse.Namespace) -> dict[str, str]:
    """Return what a result says of how the data were taken, beside what is in a sample."""
    return {name: value for name in ("key", "normalize", "drop") if (value := getattr(options, name)) is not None}


def load_data(options: argparse.Namespace) -> Dataset:
    """Load the data that the options of `add_data` name, and say what is to be known of them."""
    from numbaconc.data.datasets import load_dataset

    data = load_dataset(
        options.data,
        data_dir=options.data_dir,
        verify=not options.unverified_data,
        test_fraction=None if options.test_fraction is None else as_number(options.test_fraction),
        progress=not options.quiet,
        max_train=whole_number(options.max_train),
        key=options.key,
        normalize=options.normalize,
        scale=options.scale,
        drop=options.drop,
    )
    for note in [] if options.quiet else data.notes:
        tell(f"note: {note}")
    return data


def check_source(options: argparse.Namespace) -> None:
    """Refuse options about published files beside data that are none of them."""
    from numbaconc.data.published.registry import REGISTRY

    published = tuple(name for name, entry in REGISTRY.items() if entry.files)
    for name, given in (("--data-dir", options.data_dir), ("--unverified-data", options.unverified_data)):
        if given and options.data not in published:
            msg = f"{name} is given with {shown(options.data)}; allowed: only with {', '.join(published)}"
            raise InputError(msg)


def _draw(ds: xr.Dataset, path: Path) -> bool:
    """Draw the plot, and return whether that went well: the numbers are saved by now and do not depend on it."""
    from numbaconc.show.pictures.plots import plot_measurement

    try:
        plot_measurement(ds, path)
    except Exception as error:  # whatever Matplotlib and the user's settings of it raise
        tell(f"numbaconc measure: warning: no plot was drawn: {said(error)}")
        return False
    return True


class Outputs(NamedTuple):
    """What `measure` writes: a result, a plot, and the region kept for each goal, by its label."""

    result: Path
    plot: Path
    regions: dict[str, Path]

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [self.result, self.plot, *self.regions.values()]

    def at(self, result: Path) -> Outputs:
        """Return the same under another name: the others follow that of the result."""
        begun = len(self.result.stem)
        regions = {label: result.with_name(f"{result.stem}{path.name[begun:]}") for label, path in self.regions.items()}
        return Outputs(result, result.with_suffix(".png"), regions)

    def of(self, reached: Sequence[bool]) -> Outputs:
        """Return those of the goals that a region was found for."""
        return self._replace(regions=dict(itertools.compress(self.regions.items(), reached)))


def _outputs(options: argparse.Namespace, norm: str, epsilons: Sequence[float], alphas: Sequence[float]) -> Outputs:
    """Name the files to write, and refuse those that cannot be before any work is done."""
    result = Path(f"{name_of(options.data)}-{norm}.nc" if options.out is None else options.out)
    if result.suffix != ".nc":
        msg = f"--out is {shown(str(result))}; allowed: a name that ends in .nc"
        raise InputError(msg)
    of_epsilon, of_alpha = _labels(epsilons), _labels(alphas) if len(alphas) > 1 else [""]
    labels = [f"{one}-{other}".rstrip("-") for one in of_epsilon for other in of_alpha]
    ends = [f"-{label}" for label in labels] if len(labels) > 1 else [""]
    names = (result.with_name(f"{result.stem}-region{end}.nc") for end in ends)
    outputs = Outputs(result, result.with_suffix(".png"), dict(zip(labels, names, strict=True)))
    for path in outputs.files:
        check_writable(path)
        if options.out is not None:
            check_apart(path, options.data, "--out" if path == result else "a file beside --out")
    return outputs


def _labels(values: Sequence[float]) -> list[str]:
    """Write numbers as everywhere, without a sign that no file's name may have: 8_255."""
    return [strength(value).replace("/", "_") for value in values]
