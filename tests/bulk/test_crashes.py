"""A worker is killed, or sleeps, at one step, or one request goes wrong; what the next one does."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kataven.bulk._context import REFUSED
from kataven.bulk._launch import Launcher
from kataven.bulk._worker import Worker
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.errors import KatavenError
from tests.bulk.fleet import LEASE, SETTINGS, ModelHub, Puppet, context_of, memory_plan, worker_of

UNCLEAR = (408, 409, 425, 500, 502, 503, 504, 520)


class Scene:
    """A plan of one part unless said otherwise, its ledger, a Hub, and workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = 0.0
        self.hub = ModelHub()
        self.opened: list[SQLiteLedger] = []
        self.puppets: list[Puppet] = []
        self.begin(1)

    def begin(self, parts: int, name: str = "ledger") -> None:
        """Use a plan, and a ledger of its own."""
        self.plan = memory_plan(parts)
        self.path = self.folder / f"{name}-{parts}"
        self.ledger = self.open()
        self.ledger.fix([part.sha256 for part in self.plan.parts], SETTINGS.text())

    def open(self) -> SQLiteLedger:
        self.opened.append(SQLiteLedger(self.path, self.plan.id, now=lambda: 1e6 + self.time))
        return self.opened[-1]

    def pass_time(self, seconds: float = LEASE + 1) -> None:
        self.time += seconds

    def worker(self, what: str) -> Puppet:
        ledger = self.open()

        def run(puppet: Puppet) -> None:
            worker = worker_of(puppet, self.hub, ledger, self.plan, self.pass_time)
            task(what, worker, ledger)

        self.puppets.append(Puppet(run))
        return self.puppets[-1]

    def run(self, what: str = "launch", at: str = "", fault: Any = None) -> BaseException | None:
        """Run a worker to its end, with a fault of one request; return its error."""
        worker = self.worker(what)
        if at:
            worker.go_to(at)
            worker.fault = fault
        worker.finish()
        assert worker.error is None or isinstance(worker.error, KatavenError), worker.error
        return worker.error

    def killed(self, what: str, at: str) -> None:
        """Run a worker until it is killed at an operation, and let its lease end."""
        worker = self.worker(what)
        worker.go_to(at)
        worker.kill()
        self.pass_time()

    def states(self) -> list[str]:
        return [row.state for row in self.ledger.rows()]

    def status(self) -> str:
        (campaign,) = self.hub.campaigns.values()
        found: str = campaign.fields["status"]
        return found

    def set_status(self, status: str) -> None:
        for campaign in self.hub.campaigns.values():
            campaign.fields["status"] = status

    def posts(self) -> int:
        return max(self.hub.posts.values(), default=0)


def task(what: str, worker: Worker, ledger: SQLiteLedger) -> None:
    if what in {"apply", "launch", "watch"}:
        getattr(worker, what)()
    elif what == "resend":
        worker.launch(resend_unknown=True)
    elif what == "resume":
        ledger.want("running")
        worker.resume()
    else:
        ledger.want("paused" if what == "pause" else "stopped")
        worker.settle()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for puppet in scene.puppets:
        puppet.kill()
    for ledger in scene.opened:
        ledger.close()


# Creating.


@pytest.mark.parametrize("status", UNCLEAR)
def test_a_status_that_does_not_say_whether_the_hub_created_is_never_sent_again(
    scene: Scene, status: int
) -> None:
    scene.hub.late = 5
    scene.run("launch", "hub.create", (status, True))
    assert scene.states() == ["unknown"]
    assert scene.run() is None
    assert scene.posts() == 1
    scene.hub.lists += 10
    scene.run()
    assert scene.states() == ["started"]
    assert scene.posts() == 1


@pytest.mark.parametrize("status", sorted(REFUSED - {429}))
def test_a_refused_create_is_sent_by_the_next_worker_at_once(scene: Scene, status: int) -> None:
    assert scene.run("launch", "hub.create", (status, False)) is not None
    assert scene.states() == ["planned"]
    assert scene.run() is None
    assert scene.states() == ["started"]


