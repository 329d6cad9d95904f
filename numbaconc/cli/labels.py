"""`numbaconc labels`: how far points of different labels are apart, and what every classifier must lose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.cli.console import epilog, say, tell
from numbaconc.cli.measure import EPSILON, add_data, add_epsilon, add_norm, add_told, check_source, load_data, told_of
from numbaconc.cli.options import whole_number
from numbaconc.cli.outputs import check_apart, settled
from numbaconc.data.arrays import parse_epsilons
from numbaconc.data.files import check_writable
from numbaconc.data.formats.known import name_of
from numbaconc.errors import InputError, printable, said, shown
from numbaconc.how import How, check_how
from numbaconc.norms import check_norm

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from numbaconc.data.datasets import Dataset
    from numbaconc.data.sample import Sample

NORM = "linf"
PICTURES = (".png", ".svg", ".pdf")
PIXELS = (0.0, 1.0)  # where images lie
CHANNELS = (1, 3)  # of images in three dimensions


def add_labels(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "labels",
        usage="%(prog)s [data] [OPTION ...]",
        help="say how far points of different labels are apart, and what every classifier must lose",
        description="Measure the distance from points to the nearest training point of another label, and bound the "
        "adversarial 0-1 loss of every classifier on the training points from below, by the pairs whose balls of radius "
        "epsilon meet.",
        epilog=epilog(),
    )
    add_data(parser)
    goal = parser.add_argument_group("what is asked").add_argument
    add_norm(goal, NORM)
    add_epsilon(goal)
    goal("--classes", metavar="A,B", help="labels whose points alone are used (default: all)")
    goal(
        "--hyperedges",
        default="2",
        metavar="N",
        help="look at conflicts of up to N points of different labels, 2, 3 or 4, where they are not too many (default: "
        "%(default)s)",
    )
    add = parser.add_argument_group("how it runs, and what comes out").add_argument
    add("--threads", metavar="N", help="threads for the kernels (default: all)")
    add("--out", metavar="FILE.nc", help="result file (default: NAME-labels-NORM.nc)")
    add("--plot", metavar="FILE", help="picture of the closest pairs of images (default: the result file's name, .png)")
    add_told(add)
    parser.set_defaults(run=_labels)


def _labels(options: argparse.Namespace) -> int:
    from numbaconc.results.files import save_results
    from numbaconc.results.schema import VERIFIED_WORDS, provenance

    epsilons, norm = (
        parse_epsilons(options.epsilon or EPSILON),
        check_norm("norm", NORM if options.norm is None else options.norm),
    )
    check_source(options)
    outputs = _outputs(options, norm)
    how = check_how(How(progress=not options.quiet, threads=whole_number(options.threads)))
    data = load_data(options)
    train, test, rows = labeled(data, options.classes)
    if options.plot is not None and (shape_of(data) is None or train.domain != PIXELS):
        msg = f"--plot is {shown(options.plot)} with points that are not known to be images; allowed: with images in [0, 1]"
        raise InputError(msg)
    ds = measure_labels(train, test, epsilons, norm, hyperedges=whole_number(options.hyperedges), how=how)
    ds = with_images(ds, train, shape_of(data)).assign_coords(train_row=("train_point", rows))
    told = {"norm": norm, "dataset": data.name, "data_verified": VERIFIED_WORDS[data.verified]} | told_of(options)
    ds = ds.assign_attrs(provenance(**told) | ds.attrs)
    if options.out is None:
        named = settled(
            outputs.result,
            ds,
            lambda name: _under(name, options.plot)[: 1 + (options.plot is None)],
            quiet=options.quiet,
        )
        outputs = Outputs(*_under(named, options.plot))
    save_results(ds, outputs.result)
    _say(ds, outputs, drawn=_draw(ds, outputs.plot, quiet=options.quiet), as_plain_json=options.json)
    return 0


def _say(ds: xr.Dataset, outputs: Outputs, *, drawn: bool, as_plain_json: bool) -> None:
    """Print what was measured, and where it lies."""
    from numbaconc.show.pairs import describe_labels
    from numbaconc.show.records import labels_as_json, written

    if as_plain_json:
        files = {"result": str(outputs.result), "plot": str(outputs.plot) if drawn else None}
        say(written(labels_as_json(ds, files)))
    else:
        say(describe_labels(ds))
        say(f"\nresult:  {printable(outputs.result)}" + (f"\nplot:    {printable(outputs.plot)}" if drawn else ""))


class Outputs(NamedTuple):
    """What the command writes."""

    result: Path
    plot: Path


def _outputs(options: argparse.Namespace, norm: str) -> Outputs:
    """Name the files to write, and refuse those that cannot be before any work is done."""
    result = Path(f"{name_of(options.data)}-labels-{norm}.nc" if options.out is None else options.out)
    outputs = Outputs(*_under(result, options.plot))
    for name, path, allowed in (("--out", result, (".nc",)), ("--plot", outputs.plot, PICTURES)):
        if path.suffix not in allowed:
            msg = f"{name} is {shown(str(path))}; allowed: a name that ends in {', '.join(allowed)}"
            raise InputError(msg)
        check_writable(path)
        if options.out is not None or (name == "--plot" and options.plot is not None):
            check_apart(path, options.data, name)
    return outputs


def _under(result: Path, plot: str | None) -> list[Path]:
    """Return a result's name, and that of the picture, which follows it unless it is given."""
    return [result, result.parent / f"{result.stem}.png" if plot is None else Path(plot)]


