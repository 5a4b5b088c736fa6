"""Processes whose time of day differs, or jumps, share one file and never exceed its limits."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kataven import RateLimits
from kataven._flow.ratelimit import HOUR, LEASE_SECONDS, Wait
from kataven._http.stores.sqlite import SQLiteStore
from kataven.clock import Uptime
from tests.support.clients import START
from tests.support.leases import take

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import LoopbackHub

# One process: its clock is off by some seconds, and by others after half of its calls.
CALLER = """
import sys, time
real = time.time
offsets = [float(sys.argv[3]), float(sys.argv[4])]
time.time = lambda: real() + offsets[0]
from kataven import APITimeoutError, KatavenClient, RateLimits
limits = RateLimits(store=sys.argv[2], per_hour=20, headroom=0)
client = KatavenClient("sk_live_acme_1", base_url=sys.argv[1], rate_limits=limits, deadline=20)
done = 0
for number in range(8):
    if number == 4:
        offsets[0] = offsets[1]
    try:
        client.campaigns.get("c1")
        done += 1
    except APITimeoutError:
        pass
print(done)
client.close()
"""


def _calls(hub: LoopbackHub, path: Path, before: float, after: float) -> int:
    command = [sys.executable, "-c", CALLER, hub.url, str(path), str(before), str(after)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.stderr == ""
    return int(said.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    "clocks",
    [
        [(-2 * HOUR, -2 * HOUR), (0, 0), (2 * HOUR, 2 * HOUR)],
        [(2 * HOUR, 2 * HOUR), (0, 0), (-2 * HOUR, -2 * HOUR)],
        [(0, 2 * HOUR), (0, -2 * HOUR), (-2 * HOUR, 2 * HOUR)],
    ],
    ids=["later each time", "earlier each time", "jumping"],
)
def test_twenty_an_hour_are_twenty_whatever_the_clocks_say(
    hub: LoopbackHub, tmp_path: Path, clocks: list[tuple[float, float]]
) -> None:
    done = [_calls(hub, tmp_path / "budget.db", *offsets) for offsets in clocks]
    assert done == [8, 8, 4]
    assert len(hub.requests) == 20


class Machine(Uptime):
    """A machine that runs for as long as a test says."""

    def __init__(self, boot: str, seconds: float) -> None:
        self.boot = boot
        self.now = seconds

    def seconds(self) -> float:
        return self.now


@pytest.mark.parametrize("boots", [("one", "two"), ("", "")], ids=["named", "without names"])
def test_a_quota_outlives_a_restart_of_the_machine(tmp_path: Path, boots: tuple[str, str]) -> None:
    limits = RateLimits(per_hour=1, concurrent=1, store=str(tmp_path / "budget.db"))
    before = SQLiteStore(limits, Machine(boots[0], 50_000))
    before.release(take(before, 0, control=False))
    before.close()
    machine = Machine(boots[1], 5)
    after = SQLiteStore(limits, machine)
    waits = take(after, 0, control=False)
    assert isinstance(waits, Wait)
    assert 0 < waits.seconds <= HOUR + 1
    machine.now += HOUR + 1
    assert not isinstance(take(after, 0, control=False), Wait)
    after.close()


def test_the_uptime_counts_and_not_what_the_caller_says(tmp_path: Path) -> None:
    limits = RateLimits(concurrent=1, store=str(tmp_path / "budget.db"))
    machine = Machine("one", 100)
    store = SQLiteStore(limits, machine)
    take(store, START, control=False)
    assert take(store, START + 10 * HOUR, control=False) == Wait(0.0, busy=True)
    machine.now += LEASE_SECONDS
    assert not isinstance(take(store, START - 10 * HOUR, control=False), Wait)
    store.close()


def test_a_clock_that_is_behind_takes_over_the_latest_moment(tmp_path: Path) -> None:
    """With ``clock=``, what that clock says is all there is."""
    limits = RateLimits(per_minute=2, headroom=0, store=str(tmp_path / "budget.db"))
    ahead, behind = SQLiteStore(limits), SQLiteStore(limits)
    assert not isinstance(take(ahead, START + HOUR, control=False), Wait)
    assert not isinstance(take(behind, START, control=False), Wait)
    assert take(ahead, START + HOUR + 1, control=False) == Wait(60.0)
    assert take(behind, START + 1, control=False) == Wait(60.0)
    assert not isinstance(take(behind, START + 61, control=False), Wait)
    ahead.close()
    behind.close()


def test_a_file_of_an_older_version_keeps_its_state(tmp_path: Path) -> None:
    path = str(tmp_path / "budget.db")
    older = sqlite3.connect(path, isolation_level=None)
    older.execute("CREATE TABLE stamps (at REAL NOT NULL)")
    # Written by a clock that was far ahead.
    older.execute("INSERT INTO stamps VALUES (?)", (4e9,))
    older.close()
    machine = Machine("one", 100)
    store = SQLiteStore(RateLimits(per_minute=1, store=path), machine)
    assert take(store, 0, control=False) == Wait(61.0)
    machine.now += 61
    assert not isinstance(take(store, 0, control=False), Wait)
    store.close()
