"""A list of a million is prepared, launched and called to its end, and nobody is called twice."""

import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kataven import KatavenClient, bulk
from kataven.bulk import BulkRun
from kataven.sandbox import Sandbox
from tests.bulk.test_run import SETTINGS

ROWS = 1_000_000
PARTS = 10
LIMITS = {
    "concurrent_max": 100 * PARTS,
    "calls_per_minute": 1_000_000,
    "daily_calls_max": 2 * ROWS,
    "daily_minutes_max": 100 * ROWS,
}


def write_list(path: Path, rows: int) -> None:
    areas = (212, 415, 646, 713, 818, 917)
    with path.open("w") as file:
        file.write("phone_number,name\n")
        for row in range(rows):
            file.write(f"+1{areas[row % 6]}{2_000_000 + row // 6},Ann\n")


def timed(name: str, what: Callable[[], Any]) -> Any:
    wall, cpu = time.monotonic(), time.process_time()
    result = what()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print(f"{name}: {wall:.1f} s, CPU {cpu:.1f} s, peak of the process {peak:.0f} MiB", flush=True)
    return result


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_a_million_people_are_called_once(tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    write_list(source, ROWS)
    plan = timed("prepare", lambda: bulk.prepare(source, directory=tmp_path / "plan"))
    assert (plan.totals.kept, plan.totals.parts) == (ROWS, PARTS)
    with (
        # An hour of the Hub in 0.1 s. The ledger's turns and leases are in real time.
        Sandbox(time_scale=36_000, seed=1, limits=None, call_limits=LIMITS) as hub,
        # The Hub dials while it receives the other parts, and may take long to respond.
        KatavenClient(hub.api_key, base_url=hub.url, timeout=600.0, deadline=None) as client,
        BulkRun(plan, client, **SETTINGS, max_concurrent_calls=100) as run,
    ):
        launched = timed("launch", run.launch)
        assert launched.counts["started"] + launched.counts["finished"] == PARTS
        assert len(hub.requests) >= 2 * PARTS + 1
        last = timed("watch", run.watch)
        assert last.counts["finished"] == PARTS
        print(f"{len(hub.requests)} requests for {PARTS} parts", flush=True)
        calls: Counter[str] = Counter()
        for entry in hub.journal:
            if entry.action == "call":
                calls[str(entry.number)] += 1
        assert len(calls) == ROWS
        assert set(calls.values()) == {1}
