"""At most one campaign of a part is ever started, whatever happens to the workers and the Hub."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
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
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.errors import KatavenError
from tests.bulk.fleet import LEASE, SETTINGS, ModelHub, Puppet, memory_plan, worker_of

FAULTS = ("before", "after", "error", "unsent")
WHAT = ("apply", "launch", "resend", "pause", "resume", "stop")


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
        self.ledgers: list[SQLiteLedger] = []
        self.resends = 0
        self.open(0.0).fix([part.sha256 for part in self.plan.parts], SETTINGS.text())

    def open(self, skew: float) -> SQLiteLedger:
        ledger = SQLiteLedger(
            self.folder / "ledger.sqlite", self.plan.id, now=lambda: 1e6 + self.time + skew
        )
        # A test need not survive a power loss.
        ledger._db.execute("PRAGMA synchronous=OFF")
        self.ledgers.append(ledger)
        return ledger

    def pass_time(self, seconds: float) -> None:
        self.time += seconds

    def puppet(self, what: str, skew: float, *, free: bool = False) -> Puppet:
        ledger = self.open(skew)

        def run(puppet: Puppet) -> None:
            worker = worker_of(puppet, self.hub, ledger, self.plan, self.pass_time)
            task(what, worker, ledger)

        return Puppet(run, free=free)

    @initialize(late=st.integers(0, 2), room=st.sampled_from([1, 2, 1000]))
    def begin(self, late: int, room: int) -> None:
        self.hub.late, self.hub.room = late, room
        self.workers = [self.puppet("apply", 0.0), self.puppet("apply", 0.0)]

    @precondition(lambda self: len(self.workers) < 5)
    @rule(what=st.sampled_from(WHAT), skew=st.sampled_from([0.0, 0.0, -300.0, 300.0]))
    def come(self, what: str, skew: float) -> None:
        self.resends += what == "resend"
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
        name=st.sampled_from(["create", "start"]),
        fault=st.sampled_from([None, None, *FAULTS]),
    )
    def move_to(self, which: int, name: str, fault: str | None) -> None:
        """Move a worker to the moment right before or after the Hub acts."""
        worker = self.workers[which % len(self.workers)]
        for _ in range(30):
            if worker.over or worker.at.startswith(f"hub.{name}"):
                break
            worker.step()
            self.at_most_one_is_started()
        if fault is not None:
            worker.fault = fault

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 4), fault=st.sampled_from(FAULTS))
    def lose(self, which: int, fault: str) -> None:
        self.workers[which % len(self.workers)].fault = fault

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 4))
    def kill(self, which: int) -> None:
        self.workers.pop(which % len(self.workers)).kill()

    @rule(seconds=st.sampled_from([3.0, LEASE + 1, 1000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.time += seconds

    @rule()
    def end_calls(self) -> None:
        self.hub.finish()

    @invariant()
    def at_most_one_is_started(self) -> None:
        for marker, started in self.hub.started_by_part().items():
            assert len(started) == 1, f"{marker} was started as {started}"

    @invariant()
    def nothing_is_sent_again_unless_requested(self) -> None:
        assert max(self.hub.posts.values(), default=0) <= 1 + self.resends

    def teardown(self) -> None:
        try:
            self.last_run()
        finally:
            for worker in self.workers:
                worker.kill()
            for ledger in self.ledgers:
                ledger.close()
            shutil.rmtree(self.folder)

    def last_run(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            if worker.error is not None and not isinstance(worker.error, KatavenError):
                raise worker.error
        self.time += 10_000
        self.hub.lists += 10
        self.hub.finishing = True
        if not self.ledgers:
            return
        ledger = self.ledgers[0]
        if ledger.wanted() == "paused":
            self.run_to_end("resume")
        self.run_to_end("apply")
        self.nothing_is_sent_again_unless_requested()
        self.at_most_one_is_started()
        states = {row.state for row in ledger.rows()}
        if ledger.wanted() == "stopped":
            self.run_to_end("stop")
            running = [
                each.fields["id"]
                for each in self.hub.campaigns.values()
                if each.fields["status"] in {"running", "paused"}
            ]
            assert not running, f"{running} run although the run is stopped"
            return
        assert states <= {"finished", "unknown"}, ledger.rows()
        # What runs is in the ledger: nothing was lost.
        fixed = {row.campaign for row in ledger.rows()}
        for started in self.hub.started_by_part().values():
            assert set(started) <= fixed

    def run_to_end(self, what: str) -> None:
        worker = self.puppet(what, 0.0, free=True)
        assert worker.over
        if worker.error is not None:
            raise worker.error


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_at_most_one_campaign_of_a_part_is_ever_started() -> None:
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=25,
            # A failure of threads takes too long to shrink.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
