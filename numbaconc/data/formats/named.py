"""Which arrays of a file are points, and which tell of them: by the names that people give them, or by those they say."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from numbaconc.errors import InputError, did_you_mean, shown

PART = "tr(?:ain(?:ing)?)?|te(?:st(?:ing)?)?"
WORDS = {  # what arrays of each kind are called, beside the part that they are of: `train_images`, `XTest`, `labels`
    "X": "xs?|data|(?:data)?sets?|images?|imgs?|feats?|features?|inputs?|points?|samples?|emb(?:edding)?s?|vec(?:tor)?s?",
    "y": "ys?|labels?|targets?|class(?:es)?",
    "uncertainty": "uncertaint(?:y|ies)",
}
NAME = re.compile(
    rf"(?P<before>{PART})?(?:{'|'.join(f'(?P<{what}>{words})' for what, words in WORDS.items())})?(?P<after>{PART})?"
)
WANTED = (("X_train", "X_test"), ("X",))  # of one file: the first of these that it has
ANY_PART = (("X",), ("X_train",), ("X_test",))  # of one of two files
MOST = 20  # names in a message
BEFORE = {"h5py": "netCDF4"}  # what is imported first: the HDF5 of some of their wheels work in this order alone


@dataclass(frozen=True)
class Stored:
    """The arrays of a file, while it is open.

    Attributes
    ----------
    arrays : dict
        What reads each, by name: a function of what messages call it.
    note : str
        What is to be said of how the file was taken.
    beside : str
        What the file has beside arrays that can be read, in words.
    """

    arrays: dict[str, Callable[[str], Any]]
    note: str = ""
    beside: str = ""


def role(name: str) -> str | None:
    """Return what an array of that name is: `X`, `y` or `uncertainty`, with `_train` or `_test`; None for anything else."""
    for one in (name, re.split(r"[/\\]", name)[-1]):  # of an array in a group, the whole path may tell
        found = NAME.fullmatch(re.sub(r"[^a-z0-9]", "", one.lower()))
        if found and found[0] and not (found["before"] and found["after"]):
            what = next((what for what in WORDS if found[what]), "X")
            part = found["before"] or found["after"] or ""
            return what + {"tr": "_train", "te": "_test", "": ""}[part[:2]]
    return None


def choose(names: Iterable[str], key: str | None, where: str, *, is_part: bool = False) -> dict[str, str]:
    """Return which array of a file is `X_train`, `X_test`, or the one `X`, and which ones tell of these: `y_train`, ...

    Parameters
    ----------
    names : iterable of str
        Of the arrays that there are.
    key : str or None
        The name of the points, or those of train and test with a comma between; by usual names if not given.
    where : str
        What messages call the file, quoted.
    is_part : bool
        Whether the file has the points of one part only, an `X`.

    Raises
    ------
    InputError
        If there are no such arrays, or several.
    """
    names, known = list(names), defaultdict(list)
    for name in names:
        known[role(name)].append(name)
    known |= {which: [which] for which in known if which in names}  # no other has a better claim than `X_train`
    if key is not None:
        keys = [key] if key in names else [one.strip() for one in key.split(",")]
        if len(keys) > 2 - is_part or not set(keys) <= set(names):
            msg = f"key is {shown(key)}; allowed: {_listed(names)}, of file {where}"
            more = "" if is_part else ", or two of them with a comma between"
            raise InputError(msg + more + did_you_mean(key, tuple(names)))
        points = dict(zip(WANTED[len(keys) == 1], keys, strict=True))
    else:
        points = _usual(known, names, where, is_part=is_part)
    told = {}
    for which, name in points.items():
        part = (role(name) or which).partition("_")[1:]
        for what in WORDS:
            if what != "X" and (found := known[what + "".join(part)]):
                told[which.replace("X", what)] = _only(found, names, where, is_part=is_part)
    return points | told


def _usual(known: dict[str | None, list[str]], names: list[str], where: str, *, is_part: bool) -> dict[str, str]:
    """Return the points by their usual names, or the one array that has another."""
    there = [wanted for wanted in (ANY_PART if is_part else WANTED) if all(known[which] for which in wanted)]
    if there and not (is_part and len(there) > 1):
        found = [_only(known[which], names, where, is_part=is_part) for which in there[0]]
        return dict(zip(["X"] if is_part else there[0], found, strict=True))
    left = known[None] if not any(known[which] for (which,) in ANY_PART) else []
    return {"X": _only(left, names, where, is_part=is_part)}


def _only(found: list[str], names: list[str], where: str, *, is_part: bool) -> str:
    """Return the one name; InputError for none or several."""
    if len(found) != 1:
        allowed = "one X" if is_part else "X_train and X_test, or one X"
        msg = f"file {where} has arrays {_listed(names)}; allowed: {allowed}, or which they are: --key NAME"
        raise InputError(msg + ("" if is_part else " or --key TRAIN,TEST") + ", key= in Python")
    return found[0]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return (", ".join(names[:MOST]) or "(none)") + more


def needed(package: str, where: str, install: str = "") -> None:
    """Import a package, if it has a name, which a file needs; InputError where that cannot be, with how it is installed."""
    try:
        for name in filter(None, (BEFORE.get(package), package)):
            importlib.import_module(name)
    except ImportError as error:
        name = install or package
        msg = f"file {where} needs the package {name}, which cannot be imported; to install it: pip install {name}"
        raise InputError(msg) from error
