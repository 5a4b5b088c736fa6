"""A Hub and a real browser that shows its page. Each test also proves that the page is quiet: no
error on its console, and no request to anywhere but the Hub."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

# Shared: loading the certificates takes 40 ms, which every new client would spend.
TLS = ssl.create_default_context()
AXE = Path(__file__).with_name("axe-core-4.14.1.min.js")
VIEWS = ["#/campaigns", "#/campaigns/{id}", "#/journal", "#/requests", "#/faults", "#/connect"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def people(count: int, first: int = 0) -> bytes:
    """A list with this many fictional numbers."""
    rows = (f"+1555{first + n:07d},Person {n}" for n in range(count))
    return "\n".join(["phone_number,first_name", *rows, ""]).encode()


def create(
    hub: Sandbox, name: str = "Spring", contacts: bytes | None = None, key: str = "", **fields: str
) -> str:
    """Create a campaign as a program would, and return its id."""
    response = httpx.post(
        f"{hub.url}/api/v1/campaigns",
        headers={"Authorization": f"Bearer {key or hub.api_key}"},
        data={"name": name, "agent_id": "agent_1", "phone_number_id": "number_1", **fields},
        files={"contacts": ("list.csv", people(20) if contacts is None else contacts)},
        verify=TLS,
        trust_env=False,
        timeout=PATIENCE,
    )
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def ask(hub: Sandbox, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a documented request."""
    headers = {"Authorization": f"Bearer {hub.api_key}"}
    url = f"{hub.url}/api/v1{path}"
    return httpx.request(
        method, url, headers=headers, verify=TLS, trust_env=False, timeout=PATIENCE, **options
    )


def status(hub: Sandbox, campaign: str) -> str:
    """The status of a campaign, as a program sees it."""
    return str(ask(hub, "GET", f"/campaigns/{campaign}").json().get("status"))


def populated(hub: Sandbox) -> str:
    """A Hub with a bit of everything; returns a running campaign."""
    running = create(hub, "Spring", people(12), max_concurrent_calls="10", retries_per_contact="1")
    ask(hub, "POST", f"/campaigns/{running}/start")
    done = create(hub, "Again", people(5))
    ask(hub, "POST", f"/campaigns/{done}/start")
    hub.run_to_end(done)
    paused = create(hub, "Later", people(30, 500))
    ask(hub, "POST", f"/campaigns/{paused}/start")
    ask(hub, "POST", f"/campaigns/{paused}/pause")
    create(hub, "A draft", people(3, 900))
    hub.faults.add("POST /campaigns", status=503, times=2)
    hub.new_key("acme")
    return running


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    """A Hub with a manual clock."""
    with Sandbox(time_scale=Clock.manual(), seed=1) as hub:
        yield hub


# One for each module, not for the session: while it runs, its event loop is the thread's, in which
# the tests of other folders could not run asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A name that resolves to this machine, as after a DNS rebinding.
        rebound = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[rebound])
        yield browser
        browser.close()


@pytest.fixture
def expect(browser: Browser) -> Any:
    """Playwright's assertions, which wait until they hold."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE * 1000)
    return expect


class Visit:
    """A tab of a fresh browser, and what it asked for and complained about.

    Attributes:
        tab: Playwright's page.
        refusals: Whether the test provokes refusals, each of which the browser logs.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.tab: Page = self.context.new_page()
        self.refusals = False
        self.asked: list[str] = []
        self._errors: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("pageerror", lambda error: self._errors.append(str(error)))
        self.tab.on("dialog", lambda dialog: self._errors.append(f"dialog {dialog.message}"))
        self.tab.on("console", self._logged)

    def _logged(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self._errors.append(message.text)

    def open(self, hub: Sandbox, where: str = "") -> Page:
        """Open the page of a Hub, and wait until it is live."""
        self.tab.goto(hub.page_url + where)
        self.tab.wait_for_selector("html[data-ready]")
        return self.tab

    def row(self, campaign: str) -> Locator:
        """The row of a campaign in the list."""
        return self.tab.locator(f'[data-list="campaigns"] [data-key="{campaign}"]')

    def reach(self, target: Locator) -> None:
        """Move the focus to an element with the Tab key alone."""
        target.wait_for()
        for _ in range(120):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.tab.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not reach {target}")

    def press(self, target: Locator, how: str) -> None:
        """Press a button with the mouse or the keyboard."""
        if how == "mouse":
            target.click()
        else:
            self.reach(target)
            self.tab.keyboard.press("Enter")

    def close(self, origin: str) -> None:
        """Close the browser's window, and check that the page was quiet."""
        self.context.close()
        errors = self._errors
        if self.refusals:
            errors = [one for one in errors if "Failed to load resource" not in one]
        assert errors == []
        assert {url for url in self.asked if not url.startswith((origin, "blob:"))} == set()


@pytest.fixture
def visit(browser: Browser, hub: Sandbox) -> Iterator[Visit]:
    """A tab that is 1400 px wide."""
    visit = Visit(browser, viewport={"width": 1400, "height": 900})
    yield visit
    visit.close(hub.url)
