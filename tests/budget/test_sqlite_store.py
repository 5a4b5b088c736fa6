"""The store in a file: permissions, locks, and what outlives a process."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kataven import APITimeoutError, ConfigurationError, KatavenClient, RateLimits
from kataven._flow.ratelimit import LEASE_SECONDS, Wait
from kataven._http.stores.sqlite import SQLiteStore
from tests.support.clients import KEY, START, DrivenClock
from tests.support.leases import take
from tests.support.measure import open_files
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, wait_for


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "budget.db")


def test_the_file_and_its_companions_are_readable_by_the_owner_only(path: str) -> None:
    before = os.umask(0)
    try:
        store = SQLiteStore(RateLimits(per_minute=2, store=path))
        take(store, START, control=False)
        modes = {
            entry.name: stat.S_IMODE(entry.stat().st_mode)
            for entry in os.scandir(Path(path).parent)
        }
        store.close()
    finally:
        os.umask(before)
    assert modes == {"budget.db": 0o600, "budget.db-wal": 0o600, "budget.db-shm": 0o600}


def test_used_quota_stays_used_in_the_next_process(path: str) -> None:
    limits = RateLimits(per_minute=3, store=path)
    for _ in range(3):
        store = SQLiteStore(limits)
        assert not isinstance(take(store, START, control=False), Wait)
        store.close()
    store = SQLiteStore(limits)
    assert take(store, START + 1, control=False) == Wait(60.0)
    store.close()


def test_the_lease_of_a_killed_process_expires(path: str) -> None:
    limits = RateLimits(concurrent=1, store=path)
    dying = SQLiteStore(limits)
    take(dying, START, control=False)
    dying.close()
    store = SQLiteStore(limits)
    assert take(store, START + LEASE_SECONDS - 1, control=False) == Wait(0.0, busy=True)
    lease = take(store, START + LEASE_SECONDS, control=False)
    assert not isinstance(lease, Wait)
    # One that is renewed does not.
    store.renew(lease, START + 2 * LEASE_SECONDS - 1)
    later = START + 3 * LEASE_SECONDS - 2
    assert take(store, later, control=False) == Wait(0.0, busy=True)
    store.close()


def test_a_corrected_clock_delays_calls_only_briefly(path: str) -> None:
    store = SQLiteStore(RateLimits(per_minute=2, concurrent=1, store=path))
    take(store, START + 1e8, control=False)
    store.release(take(store, START + 2e8, control=False))
    lease = take(store, START, control=False)
    assert not isinstance(lease, Wait)
    store.release(lease)
    # The two timestamps in the future count as of now, once.
    assert take(store, START, control=False) == Wait(61.0)
    assert not isinstance(take(store, START + 61, control=False), Wait)
    store.close()


@pytest.mark.parametrize("thing", ["a folder that is not there", "a folder", "no database"])
def test_a_file_that_cannot_be_used_is_a_clear_error_and_nothing_is_sent(
    tmp_path: Path, hub: LoopbackHub, thing: str
) -> None:
    path = tmp_path / "budget.db"
    if thing == "a folder":
        path.mkdir()
    elif thing == "no database":
        path.write_bytes(b"phone_number\n+15550100001\n" * 100)
    else:
        path = tmp_path / "nowhere" / "budget.db"
    before = open_files()
    with pytest.raises(ConfigurationError, match=r"budget\.db"):
        KatavenClient(KEY, base_url=hub.url, rate_limits=RateLimits(per_minute=5, store=str(path)))
    assert open_files() <= before
    assert hub.requests == []


def test_a_file_that_breaks_later_is_a_clear_error_and_nothing_is_sent(
    path: str, hub: LoopbackHub
) -> None:
    limits = RateLimits(per_minute=5, store=path)
    with KatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
        other = sqlite3.connect(path)
        other.execute("DROP TABLE stamps")
        other.close()
        with pytest.raises(ConfigurationError, match=r"budget\.db"):
            client.campaigns.get("c1")
        # The transaction was rolled back, so the file is not locked.
        other = sqlite3.connect(path, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.close()
    assert hub.requests == []


def test_an_interrupted_transaction_leaves_no_lock(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(RateLimits(per_minute=5, concurrent=1, store=path))

    class Interrupting(float):
        """A moment whose use in the middle of the transaction is interrupted, as by Ctrl-C."""

        def __add__(self, _seconds: float) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(store, Interrupting(START), control=False)
    lease = take(store, START, control=False)
    assert not isinstance(lease, Wait)
    assert store.status(START).per_minute == 4
    store.close()


def test_a_file_that_another_process_has_locked_respects_the_deadline(
    path: str, hub: LoopbackHub, brief: Any
) -> None:
    limits = RateLimits(per_minute=5, store=path)
    with KatavenClient(KEY, base_url=hub.url, rate_limits=limits, deadline=brief(0.2)) as client:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(APITimeoutError):
            client.campaigns.get("c1")
        assert hub.requests == []
        holder.execute("ROLLBACK")
        holder.close()
        assert client.campaigns.get("c1")["id"] == "c1"


def test_an_event_loop_goes_on_while_another_process_has_locked_the_file(
    path: str, hub: LoopbackHub
) -> None:
    import asyncio

    from kataven import AsyncKatavenClient

    async def main() -> None:
        limits = RateLimits(per_minute=5, store=path)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            holder = sqlite3.connect(path, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            call = asyncio.create_task(client.campaigns.get("c1"))
            for _ in range(50):
                await asyncio.sleep(0.001)
            assert not call.done()
            assert hub.requests == []
            holder.execute("ROLLBACK")
            holder.close()
            assert (await call)["id"] == "c1"

    asyncio.run(main())


def test_a_call_that_is_cancelled_while_the_file_is_locked_keeps_no_lease(
    path: str, hub: LoopbackHub
) -> None:
    import asyncio

    from kataven import AsyncKatavenClient

    async def main() -> None:
        limits = RateLimits(concurrent=1, store=path)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            holder = sqlite3.connect(path, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            call = asyncio.create_task(client.campaigns.get("c1"))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            holder.execute("ROLLBACK")
            holder.close()
            # It took its lease after all, in its thread, and released it.
            async with asyncio.timeout(PATIENCE):
                assert (await client.campaigns.get("c1"))["id"] == "c1"

    asyncio.run(main())
    wait_for(lambda: threading.active_count() <= 3)


TOGETHER = """
import multiprocessing, sys
from kataven import RateLimits
from kataven._http.stores.sqlite import SQLiteStore

