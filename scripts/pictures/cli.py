"""The live view of ``kataven campaigns watch``."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from pictures._terminal import kataven, screen_at, svg

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path) -> list[Path]:
    """Draw the view of a campaign that is two fifths done.

    Args:
        folder: Where the picture goes.

    Returns:
        The file.
    """
    from kataven import KatavenClient  # noqa: PLC0415 - after sys.path
    from kataven.sandbox import Sandbox  # noqa: PLC0415

    with (
        TemporaryDirectory() as home,
        Sandbox(time_scale=60, seed=3, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url) as client,
    ):
        campaign = client.campaigns.create(
            "Spring renewals",
            "agent_1",
            "number_1",
            ROOT / "examples" / "contacts.csv",
            max_concurrent_calls=20,
        )
        client.campaigns.start(campaign["id"])
        screen = screen_at(
            [*kataven(), "campaigns", "watch", campaign["id"]],
            r"(?s)4\d %.*ETA \d",
            folder=Path(home),
            environment={
                "PATH": os.environ.get("PATH", ""),
                "HOME": home,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
                "KATAVEN_API_KEY": hub.api_key,
                "KATAVEN_BASE_URL": hub.url,
            },
            columns=80,
        )
    target = folder / "watch.svg"
    target.write_text(
        svg(
            screen,
            "A terminal with the live view of a running campaign",
            f"kataven campaigns watch {campaign['id']}",
        ),
        encoding="utf-8",
    )
    return [target]
