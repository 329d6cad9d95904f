"""`numbaconc report`: what a file says is on the page as text, every number is the file's, and every format holds all tables."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import blobs, images, lines, refused
from markdown_it import MarkdownIt

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.show.markdown import escaped
from numbaconc.show.pairs import describe_labels
from numbaconc.show.report import page as report, pictures as report_pictures
from numbaconc.show.report.formats import latex_text
from numbaconc.show.words import describe

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[1]
X, X_TEST = blobs(120, 6, 1, spread=40), blobs(90, 6, 2, spread=40)
EPSILONS, ALPHAS = [0.05, 0.1], [0.1, 0.2]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "x" * 300,
    "\x1b[31mred\x1b[0m\u202e\n",
    "{{ 7*7 }}{% raw %}",
    "a & b | c_d $e$ \\f # 50% ^~ `g` *h* [i](j)",
    "=1+1",
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work where nothing else is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


DRAWN = report_pictures.drawn


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Pictures take the longest, and are the same picture here wherever a test is not about them."""
    monkeypatch.setattr(report_pictures, "drawn", lambda draw, *, dark: f"<svg>{dark}</svg>")


def call(*arguments):
    """Run the command in this process: its exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["report", *map(str, arguments)])
        except SystemExit as left:  # argparse
            status = left.code
    return status, out.getvalue(), "\n".join(lines(err.getvalue()))


def made(*arguments):
    """Make a report; return the first file that it says it has written."""
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    return Path(out.splitlines()[0].removeprefix("report:  "))


def page_of(*arguments):
    return Page(made(*arguments, "--format", "html").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """What a browser makes of a page: its tags with attributes, its text, and its tables."""

    VOID = ("meta", "link", "img", "source")

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.parts, self.tables, self.open = html, [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []  # every element is closed

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append(["", dict(attrs)])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.parts.append(data)
        if {"th", "td"} & set(self.open):
            self.tables[-1][-1][-1][0] += data

    @property
    def text(self):
        return " ".join(" ".join(self.parts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def result(name="blobs", **given):
    settings = {"epsilon": EPSILONS, "alpha": ALPHAS, "name": name} | given
    return nc.measure("hyperplane", X, X_TEST, norm="l2", **settings)


@pytest.fixture(scope="module")
def measured():
    return result()


@pytest.fixture
def file(measured, folder):
    nc.save_results(measured, "blobs.nc")
    return "blobs.nc"


@pytest.fixture
def hostile(measured, folder):
    """A result whose data sets have names that are no names."""
    ds = xr.concat([measured.assign_coords(dataset=[name]) for name in HOSTILE], "dataset", data_vars="all")
    evil = "</style></script><script>alert(3)</script> {{ 7*7 }} \x1b[2J" + "y" * 300
    nc.save_results(ds.assign_attrs(measured.attrs | {"command": evil, "evil <b>": evil}), "hostile.nc")
    return "hostile.nc"


# The page


def test_a_page_has_what_a_reader_needs(file):
    page = page_of(file)
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "footer", "title")] == [1] * 5
    assert {"scope": "col"}.items() <= page.tables[0][0][0][1].items()
    for table in page.tables:
        assert all(cell[1].get("scope") == "col" for cell in table[0])
        assert all(row[0][1].get("scope") == "row" for row in table[1:])
    assert all(image["alt"] for image in page.all("img"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
    assert set(named) <= set(ids)
    assert len(page.all("img")) >= 1


def test_a_page_lets_in_nothing_but_itself(file):
    page = page_of(file)
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    inline = {tag: re.findall(rf"<{tag}>(.*?)</{tag}>", page.html, re.DOTALL) for tag in ("style", "script")}
    for tag, (contents,) in inline.items():
        digest = base64.b64encode(hashlib.sha256(contents.encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert rules == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("data:", "#")), tag


def test_pictures_are_svg_that_stand_alone(file, monkeypatch):
    monkeypatch.setattr(report_pictures, "drawn", DRAWN)
    page = page_of(file)
    addresses = [*(one["src"] for one in page.all("img")), *(one["srcset"] for one in page.all("source"))]
    assert len(set(addresses)) == 2  # on a light page and on a dark one
    for address in addresses:
        kind, _, contents = address.partition(";base64,")
        assert kind == "data:image/svg+xml"
        svg = base64.b64decode(contents).decode()
        assert "<svg" in svg
        assert "<script" not in svg
        loaded = re.findall(r'(?:xlink:)?href="([^"]*)"|url\(([^)]*)\)', svg)
        assert all("".join(one).startswith(("#", "data:")) for one in loaded)


def test_text_of_a_file_is_text(hostile, file):
    page = page_of(hostile)
    assert tags_of(page) == tags_of(page_of(file))
    assert len(page.all("script")) == 1
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[4], HOSTILE[5]):
        assert " ".join(name.split()) in page.text
    assert r"\x1b[31mred\x1b[0m\u202e\n" in page.text
    assert "\x1b" not in page.html
    assert "\u202e" not in page.html
    assert "49" not in page.tables[0][1][0][0]


def tags_of(page):
    return {tag for tag, _ in page.tags}


def test_every_sentence_of_show_is_on_the_page(file, measured):
    text = page_of(file).text.lower()
    said = [line.strip() for line in describe(measured).splitlines() if re.search(r"[a-z]+ [a-z]+ [a-z]+", line)]
    said = [re.sub(r"^For [^:]*: |^(certified) for blobs", r"\1", line) for line in said]
    assert len(said) >= 12
    missing = [line for line in said if line.lower() not in text]
    # Of several certificates the page says once, below the table, whether they hold together.
    assert len(missing) <= 1
    assert all(line.startswith("What is certified") for line in missing)


def test_numbers_are_those_of_the_file(file, measured):
    header, *rows = page_of(file).tables[0]
    titles = [cell[0] for cell in header]
    assert len(rows) == len(EPSILONS) * len(ALPHAS)
    column = titles.index("adversarial risk, test")
    values = [float(row[column][1]["data-value"]) for row in rows]
    expected = measured["adversarial_risk"].sel(split="test").transpose("alpha", "dataset", "epsilon", ...)
    assert values == expected.values.ravel().tolist()
    certified = [float(row[titles.index("certified: h(μ, α, ε) ≤")][1]["data-value"]) for row in rows]
    assert certified == measured["certified"].transpose("alpha", "dataset", "epsilon", ...).values.ravel().tolist()
    for row, value in zip(rows, certified, strict=True):
        shown = float(row[titles.index("certified: h(μ, α, ε) ≤")][0].removesuffix("%"))
        assert 100 * value <= shown < 100 * value + 0.01  # rounded up


def test_the_same_page_every_time(file, monkeypatch):
    monkeypatch.setattr(report_pictures, "drawn", DRAWN)
    assert made(file, "--out", "a.html").read_bytes() == made(file, "--out", "b.html").read_bytes()


def test_a_case_that_bounds_less_is_flagged(folder):
    """Of the same points as test points, as many are in the region; of others that lie elsewhere, none."""
    for name, test, expected in (
        ("same", X, []),
        ("other", np.full_like(X_TEST, 128), ["test risk < α; bounds nothing at α"]),
    ):
        ds = nc.measure("hyperplane", X, test, norm="l2", epsilon=0.05, alpha=0.2, name=name)
        assert (float(ds["risk"].sel(split="test").item()) < 0.2) == bool(expected)
        nc.save_results(ds, f"{name}.nc")
        table = page_of(f"{name}.nc").tables[0]
        assert [cell[0] for one, cell in zip(table[0], table[1], strict=True) if one[0] == "flags"] == expected


def test_failed_cases_of_a_sweep_have_their_errors(folder):
    grid = {"dataset": "mine", "epsilon": [0.05, 0.1], "alpha": 0.2, "search": "hyperplane", "norm": "l2"}
    nc.run_sweep(grid, "sweep.nc", progress=False, data={"mine": (X, X_TEST)})
    ds = nc.open_results("sweep.nc")
    ds["error"] = xr.full_like(ds["risk"].isel(split=0, drop=True), "", dtype="U40")
    ds["error"].loc[{"epsilon": 0.1}] = "it <b>broke</b>"
    for name in ("risk", "adversarial_risk"):
        ds[name].loc[{"epsilon": 0.1}] = np.nan
    nc.save_results(ds, "broken.nc")
    page = page_of("broken.nc")
    assert "1 of the cases failed: it <b>broke</b>" in page.text
    (failures,) = [table for table in page.tables if table[0][-1][0] == "error"]
    assert [failures[1][0][0], failures[1][1][0], failures[1][-1][0]] == ["mine", "0.1", "it <b>broke</b>"]


def test_a_picture_that_cannot_be_drawn_takes_nothing_with_it(file, monkeypatch):
    def broken(*_, **__):
        msg = "no <font>"
        raise RuntimeError(msg)

    monkeypatch.setattr(report_pictures, "drawn", broken)
    page = page_of(file)
    assert (
        "No picture was drawn (What is certified, and what was measured: blobs, hyperplane): RuntimeError: no <font>"
        in page.text
    )
    assert page.all("img") == []
    assert len(page.tables[0]) > 1


# Several files


def test_files_that_can_be_joined_are_compared(file, folder):
    nc.save_results(result(epsilon=[0.2], alpha=ALPHAS), "more.nc")
    page = page_of(file, "more.nc", "--out", "both.html")
    assert len(page.tables[0]) == 1 + len(ALPHAS) * 3
    assert len(page.all("h2")) == 1
    assert "blobs.nc, more.nc" in page.text


def test_others_stand_apart(file, folder):
    nc.save_results(nc.measure("hyperplane", X_TEST, X, norm="l2", epsilon=0.1, alpha=0.2, name="blobs"), "other.nc")
    page = page_of(file, "other.nc")
    assert "The train points of blobs in other.nc are not those in blobs.nc." in page.text
    assert [one["href"] for one in page.all("a")] == ["#s1", "#s2", "#s3"]
    header, *rows = page.tables[0]
    assert [cell[0] for cell in header[:2]] == ["flags", "file"]
    assert [row[1][0] for row in rows] == ["blobs.nc"] * len(EPSILONS) * len(ALPHAS) + ["other.nc"]
    assert {row[[cell[0] for cell in header].index("norm")][0] for row in rows} == {"ℓ2"}


@pytest.fixture
def labeled(folder):
    X, y = images(60, 12, 1, 100, 160), np.arange(60) % 3
    np.savez("own.npz", X_train=X.reshape(-1, 4, 3), y_train=y, X_test=X[:20].reshape(-1, 4, 3), y_test=y[:20])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(["labels", "own.npz", "--epsilon", "0.02,0.05", "--quiet"]) == 0
    return "own-labels-linf.nc"


def test_labels_have_a_page(labeled):
    page, ds = page_of(labeled), nc.open_results(labeled)
    assert [float(row[3][1]["data-value"]) for row in page.tables[0][1:]] == ds["loss"].values.tolist()
    assert [float(row[-1][1]["data-value"]) for row in page.tables[1][1:]] == ds["closest_distance"].values.tolist()
    assert len(page.all("img")) == 1
    said = describe_labels(ds).split("\n\n")[2].split("\n")
    assert len(said) >= 4
    assert [line for line in said if f"{line[0].upper()}{line[1:]}" not in page.text] == []


def test_a_region_has_a_page(folder):
    region = nc.HalfSpace([1.0, 0.5, -0.25], 0.5)
    region.save("region.nc")
    page = page_of("region.nc")
    assert "HalfSpace" in page.text
    (w,) = [table for table in page.tables if table[0][-1][0] == "w"]
    assert [float(row[-1][1]["data-value"]) for row in w[1:]] == [1.0, 0.5, -0.25]


def test_all_kinds_on_one_page(file, labeled, folder):
    nc.HalfSpace([1.0, 0.5], 0.5).save("region.nc")
    page = page_of(file, labeled, "region.nc", "--out", "all.html")
    assert len(page.all("h2")) == 3
    assert len(page.all("a")) == 3


# Other formats


def test_csv_has_the_numbers_to_the_last_digit(file, measured):
    out = made(file, "--format", "csv")
    with out.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    expected = measured.sel(split="test").transpose("alpha", "dataset", "epsilon", ...)
    for column, name in (("adversarial_risk_test", "adversarial_risk"), ("certified", "certified")):
        assert [float(row[f"{column} (fraction)"]) for row in rows] == expected[name].values.ravel().tolist()
    assert [float(row["epsilon (on the scale of [0, 1])"]) for row in rows] == 2 * EPSILONS
    beside = sorted(path.name for path in Path().glob("blobs-report-*.csv"))
    assert beside == ["blobs-report-data.csv", "blobs-report-file.csv"]
    about = pd.read_csv("blobs-report-file.csv").set_index("attribute")["value"]
    assert about["numbaconc_version"] == nc.__version__


def test_csv_of_hostile_names(hostile):
    with made(hostile, "--format", "csv").open(newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text)
    names = list(dict.fromkeys(row[header.index("dataset")] for row in rows))
    assert names[:3] == HOSTILE[:3]
    assert names[3] == r"\x1b[31mred\x1b[0m\u202e\n"
    assert names[-1] == "'=1+1"  # no spreadsheet computes it
    assert all(len(row) == len(header) for row in rows)


def test_markdown_shows_the_same_cells(hostile):
    out = made(hostile, "--format", "markdown").read_text(encoding="utf-8")
    page = Page(MarkdownIt("commonmark", {"html": False}).enable("table").render(out))
    assert tags_of(page) <= {"h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    of_html = page_of(hostile)
    assert len(page.tables) == len(of_html.tables)
    for one, other in zip(page.tables, of_html.tables, strict=True):
        assert [[squeezed(cell) for cell in row] for row in one] == [[squeezed(cell) for cell in row] for row in other]


def squeezed(cell):
    return " ".join(cell[0].split())


SPECIAL = re.compile(r"(?<!\\)[$&%#_{}~^]|\\")


def test_latex_is_escaped_and_whole(hostile):
    out = made(hostile, "--format", "latex").read_text(encoding="utf-8")
    of_html = page_of(hostile)
    tables = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", out, re.DOTALL)
    assert len(tables) == len(of_html.tables)
    for (places, body), table in zip(tables, of_html.tables, strict=True):
        assert [body.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(rows) == len(table)
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(places) - 1}
    text = re.sub(r"\\(?:text\w+|dots|ldots)\{\}|\\[&%$#_{}]", "", out)  # what stands for a sign
    text = re.sub(r"\$\\?\w+\$|\$[<>|−-]\$", "", text)  # formulas
    assert "$" not in text
    assert "#" not in text
    assert "^" not in text
    assert text.count("{") == text.count("}")
    assert r"\$e\$ \textbackslash{}f \# 50\%" in out
    assert r"$\varepsilon$" in out


def test_the_ending_says_the_format(file):
    assert made(file, "--out", "r.md").read_text(encoding="utf-8").startswith("# ")
    assert r"\toprule" in made(file, "--out", "r.tex").read_text(encoding="utf-8")
    assert made(file, "--out", "r.csv").read_text(encoding="utf-8").startswith("flags,alpha")


def test_the_line_to_pandas():
    """It is in the docstring, and works on every file that `numbaconc show` takes."""
    (line,) = re.findall(r"nc\.open_results\(f\).*", report.write_report.__doc__)
    n_files = 0
    for f in sorted((ROOT / "experiments").glob("*.nc")):
        ds = nc.open_results(f)
        if {"risk", "adversarial_risk", "epsilon"} <= set(ds.variables):
            frame = eval(line, {"nc": nc, "f": f})
            assert isinstance(frame, pd.DataFrame)
            assert len(frame) == int(ds["risk"].count())
            assert np.isclose(frame["risk"].sum(), float(ds["risk"].sum()), rtol=1e-12)
            n_files += 1
    assert n_files > 10


def test_no_other_file_is_replaced_by_default(file):
    assert made(file) == Path("blobs-report.html")
    first = Path("blobs-report.html").read_bytes()
    assert made(file) == Path("blobs-report.html")  # the same page
    nc.save_results(result(epsilon=[0.2]), file)
    status, out, err = call(file)
    assert (status, out) == (0, "report:  blobs-report-2.html\n")
    assert (
        err
        == "note: blobs-report.html is there already, with something else in it; --out blobs-report.html replaces it"
    )
    assert Path("blobs-report.html").read_bytes() == first
    assert made(file, "--out", "blobs-report.html").read_bytes() != first


# Refused


def refuse(*arguments):
    """The one line that bad input gets; nothing is left behind."""
    before = {path: path.read_bytes() for path in Path().iterdir()}
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert "\n" not in err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    return err


def test_what_cannot_be_is_refused(file, folder):
    (folder / "none.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    assert "'missing.nc'" in refuse("missing.nc")
    assert "none.nc" in refuse(file, "none.nc")
    assert "--format is 'pdf'; allowed: html, latex, csv, markdown" in refuse(file, "--format", "pdf")
    assert "--out is 'r.csv'; allowed: a name that ends in .html" in refuse(file, "--format", "html", "--out", "r.csv")
    assert "--out is 'r.pdf'; allowed: a name that ends in .html, .tex, .csv, .md" in refuse(file, "--out", "r.pdf")
    assert "cannot be written" in refuse(file, "--out", f"{file}/r.html")
    Path(file).rename("same.html")
    assert "which is a file that the report is of" in refuse("same.html", "--out", "same.html")


def test_a_file_that_is_no_result_is_refused(folder):
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf("plain.nc")
    assert "it does not say" in refuse("plain.nc")


def test_files_of_one_name_are_all_there(folder, measured):
    """A file in another folder does not take the place of one of the same name, in whichever order."""
    Path("old").mkdir()
    nc.save_results(measured, "r.nc")
    nc.save_results(result(name="other"), "old/r.nc")
    for names in (["old/r.nc", "r.nc"], ["r.nc", "old/r.nc"]):
        assert report.sections_of(names)[0].title == ", ".join(names)
        rows = pd.read_csv(made(*names, "--format", "csv", "--out", "both.csv"))
        assert len(rows) == 2 * len(EPSILONS) * len(ALPHAS)
        assert set(rows["dataset"]) == {"blobs", "other"}


@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
def test_units_that_differ_have_a_column(folder):
    """ε of both data sets is in a table without a word of its unit otherwise."""
    rng = np.random.default_rng(3)
    for name, train in (("bytes", X), ("raw", rng.normal(0, 5, (120, 6)))):
        nc.save_results(nc.measure("faces", train, train[::2], epsilon=0.1, alpha=0.2, name=name), f"{name}.nc")
    rows = pd.read_csv(made("bytes.nc", "raw.nc", "--format", "csv"))
    assert rows.set_index("dataset")["epsilon_unit"].to_dict() == {
        "bytes": "on the scale of [0, 1]",
        "raw": "in units of the data",
    }
    assert "epsilon_unit" not in pd.read_csv(made("raw.nc", "--format", "csv"))


def test_nothing_is_written_where_one_of_several_files_cannot_be(file):
    Path("x-data.csv").mkdir()
    status, _, err = call(file, "--out", "x.csv")
    assert status == 2
    assert "x-data.csv" in err
    assert not Path("x.csv").exists()


@pytest.mark.parametrize(
    "text", ["- x", "+ x", "-", "---", "1. x", "12. x", "https://a.b", "www.a.b", "me@a.b", "-0.5"]
)
def test_markdown_makes_nothing_of_a_text(text):
    """No list, no rule and no link, and the text as it is."""
    reader = MarkdownIt("gfm-like", {"linkify": False})
    assert reader.render(escaped(text)) == f"<p>{text}</p>\n"
    assert escaped("https://a.b www.a.b me@a.b") == r"https\://a.b www\.a.b me\@a.b"  # as no reader makes links of


@pytest.mark.parametrize("command", ["report", "plot"])
def test_a_name_that_no_file_can_have_beside_an_output_that_is_there(command, file):
    Path("there.svg" if command == "plot" else "there.md").touch()
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        assert main([command, "9" * 5000, "--out", "there.svg" if command == "plot" else "there.md"]) == 2
    assert "File name too long; allowed: a netCDF file" in error.getvalue()


def test_latex_has_norms_with_their_index():
    assert latex_text("ℓ2, ℓ∞ and ℓ") == r"$\ell_2$, $\ell_\infty$ and $\ell$"


def test_flags_stand_first_where_any_row_has_one(file):
    """So that the narrowest screen shows them; the headings of a row are they and its coordinates."""
    from numbaconc.results.queries import cases
    from numbaconc.show.listing import Part
    from numbaconc.show.report.tables import BELOW_ALPHA, case_table

    ds = nc.open_results(file)
    table = case_table([Part(ds, list(cases(ds)))])
    assert table.columns[0].name == "flags"
    assert any(BELOW_ALPHA in str(row[0].value) for row in table.rows)
    assert table.columns[table.n_heads].name == "certified"
    risky = ds.assign(risk=ds["risk"] * 0 + 1, adversarial_risk=ds["adversarial_risk"] * 0 + 1)
    plain = case_table([Part(risky, list(cases(risky)))])
    assert plain.columns[0].name != "flags"
    assert plain.columns[plain.n_heads].name == "certified"


def test_a_file_of_no_result_is_named_among_others(file, folder):
    ds = nc.open_results(file)
    ds.assign(risk=ds["risk"] * np.nan, adversarial_risk=ds["adversarial_risk"] * np.nan).to_netcdf("nothing.nc")
    refused(lambda: report.report_texts([file, "nothing.nc"]), "file 'nothing.nc'", "no measured case")


def test_what_matplotlib_warns_of_is_a_note_on_the_page(file, monkeypatch):
    """Once for both of its pictures."""

    def drawn(draw, *, dark):
        warnings.simplefilter("always")
        warnings.warn("something is odd", stacklevel=1)
        return "<svg/>"

    monkeypatch.setattr(report_pictures, "drawn", drawn)
    (section,) = report.sections_of([file])
    assert [line.endswith(": something is odd") for line in section.warnings] == [True]