def take_from_each(barrier):
    for number in range(30):
        limits = RateLimits(per_minute=100, headroom=0, store=f"{sys.argv[1]}/{number}.db")
        barrier.wait(60)
        store = SQLiteStore(limits)
        store.acquire(1.0, f"{multiprocessing.current_process().pid}", control=False)
        store.close()

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(6)
    processes = [context.Process(target=take_from_each, args=(barrier,)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(process.exitcode for process in processes))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this machine cannot fork")
@pytest.mark.slow
def test_processes_can_create_one_file_at_the_same_time(tmp_path: Path) -> None:
    # SQLite queues writers, but not those that switch a new file to its journal.
    command = [sys.executable, "-c", TOGETHER, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stderr) == (0, "")
    for number in range(30):
        store = SQLiteStore(RateLimits(per_minute=100, headroom=0, store=f"{tmp_path}/{number}.db"))
        assert store.status(1.0).per_minute == 100 - 6
        store.close()


def test_a_virtual_clock_is_enough_for_a_client_on_a_file(
    path: str, hub: LoopbackHub, clock: DrivenClock
) -> None:
    limits = RateLimits(per_minute=10, headroom=0, store=path)
    with KatavenClient(KEY, base_url=hub.url, rate_limits=limits, clock=clock) as client:
        for _ in range(25):
            client.campaigns.get("c1")
        left = client.rate_limits
    assert left is not None
    assert left.per_minute == 5
    assert len(hub.requests) == 25
    assert clock.slept == pytest.approx([61.0, 61.0])
