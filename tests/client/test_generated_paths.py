"""The methods use the generated request functions: a changed path there changes the request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kataven
from tests.support.clients import KEY, OPERATIONS
from tests.support.http import response

if TYPE_CHECKING:
    from tests.support.server import LoopbackHub

PROGRAM = """
import asyncio, io, os
from kataven import AsyncKatavenClient, KatavenClient
CSV = b"phone_number\\n+15550100001\\n"
CALLS = [
    lambda c: c.campaigns.list(),
    lambda c: c.campaigns.get("c1"),
    lambda c: c.campaigns.create("n", "a", "p", io.BytesIO(CSV)),
    lambda c: c.campaigns.start("c1"),
    lambda c: c.campaigns.pause("c1"),
    lambda c: c.campaigns.resume("c1"),
    lambda c: c.campaigns.stop("c1"),
    lambda c: c.campaigns.delete("c1"),
    lambda c: c.campaigns.list_contacts("c1"),
    lambda c: c.call_limits(),
]
with KatavenClient(base_url=os.environ["HUB"]) as client:
    for call in CALLS:
        call(client)
    for _ in client.campaigns.stream_events("c1", reconnect=False):
        pass

async def main():
    async with AsyncKatavenClient(base_url=os.environ["HUB"]) as client:
        for call in CALLS:
            await call(client)
        async for _ in client.campaigns.stream_events("c1", reconnect=False):
            pass

asyncio.run(main())
"""


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A copy of the generated package, first on the import path."""
    import kataven_hub

    source = Path(kataven_hub.__file__ or "").parent
    shutil.copytree(source, tmp_path / "kataven_hub", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _run(generated: Path, hub: LoopbackHub) -> list[tuple[str, str]]:
    hub.on_request = lambda request: (
        response(200, b": x\n\n", [("Content-Type", "text/event-stream")])
        if request.header("accept") == "text/event-stream"
        else response(200, {"id": "c1"})
    )
    root = Path(kataven.__file__ or "").parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "KATAVEN_API_KEY": KEY,
            "HUB": hub.url,
            "PYTHONPATH": os.pathsep.join([str(generated), str(root)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(request.method, request.path) for request in hub.requests]


@pytest.mark.slow
def test_a_renamed_path_in_the_generated_modules_changes_what_is_sent(
    generated: Path, hub: LoopbackHub
) -> None:
    changed = 0
    for module in (generated / "kataven_hub" / "api").rglob("*.py"):
        text = module.read_text("utf-8")
        new = text.replace('"url": "/', '"url": "/renamed/')
        changed += new != text
        module.write_text(new, "utf-8")
    assert changed >= len(OPERATIONS) + 1
    sent = _run(generated, hub)
    assert len(sent) == 2 * (len(OPERATIONS) + 1)
    assert all(path.startswith("/api/v1/renamed/") for _, path in sent)


@pytest.mark.slow
def test_another_method_in_a_generated_module_changes_what_is_sent(
    generated: Path, hub: LoopbackHub
) -> None:
    module = generated / "kataven_hub" / "api" / "campaigns" / "start_campaign.py"
    text = module.read_text("utf-8")
    assert '"method": "post"' in text
    module.write_text(text.replace('"method": "post"', '"method": "put"'), "utf-8")
    sent = _run(generated, hub)
    assert sent.count(("PUT", "/api/v1/campaigns/c1/start")) == 2
    assert ("POST", "/api/v1/campaigns/c1/start") not in sent
