"""`numbaconc plot`: pictures of result files and of regions, for papers."""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbaconc.cli.console import add_data_options, say, tell
from numbaconc.cli.measure import add_data_arguments, check_source, load_data
from numbaconc.cli.options import whole_number
from numbaconc.cli.outputs import numbered
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.files import as_path, check_writable, is_same_file, replacing
from numbaconc.errors import InputError, as_number, check_choice, printable, shown
from numbaconc.show.pictures.style import FORMATS

if TYPE_CHECKING:
    import xarray as xr

    from numbaconc.data.datasets import Dataset
    from numbaconc.data.scaling import Scaling
    from numbaconc.regions import Region
    from numbaconc.show.pictures.panels import Panel

COLUMNS = ("1", "2")
LISTED = 12  # values that a message names


def add_plot(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "plot",
        usage="%(prog)s file [file ...] [OPTION ...]",
        help="draw result files and regions, for papers",
        description="Draw result files, side by side if there are several: what is certified and measured against epsilon "
        "or alpha, risks against q or T, how a region grows; a region of images as a mosaic, of a table as named faces; the "
        "closest pairs that numbaconc labels found.",
    )
    parser.add_argument(
        "file", nargs="+", help="a netCDF file that numbaconc wrote: a result, a region, a result about labels"
    )
    add = parser.add_argument_group("which picture").add_argument
    add("--kind", metavar="K", help="curve, risks, growth, region, pairs (default: what the file holds)")
    add("--along", metavar="A", help="what is drawn against: epsilon, alpha (curve), q, T (risks)")
    add(
        "--select",
        action="append",
        metavar="NAME=V",
        help="the part of a result where a coordinate has this value, or these with commas between",
    )
    add("--epsilon", metavar="E", help="up to which strength a region grows (default: that it was found for)")
    add("--shape", metavar="HxW", help="of an image, HxW or HxWxC, where a region of images does not know it")
    _add_data(parser)
    add = parser.add_argument_group("what comes out").add_argument
    add(
        "--out",
        metavar="FILE",
        help="picture (default: the file's name, the kind, the format, and a number if that is taken)",
    )
    add("--format", metavar="F", help=f"{', '.join(FORMATS)} (default: by the ending of --out, or pdf)")
    add("--columns", metavar="N", help="columns of a paper that it is as wide as, 1 or 2 (default: 2 side by side)")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    parser.set_defaults(run=_plot)


def _add_data(parser: Any) -> None:  # noqa: ANN401
    """Add the options of data, which stand beside regions here, and so are named by an option themselves."""
    data: dict[str, Any] = {
        "metavar": "DATA",
        "help": "a data set's name, or your own as for measure: the points whose part in a region is drawn as it grows",
    }
    group = parser.add_argument_group("which data, beside a region")
    before = set(vars(parser.parse_args(["file"])))

    def beside(name: str, **told: Any) -> None:  # noqa: ANN401
        group.add_argument(*([name] if name != "data" else ["--data"]), **(told if name != "data" else data))

    add_data_arguments(beside)
    add_data_options(group)
    parser.set_defaults(of_data=sorted(set(vars(parser.parse_args(["file"]))) - before - {"data"}))


