"""The live view of ``kataven campaigns watch``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pictures._terminal import ROOT, environment, kataven, screen_at, svg


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
            environment=environment(home, hub),
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