def test_a_create_that_was_never_sent_is_sent_later(scene: Scene) -> None:
    assert scene.run("launch", "hub.create", "unsent") is not None
    assert scene.states() == ["planned"]
    scene.run()
    assert (scene.states(), scene.posts()) == (["started"], 1)


def test_a_create_without_room_waits(scene: Scene) -> None:
    assert scene.run("launch", "hub.create", (429, False)) is None
    assert scene.states() == ["started"]


@pytest.mark.parametrize("at", ["hub.create", "hub.create acted"])
def test_a_worker_that_is_killed_at_its_create(scene: Scene, at: str) -> None:
    scene.killed("launch", at)
    scene.run()
    acted = at.endswith("acted")
    assert scene.states() == ["started" if acted else "unknown"]
    assert scene.posts() == int(acted)


def test_a_part_that_is_resent_and_refused_is_still_unknown(scene: Scene) -> None:
    scene.run("launch", "hub.create", "before")
    assert scene.states() == ["unknown"]
    scene.run("resend", "hub.create", (400, False))
    assert scene.states() == ["unknown"]


def test_two_drafts_of_a_part_are_neither_started_nor_sent_again(scene: Scene) -> None:
    scene.run("launch", "hub.create", "late")
    scene.killed("resend", "hub.create acted")
    scene.hub.arrive()
    assert len(scene.hub.campaigns) == 2
    scene.run()
    assert "2 campaigns" in scene.ledger.row(0).detail
    scene.run("resend")
    assert scene.states() == ["unknown"]
    assert scene.posts() == 2
    assert scene.hub.received["start"] == 0


@pytest.mark.parametrize(("others", "cut"), [(99, False), (150, True)])
def test_a_list_that_may_be_cut_proves_nothing(scene: Scene, others: int, cut: bool) -> None:
    scene.hub.others, scene.hub.cut, scene.hub.newest_first = others, cut, True
    scene.run("launch", "hub.create", "after")
    assert scene.states() == ["unknown"]
    assert "proves nothing" in scene.ledger.row(0).detail
    # It is there, so it is not sent on demand either.
    scene.run("resend")
    assert scene.posts() == 1


@pytest.mark.parametrize(("status", "state"), [("draft", "unknown"), ("running", "started")])
def test_a_draft_of_another_agent_is_not_started(scene: Scene, status: str, state: str) -> None:
    scene.killed("launch", "hub.create acted")
    (campaign,) = scene.hub.campaigns.values()
    campaign.fields |= {"agent_id": "other", "status": status}
    scene.run()
    assert scene.states() == [state]
    assert scene.hub.received["start"] == 0


def test_a_create_whose_response_has_no_id_is_looked_for(scene: Scene) -> None:
    create = scene.hub.do_create
    scene.hub.do_create = lambda *a: {**create(*a), "id": None}  # type: ignore[method-assign]
    scene.run()
    assert (scene.states(), scene.posts()) == (["started"], 1)


def test_a_worker_that_slept_keeps_the_campaign_that_was_adopted(scene: Scene) -> None:
    slept = scene.worker("launch")
    slept.go_to("hub.create acted")
    scene.pass_time()
    scene.run()
    slept.finish()
    assert scene.status() == "running"
    assert (scene.posts(), scene.hub.received["start"]) == (1, 1)
    assert scene.hub.received["delete"] == 0


def test_a_worker_that_slept_before_its_step_does_not_send(scene: Scene) -> None:
    slept = scene.worker("launch")
    slept.go_to("ledger.step")
    scene.pass_time()
    scene.run()
    slept.finish()
    assert (scene.states(), scene.posts()) == (["started"], 1)


@pytest.mark.parametrize("what", ["pause", "stop"])
def test_nothing_is_sent_after_a_pause_or_a_stop(scene: Scene, what: str) -> None:
    worker = scene.worker("launch")
    worker.go_to("ledger.step")
    scene.run(what)
    worker.finish()
    assert (scene.states(), scene.posts()) == (["planned"], 0)


def test_a_worker_that_slept_deletes_its_superfluous_draft(scene: Scene) -> None:
    slept = scene.worker("launch")
    slept.go_to("hub.create")
    scene.pass_time()
    scene.run("resend")
    assert scene.states() == ["started"]
    slept.finish()
    assert scene.hub.received["delete"] == 1
    assert scene.status() == "running"