def _plot(options: argparse.Namespace) -> int:
    for name, value, allowed in (("--format", options.format, FORMATS), ("--columns", options.columns, COLUMNS)):
        if value is not None:
            check_choice(name, value, allowed)
    from numbaconc.show.pictures.files import KINDS, Asked, draw_pairs, draw_panels, open_any, panels_of

    if options.kind is not None:
        check_choice("--kind", options.kind, KINDS)
    paths = [as_path(path, "file") for path in options.file]
    opened = [_selected(open_any(path), options.select, path) for path in paths]
    shape = None if options.shape is None else _shape(options.shape)
    if options.epsilon is not None:
        parse_epsilon(options.epsilon)
    loaded = functools.cache(functools.partial(_loaded, options))  # once for all regions of one scale
    data = [None if _without_data(options) else loaded(_scaling_of(one)) for one in opened]
    asked = [Asked(options.kind, options.along, beside, shape, options.epsilon) for beside in data]
    every = [panels_of(one, path.stem, of_one) for one, path, of_one in zip(opened, paths, asked, strict=True)]
    panels = _told_apart(every, paths)
    kinds = list(dict.fromkeys(panel.kind for panel in panels))
    if "pairs" in kinds and len(panels) > 1:
        msg = f"there are {len(paths)} files, some of them of labels; allowed: one result of numbaconc labels at a time"
        raise InputError(msg)
    out = _output(options, paths, panels)
    columns = int(options.columns or (2 if len(panels) > 1 or kinds == ["pairs"] else 1))

    def draw(path: Path) -> None:
        if kinds == ["pairs"]:
            draw_pairs(_result(opened[0]), path, columns, options.format)
        else:
            draw_panels(panels, path, columns, options.format)

    if options.out is None and os.path.lexists(out):
        out = _beside(out, draw, quiet=options.quiet)
    else:
        draw(out)
    _note(opened, data, quiet=options.quiet)
    if "region" in kinds and shape is None and not options.quiet:
        _note_colors(opened, paths)
    say(f"plot:    {printable(out)}")
    return 0


def _result(opened: xr.Dataset | Region) -> Any:  # noqa: ANN401
    return opened


def _scaling_of(opened: xr.Dataset | Region) -> Scaling | None:
    """Return what a region's columns were divided by."""
    from numbaconc.regions import Region

    return opened.space.scaling if isinstance(opened, Region) and opened.space is not None else None


def _loaded(options: argparse.Namespace, scaling: Scaling | None) -> Dataset:
    """Load the data beside a region, their columns divided as it says unless something else is asked for."""
    if scaling is None or options.scale is not None:
        return load_data(options)
    data = load_data(argparse.Namespace(**vars(options) | {"scale": ",".join(map(repr, scaling.factors))}))
    train, test = (replace(one, _space=replace(one.space, scaling=scaling), _known={}) for one in data)
    return replace(data, train=train, test=test)


def _told_apart(every: Sequence[Sequence[Panel]], paths: Sequence[Path]) -> list[Panel]:
    """Return the panels of all files; where titles are the same, each says which file it is of."""
    titles = Counter(panel.title for panels in every for panel in panels)
    stems = Counter(path.stem for path in paths)
    told: list[Panel] = []
    for panels, path in zip(every, paths, strict=True):
        name = printable(path if stems[path.stem] > 1 else path.stem)
        told += [one._replace(title=f"{one.title} ({name})") if titles[one.title] > 1 else one for one in panels]
    return told


def _beside(usual: Path, draw: Callable[[Path], None], *, quiet: bool) -> Path:
    """Draw a picture whose usual name is taken, and return its own: the next that is not, or that holds the same."""
    with tempfile.TemporaryDirectory() as folder:
        draw(drawn := Path(folder) / usual.name)
        contents = drawn.read_bytes()
    names = (usual if number == 1 else numbered(usual, number) for number in count(1))
    out = next(one for one in names if not os.path.lexists(one) or (one.is_file() and one.read_bytes() == contents))
    with replacing(out) as part:
        part.write_bytes(contents)
    if out != usual and not quiet:
        left = f"{printable(usual)} holds something else and is left as it is"
        tell(f"note: {left}; the picture is in {printable(out)} (--out {printable(usual)} would replace it)")
    return out


def _without_data(options: argparse.Namespace) -> bool:
    """Return whether no data are named; InputError for options about data that are not there."""
    if options.data is not None:
        check_source(options)
        return False
    for name in options.of_data:
        if given := getattr(options, name):
            value = "given" if given is True else shown(given)
            msg = f"--{name.replace('_', '-')} is {value} without --data; allowed: beside --data"
            raise InputError(msg)
    return True


def _note(opened: Sequence[xr.Dataset | Region], data: Sequence[Dataset | None], *, quiet: bool) -> None:
    """Say if the training points are not those that a region was found on."""
    for one, beside in zip(opened, data, strict=True):
        sha256 = getattr(one, "data_sha256", None)
        if beside is not None and not quiet and isinstance(sha256, str) and sha256 != beside.train.sha256:
            tell(f"note: the region was found on other points than the training points of {printable(beside.name)}")


