"""Results in words: what was measured, and what it bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from numbaconc.norms import sign_of
from numbaconc.results.queries import cases, certificate, kept, mean_and_std, select_case

MANY = 12  # cases that are described each; more are listed
SHOWN_ATTRIBUTES = ("command", "numbaconc_version", "created", "seconds", "threads", "data_verified", "differing")


def percent(fraction: float) -> str:
    """Write a fraction in per cent, with as many digits as 10,000 points give."""
    return f"{100 * fraction:.2f}%"


def spread(mean: float, std: float | None) -> str:
    """Write a mean in per cent, with its deviation if there is one."""
    return percent(mean) if std is None else f"{100 * mean:.2f} ± {100 * std:.2f}%"


def describe(ds: xr.Dataset) -> str:
    """Say what a result holds: a table of risks, and for each case what it bounds."""
    norm = sign_of(ds.attrs.get("norm"))
    lines = [_head(ds)]
    found = list(cases(ds))
    if "error" in ds and (n_failed := int((ds["error"] != "").sum())):
        lines.append(f"{n_failed} of the cases failed: {failures(ds)[0]}")
    if len(found) > MANY:
        return "\n".join([*lines, "", *_listing(ds, found)])
    sentences: list[str] = []
    uniform: list[str] = []
    for case in found:
        here = select_case(ds, case)
        several = here.sizes.get("seed", 1) > 1
        alpha = float(here["alpha"])
        rows = []
        for name, label in (("risk", "risk"), ("adversarial_risk", "adversarial risk")):
            mean, std = mean_and_std(here, name)
            cells = [
                spread(float(mean.sel(split=split)), float(std.sel(split=split)) if several else None)
                for split in ("train", "test")
            ]
            rows.append(f"  {label:18}{cells[0]:>18}{cells[1]:>18}")
        lines += ["", _case_head(here, case, norm, alpha), f"  {'':18}{'train':>18}{'test':>18}", *rows]
        sentences.append(bound_sentence(here, case["epsilon"], alpha, norm))
        if "n_points" in here:
            proven = certificate(here, case["epsilon"])
            sentences.append(f"Certified: {proven.sentence_at(alpha)}.")
            if proven.uniform is not None:
                uniform.append(f"Beside it, {proven.uniform_sentence}.")
        if "compared" in here and (compared := str(kept(here)["compared"].item())):
            sentences.append(f"Chosen on training points held back (risk -> adversarial risk): {compared}.")
    sentences += dict.fromkeys(uniform)  # once, however many cases it is the same for
    return "\n".join([*lines, "", *sentences])


def failures(ds: xr.Dataset) -> list[str]:
    """Return the distinct errors of a sweep's failed cases."""
    return [str(text) for text in dict.fromkeys(np.ravel(ds["error"].values).tolist()) if text] if "error" in ds else []


def _listing(ds: xr.Dataset, found: list[dict[str, Any]]) -> list[str]:
    """Write one line a case: means over the seeds, in per cent."""
    titles = [f"{name} {split}" for name in ("risk", "adv. risk") for split in ("train", "test")]
    lines = [[*found[0], *titles]]
    for case in found:
        here = select_case(ds, case)
        means = [mean_and_std(here, name)[0] for name in ("risk", "adversarial_risk")]
        values = [percent(float(mean.sel(split=split))) for mean in means for split in ("train", "test")]
        lines.append([*map(_plain, case.values()), *values])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]


def _plain(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else f"{value:g}"


def _head(ds: xr.Dataset) -> str:
    names = [str(name) for name in ds["dataset"].values]
    if "n_points" not in ds:
        return ", ".join(names)
    counts = [ds["n_points"].sel(dataset=name) for name in names]
    return "\n".join(
        f"{name}: {int(n.sel(split='train')):,} training and {int(n.sel(split='test')):,} test points"
        for name, n in zip(names, counts, strict=True)
    )


def _case_head(here: xr.Dataset, case: dict[str, Any], norm: str, alpha: float) -> str:
    search = case.get("search", here.attrs.get("search"))
    text = f"{search}, " if search else ""
    text += f"{case['dataset']}, {norm} epsilon {case['epsilon']:g}, alpha {alpha:g}"
    further = (dim for dim in case if dim not in ("search", "alpha", "dataset", "epsilon"))
    text += "".join(f", {dim} = {_plain(case[dim])}" for dim in further)
    if "q_found" in here:
        found = np.unique(here["q_found"].values)
        text += ", q found " + (f"{found[0]:.3f}" if len(found) == 1 else f"{found[0]:.3f} to {found[-1]:.3f}")
    if here.sizes.get("seed", 1) > 1:
        text += f", {here.sizes['seed']} restarts"
    return text


def bound_sentence(here: xr.Dataset, epsilon: float, alpha: float, norm: str) -> str:
    """Say what the kept region of one case bounds, on the test sample."""
    test = kept(here).sel(split="test")
    risk, adversarial = float(test["risk"]), float(test["adversarial_risk"])
    text = (
        f"On the test points a set of measure {percent(risk)} grows to at most {percent(adversarial)} within {norm} "
        f"distance {epsilon:g}: h({percent(risk)}, {epsilon:g}) <= {percent(adversarial)}. Concentration does not rule "
        f"out an imperfect classifier that errs on {percent(risk)} and is robust on {percent(1 - adversarial)}."
    )
    if risk < alpha:
        text += f" The test risk is below alpha: this bounds h at {_below(risk, alpha)}, not {100 * alpha:g}%."
    if float(kept(here)["risk"].sel(split="train")) < alpha:
        text += " No region with a training risk of alpha was found here."
    return text


def _below(risk: float, alpha: float) -> str:
    """Write a risk in per cent, with as many digits as show that it is below alpha."""
    digits = next((digits for digits in range(2, 16) if f"{100 * risk:.{digits}f}" != f"{100 * alpha:.{digits}f}"), 16)
    return f"{100 * risk:.{digits}f}%"


def as_json(ds: xr.Dataset) -> dict[str, Any]:
    """Return the same as plain numbers: one entry a case, fractions, and the file's attributes."""
    entries = []
    for case in cases(ds):
        here = select_case(ds, case)
        entry: dict[str, Any] = case | {"alpha": float(here["alpha"])}
        for name in ("risk", "adversarial_risk"):
            mean, std = mean_and_std(here, name)
            for split in ("train", "test"):
                entry[f"{name}_{split}"] = float(mean.sel(split=split))
                entry[f"{name}_{split}_std"] = float(std.sel(split=split))
        for name in ("q_found", "margin", "compared"):
            if name in here:
                entry[name] = np.ravel(here[name].values).tolist()
        if "kept_seed" in here:
            chosen = kept(here).sel(split="test")
            entry["kept_seed"] = int(here["kept_seed"])
            entry["bound"] = {"h_at": float(chosen["risk"]), "at_most": float(chosen["adversarial_risk"])}
        if "n_points" in here:
            proven = certificate(here, case["epsilon"])
            entry["certificate"] = {"confidence": proven.confidence, "L": proven.L, "U": proven.U}
            entry["certificate"]["uniform_deviation"] = proven.uniform  # None in files that do not say it
        entries.append(entry)
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in ds.attrs.items()}
    return {"cases": entries, "attributes": plain}


def provenance_lines(ds: xr.Dataset) -> list[str]:
    """Say how a file came to be, a line an attribute."""
    return [f"{name}: {ds.attrs[name]}" for name in SHOWN_ATTRIBUTES if name in ds.attrs]
