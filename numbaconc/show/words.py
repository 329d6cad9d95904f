"""Results in words: what was measured, and what it bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.norms import NORMS, sign_of
from numbaconc.numerals import exact, exact_percent, percent_at_least, percent_at_most
from numbaconc.results.queries import (
    below_alpha,
    cases,
    certificate,
    certificate_at_alpha,
    degenerate,
    hold_together,
    is_degenerate,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.results.schema import BY_SPLIT
from numbaconc.results.slices import whole
from numbaconc.show.certified import (
    below_line,
    certified_line,
    classifier_of,
    classifier_sentence,
    listed,
    note,
    promise,
    unmoved_line,
)

MANY = 12  # cases that are described each; more are listed
SHOWN_ATTRIBUTES = ("command", "numbaconc_version", "created", "seconds", "threads", "data_verified", "differing")


def percent(fraction: float) -> str:
    """Write a fraction in per cent, with as many digits as 10,000 points give."""
    return f"{100 * fraction:.2f}%"


def spread(mean: float, std: float | None) -> str:
    """Write a mean in per cent, with its deviation if there is one."""
    return percent(mean) if std is None else f"{100 * mean:.2f} ± {100 * std:.2f}%"


def describe(ds: xr.Dataset) -> str:
    """Say what a result, or a slice of one, holds: for each case what is certified, a table of risks, and what it bounds.

    InputError if something is missing that is to be said.
    """
    ds = whole(ds)
    lines = [_head(ds)]
    found = list(cases(ds))
    if "error" in ds and (n_failed := int((ds["error"] != "").sum())):
        lines.append(f"{n_failed} of the cases failed: {printable(failures(ds)[0])}")
    if len(found) > MANY:
        lines += ["", *_listing(ds, found), *_said_of_degenerate(ds, found)]
    else:
        lines += _each(ds, found)
    return "\n".join([*lines, *filter(None, [note(ds)])])


def _each(ds: xr.Dataset, found: list[dict[str, Any]]) -> list[str]:
    """Say of each case what is certified, its risks, and what they bound."""
    lines: list[str] = []
    sentences: list[str] = []
    uniform: list[str] = []
    proven: list[Certificate] = []
    beside: list[Certificate] = []
    for case in found:
        here, epsilon = select_case(ds, case), case["epsilon"]
        lines += ["", *_table(here, case)]
        below = below_line(here, epsilon)
        sentences += [line for line in [below] if line is not None and line not in sentences]
        sentences += [*_beside_it(here, epsilon), bound_sentence(here, case), *_further(here, epsilon)]
        certified = [*filter(None, [certificate_at_alpha(here, epsilon) or certificate(here, epsilon)])]
        proven += certified
        beside += certified if lower_of(here) is not None else []
        if (unmoved := certificate(here, epsilon)) is not None and unmoved.uniform is not None:
            uniform.append(f"Beside it, {unmoved.uniform_sentence}.")
    sentences += dict.fromkeys(uniform)  # once, however many cases it is the same for
    return [*lines, "", *([promise(proven, beside)] if proven else []), *sentences]


def _beside_it(here: xr.Dataset, epsilon: float) -> list[str]:
    """Say what a certificate at α leaves open about the classifier beside it, if there is one."""
    proven, classifier = certificate_at_alpha(here, epsilon), classifier_of(here, epsilon)
    if proven is None or classifier is None:
        return []
    return [classifier_sentence(proven.U, classifier["clean_error"], classifier["robust_accuracy"], proven.confidence)]


def _further(here: xr.Dataset, epsilon: float) -> Iterator[str]:
    """Yield what else is said of one case: what is certified of the border where it was, and what was compared."""
    if "n_points" in here:
        yield unmoved_line(here, epsilon)
    proven = certificate_at_alpha(here, epsilon)
    if float(here.get("gamma", 0)) > 0 and proven is not None and proven.uncertainty_at_least is None:
        yield "Of the labels in the region nothing is certified: how uncertain they are is not known of the test points."
    if "compared" in here and (compared := str(kept(here)["compared"].item())):
        asked = f"; asked for {percent(margin)} beyond alpha" if (margin := _margin(here)) is not None else ""
        yield f"Chosen on training points held back (risk -> adversarial risk): {printable(compared)}{asked}."


def _margin(here: xr.Dataset) -> float | None:
    """Return the margin that was settled on for the kept region of one case; None where none was."""
    if "margin" not in here or bool(kept(here)["margin"].isnull()):
        return None
    return float(kept(here)["margin"])


def failures(ds: xr.Dataset) -> list[str]:
    """Return the distinct errors of a sweep's failed cases."""
    return [str(text) for text in dict.fromkeys(np.ravel(ds["error"].values).tolist()) if text] if "error" in ds else []


