"""Ctrl-C in a separate process: the connection ends, and a run names the campaign that continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.http import data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, stream, wait_for

ROOT = Path(__file__).parent.parent.parent
QUIET = stream(data({"status": "running"}), end="silent")

# A shell that starts a background process makes it ignore SIGINT.
_BEGIN = """
import asyncio, logging, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
logging.basicConfig(format="log: %(message)s", stream=sys.stdout)
from kataven import AsyncKatavenClient, KatavenClient
"""

_STREAM = """
client = KatavenClient("sk_live_acme_1", base_url=sys.argv[1])
events = client.campaigns.stream_events("c1")
try:
    for item in events:
        print(item, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    # The iterator and the client are still there.
    sys.stdin.read()
    client.close()
"""

_ASYNC_STREAM = """
async def main():
    async with AsyncKatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
        events = client.campaigns.stream_events("c1")
        try:
            async for item in events:
                print(item, flush=True)
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            # The event loop does not turn while the test looks.
            sys.stdin.read()
            raise
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

_RUN = """
client = KatavenClient("sk_live_acme_1", base_url=sys.argv[1])
try:
    client.campaigns.run("Spring", "a1", "p1", b"phone_number\\n+15550100001\\n")
except KeyboardInterrupt as error:
    print("interrupted", error.campaign_id, error.__notes__, flush=True)
    sys.stdin.read()
client.close()
"""

_ASYNC_RUN = """
async def main():
    async with AsyncKatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
        await client.campaigns.run("Spring", "a1", "p1", b"phone_number\\n+15550100001\\n")
try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    inner = error.__context__
    print("interrupted", type(inner).__name__, inner.campaign_id, inner.__notes__, flush=True)
"""


_FOLLOW = """
client = KatavenClient("sk_live_acme_1", base_url=sys.argv[1])
try:
    {call}
except KeyboardInterrupt as error:
    print("interrupted", error.campaign_id, error.__notes__, flush=True)
    sys.stdin.read()
client.close()
"""

_ASYNC_FOLLOW = """
async def main():
    async with AsyncKatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
        {call}
try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    inner = error.__context__
    print("interrupted", inner.campaign_id, inner.__notes__, flush=True)
"""

_FOLLOWING = {
    "wait": _FOLLOW.format(call='client.campaigns.wait("c1")'),
    "watch": _FOLLOW.format(call='list(client.campaigns.watch("c1"))'),
    "async wait": _ASYNC_FOLLOW.format(call='await client.campaigns.wait("c1")'),
    "async watch": _ASYNC_FOLLOW.format(
        call='[each async for each in client.campaigns.watch("c1")]'
    ),
}


class Script:
    """A Python process, and what it printed, line by line."""

    def __init__(self, code: str, hub: LoopbackHub) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _BEGIN + code, hub.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated'}"},
        )
        # A process that hangs must fail the test, not stop it.
        self._watchdog = threading.Timer(2 * PATIENCE, self.process.kill)
        self._watchdog.start()

    def interrupt(self) -> None:
        """Send Ctrl-C once the process waits in its read."""
        asleep = psutil.Process(self.process.pid)
        time.sleep(0.1)
        wait_for(lambda: asleep.status() == psutil.STATUS_SLEEPING)
        self.process.send_signal(signal.SIGINT)

    def end(self) -> list[str]:
        """Let it end; the rest of what it printed."""
        try:
            out, err = self.process.communicate("")
        finally:
            self._watchdog.cancel()
            self.process.kill()
            self.process.wait()
        assert err == ""
        assert self.process.returncode == 0
        return out.splitlines()


@pytest.mark.parametrize(
    ("code", "last"),
    [(_STREAM, ["interrupted"]), (_ASYNC_STREAM, ["cancelled", "interrupted"])],
    ids=["sync", "async"],
)
def test_ctrl_c_ends_the_connection_of_a_stream(
    hub: LoopbackHub, code: str, last: list[str]
) -> None:
    hub.events(QUIET)
    script = Script(code, hub)
    try:
        assert script.process.stdout.readline() == "{'status': 'running'}\n"
        hub.wait_until_silent()
        script.interrupt()
        # While the process and its iterator still exist.
        hub.wait_until_left()
    finally:
        printed = script.end()
    assert printed == last
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("code", "name"), [(_RUN, ""), (_ASYNC_RUN, "CancelledError ")], ids=["sync", "async"]
)
@pytest.mark.slow
def test_ctrl_c_in_a_run_says_which_campaign_goes_on(
    hub: LoopbackHub, code: str, name: str, tmp_path: Any
) -> None:
    hub.on("POST /campaigns", response(201, {"id": "c1"}))
    hub.on("POST /campaigns/c1/start", response(200, {"id": "c1", "status": "running"}))
    hub.events(QUIET)
    script = Script(code, hub)
    try:
        hub.wait_until_silent()
        script.interrupt()
        hub.wait_until_left()
    finally:
        printed = script.end()
    logged, interrupted = printed
    note = logged.removeprefix("log: ")
    assert "c1" in note
    assert interrupted == f"interrupted {name}c1 {[note]!r}"
    assert len(hub.requests) == 3


@pytest.mark.parametrize("way", _FOLLOWING)
@pytest.mark.slow
def test_ctrl_c_while_a_campaign_is_followed_names_it(hub: LoopbackHub, way: str) -> None:
    hub.events(QUIET)
    script = Script(_FOLLOWING[way], hub)
    try:
        hub.wait_until_silent()
        script.interrupt()
        hub.wait_until_left()
    finally:
        printed = script.end()
    note = "campaign c1 was being followed; it was not stopped"
    assert printed == [f"interrupted c1 {[note]!r}"]
