"""The site: it builds without a warning, every link works, and the reference has every name."""

from __future__ import annotations

import importlib
import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytest.importorskip("sphinx", reason="the extra docs is not installed")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
from public_names import PUBLIC_MODULES  # noqa: E402

# Building the site takes long on a loaded machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OUTSIDE = ("https:", "http:", "mailto:", "data:")
# A page may name other sites in links, but loads nothing from them.
LOADS = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("object", "data"),
    ("use", "href"),
}


class Page(HTMLParser):
    """The anchors and addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            if tag == "a" and name == "href" and value:
                self.links.append(value)
            if (tag, name) in LOADS and value:
                self.loaded.append(value)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path.resolve(): Page(path) for path in site.rglob("*.html")}


def test_every_link_leads_to_a_page_and_an_anchor_of_the_site(pages):
    broken = []
    for path, page in pages.items():
        for link in (*page.links, *page.loaded):
            address, anchor = urldefrag(link)
            if address.startswith(OUTSIDE):
                continue
            target = (path.parent / unquote(address.partition("?")[0])) if address else path
            target = target.resolve()
            known = pages.get(target)
            if not target.exists() or (anchor and known and unquote(anchor) not in known.anchors):
                broken.append(f"{path.name}: {link}")

    assert len(pages) > 20
    assert broken == []


def test_the_file_of_a_code_block_is_its_caption(site):
    for page, name in (("fastapi", "service.py"), ("handle-errors", "handling.py")):
        text = (site / "howto" / f"{page}.html").read_text(encoding="utf-8")
        assert f'<span class="caption-text">{name}</span>' in text


def test_no_page_loads_anything_from_outside(site, pages):
    loaded = {link for page in pages.values() for link in page.loaded if link.startswith(OUTSIDE)}
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]

    assert loaded == set()
    assert styles
    for style in styles:
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style)


def test_every_public_name_is_in_the_reference(site):
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = set(re.findall(r"^(\S+) py:", zlib.decompress(inventory).decode(), re.MULTILINE))

    for module in PUBLIC_MODULES:
        for name in importlib.import_module(module).__all__:
            assert f"{module}.{name}" in documented


def test_search_finds_the_text_of_the_pages(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")

    assert "do-not-cal" in index
    assert "kataven.KatavenClient" in index or "KatavenClient" in index