def test_a_worker_that_slept_leaves_the_only_draft(scene: Scene) -> None:
    slept = scene.worker("launch")
    slept.go_to("hub.create")
    scene.pass_time()
    scene.run()
    assert scene.states() == ["unknown"]
    slept.finish()
    scene.run()
    assert scene.states() == ["started"]
    assert (scene.posts(), scene.hub.received["delete"]) == (1, 0)


def test_a_lease_is_renewed_while_a_worker_works(scene: Scene) -> None:
    renewed = threading.Event()
    ledger: Any = scene.ledger
    ledger.renew = lambda *_: renewed.set()
    campaigns: Any = None
    launcher = Launcher(context_of(campaigns, ledger, scene.plan, lease_seconds=0.03))
    row = ledger.claim(("planned",), LEASE)
    with launcher.leased(row):
        assert renewed.wait(10)
        assert ledger.claim(("planned",), LEASE) is None
    assert ledger.claim(("planned",), LEASE) is not None


# Another ledger.


def test_a_lost_ledger_sends_only_what_was_not_sent(scene: Scene) -> None:
    scene.begin(3)
    scene.killed("launch", "hub.create acted")
    scene.begin(3, "another")
    scene.run()
    assert scene.states() == ["started"] * 3
    assert scene.posts() == 1


def test_a_lost_ledger_and_a_list_that_is_cut_send_nothing(scene: Scene) -> None:
    scene.begin(4)
    scene.hub.others = 98
    scene.run()
    scene.hub.cut = True
    scene.begin(4, "another")
    worker = scene.worker("launch")
    # After a step of each of the two parts that are shown.
    worker.go_to("ledger.step", 3)
    worker.kill()
    scene.pass_time()
    scene.run()
    # The second worker finds no part any more that is planned and on the list.
    assert scene.states() == ["unknown"] * 4
    assert "another ledger" in scene.ledger.row(3).detail
    assert scene.posts() == 1
    scene.hub.cut = False
    scene.run()
    assert scene.states() == ["started"] * 4


# Starting.


@pytest.mark.parametrize("fault", ["before", "after", "error", "late", (500, False), (500, True)])
def test_a_start_whose_outcome_is_unclear_is_looked_at_first(scene: Scene, fault: Any) -> None:
    assert scene.run("launch", "hub.start", fault) is None
    scene.hub.arrive()
    assert (scene.states(), scene.status()) == (["started"], "running")
    assert len(scene.hub.started) == 1


@pytest.mark.parametrize("fault", ["unsent", (400, False), (404, False)])
def test_a_start_that_was_refused_is_sent_again_later(scene: Scene, fault: Any) -> None:
    scene.run("launch", "hub.start", fault)
    scene.run()
    assert (scene.states(), scene.status()) == (["started"], "running")


@pytest.mark.parametrize("at", ["hub.start", "hub.start acted"])
def test_a_campaign_that_a_person_paused_meanwhile_is_not_resumed(scene: Scene, at: str) -> None:
    scene.killed("launch", at)
    scene.set_status("paused")
    scene.run()
    assert (scene.states(), scene.status()) == (["started"], "paused")
    assert scene.hub.received["start"] == (1 if at.endswith("acted") else 0)


def test_a_draft_of_this_worker_is_looked_at_too_if_it_could_not_be_started(scene: Scene) -> None:
    scene.hub.room = 0
    worker = scene.worker("launch")
    worker.go_to("sleep", 2)
    assert scene.states() == ["created"]
    started = scene.hub.received["start"]
    scene.hub.room = 1
    scene.set_status("paused")
    scene.pass_time()
    worker.finish()
    assert (scene.states(), scene.status()) == (["started"], "paused")
    assert scene.hub.received["start"] == started


def test_a_worker_that_slept_before_its_step_does_not_start(scene: Scene) -> None:
    scene.killed("launch", "ledger.step")
    slept = scene.worker("launch")
    slept.go_to("hub.create acted")
    slept.go_to("ledger.step", 2)
    scene.pass_time()
    scene.run()
    scene.set_status("paused")
    slept.finish()
    assert (scene.status(), scene.hub.received["start"]) == ("paused", 1)


