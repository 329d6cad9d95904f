"""The one door for users' arrays: checks, casts, the unit of epsilon, the domain."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.columns import Drop, check_drop, check_names, columns_of, note_of_index, without
from numbaconc.data.conversion import values_of
from numbaconc.data.floats import DOUBLE, GRAY_LEVELS, Frame, are_whole, ends_of, frame_of, image_of, put
from numbaconc.data.normalized import Normalize, check_normalize
from numbaconc.data.rows import Parts, Rows, rows_of
from numbaconc.data.sample import Sample, as_domain, check_unit
from numbaconc.data.scaling import DIVIDED_BY, Scale, check_scale, scaling_of
from numbaconc.data.space import IMAGE, Space
from numbaconc.errors import InputError, as_number, check_count, check_flag, check_fraction, shown, warn

SURE = 20  # numbers between 0 and 1 that are not multiples of 1/255 by chance


class UnitWarning(UserWarning):
    """The data are not on [0, 1], so that epsilon is in the data's own units."""


def as_sample(  # noqa: PLR0913  # each is a part of what a Sample is
    X: ArrayLike | Sample,
    *,
    name: str = "X",
    unit: float | None = None,
    domain: tuple[float, float] | None = None,
    min_rows: int = 2,
    integers: bool = True,
    like: Sample | Space | None = None,
    y: ArrayLike | None = None,
    uncertainty: ArrayLike | None = None,
    normalize: tuple[ArrayLike, ArrayLike] | str | None = None,
    scale: ArrayLike | None = None,
    drop: str | int | Iterable[str | int] | None = None,
) -> Sample:
    """Check a user's array once and bring it into the form that every kernel takes.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        uint8 stays uint8, as floats in [0, 1] become that are multiples of 1/255; of another step, whole numbers of it.
        Other floats become float32, columns far from 0 centered, or float64 where float32 would round too much.
    name, min_rows, integers : str, int and bool
        What messages call the array; the fewest points; whether whole numbers and booleans may be floats in their own units.
    unit, domain : float, and tuple of float, optional
        Worth of one level of X on epsilon's scale, 1/255 for uint8 and 1 for floats if not given, and the ends of that scale.
    like : Sample or Space, optional
        What floats are brought into the same levels as, and their columns to the same scale.
    y, uncertainty : array-like, shape (n,), optional
        Labels, integers or texts, and how uncertain people are of them, in [0, 2]; a Sample keeps its own.
    normalize, scale, drop : (mean, std), and "standard", "range" or array-like, shape (d,), and str, int or several, optional
        What pixels were normalized by, numbers or one a channel: they become the bytes that they were. What columns are
        divided by: population standard deviations, ranges, or these, epsilon's units then. Which are left out, by name or place.

    Returns
    -------
    Sample

    Raises
    ------
    InputError
        If the array is ragged, masked, empty, too short, not numeric or not finite; an argument cannot be one of X, or a
        Sample has others; there is not one label or uncertainty for each point.

    Warns
    -----
    UnitWarning
        If numbers other than bytes lie outside [0, 1]: epsilon is then in their units; if floats are nearly images; as a
        UserWarning, if a column looks as if it told which row it is.
    """
    min_rows, integers = check_count("min_rows", min_rows), check_flag("integers", integers)
    declared: dict[str, Any] = {"unit": None if unit is None else check_unit(unit), "domain": as_domain(domain)}
    told, known = Told.checked(normalize, scale, drop), _space_like(like)
    if isinstance(X, Sample):
        sample = _as_it_is(X, name, **declared, **told._asdict())
    else:
        sample = _made_of(X, name, known, told, integers=integers, **declared)
        check_names(scale, sample.space.columns)
    check_rows(name, len(sample), min_rows)
    return sample if y is None and uncertainty is None else sample.annotated(y=y, uncertainty=uncertainty)


def _made_of(
    X: Any,  # noqa: ANN401
    name: str,
    like: Space | None,
    told: Told,
    *,
    integers: bool,
    **declared: Any,  # noqa: ANN401
) -> Sample:
    """Return the sample of an array of the user's, for which unit and domain may be declared."""
    X = without(X, told.drop, name)
    numbers = _numbers_in(X, name, integers=integers, told=told, **declared)
    rows, space = _scaled(numbers, X, told, like)
    frame = like.frame if like is not None and declared["unit"] is None else None
    (sample,) = _samples_of(rows, replace(space, **declared), frame).samples
    if like is not None or not (note := note_of_index(numbers, space.columns)):
        return sample
    warn(f"{name}: {note}")
    return sample.annotated(note=note)