def _listing(ds: xr.Dataset, found: list[dict[str, Any]]) -> list[str]:
    """Write one line a case: U at α, and the risks' means over the seeds, in per cent; below, what is certified."""
    titles = [f"{name} {split}" for name in ("risk", "adv. risk") for split in ("train", "test")]
    bounded = "lower_bound" in ds
    lines = [[*map(printable, found[0]), *["at least"] * bounded, "certified", *titles]]
    proven: list[Certificate] = []
    beside: list[Certificate] = []
    for case in found:
        here = select_case(ds, case)
        one, least = certificate_at_alpha(here, case["epsilon"]), lower_of(here)
        proven += [] if one is None else [one]
        beside += [] if one is None or least is None else [one]
        below = ["-" if least is None else percent_at_least(least)] * bounded
        means = [mean_and_std(here, name)[0] for name in ("risk", "adversarial_risk")]
        values = [percent(float(mean.sel(split=split))) for mean in means for split in ("train", "test")]
        lines.append([*map(_plain, case.values()), *below, "-" if one is None else percent_at_most(one.U), *values])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
    return [*table, "", listed(proven, beside)]


def _said_of_degenerate(ds: xr.Dataset, found: list[dict[str, Any]]) -> list[str]:
    count = len(degenerate(ds))
    said = f"{count} of {len(found)} cases bound nothing at alpha: the training risk of the region is below it, or no test "
    return ["", f"{said}point lies in it."] if count else []


def _plain(value: Any) -> str:  # noqa: ANN401
    return exact(value) if isinstance(value, int | float) else printable(value)


def _head(ds: xr.Dataset) -> str:
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
        rows.append(f"  {label:18}{cells[0]:>18}{cells[1]:>18}")
    if "uncertainty" in here and bool(here["uncertainty"].notnull().any()):
        hard = [float(mean_and_std(here, "uncertainty")[0].sel(split=split)) for split in ("train", "test")]
        rows.append(f"  {'label uncertainty':18}{hard[0]:>18.4f}{hard[1]:>18.4f}")
    certified = [f"  {line}" for line in filter(None, [certified_line(here, case["epsilon"])])]
    return [_case_head(here, case), *certified, f"  {'':18}{'train':>18}{'test':>18}", *rows]


def _case_head(here: xr.Dataset, case: dict[str, Any]) -> str:
    search = case.get("search", here.attrs.get("search"))
    text = f"{printable(search)}, " if search else ""
    text += f"{printable(case['dataset'])}, {_norm(here, case)}epsilon {exact(case['epsilon'])}"
    text += f", alpha {exact(float(here['alpha']))}"
    further = (dim for dim in case if dim not in ("search", "alpha", "dataset", "epsilon"))
    text += "".join(f", {printable(dim)} = {_plain(case[dim])}" for dim in further)
    if "q_found" in here and bool(here["q_found"].notnull().any()):
        found = np.unique(here["q_found"].values[here["q_found"].notnull()])
        text += ", q found " + (f"{found[0]:.3f}" if len(found) == 1 else f"{found[0]:.3f} to {found[-1]:.3f}")
    if here.sizes.get("seed", 1) > 1:
        text += f", {here.sizes['seed']} restarts"
    return text


def _norm(here: xr.Dataset, case: dict[str, Any]) -> str:
    """Return the sign of the norm of a case, with a space; of a file of several norms, that of the search's only one."""
    said = here.attrs.get("norm")
    if said not in NORMS and "search" in case:
        from numbaconc.search.base import Search

        norms = Search.known[case["search"]].norms if case["search"] in Search.known else ()
        said = norms[0] if len(norms) == 1 else said
    return f"{sign} " if (sign := sign_of(said)) else ""


