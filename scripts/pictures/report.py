"""The page that ``kataven campaigns report`` writes, as a browser shows it."""

from __future__ import annotations

import shutil
import subprocess
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pictures._terminal import ROOT, environment, kataven

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> list[Path]:
    """Take a picture of the page. Needs Chromium; without it, nothing is made.

    Args:
        folder: Where the picture goes.

    Returns:
        The file, or nothing.
    """
    from kataven import KatavenClient  # noqa: PLC0415 - after sys.path
    from kataven.sandbox import Sandbox  # noqa: PLC0415

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("Chromium is not installed: no picture of the report")
        return []
    target = folder / "report.png"
    with (
        TemporaryDirectory() as home,
        Sandbox(time_scale=1000, seed=3, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url) as client,
    ):
        campaign = client.campaigns.run(
            "Spring renewals",
            "agent_1",
            "number_1",
            ROOT / "examples" / "contacts.csv",
            max_concurrent_calls=50,
            retries_per_contact=1,
        )
        variables = environment(home, hub)
        subprocess.run(
            [*kataven(), "campaigns", "report", campaign["id"], "-o", "report.html", "--quiet"],
            cwd=home,
            env=variables,
            check=True,
        )
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"),
                *(f"--screenshot={target}", "--window-size=900,760"),
                f"file://{home}/report.html",
            ],
            env=variables,
            capture_output=True,
            check=True,
            timeout=120,
        )
    return [target]
