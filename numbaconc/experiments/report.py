"""One page for everything that came out: tables beside the paper, figures, what lies far off, machine and versions."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import xarray as xr
from markdown_it import MarkdownIt
from markupsafe import Markup

from numbaconc.data.files import replacing
from numbaconc.experiments import leaderboard_page
from numbaconc.experiments.figures import caption, curves, result_path
from numbaconc.experiments.published import as_typed, published
from numbaconc.experiments.tables import outside, searched_path, side_by_side
from numbaconc.results.files import open_results
from numbaconc.results.slices import whole
from numbaconc.show.markdown import code, escaped, markdown_table
from numbaconc.show.report.formats import html_page

TABLES, FIGURES = (1, 2, 3, 4, 5), (1, 2, 3)
LIMIT = 3  # published standard deviations


def write_report(folder: str | Path) -> tuple[Path, Path]:
    """Write `report.md` and a self-contained `report.html` from the result files in a folder; return their names."""
    folder = Path(folder)
    text = _text(folder)
    pages = folder / "report.md", folder / "report.html"
    for page, contents in zip(pages, (text, _html(text, folder)), strict=True):
        with replacing(page) as part:
            part.write_text(contents, encoding="utf-8")
    return pages


def _text(folder: Path) -> str:
    files: list[tuple[str, xr.Dataset]] = []
    tables, far, n_cells = [], [], 0
    for table in TABLES:
        path = folder / f"table{table}.nc"
        if path.exists():
            ds, printed = whole(open_results(path)), published(table)
            files.append((path.name, ds))
            searches = searched_path(table, folder)
            searched = whole(open_results(searches)) if searches.exists() else None
            files += [] if searched is None else [(searches.name, searched)]
            tables.append(f"## Table {table}\n\n{side_by_side(ds, as_typed(printed), searched)}")
            far += outside(ds, printed, LIMIT)
            n_cells += len(outside(ds, printed, -1))
    figures = []
    for figure in FIGURES:
        if not (folder / f"figure{figure}.png").exists():
            continue
        paths = {result_path(figure, curve.along, folder) for curve in curves(figure)}
        results = [(path.name, whole(open_results(path))) for path in sorted(paths) if path.exists()]
        files += results
        numbers = results[0][1]["seed"].values.tolist()
        figures.append(f"## Figure {figure}\n\n![Figure {figure}](figure{figure}.png)\n\n{caption(figure, numbers)}")
    path = folder / "leaderboard.nc"
    if path.exists() and path.with_suffix(".png").exists():  # the picture is the last that is written
        ds = open_results(path)
        files.append((path.name, ds))
        figures.append(f"## Leaderboards\n\n![Leaderboards](leaderboard.png)\n\n{leaderboard_page.page(ds)}")
    parts = [
        "# Empirically Measuring Concentration, measured again",
        "The tables and figures of Mahloujifar, Zhang, Mahmoody and Evans (NeurIPS 2019), by numbaconc, beside the "
        "paper's numbers.",
        _deviations(far, n_cells),
        *tables,
        *figures,
        _provenance(files),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _deviations(far: list[str], n_cells: int) -> str:
    head = f"## Cells outside {LIMIT} published standard deviations\n\n"
    if not far:
        return f"{head}None of the {n_cells} cells that the paper prints with a deviation, for the data sets here."
    items = "\n".join(f"- {cell}" for cell in far)
    why = (
        "Risks at exactly k/255 differ where the paper's program was given a strength typed with few digits, a little "
        "less than k/255: the rows with a decimal ε repeat them at that strength. Where the paper prints no q, one search "
        "for it decides a row; how much so is said below the table."
    )
    return f"{head}{len(far)} of the {n_cells} cells that the paper prints with a deviation, for the data sets here:\n\n{items}\n\n{why}"


def _provenance(files: list[tuple[str, xr.Dataset]]) -> str:
    columns = ("created", "seconds", "threads", "numbaconc_version", "numba_version", "numpy_version", "python_version")
    rows = [["file", *(name.removesuffix("_version") for name in columns), "command"]]
    for name, ds in files:
        cells = [_plain(ds.attrs.get(key, "")) for key in columns]
        rows.append([name, *cells, code(ds.attrs.get("command", ""))])
    machines = dict.fromkeys(escaped(ds.attrs["machine"]) for _, ds in files if "machine" in ds.attrs)
    said = {escaped(line) for _, ds in files for line in str(ds.attrs.get("data_verified", "")).split("; ") if line}
    parts = [f"Machine: {'; '.join(machines)}.", "\n".join(markdown_table(rows)), f"Data: {'; '.join(sorted(said))}."]
    return "\n\n".join(["## Machine, versions and data", *parts])


def _plain(value: object) -> str:
    """Return a time, a number or a version of a file's; a question mark for what is none."""
    return text if re.fullmatch(r"[\w.:+-]{0,40}", text := str(value), re.ASCII) else "?"


def _html(text: str, folder: Path) -> str:
    """Return the report as a page of its own: of pictures it holds those that the report itself has drawn."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)

    def embedded(match: re.Match[str]) -> str:
        contents = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{contents}"'

    drawn = "|".join([*(f"figure{figure}" for figure in FIGURES), "leaderboard"])
    body = re.sub(rf'src="((?:{drawn})\.png)"', embedded, body)
    return html_page("experiments.html", "numbaconc: the paper measured again", contents=Markup(body))  # noqa: S704