def bound_sentence(here: xr.Dataset, case: dict[str, Any]) -> str:
    """Say what the kept region of one case bounds, as the test sample's fractions estimate it."""
    epsilon, alpha, norm = exact(case["epsilon"]), float(here["alpha"]), _norm(here, case)
    test = kept(here).sel(split="test")
    risk, adversarial = float(test["risk"]), float(test["adversarial_risk"])
    if risk == 0:
        text = "No test point lies in the region: its measure may be 0, which says nothing."
    else:
        at, most, robust = percent_at_least(risk), percent_at_most(adversarial), percent_at_least(1 - adversarial)
        text = (
            f"Estimated, by fractions of the test points: a set of measure {at} grows to at most {most} within "
            f"{norm}distance {epsilon}: h({at}, {epsilon}) <= {most}. By this estimate concentration does not rule out an "
            f"imperfect classifier that errs on {at} and is robust on {robust}."
        )
    if adversarial == 1:
        text += " The expansion holds every test point: a bound of 1 says nothing."
    if risk < alpha:
        text += f" The test risk is below alpha: this bounds h at {_below(risk, alpha)}, not {exact_percent(alpha)}."
    if below_alpha(here):
        text += " No region with a training risk of alpha was found here."
    return text


def _below(risk: float, alpha: float) -> str:
    """Write a risk in per cent, with as many digits as show that it is below alpha."""
    digits = next((digits for digits in range(2, 16) if f"{100 * risk:.{digits}f}" != f"{100 * alpha:.{digits}f}"), 16)
    return f"{100 * risk:.{digits}f}%"


def as_json(ds: xr.Dataset) -> dict[str, Any]:
    """Return the same as plain numbers: one entry a case, fractions, and the file's attributes."""
    ds = whole(ds)
    entries: list[dict[str, Any]] = []
    proven: list[Certificate] = []
    beside: list[Certificate] = []  # those that a lower bound stands beside
    for case in cases(ds):
        here, epsilon = select_case(ds, case), case["epsilon"]
        entry: dict[str, Any] = case | {"alpha": float(here["alpha"])}
        if (at_alpha := certificate_at_alpha(here, epsilon)) is not None:
            proven.append(at_alpha)
            named: tuple[str, ...] = ("confidence", "n_compared", "U", "m", "K", "tau", "reason")
            named += () if at_alpha.uncertainty_at_least is None else ("uncertainty_at_least", "n_tied")
            entry["certified"] = {name: getattr(at_alpha, name) for name in named}
        if (least := lower_of(here)) is not None:
            entry["lower_bound"] = {"value": least, "isolated": int(here.get("isolated", 0))}
            beside += [] if at_alpha is None else [at_alpha]
        for name in (name for name in BY_SPLIT if name in here):
            mean, std = mean_and_std(here, name)
            for split in ("train", "test"):
                entry[f"{name}_{split}"] = float(mean.sel(split=split))
                entry[f"{name}_{split}_std"] = float(std.sel(split=split))
        for name in ("q_found", "margin", "compared"):
            if name in here:
                entry[name] = np.ravel(here[name].values).tolist()
        entry["degenerate"] = is_degenerate(here)
        entries.append(entry | _bounds(here, epsilon))
    said: dict[str, Any] = {"cases": entries}
    if proven:
        said["certified_together"] = hold_together([*proven, *beside])
    if (tighter := note(ds)) is not None:
        said["note"] = tighter
    plain: dict[str, Any] = _finite(said | {"attributes": {str(name): ds.attrs[name] for name in ds.attrs}})
    return plain


def _bounds(here: xr.Dataset, epsilon: float) -> dict[str, Any]:
    """Return what the kept region of one case bounds, with its border where the search put it, and what is beside it."""
    entry: dict[str, Any] = {}
    if "kept_seed" in here:
        chosen = kept(here).sel(split="test")
        entry["kept_seed"] = int(here["kept_seed"])
        entry["bound"] = {"h_at": float(chosen["risk"]), "at_most": float(chosen["adversarial_risk"])}
        entry["bound_is"] = "estimated by fractions of the test points"
    if (proven := certificate(here, epsilon)) is not None:
        entry["certificate"] = {"confidence": proven.confidence, "L": proven.L, "U": proven.U}
        entry["certificate"]["uniform_deviation"] = proven.uniform  # None in files that do not say it
    if (classifier := classifier_of(here, epsilon)) is not None:
        entry["classifier"] = classifier
    return entry


def _finite(value: Any) -> Any:  # noqa: ANN401
    """Return what JSON has: None for numbers that are not finite, lists for arrays."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def provenance_lines(ds: xr.Dataset) -> list[str]:
    """Say how a file came to be, a line an attribute."""
    return [f"{name}: {printable(ds.attrs[name])}" for name in SHOWN_ATTRIBUTES if name in ds.attrs]
