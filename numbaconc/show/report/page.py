"""Result files as one page: tables, pictures, what each number means, and how the files came to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import xarray as xr

from numbaconc.data.files import check_writable, replacing
from numbaconc.data.formats import netcdf
from numbaconc.errors import InputError, check_choice, printable
from numbaconc.regions import Region
from numbaconc.results.join import join_results
from numbaconc.results.queries import cases, failures, select_case
from numbaconc.results.slices import whole
from numbaconc.show.certified import note
from numbaconc.show.listing import Part, compare, listing
from numbaconc.show.pairs import is_of_labels
from numbaconc.show.pictures.files import open_any
from numbaconc.show.report.formats import csv_texts, html_page, latex_page, markdown_page
from numbaconc.show.report.labels import labels_section
from numbaconc.show.report.parts import SUFFIXES, Said, Section
from numbaconc.show.report.pictures import add_pictures
from numbaconc.show.report.regions import region_section
from numbaconc.show.report.tables import attribute_table, case_table, data_table, failure_table, flags_of
from numbaconc.show.words import heading, said_of

MOST_SAID = 200  # cases whose sentences are on the page


def write_report(paths: Sequence[str | Path], out: str | Path, kind: str = "html") -> list[Path]:
    """Write a report of result files: as a page of HTML that holds all it needs, or its tables in another format.

    A file to pandas is one line, without a report; a row is a case, a seed and a split:

        nc.open_results(f).drop_dims("strength", errors="ignore").to_dataframe().dropna(subset=["risk"])

    Parameters
    ----------
    paths : sequence of path-like
        Results of `measure`, of sweeps and of `numbaconc labels`, and regions. Results are compared in one table.
    out : path-like
        CSV has one table a file: the first has this name, others have theirs after it, as in out-data.csv.
    kind : {"html", "latex", "csv", "markdown"}

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If a file is none of these, or the report cannot be written.
    """
    return write_texts(report_texts(paths, kind), out)


def report_texts(paths: Sequence[str | Path], kind: str = "html") -> dict[str, str]:
    """Return what the files of a report hold, by what their names have beside that of the first: nothing for itself."""
    check_choice("format", kind, tuple(SUFFIXES))
    sections = sections_of(paths, whole_page=kind == "html")
    title = f"Concentration report: {', '.join(printable(Path(path).name) for path in paths)}"
    if kind == "csv":
        return csv_texts(sections)
    if kind == "html":
        return {"": html_page("report.html", title, sections=sections, version=version("numbaconc"))}
    return {"": latex_page(sections) if kind == "latex" else markdown_page(title, sections)}


def names_beside(texts: Iterable[str], out: str | Path) -> dict[str, Path]:
    """Return the files of a report, the first of which has the name that is given."""
    out = Path(out)
    return {beside: out.with_name(f"{out.stem}-{beside}{out.suffix}") if beside else out for beside in texts}


def write_texts(texts: Mapping[str, str], out: str | Path) -> list[Path]:
    """Write the files of a report, each as a whole; return their names."""
    names = names_beside(texts, out)
    for path in names.values():
        check_writable(path)  # all of them, before any is written
    for beside, path in names.items():
        with replacing(path) as part:
            part.write_text(texts[beside], encoding="utf-8", newline="\n")
    return list(names.values())


def sections_of(paths: Sequence[str | Path], *, whole_page: bool = True) -> list[Section]:
    """Return the sections of a report, with or without what only a page has; results are compared."""
    sections: list[Section] = []
    results: dict[str, xr.Dataset] = {}
    names = [printable(Path(path).name) for path in paths]
    for path, bare in zip(paths, names, strict=True):
        name = bare if names.count(bare) == 1 else printable(path)
        opened = open_any(path)
        if isinstance(opened, Region):
            section = region_section(
                name, opened, netcdf.read(path, "region", "a netCDF file that a region's save wrote")
            )
        elif is_of_labels(opened):
            section = labels_section(name, opened)
        else:
            results[name] = opened
            continue
        sections.append(section)
        if whole_page:
            add_pictures(section, opened, name)
    return [*_of_results(results, whole_page=whole_page), *sections]


def _of_results(results: dict[str, xr.Dataset], *, whole_page: bool) -> list[Section]:
    """Return one section of results that can be joined, otherwise a table of all of them and then one of each."""
    made = []
    joined = _joined(results) if len(results) > 1 else None
    if joined is None and len(results) > 1:
        parts = [Part(ds, list(cases(ds)), name) for name, ds in ((name, whole(ds)) for name, ds in results.items())]
        said = compare(list(results.items())).partition("\n\n")[2]  # below a table
        made.append(Section(", ".join(results), tables=[case_table(parts)], sentences=said.split("\n")))
    apart = {name: (ds, {name: ds}) for name, ds in results.items()}
    for title, (ds, files) in apart.items() if joined is None else [(", ".join(results), (joined, results))]:
        made.append(result_section(title, ds, files, whole_page=whole_page))
        if whole_page:
            add_pictures(made[-1], ds, title)
    return made


def _joined(results: dict[str, xr.Dataset]) -> xr.Dataset | None:
    """Return results as one, with all places that any of them has; None if they cannot be joined."""
    try:
        return join_results(list(results.values()))
    except InputError:
        return None


def result_section(title: str, ds: xr.Dataset, files: dict[str, xr.Dataset], *, whole_page: bool) -> Section:
    """Return what is said of a result that was made of some files."""
    ds = whole(ds)
    found = list(cases(ds))
    section = Section(title, heading(ds).split("\n"))
    if "error" in ds and (n_failed := int((ds["error"] != "").sum())):
        section.warnings.append(f"{n_failed} of the cases failed: {printable(failures(ds)[0])}")
    for case in found[: MOST_SAID if whole_page else 0]:
        here = select_case(ds, case)
        head, *sentences = said_of(here, case)
        section.cases.append(Said(head, sentences, flags_of(here)))
    section.left_out = len(found) - len(section.cases)
    if found:
        section.tables.append(case_table([Part(ds, found)]))
        section.sentences += "\n".join(listing(ds, found)).partition("\n\n")[2].split("\n")  # below a table
    section.tables += filter(None, [failure_table(ds)])
    section.sentences += filter(None, [note(ds)])
    section.provenance = [*filter(None, [data_table(ds)])]
    section.provenance += [attribute_table("file", name, one.attrs) for name, one in files.items()]
    return section
