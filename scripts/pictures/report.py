"""The page that ``kataven campaigns report`` writes, as a browser shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from pictures._terminal import kataven

ROOT = Path(__file__).resolve().parents[2]


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
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": home,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
            "KATAVEN_API_KEY": hub.api_key,
            "KATAVEN_BASE_URL": hub.url,
        }
        subprocess.run(
            [*kataven(), "campaigns", "report", campaign["id"], "-o", "report.html", "--quiet"],
            cwd=home,
            env=environment,
            check=True,
        )
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"),
                *(f"--screenshot={target}", "--window-size=900,760"),
                f"file://{home}/report.html",
            ],
            env=environment,
            capture_output=True,
            check=True,
            timeout=120,
        )
    return [target]
