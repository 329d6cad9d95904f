"""`numbaconc show`: result files in words, one by itself or several side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from numbaconc.cli.console import epilog, say
from numbaconc.errors import printable

if TYPE_CHECKING:
    import xarray as xr

    from numbaconc.regions import Region


def add_show(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "show",
        help="print result files and regions",
        description="Print what a result file holds; the cases of several results stand in one table, side by side. Of the "
        "file of a region: which set it is, and how it was found.",
        epilog=epilog(),
    )
    parser.add_argument("file", nargs="+", help="a netCDF file that numbaconc wrote; several results are compared")
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from numbaconc.show.records import several_as_json, written

    files = {path: _open(path) for path in options.file}
    if options.json:
        told = {path: _json(one) for path, one in files.items()}
        say(written(several_as_json(told) if len(told) > 1 else next(iter(told.values()))))
    else:
        say("\n\n".join(_blocks(files)))
    return 0


def _open(path: str) -> xr.Dataset | Region:
    from numbaconc.regions import load_region
    from numbaconc.results.files import RegionFileError, open_results

    try:
        return open_results(path)
    except RegionFileError:
        return load_region(path)


def _blocks(files: Mapping[str, xr.Dataset | Region]) -> Iterator[str]:
    """Yield what is said of files: results side by side in one table, then all others, each by itself."""
    from numbaconc.regions import Region
    from numbaconc.show.listing import compare
    from numbaconc.show.pairs import is_of_labels
    from numbaconc.show.words import provenance_lines

    results = {path: one for path, one in files.items() if not isinstance(one, Region) and not is_of_labels(one)}
    compared = results if len(results) > 1 else {}
    if compared:
        yield compare(list(compared.items()))
    for path, one in files.items():
        if path in compared:
            yield "\n".join([printable(path), *(f"  {line}" for line in provenance_lines(compared[path]))])
        else:
            named = len(files) > 1 or isinstance(one, Region)
            yield f"{printable(path)}\n{_words(one)}" if named else _words(one)


def _words(one: xr.Dataset | Region) -> str:
    from numbaconc.regions import Region
    from numbaconc.show.pairs import describe_labels, is_of_labels
    from numbaconc.show.region_words import describe_region
    from numbaconc.show.words import describe, provenance_lines

    if isinstance(one, Region):
        return describe_region(one)
    return "\n".join([describe_labels(one) if is_of_labels(one) else describe(one), "", *provenance_lines(one)])


def _json(one: xr.Dataset | Region) -> dict[str, Any]:
    from numbaconc.regions import Region
    from numbaconc.show.pairs import is_of_labels
    from numbaconc.show.records import as_json, labels_as_json
    from numbaconc.show.region_words import region_as_json

    if isinstance(one, Region):
        return region_as_json(one)
    return labels_as_json(one) if is_of_labels(one) else as_json(one)