def check_rows(name: str, n: int, least: int) -> None:
    """Refuse fewer rows than are needed: InputError."""
    if n < least:
        msg = f"{name} has {n} row{'s' * (n != 1)}; allowed: at least {least}"
        raise InputError(msg)


class Told(NamedTuple):
    """What the user tells of numbers, that no file says: how pixels were normalized, what columns are divided by, or left out."""

    normalize: Normalize | None = None
    scale: Scale | None = None
    drop: Drop | None = None

    @classmethod
    def checked(cls, normalize: Any, scale: Any, drop: Any) -> Self:  # noqa: ANN401
        """Return what is told of numbers; InputError if it can be told of none."""
        return cls(check_normalize(normalize), check_scale(scale), check_drop(drop))

    def check_alone(self, **given: object) -> None:
        """Refuse what is given beside these and means another thing: InputError."""
        here = {name: value for name, value in self._replace(drop=None)._asdict().items() if value is not None}
        both = list(here | {name: value for name, value in given.items() if value is not None})
        if here and len(both) > 1:
            name = next(iter(here))
            msg = f"{name} is {in_words(here[name])} beside {both[-1]}; allowed: one of them"
            raise InputError(msg)


class Drawn(NamedTuple):
    """Samples of some rows of one array, and the space of all of its rows."""

    samples: list[Sample]
    space: Space


def samples_in(
    X: Rows | NDArray[Any],
    name: str,
    choose: Callable[[int], Parts],
    like: Sample | None = None,
    told: Told = Told(),  # noqa: B008  # a tuple
    train: Callable[[int], NDArray[np.intp]] | None = None,
) -> Drawn:
    """Return samples of some rows of a file's array, which are what `as_sample` makes of all of them, and then `take`.

    The array is read some rows at a time, and no others than the wanted ones are kept.

    Parameters
    ----------
    X : Rows or ndarray, shape (n, d), (n, h, w) or (n, h, w, c)
        uint8 or floats.
    name : str
        What messages call it.
    choose : callable
        Takes the number of rows and returns those of each sample, ascending, or None for all.
    like : Sample, optional
        As in `as_sample`.
    told : Told
    train : callable, optional
        Takes the number of rows and returns those that a scale is learned from, ascending; all if not given.

    Returns
    -------
    Drawn

    Raises
    ------
    InputError
        As `as_sample`, and what `choose` raises.
    """
    known = _space_like(like)
    is_scaled = known is not None and known.scaling is not None
    X = without(X, told.drop, name)
    numbers = _numbers_in(X, name, integers=is_scaled, told=told)
    rows, space = _scaled(numbers, X, told, known, train)
    drawn = _samples_of(rows, space, None if known is None else known.frame, choose)
    note = "" if known is not None else note_of_index(numbers, space.columns)
    return drawn._replace(samples=[one.annotated(note=note) for one in drawn.samples]) if note else drawn


def _space_like(like: Any) -> Space | None:  # noqa: ANN401
    """Return the space of a sample, or a space as it is; InputError for anything else but None."""
    space = like.space if isinstance(like, Sample) else like
    if not isinstance(space, Space | None):
        msg = f"like is {shown(like)}; allowed: a Sample, or the space of one"
        raise InputError(msg)
    return space


def _scaled(
    rows: Rows,
    X: Any,  # noqa: ANN401
    told: Told,
    like: Space | None,
    train: Callable[[int], NDArray[np.intp]] | None = None,
) -> tuple[Rows, Space]:
    """Return rows with their columns divided, where the user or the space that they are to lie in says so; and their space."""
    space, scaling = _space_of(X, rows), None if like is None else like.scaling
    if told.scale is not None:
        if like is not None:
            msg = f"scale is {in_words(told.scale)} beside like, which says what columns are divided by; allowed: one of them"
            raise InputError(msg)
        scaling = scaling_of(told.scale, rows, None if train is None else train(len(rows)), space.columns)
    return (rows, space) if scaling is None else (scaling.divided(rows), replace(space, scaling=scaling))


