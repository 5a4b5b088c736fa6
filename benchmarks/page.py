"""The page of the embedded Hub with 50 campaigns and 100,000 contacts: `python benchmarks/page.py`.

Needs Chromium and playwright. Prints one line for each figure, with its bound: how long the first
paint takes in a fresh browser, and how long an update keeps the browser's main thread busy, while
all campaigns run. Exits with 1 if a figure exceeds its bound.
"""

from __future__ import annotations

import shutil
import statistics
import sys

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from kataven.sandbox import Clock, Sandbox

CAMPAIGNS = 50
CONTACTS = 100_000
UPDATES = 20
VISITS = 5
FIRST_PAINT = 1000.0
UPDATE = 50.0


def fill(hub: Sandbox) -> str:
    """Create and start the campaigns, and return the id of the last one."""
    each = CONTACTS // CAMPAIGNS
    campaign = ""
    with httpx.Client(
        base_url=f"{hub.url}/api/v1", headers={"Authorization": f"Bearer {hub.api_key}"}, timeout=60
    ) as client:
        for number in range(CAMPAIGNS):
            first = number * each
            rows = (f"+1555{first + n:07d},Person {n},Springfield" for n in range(each))
            fields = {
                "name": f"Campaign {number + 1}",
                "agent_id": "a",
                "phone_number_id": "p",
                "max_concurrent_calls": "2",
            }
            files = {"contacts": ("c.csv", "\n".join(["phone_number,name,city", *rows, ""]))}
            campaign = client.post("/campaigns", data=fields, files=files).json()["id"]
            client.post(f"/campaigns/{campaign}/start").raise_for_status()
    return campaign


def paint(tab: Page, url: str) -> tuple[float, float]:
    """Open the page, and return milliseconds to the first paint and to the first update."""
    tab.add_init_script(
        """window.updates = [];
        document.addEventListener("kataven-update", () => updates.push(performance.now()));"""
    )
    tab.goto(url)
    wait(tab, 0)
    painted = tab.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9"
    )
    return painted, tab.evaluate("window.updates[0]")


def first_paints(browser: Browser, hub: Sandbox, when: str) -> dict[str, tuple[float, float]]:
    """Return the medians of several visits, each in a browser without a cache."""
    visits = []
    for _ in range(VISITS):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        visits.append(paint(context.new_page(), hub.page_url))
        context.close()
    painted, updated = (statistics.median(column) for column in zip(*visits, strict=True))
    return {
        f"first paint{when}, ms": (painted, FIRST_PAINT),
        f"first update{when}, ms": (updated, 2 * FIRST_PAINT),
    }


def wait(tab: Page, seen: int) -> None:
    """Wait for one more update, until it is painted."""
    tab.evaluate(
        """(seen) => new Promise((done) => {
            const painted = () => requestAnimationFrame(() => setTimeout(done));
            if (window.updates.length > seen) painted();
            else document.addEventListener("kataven-update", painted, {once: true});
        })""",
        seen,
    )


def updates(tab: Page, hub: Sandbox) -> list[float]:
    """Return milliseconds of the main thread for each of some updates, layout included."""
    session = tab.context.new_cdp_session(tab)
    # The time of the thread, not of the clock: other programs do not count.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        seconds: float = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
        return seconds * 1000

    spent = []
    for _ in range(UPDATES):
        before, seen = busy(), tab.evaluate("window.updates.length")
        hub.advance(60)
        wait(tab, seen)
        spent.append(busy() - before)
    return spent


def main() -> int:
    """Measure, print, and return the exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is not installed")
        return 0
    figures: dict[str, tuple[float, float]] = {}
    with Sandbox(time_scale=Clock.manual(), seed=1) as hub, sync_playwright() as playwright:
        campaign = fill(hub)
        hub.advance(3600)
        browser = playwright.chromium.launch(executable_path=chromium)
        figures |= first_paints(browser, hub, "")
        tab = browser.new_page()
        paint(tab, hub.page_url)
        spent = updates(tab, hub)
        figures["an update of the list, median ms"] = (statistics.median(spent), UPDATE)
        figures["an update of the list, longest ms"] = (max(spent), UPDATE)
        tab.goto(f"{hub.page_url}#/campaigns/{campaign}")
        tab.locator('[data-table="contacts"] tbody tr').nth(99).wait_for()
        spent = updates(tab, hub)
        figures["an update of a campaign, median ms"] = (statistics.median(spent), UPDATE)
        figures["an update of a campaign, longest ms"] = (max(spent), UPDATE)
        hub.advance(86_400)
        figures |= first_paints(browser, hub, " after 100,000 calls")
        browser.close()
    for name, (value, bound) in figures.items():
        print(f"{name:<40} {value:8.1f}  at most {bound:6.0f}")
    return int(any(value > bound for value, bound in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
