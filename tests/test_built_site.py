"""The site, where $NUMBACONC_SITE says that it was built: its links lead somewhere, and in a browser every page is whole."""

import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(os.environ.get("NUMBACONC_SITE", ""))
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
pytestmark = pytest.mark.skipif("NUMBACONC_SITE" not in os.environ, reason="$NUMBACONC_SITE is not set")


class Read(HTMLParser):
    """What a page links to and loads, and the places in it that links may name."""

    def __init__(self, page):
        super().__init__()
        self.links, self.loaded, self.places = [], [], {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given.get("id"), given.get("name")}
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.loaded += [given[name] for name in ("src", "href") if name in given and tag in ("img", "link", "script")]


def pages():
    return sorted(page for page in SITE.rglob("*.html") if "_static" not in page.parts)


def test_there_are_pages():
    assert len(pages()) > 30


def test_links_lead_somewhere():
    read = {page: Read(page) for page in pages()}
    lost = []
    for page, one in read.items():
        for link in [*one.links, *one.loaded]:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = read[target].places if target in read else {parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in known:
                lost.append(f"{page.relative_to(SITE)}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere():
    from_elsewhere = {url for page in pages() for url in Read(page).loaded if urlsplit(url).scheme in ("http", "https")}
    assert from_elsewhere == set()


def test_equations_are_drawn():
    text = (SITE / "method.html").read_text(encoding="utf-8")
    assert text.count("<math") > 50
    assert "\\varepsilon" not in text


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there")
@pytest.mark.parametrize(("width", "scheme"), [(380, "light"), (1280, "dark")])
def test_in_a_browser(width, scheme):
    """No page is wider than the window, asks for anything outside, or has the browser complain."""
    sync_api = pytest.importorskip("playwright.sync_api")
    wrong = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS.split())
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda one: wrong.append(one.url) if one.url[:5] not in ("file:", "data:") else None)
        for page in pages():
            tab.goto(page.as_uri())
            wide = max(tab.evaluate("[...document.querySelectorAll(':root, article')].map(one => one.scrollWidth)"))
            wrong += [f"{page.relative_to(SITE)} is {wide} wide"] if wide > width else []
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        tab.goto((SITE / "method.html").as_uri())
        drawn = "[...fonts].some(font => font.family == 'Equations' && font.status == 'loaded')"
        assert tab.evaluate(f"document.fonts.ready.then(fonts => {drawn})")
        browser.close()
    assert wrong == []
