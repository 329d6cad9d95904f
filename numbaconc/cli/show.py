"""`numbaconc show`: result files in words, one by itself or several side by side."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from numbaconc.cli.console import epilog, say
from numbaconc.errors import InputError, printable

if TYPE_CHECKING:
    import xarray as xr

    from numbaconc.regions import Region


def add_show(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "show",
        help="print result files and regions",
        description="Print what a result file holds; the cases of several files stand in one table, side by side. Of the file "
        "of a region: which set it is, and how it was found.",
        epilog=epilog(),
    )
    parser.add_argument("file", nargs="+", help="a netCDF file that numbaconc wrote; several are compared")
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from numbaconc.regions import Region
    from numbaconc.show.listing import compare
    from numbaconc.show.pairs import is_of_labels
    from numbaconc.show.records import several_as_json, written
    from numbaconc.show.words import provenance_lines

    files = {path: _open(path) for path in options.file}
    regions = {path: one for path, one in files.items() if isinstance(one, Region)}
    opened = {path: one for path, one in files.items() if not isinstance(one, Region)}
    if regions:
        return _show_regions(regions, opened, as_json=options.json)
    if len(opened) > 1 and any(map(is_of_labels, opened.values())):
        msg = f"results are {len(opened)}, some of them of labels; allowed: one result of numbaconc labels at a time"
        raise InputError(msg)
    if len(opened) == 1:
        (ds,) = opened.values()
        say(written(_json(ds)) if options.json else "\n".join([_words(ds), "", *provenance_lines(ds)]))
    elif options.json:
        say(written(several_as_json({path: _json(ds) for path, ds in opened.items()})))
    else:
        say(compare(list(opened.items())))
        for path, ds in opened.items():
            say("\n".join(["", f"{printable(path)}", *(f"  {line}" for line in provenance_lines(ds))]))
    return 0


def _open(path: str) -> xr.Dataset | Region:
    from numbaconc.regions import load_region
    from numbaconc.results.files import RegionFileError, open_results

    try:
        return open_results(path)
    except RegionFileError:
        return load_region(path)


def _show_regions(regions: dict[str, Region], results: dict[str, xr.Dataset], *, as_json: bool) -> int:
    from numbaconc.show.records import several_as_json, written
    from numbaconc.show.region_words import describe_region, region_as_json

    if results:
        msg = f"files are {len(results)} of results and {len(regions)} of regions; allowed: of one kind"
        raise InputError(msg)
    if as_json:
        told = {path: region_as_json(region) for path, region in regions.items()}
        say(written(several_as_json(told) if len(told) > 1 else next(iter(told.values()))))
    else:
        say("\n\n".join(f"{printable(path)}\n{describe_region(region)}" for path, region in regions.items()))
    return 0


def _words(ds: xr.Dataset) -> str:
    from numbaconc.show.pairs import describe_labels, is_of_labels
    from numbaconc.show.words import describe

    return describe_labels(ds) if is_of_labels(ds) else describe(ds)


def _json(ds: xr.Dataset) -> dict[str, Any]:
    from numbaconc.show.pairs import is_of_labels
    from numbaconc.show.records import as_json, labels_as_json

    return labels_as_json(ds) if is_of_labels(ds) else as_json(ds)