def test_a_draft_that_is_gone_is_unknown_and_not_sent_again(scene: Scene) -> None:
    scene.killed("launch", "hub.start")
    scene.hub.campaigns.clear()
    scene.run()
    scene.run("resend")
    assert (scene.states(), scene.posts()) == (["unknown"], 1)
    assert scene.ledger.row(0).campaign == "camp_0"


def test_a_campaign_of_an_unknown_part_that_appears_is_started_by_a_launch(scene: Scene) -> None:
    scene.hub.stale = 1
    scene.killed("launch", "hub.start")
    scene.run("launch")
    assert scene.states() == ["unknown"]
    watcher = scene.worker("watch")
    watcher.go_to("sleep")
    assert (scene.states(), scene.hub.received["start"]) == (["created"], 0)
    scene.run("launch")
    assert scene.states() == ["started"]


def test_starts_are_few_while_there_is_no_room(scene: Scene) -> None:
    scene.begin(3)
    scene.hub.room = 1
    worker = scene.worker("launch")
    worker.go_to("sleep", 3)
    assert scene.hub.received["start"] == 3
    scene.hub.finish()
    worker.go_to("sleep", 3)
    assert scene.hub.received["start"] <= 6
    # The room that others have freed is found, too.
    scene.hub.room = 3
    worker.finish()
    assert scene.states() == ["finished", "started", "started"]


@pytest.mark.parametrize("shown", [None, "draft", 7])
def test_a_start_whose_response_shows_no_status_counts_as_running(scene: Scene, shown: Any) -> None:
    start = scene.hub.do_start
    scene.hub.do_start = lambda made: {**start(made), "status": shown}  # type: ignore[method-assign]
    scene.run()
    assert (scene.states(), scene.ledger.row(0).status) == (["started"], "running")


# Pause, resume and stop.


@pytest.mark.parametrize(("what", "status"), [("pause", "paused"), ("stop", "completed")])
def test_a_start_on_its_way_is_paused_or_stopped_by_its_worker(
    scene: Scene, what: str, status: str
) -> None:
    worker = scene.worker("launch")
    worker.go_to("hub.start acted")
    scene.run(what)
    assert scene.status() == "running"
    worker.finish()
    assert scene.status() == status


@pytest.mark.parametrize(("what", "status"), [("pause", "paused"), ("stop", "completed")])
def test_a_start_of_a_killed_worker_is_paused_or_stopped(
    scene: Scene, what: str, status: str
) -> None:
    scene.killed("launch", "hub.start acted")
    scene.run(what)
    assert scene.status() == status


def test_a_start_of_a_killed_worker_is_stopped_by_watch_once_its_lease_ended(scene: Scene) -> None:
    worker = scene.worker("launch")
    worker.go_to("hub.start acted")
    worker.kill()
    scene.run("stop")
    assert scene.status() == "running"
    scene.run("watch")
    assert scene.status() == "completed"


@pytest.mark.parametrize("what", ["pause", "stop"])
def test_a_draft_is_not_started_after_a_pause_or_a_stop(scene: Scene, what: str) -> None:
    scene.killed("launch", "hub.start")
    scene.run(what)
    assert (scene.states(), scene.status()) == (["created"], "draft")


def a_start_that_arrives_late(scene: Scene) -> None:
    """Launch until a start is on its way, pause the run, and let the worker give the start up."""
    worker = scene.worker("launch")
    worker.go_to("hub.start")
    worker.fault = "late"
    worker.go_to("hub.get")
    scene.ledger.want("paused")
    worker.finish()
    assert scene.states() == ["created"]


def test_a_late_start_is_paused_by_watch(scene: Scene) -> None:
    a_start_that_arrives_late(scene)
    scene.hub.arrive()
    assert scene.status() == "running"
    watcher = scene.worker("watch")
    watcher.go_to("sleep")
    assert scene.status() == "paused"


