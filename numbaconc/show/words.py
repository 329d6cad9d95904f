"""Results in words: what was measured, and what it bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.norms import sign_of
from numbaconc.numerals import (
    as_fraction,
    exact,
    exact_percent,
    percent,
    percent_at_least,
    percent_at_most,
    percent_left,
    spread,
    strength,
)
from numbaconc.results.layout import FIRST, own_coordinates
from numbaconc.results.queries import (
    below_alpha,
    below_alpha_on_test,
    cases,
    certificate,
    certificate_at_alpha,
    failures,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.results.slices import whole
from numbaconc.show.certified import (
    below_line,
    certified_line,
    classifier_of,
    classifier_sentence,
    names_of,
    norm_name,
    note,
    promise,
    unmoved_line,
)
from numbaconc.show.epsilon import epsilon_unit
from numbaconc.show.listing import SIGNS, listing, plain

MANY = 12  # cases that are described each; more are listed
OF_UNIFORM = ("dataset", "search", "T")  # what the uniform bound depends on
BARE = ("search", "dataset")  # coordinates whose values speak for themselves
SHOWN_ATTRIBUTES = ("command", "numbaconc_version", "created", "seconds", "threads", "data_verified", "differing")


def describe(ds: xr.Dataset) -> str:
    """Say what a result, or a slice of one, holds: for each case what is certified, a table of risks, and what it bounds.

    InputError if something is missing that is to be said.
    """
    ds = whole(ds)
    lines = [heading(ds)]
    found = list(cases(ds))
    if "error" in ds and (n_failed := int((ds["error"] != "").sum())):
        lines.append(f"{n_failed} of the cases failed: {printable(failures(ds)[0])}")
    if len(found) > MANY:
        lines += ["", *listing(ds, found)]
    else:
        lines += _each(ds, found)
    return "\n".join([*lines, *filter(None, [note(ds) if found else None])])


def _each(ds: xr.Dataset, found: list[dict[str, Any]]) -> list[str]:
    """Say of each case what is certified, its risks, and what they bound."""
    lines: list[str] = []
    sentences: list[str] = []
    uniform: list[str] = []
    proven: list[Certificate] = []
    beside: list[Certificate] = []
    differing = [dim for dim in (found[0] if found else ()) if len({case[dim] for case in found}) > 1]
    for case in found:
        here, epsilon = select_case(ds, case), case["epsilon"]
        lines += ["", *_table(here, case)]
        own = own_coordinates(case, ds)
        which = ["dataset", *(dim for dim in differing if dim != "dataset" and dim in own)]
        below = _said_for(case, ["dataset"], below_line(here, epsilon))
        sentences += [line for line in below if line not in sentences]
        said = [*_beside_it(here, epsilon), bound_sentence(here, case), *_further(here, epsilon)]
        sentences += _said_for(case, which, *said)
        certified = [*filter(None, [certificate_at_alpha(here, epsilon) or certificate(here, epsilon)])]
        proven += certified
        beside += certified if lower_of(here) is not None else []
        uniform += _said_for(case, [dim for dim in which if dim in OF_UNIFORM], *_uniform(here, epsilon))
    sentences += dict.fromkeys(uniform)  # once, however many cases it is the same for
    return [*lines, "", *([promise(proven, beside, names_of(ds))] if proven else []), *sentences]


def said_of(here: xr.Dataset, case: dict[str, Any]) -> list[str]:
    """Return what one case is, and then every sentence about it alone, with the name of its data set."""
    epsilon = case["epsilon"]
    said = [certified_line(here, epsilon), below_line(here, epsilon), *_beside_it(here, epsilon)]
    said += [bound_sentence(here, case), *_further(here, epsilon), *_uniform(here, epsilon)]
    return [case_head(here, case), *_said_for(case, ["dataset"], *said)]


def _said_for(case: dict[str, Any], which: Sequence[str], *sentences: str | None) -> list[str]:
    """Return the sentences of a case, those that there are, each with some of its coordinates, such as the data set."""
    at = ", ".join(
        f"{'' if dim in BARE else f'{SIGNS.get(dim, printable(dim))} = '}{plain(dim, case[dim])}" for dim in which
    )
    return [f"For {at}: {sentence[0].lower()}{sentence[1:]}" for sentence in sentences if sentence]


def _beside_it(here: xr.Dataset, epsilon: float) -> list[str]:
    """Say what a certificate at α leaves open about the classifier beside it, if there is one."""
    proven, classifier = certificate_at_alpha(here, epsilon), classifier_of(here, epsilon)
    if proven is None or classifier is None:
        return []
    return [classifier_sentence(proven.U, classifier["clean_error"], classifier["robust_accuracy"], proven.confidence)]


def _uniform(here: xr.Dataset, epsilon: float) -> Iterator[str]:
    """Yield the paper's uniform bound of one case, if its dimension is known."""
    unmoved = certificate(here, epsilon)
    if unmoved is not None and unmoved.uniform is not None:
        yield f"Beside it, {unmoved.uniform_sentence}."


