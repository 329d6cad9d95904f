"""`numbaconc show`: result files in words."""

from __future__ import annotations

import argparse
import json
from typing import Any

from numbaconc.cli.console import say
from numbaconc.errors import InputError


def add_show(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser("show", help="print result files", description="Print what result files hold.")
    parser.add_argument("file", nargs="+", help="a netCDF file that numbaconc wrote; several are joined")
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from numbaconc.results.files import open_results
    from numbaconc.results.join import join_results
    from numbaconc.show.pairs import describe_labels, is_of_labels, labels_as_json
    from numbaconc.show.words import as_json, describe, provenance_lines

    opened = [open_results(path) for path in options.file]
    if len(opened) > 1 and any(map(is_of_labels, opened)):
        msg = f"results are {len(opened)}, some of them of labels; allowed: one result of numbaconc labels at a time"
        raise InputError(msg)
    ds = join_results(opened) if len(opened) > 1 else opened[0]
    of_labels = is_of_labels(ds)
    if options.json:
        say(json.dumps(labels_as_json(ds) if of_labels else as_json(ds), indent=2))
    else:
        say(describe_labels(ds) if of_labels else describe(ds))
        say("")
        say("\n".join(provenance_lines(ds)))
    return 0