@pytest.mark.parametrize(("what", "status"), [("pause", "paused"), ("stop", "completed")])
@pytest.mark.parametrize("others", [0, 100])
def test_a_late_start_is_paused_or_stopped_by_the_next_pause_or_stop(
    scene: Scene, what: str, status: str, others: int
) -> None:
    # With 100 others the list does not show it.
    scene.hub.others, scene.hub.cut = others, True
    a_start_that_arrives_late(scene)
    scene.run(what)
    # It was a draft, which a pause and a stop leave alone.
    assert (scene.states(), scene.status()) == (["created"], "draft")
    scene.hub.arrive()
    assert scene.status() == "running"
    scene.run(what)
    assert scene.status() == status


def test_a_late_resume_is_paused_by_watch(scene: Scene) -> None:
    scene.run()
    scene.run("pause")
    worker = scene.worker("resume")
    worker.go_to("hub.resume")
    worker.fault = "late"
    worker.finish()
    scene.run("pause")
    scene.hub.arrive()
    assert scene.status() == "running"
    scene.pass_time()
    watcher = scene.worker("watch")
    watcher.go_to("sleep")
    assert scene.status() == "paused"


@pytest.mark.parametrize("at", ["hub.pause", "hub.pause acted", "ledger.observe"])
def test_what_a_killed_worker_has_paused_is_resumed(scene: Scene, at: str) -> None:
    scene.run()
    scene.killed("pause", at)
    scene.run("resume")
    assert scene.status() == "running"


def test_a_resume_that_is_overtaken_by_a_pause_is_not_sent(scene: Scene) -> None:
    scene.run()
    scene.run("pause")
    worker = scene.worker("resume")
    worker.go_to("hub.get acted")
    scene.run("pause")
    worker.finish()
    assert (scene.status(), scene.hub.received["resume"]) == ("paused", 0)


def test_a_pause_that_overtakes_a_resume_can_be_resumed(scene: Scene) -> None:
    scene.run()
    scene.run("pause")
    worker = scene.worker("resume")
    worker.go_to("hub.resume acted")
    scene.run("pause")
    worker.finish()
    assert scene.status() == "paused"
    scene.pass_time()
    scene.run("resume")
    assert scene.status() == "running"


def test_a_resume_that_overtakes_a_pause_wins(scene: Scene) -> None:
    scene.run()
    worker = scene.worker("pause")
    worker.go_to("hub.pause")
    scene.run("resume")
    worker.finish()
    assert scene.status() == "running"


def test_a_campaign_that_a_person_paused_is_not_resumed_by_a_late_worker(scene: Scene) -> None:
    scene.run()
    scene.run("pause")
    late = scene.worker("resume")
    late.go_to("ledger.claim")
    scene.run("resume")
    scene.set_status("paused")
    late.finish()
    assert scene.status() == "paused"


def test_a_campaign_that_has_ended_is_not_paused(scene: Scene) -> None:
    scene.run()
    scene.set_status("completed")
    assert scene.run("pause") is None
    assert scene.status() == "completed"


# Following.


def test_a_campaign_that_was_deleted_has_failed(scene: Scene) -> None:
    scene.run()
    scene.hub.campaigns.clear()
    scene.run("watch")
    assert (scene.states(), scene.ledger.row(0).status) == (["failed"], "deleted")


def test_a_campaign_that_a_list_lacks_is_followed_by_get(scene: Scene) -> None:
    scene.run()
    scene.hub.others, scene.hub.cut = 150, True
    scene.set_status("completed")
    scene.run("watch")
    assert scene.states() == ["finished"]


def test_a_list_that_shows_a_started_campaign_as_a_draft_changes_nothing(scene: Scene) -> None:
    scene.run()
    scene.set_status("draft")
    watcher = scene.worker("watch")
    watcher.go_to("sleep")
    assert scene.states() == ["started"]
    scene.set_status("completed")
    watcher.finish()
    assert scene.states() == ["finished"]


def test_a_late_draft_is_adopted_by_apply(scene: Scene) -> None:
    worker = scene.worker("apply")
    worker.go_to("hub.create")
    worker.fault = "late"
    worker.go_to("hub.list acted")
    scene.hub.arrive()
    scene.hub.finishing = True
    worker.finish()
    scene.run("apply")
    assert (scene.states(), scene.posts()) == (["finished"], 1)