def _further(here: xr.Dataset, epsilon: float) -> Iterator[str]:
    """Yield what else is said of one case: what is certified of the border where it was, and what was compared."""
    if "n_points" in here:
        yield unmoved_line(here, epsilon)
    proven = certificate_at_alpha(here, epsilon)
    if float(here.get("gamma", 0)) > 0 and proven is not None and proven.uncertainty_at_least is None:
        yield "Of the labels in the region nothing is certified: how uncertain they are is not known of the test points."
    if "compared" in here and (compared := str(kept(here)["compared"].item())):
        asked = f"; asked for {percent(margin)} beyond α" if (margin := _margin(here)) is not None else ""
        chosen, _, those = printable(compared).partition(" of ")
        yield f"On training points held back, {chosen} was chosen from these (risk → adversarial risk): {those}{asked}."


def _margin(here: xr.Dataset) -> float | None:
    """Return the margin that was settled on for the kept region of one case; None where none was."""
    if "margin" not in here or bool(kept(here)["margin"].isnull()):
        return None
    return float(kept(here)["margin"])


def heading(ds: xr.Dataset) -> str:
    """Say which data a result is of, a line a data set, with how many points are known."""
    names = [str(name) for name in ds["dataset"].values]
    if "n_points" not in ds or bool(ds["n_points"].isnull().any()):
        return ", ".join(map(printable, names))
    counts = [ds["n_points"].sel(dataset=name) for name in names]
    return "\n".join(
        f"{printable(name)}: {int(n.sel(split='train')):,} training and {int(n.sel(split='test')):,} test points"
        for name, n in zip(names, counts, strict=True)
    )


def _table(here: xr.Dataset, case: dict[str, Any]) -> list[str]:
    """Write what is certified of one case and its risks, below what it is."""
    several = here.sizes.get("seed", 1) > 1
    rows = []
    for name, label in (("risk", "risk"), ("adversarial_risk", "adversarial risk")):
        mean, std = mean_and_std(here, name)
        cells = [
            spread(float(mean.sel(split=split)), float(std.sel(split=split)) if several else None)
            for split in ("train", "test")
        ]
        flag = _flag(here, several=several) if name == "risk" else ""
        rows.append(f"  {label:18}{cells[0]:>18}{cells[1]:>18}{flag}")
    if "uncertainty" in here and bool(here["uncertainty"].notnull().any()):
        hard = [float(mean_and_std(here, "uncertainty")[0].sel(split=split)) for split in ("train", "test")]
        rows.append(f"  {'label uncertainty':18}{hard[0]:>18.4f}{hard[1]:>18.4f}")
    certified = [f"  {line}" for line in filter(None, [certified_line(here, case["epsilon"], [case["dataset"]])])]
    return [case_head(here, case), *certified, f"  {'':18}{'train':>18}{'test':>18}", *rows]


def _flag(here: xr.Dataset, *, several: bool) -> str:
    """Mark a test risk below α: of several restarts, that of the one whose region is kept."""
    return f"  {'that of the region kept ' * several}< α" if below_alpha_on_test(here) else ""


def case_head(here: xr.Dataset, case: dict[str, Any]) -> str:
    """Say what one case is: search, data set, norm, what ε is in, and coordinates."""
    search = case.get("search", here.attrs.get("search"))
    text = f"{printable(search)}, " if search else ""
    at = " ".join(
        filter(None, (sign_of(norm_name(here, case)), f"ε = {strength(case['epsilon'])}", epsilon_unit(here)))
    )
    text += f"{printable(case['dataset'])}, {at}, α = {exact(float(here['alpha']))}"
    further = (dim for dim in own_coordinates(case, here) if dim not in FIRST)
    text += "".join(f", {SIGNS.get(dim, printable(dim))} = {plain(dim, case[dim])}" for dim in further)
    if "q_found" in here and bool(here["q_found"].notnull().any()):
        found = np.unique(here["q_found"].values[here["q_found"].notnull()])
        text += ", q found " + (f"{found[0]:.3f}" if len(found) == 1 else f"{found[0]:.3f} to {found[-1]:.3f}")
    if here.sizes.get("seed", 1) > 1:
        text += f", {here.sizes['seed']} restarts"
    return text


def bound_sentence(here: xr.Dataset, case: dict[str, Any]) -> str:
    """Say what the kept region of one case bounds, as the test sample's fractions estimate it."""
    epsilon, alpha = strength(case["epsilon"]), float(here["alpha"])
    test = kept(here).sel(split="test")
    risk, adversarial = float(test["risk"]), float(test["adversarial_risk"])
    if risk == 0:
        text = "No test point lies in the region: its measure may be 0, which says nothing."
    else:
        at, most = percent_at_least(risk), percent_at_most(adversarial)
        within = " ".join(filter(None, (sign_of(norm_name(here, case)), "distance", epsilon, epsilon_unit(here))))
        text = (
            f"Estimated, by fractions of the test points, the risk rounded down and the adversarial risk up: a set of measure {at} "
            f"grows to at most {most} within {within}: h(μ, {as_fraction(at)}, {epsilon}) ≤ {as_fraction(most)}. By this estimate "
            f"concentration does not rule out an imperfect classifier that errs on {at} and is robust on {percent_left(adversarial)}."
        )
    if adversarial == 1:
        text += " The expansion holds every test point: a bound of 1 says nothing."
    if risk < alpha:
        text += f" The test risk is below α: this bounds h at {percent_at_least(risk)}, not {exact_percent(alpha)}."
    if below_alpha(here):
        text += " No region with a training risk of α was found here."
    return text


def provenance_lines(ds: xr.Dataset) -> list[str]:
    """Say how a file came to be, a line an attribute."""
    return [f"{name}: {printable(ds.attrs[name])}" for name in SHOWN_ATTRIBUTES if name in ds.attrs]
