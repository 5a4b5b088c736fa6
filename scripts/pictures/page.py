"""The page of the embedded Hub, as a browser shows it.

Needs Chromium; playwright and Pillow are in the extra ``dev``. The Hub has a manual clock, a seed
and a database with a fixed time, so that a picture only changes when the page does.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import secrets
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from kataven.sandbox import Clock, Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser, Page

# The name of a picture, its view, its width in pixels and its colour scheme.
SHOWN: Final = [
    ("page-campaigns.png", "campaigns", 1400, "light"),
    ("page-campaign.png", "campaign", 1400, "dark"),
]
VIEWS: Final = ("campaigns", "campaign", "journal", "requests", "faults", "connect")
WIDTHS: Final = (360, 800, 1400)
SCHEMES: Final = ("light", "dark")
HEIGHT: Final = 860
# 2030-01-31 09:00:00 UTC.
BEGIN: Final = 1_896_080_400 * 10**9
HEADER: Final = "phone_number,first_name,city,visits\n"
MOST_BYTES: Final = 150_000

_NUMBERS: Final = itertools.count()

Views = dict[str, str]


def people(count: int, first: int) -> str:
    """Return a list of fictional numbers."""
    names = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken")
    towns = ("Springfield", "Riverside", "Fairview")
    rows = (f"+1555{first + n:07d},{names[n % 8]},{towns[n % 3]},{2 + n % 5}" for n in range(count))
    return HEADER + "\n".join([*rows, ""])


def fill(hub: Sandbox) -> Views:
    """Make campaigns in every state, and return the views by name."""
    with httpx.Client(
        base_url=f"{hub.url}/api/v1", headers={"Authorization": f"Bearer {hub.api_key}"}
    ) as client:

        def create(name: str, count: int, first: int, also: str = "", **fields: str) -> str:
            data = {"name": name, "agent_id": "agent_1", "phone_number_id": "number_1", **fields}
            files = {
                "contacts": ("list.csv", also + people(count, first)[len(HEADER) * bool(also) :])
            }
            return str(client.post("/campaigns", data=data, files=files).json()["id"])

        def act(campaign: str, *actions: str) -> None:
            for action in actions:
                client.post(f"/campaigns/{campaign}/{action}").raise_for_status()

        done = create("Appointment reminders", 240, 9_000, max_concurrent_calls="10")
        act(done, "start")
        hub.run_to_end(done)
        spring = create(
            "Spring renewals", 5_000, 20_000, max_concurrent_calls="40", retries_per_contact="1"
        )
        act(spring, "start")
        hub.advance(2700)
        paused = create("Feedback after the move", 800, 40_000, max_concurrent_calls="10")
        act(paused, "start")
        hub.advance(400)
        act(paused, "pause")
        stopped = create("Old price list", 600, 50_000, max_concurrent_calls="20")
        act(stopped, "start")
        hub.advance(300)
        act(stopped, "stop")
        create("Invitations to the opening", 1_200, 60_000)
        # Two people of the renewals are in this list as well.
        both = people(2, 20_000)
        again = create("Renewals, late", 398, 80_000, both, max_concurrent_calls="20")
        act(again, "start")
        hub.advance(540)
        create("Winter check", 350, 70_000, scheduled_at="2030-02-01T09:00:00Z")
        hub.faults.add("POST /campaigns/*/start", status=503, retry_after=2, times=2)
        hub.faults.add("GET /campaigns/*/events", cut_after=3)
        client.get("/campaigns")
    return {
        "campaigns": "#/campaigns",
        "campaign": f"#/campaigns/{spring}",
        "journal": "#/journal",
        "requests": "#/requests",
        "faults": "#/faults",
        "connect": "#/connect",
    }


def counted_hex(nbytes: int | None = None) -> str:
    """Return what ids and keys are made of: the same in each run."""
    return hashlib.sha256(f"{next(_NUMBERS)}".encode()).hexdigest()[: 2 * (nbytes or 32)]


def fixed_time(path: Path) -> None:
    """Make the database of a Hub whose time is fixed."""
    with Sandbox(time_scale=Clock.manual(), path=path):
        pass
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'now'", (BEGIN,))
    connection.close()


def take(browser: Browser, url: str, width: int, scheme: str) -> bytes:
    """Return a picture of a view as a PNG with a palette."""
    tab: Page = browser.new_page(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    tab.goto(url)
    tab.wait_for_selector("html[data-ready]")
    # What was asked for is there, and what it shows has been read.
    tab.wait_for_load_state("networkidle")
    shot = Image.open(io.BytesIO(tab.screenshot()))
    tab.close()
    out = io.BytesIO()
    shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def make(folder: Path) -> list[Path]:
    """Take the pictures of the documents.

    Args:
        folder: Where they go.

    Returns:
        The files.
    """
    return _take_all(folder, SHOWN)


def make_all(folder: Path) -> list[Path]:
    """Take each view, width and colour scheme.

    Args:
        folder: Where they go.

    Returns:
        The files.
    """
    pictures = [
        (f"{view}-{width}-{scheme}.png", view, width, scheme)
        for view, width, scheme in itertools.product(VIEWS, WIDTHS, SCHEMES)
    ]
    return _take_all(folder, pictures)


def _take_all(folder: Path, pictures: Sequence[tuple[str, str, int, str]]) -> list[Path]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is not installed: no picture of the page")
        return []
    secrets.token_hex = counted_hex
    written = []
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "hub.db")
        fixed_time(path)
        with (
            Sandbox(time_scale=Clock.manual(), seed=4, path=path) as hub,
            sync_playwright() as playwright,
        ):
            views = fill(hub)
            browser = playwright.chromium.launch(executable_path=chromium)
            for name, view, width, scheme in pictures:
                data = take(browser, hub.page_url + views[view], width, scheme)
                if len(data) > MOST_BYTES:
                    sys.exit(f"{name} has more than {MOST_BYTES:,} bytes")
                (folder / name).write_bytes(data)
                written.append(folder / name)
            browser.close()
    return written
