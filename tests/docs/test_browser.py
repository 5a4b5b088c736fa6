"""The site in a browser: no page has a console error, and the search finds pages."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("sphinx", reason="the extra docs is not installed")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    # Building the site takes long on a loaded machine.
    pytest.mark.timeout(600),
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    """Serve the site, as a browser does not let a page of a file search."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def opened(address: str, folder: Path, *options: str) -> tuple[str, str]:
    """Open a page; return its document when its scripts have run, and what the console got."""
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"),
            *(f"--user-data-dir={folder}", *options, address),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout, "\n".join(re.findall(r".*CONSOLE.*", done.stderr))


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("page", ["index.html", "reference/api/client.html"])
def test_page_opens_without_a_console_error(url, tmp_path, page, width):
    document, console = opened(f"{url}/{page}", tmp_path, f"--window-size={width},900")

    assert console == ""
    assert "</html>" in document


def test_search_finds_a_message(url, tmp_path):
    document, console = opened(f"{url}/search.html?q=placeholder+example", tmp_path)

    assert console == ""
    assert "messages.html" in document


@pytest.mark.parametrize(
    ("words", "page"),
    [
        # A number, which Sphinx leaves out of its index.
        ("401", "reference/errors.html"),
        # A word that is not in the title of the page that explains it.
        ("region", "howto/several-countries.html"),
        ("duplicate", "reference/contacts.html#clean"),
        # The changelog and the async client have the word, too.
        ("export_contacts", "reference/api/client.html#kataven.CampaignsClient.export_contacts"),
    ],
)
def test_search_shows_the_page_that_explains_a_word_first(url, tmp_path, words, page):
    document, console = opened(f"{url}/search.html?q={words}", tmp_path)
    found = re.findall(r'<li class="kind-[^>]*><a href="([^"?]*)', document)

    assert console == ""
    assert found[0] == page