def _as_it_is(sample: Sample, name: str, **given: object) -> Sample:
    """Return a sample; InputError if another unit or domain is given beside it, or what is done to arrays alone."""
    for what, value in given.items():
        if what in Told._fields and value is not None:
            msg = f"{what} is {in_words(value)} for {name}, a Sample; allowed: with the array that it is made of"
            raise InputError(msg)
        if value is not None and value != getattr(sample, what):
            allowed = f"the {what} that the Sample has, {getattr(sample, what)}"
            msg = f"{what} is {shown(value)} for {name}; allowed: {allowed}"
            raise InputError(msg)
    return sample


def _samples_of(
    rows: Rows, space: Space, frame: Frame | None, choose: Callable[[int], Parts] = lambda _: (None,)
) -> Drawn:
    """Return some rows of uint8 or floats as samples: of a space that may lack unit and domain, in a frame if there is one."""
    name, unit, domain = rows.name, space.unit, space.domain
    if rows.dtype == np.uint8:
        domain = domain or (IMAGE if unit is None else None)
        frame = Frame(unit or 1 / GRAY_LEVELS, whole=True)
        space = replace(space, unit=frame.unit, domain=domain, frame=frame)
        parts = rows.take(choose(len(rows)))
        note = _dark(name, int(parts[0].max())) if domain == IMAGE and unit is None else ""
        return Drawn([Sample(X, frame.unit, domain, note, _space=space) for X in parts], space)
    low, high = ends_of(rows)
    least, most = float(low.min()), float(high.max())
    framed = _framed(rows, space, frame, low, high)
    frame, space, said = framed.frame, framed.space, framed.said
    # levels that are given as such are not multiplied again
    found = put(rows, frame if unit is None else frame._replace(unit=1.0), low, high, choose(len(rows)))
    if found.parts[0].dtype == np.uint8:
        said = f"the floats are multiples of 1/{GRAY_LEVELS}, so they are kept as uint8"
        if space.scaling is None:
            space = replace(space, unit=frame.unit, guessed=domain is None)
            domain = IMAGE
    rounding = found.rounding
    if space.scaling is not None:
        said = "; ".join(filter(None, (f"every column is divided by {DIVIDED_BY[space.scaling.kind]}", said)))
        # whole levels are as they are meant; others are rounded by the division, too
        rounding += 0.0 if found.whole else DOUBLE * max(-least, most) / frame.unit
    note = f"{name}: {said}" if said else ""
    space = replace(space, domain=space.domain or domain, frame=frame, stray=found.stray)
    told = (frame.unit, domain, note, frame.origin, rounding, found.whole, space)
    return Drawn([Sample(X, *told) for X in found.parts], replace(space, extent=(least, most)))


class _Framed(NamedTuple):
    """How floats become levels, the space that they lie in then, and what that does to them, in words."""

    frame: Frame
    space: Space
    said: str


def _framed(
    rows: Rows, space: Space, frame: Frame | None, low: NDArray[np.float64], high: NDArray[np.float64]
) -> _Framed:
    """Find how floats, whose columns have these ends, become levels: in a frame if there is one; warn where ε may surprise."""
    name, unit, said, nearly = rows.name, space.unit, "", ""
    least, most = float(low.min()), float(high.max())
    inside, in_own_units = least >= 0 and most <= 1, unit is None and space.scaling is None
    if inside and in_own_units and space.domain in (None, IMAGE):
        image, nearly = image_of(rows)
        if frame is None or frame.image:
            frame = image or frame
        elif image and _n_between(rows) > SURE:  # whatever it is to go together with
            space = replace(space, unit=image.unit, domain=IMAGE, guessed=True)
    if frame is None:
        frame, said = frame_of(rows, low, high) if unit is None else (Frame(unit, whole=are_whole(rows)), "")
    if nearly:
        warn(f"{name} is nearly an image, but {nearly}: it is kept as floats", UnitWarning)
    elif in_own_units and not inside:
        said_of = f"{name} lies in [{least:g}, {most:g}], not in [0, 1]: epsilon is in the data's own units"
        warn(said_of + _levels(rows, least, most), UnitWarning)
    return _Framed(frame, space, said)


def in_words(value: object) -> str:
    """Return how a value is written in a message: what is told of numbers as it is given in a text."""
    return str(value) if isinstance(value, Normalize | Drop) else shown(value)


def _dark(name: str, most: int) -> str:
    """Return what to do with bytes that may be other levels than 0 to 255; nothing where some are gray enough."""
    if not most or 2 * most > GRAY_LEVELS:
        return ""
    todo = f"{name} / {most}" if most > 1 else f"{name}.astype('float32')"
    return f"{name} is bytes, where {GRAY_LEVELS} is 1, and none is above {most} (if {most} is white, give {todo})"