def _note_colors(opened: Sequence[xr.Dataset | Region], paths: Sequence[Path]) -> None:
    """Say how points that may be images in color are drawn as such: in which order their numbers are is not known."""
    from numbaconc.regions import Region
    from numbaconc.show.pictures.mosaics import CHANNELS
    from numbaconc.show.pictures.regions import side_of

    for one, path in zip(opened, paths, strict=True):
        if isinstance(one, Region) and (side := side_of(one, len(CHANNELS))):
            shapes = f"--shape 3x{side}x{side} (planes of a color, as CIFAR-10 has them) or {side}x{side}x3"
            tell(f"note: the points of {printable(path)} may be images in color; {shapes} draws them as images")


def _output(options: argparse.Namespace, paths: Sequence[Path], panels: Sequence[Panel]) -> Path:
    """Name the picture, and refuse one that cannot be written before it is drawn."""
    ending = options.format or FORMATS[0]
    if options.out is None:
        kinds = {panel.kind for panel in panels}
        stem = "-".join([*(path.stem for path in paths), kinds.pop() if len(kinds) == 1 else "plot"])
        out = paths[0].with_name(f"{stem}.{ending}")
    else:
        out = as_path(options.out, "--out")
        suffix = out.suffix.lower().removeprefix(".")
        if options.format is None and suffix not in FORMATS:
            endings = ", ".join(f".{one}" for one in FORMATS)
            msg = f"--out is {shown(options.out)}; allowed: a name that ends in {endings}, or --format beside it"
            raise InputError(msg)
        if options.format is not None and suffix in FORMATS and suffix != options.format:
            msg = f"--format is {options.format} with --out {shown(options.out)}; allowed: {suffix}, or no --format"
            raise InputError(msg)
    for path in paths:
        if is_same_file(out, path):
            msg = f"--out is {shown(str(out))}, which is a file that is drawn; allowed: another name"
            raise InputError(msg)
    if options.out is not None or not os.path.lexists(out):  # otherwise another name is found
        check_writable(out)
    return out


def _shape(text: str) -> tuple[int, ...]:
    """Return the shape of an image; that its sides make a point is checked beside the region."""
    sides = tuple(whole_number(part) for part in text.lower().split("x"))
    if not 2 <= len(sides) <= 3 or not all(isinstance(side, int) and side > 0 for side in sides):
        msg = f"--shape is {shown(text)}; allowed: HxW, HxWxC or CxHxW, such as 28x28"
        raise InputError(msg)
    return sides


def _selected(opened: Any, wanted: Sequence[str] | None, path: Path) -> Any:  # noqa: ANN401
    """Return the part of a result that is asked for."""
    if not wanted:
        return opened
    from numbaconc.regions import Region

    if isinstance(opened, Region):
        msg = f"--select is {shown(wanted[0])} with {str(path)!r}, which is a region; allowed: with results"
        raise InputError(msg)
    chosen: dict[str, list[Any]] = {}
    for text in wanted:
        name, equals, values = text.partition("=")
        if not equals or name not in opened.dims:
            there = ", ".join(str(dim) for dim in opened["risk"].dims if dim != "split") if "risk" in opened else "none"
            msg = f"--select is {shown(text)}; allowed: NAME=VALUE, where NAME is one of {there}"
            raise InputError(msg)
        chosen.setdefault(name, []).extend(_values(opened, name, values))
    return opened.sel(chosen)


def _values(ds: Mapping[str, Any], name: str, text: str) -> list[Any]:
    """Return the values of a coordinate that a text names, with commas between."""
    known = ds[name].values.tolist()
    found = []
    for part in text.split(","):
        given = part if isinstance(known[0], str) else parse_epsilon(part) if name == "epsilon" else as_number(part)
        if given not in known:
            listed = ", ".join(map(str, known[:LISTED])) + (", ..." if len(known) > LISTED else "")
            msg = f"--select {name} is {shown(part)}; allowed: {listed}"
            raise InputError(msg)
        found.append(given)
    return list(dict.fromkeys(found))
