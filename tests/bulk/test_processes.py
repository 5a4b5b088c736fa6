"""Processes that share a ledger are killed and stopped at the worst moments, and nobody is called
twice: by the journal of the embedded Hub.
"""

import multiprocessing
import multiprocessing.process
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from kataven import KatavenClient
from kataven.bulk import BulkPlan, BulkRun
from kataven.errors import KatavenError
from kataven.sandbox import Sandbox
from tests.bulk.relay import Faults, Relay
from tests.bulk.test_run import SETTINGS, make_plan

LEASE = 1.0
OPTIONS: dict[str, Any] = {**SETTINGS, "lease_seconds": LEASE, "poll_seconds": 0.2}
LONGEST = 240.0


def work(url: str, key: str, folder: Path, store: str) -> None:
    """What each process runs."""
    with (
        KatavenClient(key, base_url=url) as client,
        BulkRun(BulkPlan.open(folder), client, **OPTIONS, store=store) as run,
    ):
        try:
            run.apply()
        except KatavenError:
            raise SystemExit(3) from None


class Crew:
    """Some processes, each with its relay; one that dies is replaced."""

    def __init__(self, hub: Sandbox, plan: BulkPlan, store: str, faults: Faults) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["kataven.bulk._run", "tests.bulk.relay"])
        self._hub, self._plan, self._store, self._faults = hub, plan, store, faults
        self.members: list[tuple[multiprocessing.process.BaseProcess, Relay]] = []
        self.stopped: dict[int, float] = {}

    def join(self) -> None:
        relay = Relay(self._hub.url, self._faults)
        arguments = (relay.url, self._hub.api_key, self._plan.directory, self._store)
        process = self._context.Process(target=work, args=arguments, daemon=True)
        process.start()
        assert process.pid is not None
        relay.pid = process.pid
        self.members.append((process, relay))

    def tend(self) -> int:
        """Replace who died, wake who slept long enough; return how many are done."""
        done = 0
        for process, relay in list(self.members):
            if process.exitcode == 0:
                done += 1
            elif process.exitcode is not None:
                self.members.remove((process, relay))
                relay.close()
                self.join()
            elif is_stopped(relay.pid):
                since = self.stopped.setdefault(relay.pid, time.monotonic())
                if time.monotonic() > since + 1.5 * LEASE:
                    del self.stopped[relay.pid]
                    relay.signal(signal.SIGCONT)
        return done

    def close(self) -> None:
        for process, relay in self.members:
            process.kill()
            process.join(10)
            relay.close()


def is_stopped(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] == "T"


def prove(folder: Path, store: str, seed: int, workers: int, parts: int, faults: int) -> None:
    plan = make_plan(folder / "plan", parts, seed)
    drawn = Faults(seed, faults, 1.5 * LEASE)
    chance = random.Random(seed)
    kills = faults // 2
    # At this speed a call takes milliseconds.
    with Sandbox(
        time_scale=3600, seed=seed, limits=None, call_limits={"concurrent_max": 5 * workers}
    ) as hub:
        crew = Crew(hub, plan, store, drawn)
        try:
            for _ in range(workers):
                crew.join()
            until = time.monotonic() + LONGEST
            while crew.tend() < len(crew.members):
                assert time.monotonic() < until, "the run does not end"
                time.sleep(0.05)
                if kills and chance.random() < 0.3:
                    kills -= 1
                    blow = chance.choice((signal.SIGKILL, signal.SIGSTOP))
                    chance.choice(crew.members)[1].signal(blow)
        finally:
            crew.close()
            drawn.settle()
        with (
            KatavenClient(hub.api_key, base_url=hub.url) as client,
            BulkRun(plan, client, **OPTIONS, store=store) as run,
        ):
            last = run.apply()
            campaigns = {row["id"]: row for row in client.campaigns.iter_campaigns()}
        assert last.finished, last.counts
        assert last.counts["finished"] + last.counts["unknown"] == parts
        # A part is unknown only because its create was lost.
        lost = [line for fault, line in drawn.given if "/start" not in line]
        assert last.counts["unknown"] <= len(lost) + faults // 2 - kills
        journal = hub.journal
        created = Counter(
            campaigns[entry.campaign]["name"] for entry in journal if entry.action == "create"
        )
        assert set(created.values()) == {1}, "a part was sent twice"
        starts = Counter(entry.campaign for entry in journal if entry.action == "start")
        assert set(starts.values()) == {1}, "a campaign was started twice"
        fixed = {part.campaign_id for part in last.parts if part.state == "finished"}
        assert set(starts) == fixed, "a campaign runs that the ledger does not have"
        callers = defaultdict(set)
        for entry in journal:
            if entry.action == "call":
                callers[entry.number].add(entry.campaign)
        assert all(len(each) == 1 for each in callers.values()), "a number in two campaigns"
        assert len(callers) == 2 * last.counts["finished"]


def store_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "redis":
        found: str = request.getfixturevalue("durable_redis")
        return found
    return str(folder / "ledger.sqlite")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seed", "kind"), [(1, "sqlite"), (2, "redis"), (3, "sqlite"), (4, "redis"), (5, "sqlite")]
)
def test_nobody_is_called_twice_by_processes_that_are_killed(
    tmp_path: Path, request: pytest.FixtureRequest, seed: int, kind: str
) -> None:
    store = store_of(kind, request, tmp_path)
    prove(tmp_path, store, seed, workers=4, parts=12, faults=8)


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
@pytest.mark.parametrize("seed", range(100))
def test_nobody_is_called_twice_by_24_processes(
    tmp_path: Path, request: pytest.FixtureRequest, seed: int, kind: str
) -> None:
    prove(tmp_path, store_of(kind, request, tmp_path), seed, workers=24, parts=60, faults=30)