def labeled(data: Dataset, classes: str | None = None) -> tuple[Sample, Sample | None, NDArray[np.intp]]:
    """Return the training points of some labels, separated by commas, the test points, and which training points they are.

    All labels if none are given; None for test points without labels, or where none has one of these.

    Raises
    ------
    InputError
        If the training points have no labels, or none of a label.
    """
    if data.train.y is None:
        msg = f"data set {shown(data.name)} has no labels; allowed: one that has, such as an .npz file with y_train"
        raise InputError(msg)
    if classes is None:
        return data.train, data.test if data.test.y is not None else None, np.arange(len(data.train))
    known = {str(label): label for label in np.unique(data.train.y).tolist()}
    for name in (names := [one if one in known else one.strip() for one in classes.split(",")]):
        if name not in known:
            msg = f"--classes is {shown(classes)}; allowed: labels that the training points have, {', '.join(known)}"
            raise InputError(msg)
    wanted = [known[name] for name in names]
    rows = [np.flatnonzero(np.isin(sample.y, wanted)) for sample in (data.train, data.test) if sample.y is not None]
    return data.train.take(rows[0]), data.test.take(rows[1]) if len(rows) > 1 and len(rows[1]) else None, rows[0]


def measure_labels(
    train: Sample,
    test: Sample | None,
    epsilons: Sequence[float],
    norm: str,
    *,
    hyperedges: int = 2,
    how: How | None = None,
) -> xr.Dataset:
    """Measure separation and bounds of one norm, and lay them out.

    Returns
    -------
    Dataset
        `loss`, `population` and `n_conflicts` on epsilon; `separation` and `neighbor` on train_point, `separation_test`
        and `neighbor_test` on test_point if there are test points; `closest`, `closest_label` on pair and side, and
        `closest_distance` on pair.
    """
    import xarray as xr

    from numbaconc.labels.matching import classifier_bound, closest_pairs
    from numbaconc.labels.separation import separation
    from numbaconc.results.schema import EPSILON_UNIT
    from numbaconc.show.pairs import N_PAIRS

    bounds = [
        classifier_bound(train, epsilon=epsilon, norm=norm, hyperedges=hyperedges, max_pairs=0, how=how)
        for epsilon in epsilons
    ]
    of_train = separation(train, None, norm=norm, how=how)
    pairs, distances = closest_pairs(train, norm, of_train, N_PAIRS)
    labels = np.asarray(train.y)
    named = {
        name: ("epsilon", [getattr(bound, name) for bound in bounds]) for name in ("loss", "population", "n_conflicts")
    }
    ds = xr.Dataset(named, coords={"epsilon": list(epsilons)})
    ds = ds.assign(separation=("train_point", of_train.distances), neighbor=("train_point", of_train.neighbors))
    ds = ds.assign(closest=(("pair", "side"), pairs), closest_distance=("pair", distances))
    ds = ds.assign(closest_label=(("pair", "side"), labels[pairs].astype(str)))
    facts: dict[str, Any] = {
        "rounding": of_train.rounding,
        "hyperedges": bounds[0].hyperedges,
        "confidence": bounds[0].confidence,
    }
    if test is not None:
        of_test = separation(train, None, test, norm=norm, how=how)
        ds = ds.assign(
            separation_test=("test_point", of_test.distances), neighbor_test=("test_point", of_test.neighbors)
        )
        facts["rounding"] = max(of_train.rounding, of_test.rounding)
    facts |= {"labels": ", ".join(map(str, np.unique(labels))), "train_sha256": train.sha256}
    facts |= {EPSILON_UNIT: train.space.epsilon_unit}
    facts |= {} if train.space.scaling is None else {"scale": train.space.scaling.told}
    return ds.assign_attrs(facts)


def with_images(ds: xr.Dataset, sample: Sample, shape: tuple[int, ...] | None) -> xr.Dataset:
    """Return a result with the images of its closest pairs, bytes on pair, side, height, width and channel.

    As it is where points are no images: these have a shape, (h, w), (h, w, c) or (c, h, w), and lie in [0, 1].
    """
    if shape is None or sample.domain != PIXELS:
        return ds
    values = np.rint(255 * sample.coordinates(sample.X[ds["closest"].values])).astype(np.uint8)
    images = values.reshape(*ds["closest"].shape, *shape)
    if len(shape) == 2:
        images = images[..., np.newaxis]
    elif shape[-1] not in CHANNELS:
        images = np.moveaxis(images, 2, -1)
    return ds.assign(image=(("pair", "side", "height", "width", "channel"), images))


def shape_of(data: Dataset) -> tuple[int, ...] | None:
    """Return the shape of an image of a data set; None where its points are none."""
    from numbaconc.data.published.registry import REGISTRY

    shape = data.train.space.shape if data.verified is None else REGISTRY[data.name].shape
    drawn = shape is not None and (len(shape) == 2 or (len(shape) == 3 and {shape[0], shape[-1]} & set(CHANNELS)))
    return shape if drawn else None


def _draw(ds: xr.Dataset, path: Path, *, quiet: bool) -> bool:
    """Draw the picture, and return whether there is one: the numbers are saved by now and do not depend on it."""
    from numbaconc.show.pairs import plot_pairs

    if "image" not in ds:
        if not quiet:
            tell("note: no picture is drawn: the points are not known to be images")
        return False
    try:
        plot_pairs(ds, path)
    except Exception as error:  # whatever Matplotlib and the user's settings of it raise
        tell(f"numbaconc labels: warning: no picture was drawn: {said(error)}")
        return False
    return True
