"""The page of `numbaconc report` in a real browser: nothing overflows, nothing is loaded, tables sort, all text can be read."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, images

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.show.report.page import write_report

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there"),
]

SIZES = (380, 1280)
ARGUMENTS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
HOSTILE = ["<script>alert(1)</script>{{ 7*7 }}", '"><img src=x onerror=alert(2)>\x1b[31m\u202e', "x" * 300]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS.split())
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of all kinds: a grid of ε and α, one case, hostile names, labels, a region, several files."""
    folder = tmp_path_factory.mktemp("reports")
    X, X_test = blobs(120, 6, 1, spread=40), blobs(90, 6, 2, spread=40)
    epsilons = [k / 50 for k in range(1, 11)]
    grid = nc.measure("hyperplane", X, X_test, norm="l2", epsilon=epsilons, alpha=[0.05, 0.1, 0.2], name="grid")
    one = grid.isel(alpha=[2], epsilon=[4])
    evil = xr.concat([one.assign_coords(dataset=[name]) for name in HOSTILE], "dataset", data_vars="all")
    evil = evil.assign_attrs(one.attrs | {"command": "</script><script>alert(3)</script>" + "y" * 300})
    y = np.arange(60) % 3
    Z = images(60, 12, 1, 100, 160).reshape(-1, 4, 3)
    np.savez(folder / "own.npz", X_train=Z, y_train=y, X_test=Z[:20], y_test=y[:20])
    labels = folder / "labels.nc"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(["labels", str(folder / "own.npz"), "--epsilon", "0.02,0.05", "--quiet", "--out", str(labels)]) == 0
    nc.HalfSpace(np.linspace(-1, 1, 6), 0.5).save(folder / "region.nc")
    for name, ds in (("grid", grid), ("one", one), ("evil", evil)):
        nc.save_results(ds, folder / f"{name}.nc")
    for name in ("grid", "one", "evil", "labels", "region"):
        write_report([folder / f"{name}.nc"], folder / f"{name}.html")
    write_report([folder / f"{name}.nc" for name in ("grid", "labels", "region")], folder / "several.html")
    write_report([folder / f"{name}.nc" for name in ("grid", "evil")], folder / "files.html")
    return folder


NAMES = ("grid", "one", "evil", "labels", "region", "several")


@contextlib.contextmanager
def opened(browser, path, width=1280, scheme="light"):
    """A page in a window of a width, and what the browser has to complain of or asks for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    heard = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on("requestfailed", lambda request: heard.append(request.url[:80]))
    page.on(
        "request", lambda request: heard.append(request.url[:80]) if request.url[:5] not in ("file:", "data:") else 0
    )
    page.goto(path.as_uri())
    page.heard = heard
    yield page
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overflows_and_nothing_goes_wrong(browser, pages, name):
    for width in SIZES:
        for scheme in ("light", "dark"):
            with opened(browser, pages / f"{name}.html", width, scheme) as page:
                page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                # What is wider than the window is in a box that scrolls by itself, and can be reached by keyboard.
                outside = page.evaluate(
                    "[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll') "
                    "&& one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
                )
                assert outside == []
                assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0)")
                assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
                assert page.heard == []


def test_there_are_pictures(browser, pages):
    with opened(browser, pages / "several.html") as page:
        assert page.evaluate("document.images.length") == 3


@pytest.mark.parametrize("width", SIZES)
def test_flags_are_on_the_first_screen(browser, pages, width):
    """Also of several files, one of them with names that are long."""
    for name in ("files", "evil"):
        with opened(browser, pages / f"{name}.html", width) as page:
            box = page.locator("th", has_text="flags").first.bounding_box()
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= 900


def test_the_dark_picture_is_dark(browser, pages):
    for scheme, most, least in (("light", 255, 200), ("dark", 60, 0)):
        with opened(browser, pages / "grid.html", scheme=scheme) as page:
            source = page.evaluate("document.images[0].currentSrc")
            svg = base64.b64decode(source.partition("base64,")[2]).decode()
            red = int(svg.partition('id="patch_1"')[2].partition("fill: #")[2][:2], 16)
            assert least <= red <= most


def test_the_policy_is_heard(browser, pages, tmp_path):
    """A script or style that came from elsewhere would not run."""
    html = (pages / "one.html").read_text(encoding="utf-8")
    worse = html.replace("</main>", "<script>document.title = 'run'</script><p style='color: red'>x</p></main>")
    (tmp_path / "worse.html").write_text(worse, encoding="utf-8")
    with opened(browser, tmp_path / "worse.html") as page:
        assert page.title().startswith("Concentration report")
        assert len(page.heard) == 2
        assert all("Content Security Policy" in line for line in page.heard)


def column(page, title):
    """The numbers of a column of the first table, and what the page tells of its order."""
    return page.evaluate(
        """title => {
            const table = document.querySelector("table");
            const at = [...table.tHead.rows[0].cells].findIndex(one => one.textContent === title);
            const told = table.tHead.rows[0].cells[at].getAttribute("aria-sort");
            return [told, [...table.tBodies[0].rows].map(row => row.cells[at].dataset.value ?? row.cells[at].textContent)];
        }""",
        title,
    )


def test_tables_sort_by_click_and_by_keyboard(browser, pages):
    with opened(browser, pages / "grid.html") as page:
        title = "adversarial risk, test"
        button = page.get_by_role("button", name=title).first
        told, before = column(page, title)
        assert told == "none"
        values = [float(value) for value in before]
        assert values != sorted(values)
        rows = page.evaluate("[...document.querySelector('table').tBodies[0].rows].map(row => row.textContent)")
        button.click()
        told, after = column(page, title)
        assert (told, [float(value) for value in after]) == ("ascending", sorted(values))
        button.focus()
        page.keyboard.press("Enter")
        told, after = column(page, title)
        assert (told, [float(value) for value in after]) == ("descending", sorted(values, reverse=True))
        page.get_by_role("button", name="α").first.press("Space")
        assert column(page, "α")[0] == "ascending"
        assert column(page, title)[0] == "none"
        again = page.evaluate("[...document.querySelector('table').tBodies[0].rows].map(row => row.textContent)")
        assert sorted(again) == sorted(rows)  # rows stay whole
        assert page.heard == []


CONTRAST = """() => {
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const color = parse(getComputedStyle(one).backgroundColor);
            if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
    };
    const worst = [];
    for (const one of document.querySelectorAll("body *")) {
        if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()) || one.tagName === "SCRIPT") continue;
        const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
        worst.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.tagName + "." + one.className]);
    }
    return worst.sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["evil", "several"])
def test_all_text_has_contrast(browser, pages, name, scheme):
    """At least 4.5 to 1, as WCAG's level AA asks of text."""
    with opened(browser, pages / f"{name}.html", scheme=scheme) as page:
        ratio, where = page.evaluate(CONTRAST)
        assert ratio >= 4.5, where


def test_on_paper_all_is_there(browser, pages):
    with opened(browser, pages / "grid.html", scheme="dark") as page:
        page.pdf()
        assert page.evaluate("[...document.querySelectorAll('details')].every(one => one.open)")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
