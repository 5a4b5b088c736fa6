"""At most one campaign of a part is ever started, whatever happens to the workers and the Hub."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kataven.bulk._worker import Worker
from kataven.bulk.ledger import Ledger, LedgerRow
from kataven.bulk.ledger.redis import RedisLedger
from kataven.bulk.ledger.redis_script import SCRIPT
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.errors import KatavenError
from tests.bulk.fleet import LEASE, SETTINGS, ModelHub, Puppet, memory_plan, worker_of
from tests.support.measure import redis_server

FAULTS = ("before", "after", "late", "error", "unsent")
WHAT = ("apply", "launch", "resend", "pause", "resume", "stop")
PLACES = (
    "hub.create",
    "hub.start",
    "hub.pause",
    "hub.stop",
    "hub.delete",
    "hub.get",
    "ledger.step",
)


def task(what: str, worker: Worker, ledger: Any) -> None:
    if what == "apply":
        worker.apply()
    elif what == "launch":
        worker.launch()
    elif what == "resend":
        worker.launch(resend_unknown=True)
    elif what == "resume":
        ledger.want("running")
        worker.resume()
    else:
        ledger.want("paused" if what == "pause" else "stopped")
        worker.settle()


class Fleet(RuleBasedStateMachine):
    """Workers of one ledger and one Hub, moved, killed and put to sleep at any step."""

    parts = 3

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kataven-fleet-"))
        self.time = 0.0
        self.plan = memory_plan(self.parts)
        self.hub = ModelHub()
        self.workers: list[Puppet] = []
        self.dead: list[Puppet] = []
        self.ledgers: list[Ledger] = []
        self.repeats = 0
        self.copied = False
        self.fix()

    def fix(self) -> None:
        self.open(0.0).fix([part.sha256 for part in self.plan.parts], SETTINGS.text())

    def open(self, skew: float) -> Ledger:
        ledger = self.opened(skew)
        self.ledgers.append(ledger)
        return ledger

    def opened(self, skew: float) -> Ledger:
        path = self.folder / f"ledger-{self.copied}.sqlite"
        ledger = SQLiteLedger(path, self.plan.id, now=lambda: 1e6 + self.time + skew)
        # A test need not survive a power loss.
        ledger._db.execute("PRAGMA synchronous=OFF")
        return ledger

    def pass_time(self, seconds: float) -> None:
        self.time += seconds

    def puppet(self, what: str, skew: float, *, free: bool = False) -> Puppet:
        ledger = self.open(skew)

        def run(puppet: Puppet) -> None:
            worker = worker_of(puppet, self.hub, ledger, self.plan, self.pass_time)
            task(what, worker, ledger)

        return Puppet(run, free=free)

    @initialize(
        late=st.integers(0, 2),
        stale=st.sampled_from([0, 0, 1]),
        room=st.sampled_from([1, 2, 1000]),
        others=st.sampled_from([0, 0, 0, 98]),
        cut=st.booleans(),
        newest_first=st.booleans(),
        says_total=st.booleans(),
    )
    def begin(self, **hub: Any) -> None:
        for name, value in hub.items():
            setattr(self.hub, name, value)
        self.workers = [self.puppet("apply", 0.0), self.puppet("apply", 0.0)]

    @precondition(lambda self: len(self.workers) < 5)
    @rule(what=st.sampled_from(WHAT), skew=st.sampled_from([0.0, 0.0, -300.0, 300.0]))
    def come(self, what: str, skew: float) -> None:
        self.repeats += what == "resend"
        self.workers.append(self.puppet(what, skew))

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 4), steps=st.integers(1, 25))
    def move(self, which: int, steps: int) -> None:
        worker = self.workers[which % len(self.workers)]
        for _ in range(steps):
            worker.step()
            self.at_most_one_is_started()

    @precondition(lambda self: self.workers)
    @rule(
        which=st.integers(0, 4),
        place=st.sampled_from(["hub.create", "hub.start", *PLACES]),
        fault=st.sampled_from([None, None, *FAULTS]),
    )
    def move_to(self, which: int, place: str, fault: str | None) -> None:
        """Move a worker to the moment right before or after an operation."""
        worker = self.workers[which % len(self.workers)]
        for _ in range(30):
            worker.step()
            self.at_most_one_is_started()
            if worker.over or worker.at.startswith(place):
                break
        if fault is not None:
            worker.fault = fault

    @precondition(lambda self: len(self.workers) > 1)
    @rule(which=st.integers(0, 4), place=st.sampled_from(PLACES), steps=st.integers(10, 60))
    def sleep_at(self, which: int, place: str, steps: int) -> None:
        """A worker sleeps through its lease, and another one takes over."""
        self.move_to(which, place, None)
        self.pass_time(LEASE + 1)
        self.move(which + 1, steps)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 4), fault=st.sampled_from(FAULTS))
    def lose(self, which: int, fault: str) -> None:
        self.workers[which % len(self.workers)].fault = fault

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 4))
    def kill(self, which: int) -> None:
        self.dead.append(self.workers.pop(which % len(self.workers)))
        self.dead[-1].kill()

    @precondition(lambda self: self.hub.under_way)
    @rule()
    def arrive(self) -> None:
        self.hub.arrive()

    @rule(seconds=st.sampled_from([3.0, LEASE + 1, 1000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def end_calls(self) -> None:
        self.hub.finish()

    @rule()
    def a_person_pauses(self) -> None:
        for each in self.hub.campaigns.values():
            if each.fields["status"] == "running":
                each.fields["status"] = "paused"
                return

    @invariant()
    def at_most_one_is_started(self) -> None:
        for contacts, started in self.hub.started.items():
            assert len(started) == 1, f"{contacts!r} is called by {started}"

    @invariant()
    def nothing_is_sent_again_unless_requested(self) -> None:
        assert max(self.hub.posts.values(), default=0) <= 1 + self.repeats

    def teardown(self) -> None:
        try:
            self.last_run()
            self.another_ledger()
        finally:
            for worker in self.workers:
                worker.kill()
            for ledger in self.ledgers:
                ledger.close()
            shutil.rmtree(self.folder)

    def last_run(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in (*self.workers, *self.dead):
            if worker.error is not None and not isinstance(worker.error, KatavenError):
                raise worker.error
        self.pass_time(10_000)
        self.hub.lists += 10
        self.hub.finishing = True
        self.let_people_resume()
        if not self.ledgers:
            return
        ledger = self.ledgers[0]
        if ledger.wanted() == "paused":
            self.run_to_end("resume")
        self.run_to_end("apply")
        while self.hub.under_way:
            self.hub.arrive()
        self.let_people_resume()
        # Each run asks once for a campaign, and ``get`` may show what was before for so long.
        for _ in range(1 + self.hub.stale):
            self.run_to_end("apply")
        rows = ledger.rows()
        assert len(rows) == self.parts
        if ledger.wanted() == "stopped":
            for _ in range(1 + self.hub.stale):
                self.run_to_end("stop")
            self.nothing_runs()
            return
        assert {row.state for row in rows} <= {"finished", "unknown"}, rows
        self.nothing_runs()
        # What was started is in the ledger, and what can be found was found.
        fixed = {row.campaign for row in rows}
        for started in self.hub.started.values():
            assert started <= fixed
        for row in rows:
            if row.state == "unknown":
                self.is_unknown_for_a_reason(row)

    def let_people_resume(self) -> None:
        for each in self.hub.campaigns.values():
            if each.fields["status"] == "paused":
                each.fields["status"] = "running"

    def is_unknown_for_a_reason(self, row: LedgerRow) -> None:
        contacts = self.plan.read(self.plan.parts[row.number])
        assert self.hub.tried[contacts], f"{row} was never sent"
        drafts = [each for each in self.hub.campaigns.values() if each.contacts == contacts]
        assert len(drafts) != 1 or not self.hub.complete(), f"{row} can be found"

    def nothing_runs(self) -> None:
        statuses = {each.fields["status"] for each in self.hub.campaigns.values()}
        assert statuses <= {"draft", "completed"}, statuses

    def another_ledger(self) -> None:
        """The folder is copied without its ledger, and launched once more."""
        self.copied = True
        self.repeats += 1
        self.fix()
        self.run_to_end("apply")

    def run_to_end(self, what: str) -> None:
        # Lists become complete at the end: nothing is new any more.
        self.hub.lists += 10
        worker = self.puppet(what, 0.0, free=True)
        assert worker.over
        if worker.error is not None:
            raise worker.error
        self.nothing_is_sent_again_unless_requested()
        self.at_most_one_is_started()


class RedisFleet(Fleet):
    """The same with a ledger in Redis, whose clock is the test's."""

    server: redis.Redis

    def opened(self, skew: float) -> Ledger:
        # A Redis has one clock, so there is no skew.
        name = f"{self.folder.name}-{self.copied}"
        ledger = RedisLedger(self.url(), name, allow_lossy_store=True)
        clock = f"clock of {self.folder.name}"
        self.server.set(clock, 1e6 + self.time)
        call, key = "redis.call('TIME')", f"{{redis.call('GET', '{clock}'), '0'}}"
        assert call in SCRIPT
        ledger._script = ledger._redis.register_script(SCRIPT.replace(call, key))
        return ledger

    def url(self) -> str:
        options = self.server.get_connection_kwargs()
        return f"redis://{options['host']}:{options['port']}/0"

    def pass_time(self, seconds: float) -> None:
        super().pass_time(seconds)
        self.server.set(f"clock of {self.folder.name}", 1e6 + self.time)


def run_fleet(fleet: type[Fleet], examples: int) -> None:
    run_state_machine_as_test(
        fleet,
        settings=settings(
            max_examples=examples,
            # A failure of threads takes too long to shrink.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.fixture(params=["sqlite", "redis"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[type[Fleet]]:
    if request.param == "sqlite":
        yield Fleet
        return
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as server:
        yield type("RedisFleet", (RedisFleet,), {"server": server})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_at_most_one_campaign_of_a_part_is_ever_started(fleet: type[Fleet]) -> None:
    run_fleet(fleet, 60)


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_at_most_one_campaign_of_a_part_is_ever_started_in_many_histories(
    fleet: type[Fleet],
) -> None:
    run_fleet(fleet, 2000)
