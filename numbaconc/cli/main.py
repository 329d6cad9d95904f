"""The command line: `numbaconc measure | sweep | show | data`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numbaconc.data.arrays import parse_epsilons
from numbaconc.cli.console import EXIT_BAD_INPUT, EXIT_SOME_FAILED, Parser, add_data_options, reporting, say, tell
from numbaconc.errors import InputError, check_count
from numbaconc.data.files import cache_dir, check_writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numbaconc.data.arrays import Sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    options = _parser().parse_args(arguments)
    with reporting(f"numbaconc {options.command}", quiet=getattr(options, "quiet", False)) as outcome:
        outcome.status = options.run(options)
    return outcome.status


def _parser() -> Parser:
    from importlib.metadata import version

    parser = Parser(prog="numbaconc", description="Measure how concentrated a data set is.")
    parser.add_argument("--version", action="version", version=f"numbaconc {version('numbaconc')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_measure(commands)
    _add_sweep(commands)
    _add_show(commands)
    _add_data(commands)
    return parser


def _add_measure(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "measure",
        help="find the least-growing error region of a data set and say what it bounds",
        description="Search the training points for a set of measure at least alpha whose expansion by epsilon is as "
        "small as possible, and measure it on the test points.",
    )
    add = parser.add_argument
    add("data", nargs="?", default="digits", help="a data set's name (numbaconc data list), or your .npz or .npy file")
    add("--norm", default="linf", help="what epsilon is measured in: linf or l2 (default: %(default)s)")
    add(
        "--search",
        help="how regions are found; linf: rectangles (default), faces, halfspaces; l2: balls (default), free_balls, "
        "halfspaces, hyperplane; best tries them all",
    )
    add(
        "--epsilon",
        action="append",
        metavar="E",
        help='strength on the unit scale: a number, "8/255", a comma list, or given several times (default: 0.1)',
    )
    add("--alpha", default=0.05, help="risk threshold, in (0, 1) (default: %(default)s)")
    add("--n-sets", type=int, default=5, metavar="T", help="number of boxes, or the most balls (default: %(default)s)")
    add("--q", help="rectangles: fraction of the points to cluster, in (0, 1]; searched if not given")
    add(
        "--delta", type=float, default=0.0, metavar="D", help="balls: share of points covered beyond alpha (default: 0)"
    )
    add(
        "--buffer",
        default=0.0,
        metavar="B",
        help="all but rectangles and hyperplane: added to alpha on the training points, or auto, on some held back (default: 0)",
    )
    add("--extend", action="store_true", help="rectangles: faces at the edge of the domain go to infinity")
    add("--local-search", action="store_true", help="balls: drop each ball and choose again until nothing improves")
    add("--checkpoint", metavar="FILE", help="balls: a file from which an interrupted search goes on")
    add("--seed", type=int, default=0, help="of every random draw (default: %(default)s)")
    add(
        "--restarts", type=int, default=1, metavar="N", help="repeat with seeds seed .. seed+N-1 (default: %(default)s)"
    )
    add(
        "--n-neighbors",
        type=int,
        default=50,
        metavar="K",
        help="neighbors that say how dense a place is (default: %(default)s)",
    )
    add("--exclude-self", action="store_true", help="do not count a point as its own first neighbor")
    add(
        "--centers",
        default="mean",
        help="centers of the clusters: mean (as published) or median (default: %(default)s)",
    )
    add("--max-train", type=int, metavar="N", help="use N training points, drawn with the seed")
    add(
        "--test-fraction",
        type=float,
        default=0.2,
        metavar="F",
        help="share of test points where a file has one X (default: %(default)s)",
    )
    add_data_options(parser)
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", metavar="FILE.nc", help="result file; plot and region are saved beside it (default: NAME-NORM.nc)")
    add("--json", action="store_true", help="print JSON instead of words")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    parser.set_defaults(run=_measure)


def _measure(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import load_dataset
    from numbaconc.measurement import find_regions
    from numbaconc.show.plots import plot_measurement
    from numbaconc.results import VERIFIED_WORDS, save_results
    from numbaconc.show.words import as_json, describe

    epsilons = parse_epsilons(options.epsilon or "0.1")
    outputs = _outputs(options, epsilons)
    data = load_dataset(
        options.data,
        data_dir=options.data_dir,
        verify=not options.unverified_data,
        test_fraction=options.test_fraction,
        progress=not options.quiet,
    )
    train = _subsample(data.train, options.max_train, options.seed)
    if not options.quiet:
        for note in dict.fromkeys(filter(None, (data.train.note, data.test.note))):
            tell(f"note: {note}")
    found = find_regions(
        train,
        data.test,
        options.norm,
        search=options.search,
        epsilon=epsilons,
        alpha=options.alpha,
        n_sets=options.n_sets,
        q=options.q,
        delta=options.delta,
        buffer=options.buffer,
        extend=options.extend,
        local_search=options.local_search,
        checkpoint=options.checkpoint,
        restarts=options.restarts,
        seed=options.seed,
        n_neighbors=options.n_neighbors,
        include_self=not options.exclude_self,
        centers=options.centers,
        threads=options.threads,
        name=data.name,
        provided={"data_verified": VERIFIED_WORDS[data.verified]}
        | ({} if options.max_train is None else {"max_train": options.max_train}),
        cache_dir=cache_dir(),
        progress=not options.quiet,
    )
    save_results(found.dataset, outputs.result)
    plot_measurement(found.dataset, outputs.plot)
    for path, region in zip(outputs.regions.values(), found.regions.values(), strict=True):
        region.save(path)
    if options.json:
        files = {"result": str(outputs.result), "plot": str(outputs.plot)}
        regions = {"regions": {label: str(path) for label, path in outputs.regions.items()}}
        say(json.dumps(as_json(found.dataset) | {"files": files | regions}, indent=2))
        return 0
    say(describe(found.dataset))
    say(f"\nresult:  {outputs.result}\nplot:    {outputs.plot}")
    say(f"region:  {', '.join(str(path) for path in outputs.regions.values())}")
    return 0


class Outputs(NamedTuple):
    """What `measure` writes: a result, a plot, and the region kept for each epsilon, by its label."""

    result: Path
    plot: Path
    regions: dict[str, Path]


def _outputs(options: argparse.Namespace, epsilons: Sequence[float]) -> Outputs:
    """Name the files to write, and refuse those that cannot be before any work is done."""
    result = Path(options.out or f"{Path(options.data).stem}-{options.norm}.nc")
    if result.suffix != ".nc":
        msg = f"--out is {str(result)!r}; allowed: a name that ends in .nc"
        raise InputError(msg)
    labels = [f"{epsilon:g}" for epsilon in epsilons]
    if len(set(labels)) < len(labels):
        labels = [str(epsilon) for epsilon in epsilons]
    ends = [f"-{label}" for label in labels] if len(labels) > 1 else [""]
    regions = {
        label: result.with_name(f"{result.stem}-region{end}.nc") for label, end in zip(labels, ends, strict=True)
    }
    outputs = Outputs(result, result.with_suffix(".png"), regions)
    for path in (outputs.result, outputs.plot, *regions.values()):
        check_writable(path)
    return outputs


def _subsample(train: Sample, n: int | None, seed: int) -> Sample:
    if n is None:
        return train
    return train.subsample(check_count("--max-train", n, 2), check_count("seed", seed, 0))


def _add_sweep(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "sweep",
        help="measure a grid of cases into one file, resumable",
        description="Measure all combinations of the values that a TOML file gives for dataset, epsilon, T, q, seed, "
        "alpha and search. Finished cases are on disk at once: after a kill the same command goes on.",
    )
    add = parser.add_argument
    add("config", metavar="CONFIG.toml", help="the grid: keys as for numbaconc.run_sweep")
    add("--out", metavar="FILE.nc", help="result file (default: the grid's name with .nc, here)")
    add("--workers", type=int, metavar="N", help="run jobs in N processes (default: here, one after the other)")
    add("--threads", type=int, metavar="N", help="threads for the kernels of each job (default: the cores shared)")
    add_data_options(parser)
    add("--quiet", action="store_true", help="no progress bars and no notes")
    parser.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from numbaconc.sweep.grid import load_grid
    from numbaconc.sweep.run import run_sweep
    from numbaconc.show.words import describe, failures

    out = Path(options.out or Path(options.config).with_suffix(".nc").name)
    ds = run_sweep(
        load_grid(options.config),
        out,
        executor=None if options.workers is None else check_count("--workers", options.workers),
        progress=not options.quiet,
        data_dir=options.data_dir,
        verify=not options.unverified_data,
        threads=options.threads,
        cache_dir=cache_dir(),
    )
    say(describe(ds))
    say(f"\nresult:  {out}")
    return EXIT_SOME_FAILED if failures(ds) else 0


def _add_show(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("show", help="print result files", description="Print what result files hold.")
    parser.add_argument("file", nargs="+", help="a netCDF file that numbaconc wrote; several are joined")
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from numbaconc.results import open_results
    from numbaconc.show.words import as_json, describe, provenance_lines

    ds = open_results(options.file if len(options.file) > 1 else options.file[0])
    if options.json:
        say(json.dumps(as_json(ds), indent=2))
    else:
        say(describe(ds))
        say("")
        say("\n".join(provenance_lines(ds)))
    return 0


def _add_data(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("data", help="list, download and check the data sets", description="The data sets.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text, run in (
        ("list", "what exists and what is on disk", _data_list),
        ("fetch", "download a data set and check it", _data_fetch),
        ("check", "hash what is on disk", _data_check),
    ):
        sub = actions.add_parser(action, help=text, description=text.capitalize() + ".")
        if action != "list":
            sub.add_argument("name", help="a data set's name")
        sub.add_argument("--data-dir", metavar="DIR", help="where data sets lie, or go to")
        sub.add_argument("--quiet", action="store_true", help="no progress bars")
        sub.set_defaults(run=run)


def _data_list(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import listing
    from numbaconc.data.registry import REGISTRY

    for row in listing(options.data_dir):
        where = f" in {row.path}" if row.path else ""
        say(f"{row.name:14} {row.state + where:40} {REGISTRY[row.name].description}")
    return 0


def _data_fetch(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import fetch

    say(f"{options.name}: {fetch(options.name, data_dir=options.data_dir, progress=not options.quiet)}")
    return 0


def _data_check(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import check

    rows = check(options.name, data_dir=options.data_dir, progress=not options.quiet)
    for row in rows:
        say(f"{row.name:26} {row.state:9} {row.path or ''} {row.detail}".rstrip())
    return 0 if all(row.state in {"verified", "bundled"} for row in rows) else EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