def _levels(rows: Rows, least: float, most: float) -> str:
    """Return what to do with whole numbers that may be gray levels; nothing for others."""
    if least < 0 or most > GRAY_LEVELS or not are_whole(rows):
        return ""
    white = GRAY_LEVELS if 2 * most > GRAY_LEVELS else int(most)
    return f" (if it has gray levels from 0 to {white}, give {rows.name} / {white})"


def _n_between(rows: Rows) -> int:
    """Return how many numbers are between 0 and 1."""
    return sum(int(np.count_nonzero((block > 0) & (block < 1))) for block in rows.blocks())


def _numbers_in(X: ArrayLike | Rows, name: str, *, integers: bool, told: Told, **declared: object) -> Rows:
    """Return points as rows of uint8 or floats; whole numbers become floats where they may, or are divided anyway."""
    told.check_alone(**declared)
    rows = rows_of(X, name)
    if told.normalize is not None:
        return told.normalize.undone(rows)
    if (integers or told.scale is not None) and rows.dtype != np.uint8 and rows.dtype.kind in "iub":
        largest = max(abs(int(rows.ends[0].min())), abs(int(rows.ends[1].max())))
        if largest > 2**53:
            msg = f"{name} holds whole numbers up to {largest}; allowed: up to 2^53, which float64 holds"
            raise InputError(msg)
        rows = rows.astype(np.float64)  # larger numbers than 1 are warned of, as those of floats are
    if rows.dtype != np.uint8 and rows.dtype.kind != "f":
        msg = f"{name} has dtype {rows.dtype}; allowed: uint8, or floats"
        if rows.dtype.kind in "iub":
            least, most = (int(end) for end in (rows.ends[0].min(), rows.ends[1].max()))
            are_bytes, is_binary = least >= 0 and GRAY_LEVELS < 2 * most <= 2 * GRAY_LEVELS, least >= 0 and most <= 1
            ways = [f"{name}.astype('uint8'), if 255 is white"] * are_bytes
            ways += [f"{name} / {GRAY_LEVELS if are_bytes else most}, to lie in [0, 1]"] * (least >= 0 and most > 1)
            ways += [f"{name}.astype('float32'), {'0 and 1' if is_binary else 'as it is'}"]
            msg += f" (give {'; or '.join(ways)})"
        raise InputError(msg)
    return rows


def _space_of(X: Any, rows: Rows) -> Space:  # noqa: ANN401
    """Return what is known of points before they are looked at: how many coordinates, their layout, their names."""
    point = rows.point if len(rows.point) > 1 else None
    return Space(rows.shape[1], point, columns_of(X, (len(rows), *rows.point)))


def parse_epsilon(value: object, name: str = "epsilon") -> float:
    """Return a strength on the unit scale, given as a number or as a fraction such as "8/255".

    Raises
    ------
    InputError
        If it cannot be read, or is not positive and finite.
    """
    try:
        # "8/255" is taken exactly and then rounded once; an exponent in it could ask for any number of digits
        exact = isinstance(value, str) and "/" in value and "e" not in value.lower()
        epsilon = float(Fraction(str(value).strip())) if exact else as_number(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        epsilon = math.nan
    if not 0 < epsilon < math.inf:
        msg = f'{name} is {shown(value)}; allowed: a positive number, or a fraction such as "8/255"'
        raise InputError(msg)
    return epsilon


def parse_list(value: object, name: str, parse: Callable[[object, str], float]) -> list[float]:
    """Return distinct numbers, ascending, from one value, a comma list, or several of either, in whatever holds them.

    `parse` turns one value and the name that messages call it into a number, or refuses it; none at all is refused too.
    """
    parts = [part for one in values_of(value, name) for part in (one.split(",") if isinstance(one, str) else [one])]
    if not parts:
        msg = f"{name} is {shown(value)}; allowed: one or more"
        raise InputError(msg)
    return sorted({parse(part, name) for part in parts})


def parse_epsilons(value: object, name: str = "epsilon") -> list[float]:
    """Return distinct strengths, ascending; as `parse_list`."""
    return parse_list(value, name, parse_epsilon)


def parse_alphas(value: object, name: str = "alpha") -> list[float]:
    """Return distinct risk thresholds in (0, 1), ascending; as `parse_list`."""
    return parse_list(value, name, lambda one, what: check_fraction(what, one, one_allowed=False))
