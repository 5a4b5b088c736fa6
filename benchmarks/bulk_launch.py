"""Measures what a launch costs: requests a part, and the operations of both ledgers.

Run it as a script for the figures a second, or call ``measure()`` for ratios: the steps of a ledger
are compared with the plainest transactions of the same number on the same disk.
"""

import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from kataven import KatavenClient, bulk
from kataven.bulk.ledger import Ledger
from kataven.bulk.ledger.stores import open_ledger
from kataven.sandbox import Sandbox

PARTS = 100
ROWS = 10
ROUNDS = 5
LONG = 1_000
# What one part needs until it is started, beside its requests.
STEPS = 6
SETTINGS: dict[str, Any] = {"name": "Bench", "agent_id": "agent", "phone_number_id": "number"}


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """Start a Redis that writes to disk before it confirms; yield its URL, or None without one."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    options += ["--appendonly", "yes", "--appendfsync", "always", "--logfile", "redis.log"]
    process = subprocess.Popen([program, *options], stdin=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                redis.Redis.from_url(url).ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait(10)


class Counting:
    """A ledger that counts its operations."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.operations: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operation that is counted."""
        method = getattr(self._ledger, name)

        def operation(*arguments: Any, **options: Any) -> Any:
            self.operations[name] += 1
            return method(*arguments, **options)

        return operation


def launch(folder: Path, store: str | None) -> tuple[int, float, Counter[str]]:
    """Launch ``PARTS`` parts on an embedded Hub.

    Args:
        folder: An empty folder.
        store: The ledger, None for a file in the folder.

    Returns:
        The requests, the seconds, and the operations of the ledger.
    """
    numbers = [{"phone_number": f"+1415{2_000_000 + row}"} for row in range(PARTS * ROWS)]
    plan = bulk.prepare(numbers, directory=folder / "plan", max_rows=ROWS)
    # No call ends meanwhile.
    limits = {"concurrent_max": 5 * PARTS}
    with (
        Sandbox(time_scale=1, seed=1, limits=None, call_limits=limits) as hub,
        KatavenClient(hub.api_key, base_url=hub.url) as client,
        bulk.BulkRun(plan, client, **SETTINGS, store=store) as run,
    ):
        counting: Any = Counting(run._ledger)  # noqa: SLF001 - no public way to count
        run._ledger = counting  # noqa: SLF001
        start = time.perf_counter()
        launched = run.launch()
        seconds = time.perf_counter() - start
        assert launched.counts["started"] == PARTS
        return len(hub.requests), seconds, counting.operations


def steps(ledger: Ledger) -> int:
    """Move all parts to ``started``; return the number of operations."""
    ledger.fix([f"{part:064x}" for part in range(PARTS)], "{}")
    for _ in range(PARTS):
        row = ledger.claim(("planned",), 60.0)
        for state in ("sending", "created", "starting", "started"):
            assert row is not None
            campaign = f"camp_{row.number}" if state == "created" else None
            row = ledger.step(row, state, 60.0, campaign=campaign)
        assert row is not None
        ledger.release(row)
    return PARTS * STEPS


def seconds_of(work: Callable[[], int]) -> float:
    """Return the seconds of one of the operations that ``work`` does."""
    start = time.perf_counter()
    done = work()
    return (time.perf_counter() - start) / done


def bare_sqlite(path: Path) -> int:
    """Do as many plain transactions in a file that survives power loss."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE parts (number INTEGER PRIMARY KEY, state TEXT)")
    for number in range(PARTS * STEPS):
        database.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", (number % PARTS, "sending"))
    database.close()
    return PARTS * STEPS


def bare_redis(url: str) -> int:
    """Do as many plain commands."""
    with redis.Redis.from_url(url) as server:
        for number in range(PARTS * STEPS):
            server.set(f"part {number % PARTS}", "sending")
    return PARTS * STEPS


def compare(ours: Callable[[int], int], bare: Callable[[int], int]) -> tuple[float, float]:
    """Return our seconds of one operation, and the ratio to a bare one; medians of rounds."""
    times, ratios = [], []
    for number in range(ROUNDS):
        plain = seconds_of(lambda number=number: bare(number))  # type: ignore[misc]
        times.append(seconds_of(lambda number=number: ours(number)))  # type: ignore[misc]
        ratios.append(times[-1] / plain)
    return statistics.median(times), statistics.median(ratios)


def stepped(store: str | os.PathLike[str], plan: str) -> int:
    """Move all parts of a new ledger."""
    ledger = open_ledger(store, plan)
    try:
        return steps(ledger)
    finally:
        ledger.close()


def sqlite_figures(folder: Path) -> tuple[float, float]:
    """Return the seconds of an operation in a file, and the ratio."""
    return compare(
        lambda number: stepped(folder / f"ledger{number}", "plan"),
        lambda number: bare_sqlite(folder / f"bare{number}"),
    )


def redis_figures(url: str) -> tuple[float, float]:
    """Return the seconds of an operation in Redis, and the ratio."""
    return compare(lambda number: stepped(url, f"plan{number}"), lambda _: bare_redis(url))


def measure() -> dict[str, tuple[float, float]]:
    """Return ratios with their goals."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requests, _, _ = launch(folder, None)
        figures = {
            "bulk launch, requests a part": (requests / PARTS, 2.05),
            "bulk ledger, step in SQLite / bare transaction": (sqlite_figures(folder)[1], 3.0),
        }
        with redis_server(folder) as url:
            if url is not None:
                ratio = redis_figures(url)[1]
                figures["bulk ledger, step in Redis / bare command"] = (ratio, 4.0)
    return figures


def size(store: str | os.PathLike[str]) -> float:
    """Return the bytes that a ledger of ``LONG`` parts has for each part."""
    ledger = open_ledger(store, "long")
    ledger.fix([f"{part:064x}" for part in range(LONG)], "{}")
    ledger.close()
    if not str(store).startswith("redis:"):
        return os.path.getsize(store) / LONG
    with redis.Redis.from_url(str(store)) as server:
        return sum(server.memory_usage(key) or 0 for key in server.scan_iter("*:long}*")) / LONG


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as url:
        folder = Path(name)
        stores = {"SQLite": None} | ({"Redis": url} if url else {})
        for kind, store in stores.items():
            requests, seconds, operations = launch(folder / kind, store)
            print(
                f"{kind}: {PARTS} parts launched in {seconds:.1f} s with {requests} requests "
                f"({requests / PARTS:.2f} a part) and {operations.total() / PARTS:.1f} ledger "
                f"operations a part: {dict(operations)}"
            )
        each, ratio = sqlite_figures(folder)
        print(f"SQLite: {1 / each:,.0f} operations/s, {ratio:.2f} times a bare transaction")
        print(f"SQLite: {size(folder / 'long'):,.0f} bytes a part")
        if url is not None:
            each, ratio = redis_figures(url)
            print(f"Redis: {1 / each:,.0f} operations/s, {ratio:.2f} times a bare command")
            print(f"Redis: {size(url):,.0f} bytes a part")


if __name__ == "__main__":
    main()
