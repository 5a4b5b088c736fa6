"""Runs of a plan with windows: by the Hub's journal, calls begin inside local hours only.

The Hub's manual clock is that of the clients and of the ledger. Every contact is busy and dialled
six times, three hours apart, so that a part takes two days of office hours.
"""

import datetime as dt
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kataven import ContactsWarning, KatavenClient, RateLimits
from kataven.bulk import BulkPlan, BulkProgress, BulkRun, prepare
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.contacts._timezones import NumberZones
from kataven.sandbox import Clock, Sandbox

OFFICE = "MO-FR 09:00-17:00"
NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
# Two in New York, two in London, two that may be in Sydney or in Perth.
NEW_YORKERS = ("+12125550100", "+12125550101")
LONDONERS = ("+442079460001", "+442079460002")
AUSTRALIANS = ("+61491570156", "+61491570157")
NEVER = ("+18005550100", "+447700900123")
SETTINGS: dict[str, Any] = {
    "name": "List",
    "agent_id": "agent",
    "phone_number_id": "number",
    "retries_per_contact": 5,
    "retry_delay_seconds": 3 * 3600,
    "poll_seconds": 1800,
    "lease_seconds": 120,
}
CALLS = 6


class ActingClock:
    """The Hub's clock, which does something when a moment has come, between two sleeps."""

    def __init__(self, hub: Sandbox) -> None:
        self._clock = hub.client_clock
        self.todo: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return self._clock.now()

    def jitter(self) -> float:
        return self._clock.jitter()

    def sleep(self, seconds: float, /) -> None:
        until = self.now() + seconds
        while self.todo and self.todo[0][0] <= until:
            moment, act = self.todo.pop(0)
            if moment > self.now():
                self._clock.sleep(moment - self.now())
            act()
        if until > self.now():
            self._clock.sleep(until - self.now())

    def at(self, moment: dt.datetime, act: Callable[[], object]) -> None:
        self.todo.append((moment.timestamp(), act))


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub:
        hub.outcomes["+*"] = "busy"
        yield hub


@pytest.fixture
def clock(hub: Sandbox) -> ActingClock:
    return ActingClock(hub)


@pytest.fixture
def client(hub: Sandbox, clock: ActingClock) -> Iterator[KatavenClient]:
    with KatavenClient(hub.api_key, base_url=hub.url, clock=clock) as client:
        yield client


@contextmanager
def run_of(plan: BulkPlan, client: KatavenClient, **options: Any) -> Iterator[BulkRun]:
    """A run whose ledger has the clock of the client."""
    with BulkRun(plan, client, **{**SETTINGS, **options}) as run:
        path = plan.directory / "test.sqlite"
        run._ledger.close()
        run._ledger = SQLiteLedger(path, plan.id, now=client._driver.clock.now)
        yield run


def plan_of(folder: Path, *numbers: str, max_rows: int = 100) -> BulkPlan:
    rows = [{"phone_number": number} for number in numbers]
    return prepare(rows, directory=folder / "plan", windows=OFFICE, max_rows=max_rows)


def go_to(hub: Sandbox, moment: dt.datetime) -> None:
    hub.advance((moment - hub.now()).total_seconds())


def next_day(hub: Sandbox, day: int, hour: int, zone: ZoneInfo = NEW_YORK) -> dt.datetime:
    """The first such day of the week (0 is Monday) after tomorrow, at an hour in a zone."""
    start = hub.now().astimezone(zone).date() + dt.timedelta(days=2)
    date = start + dt.timedelta(days=(day - start.weekday()) % 7)
    return dt.datetime.combine(date, dt.time(hour), zone)


def clocks_change(hub: Sandbox, zone: ZoneInfo, hours: int) -> dt.date:
    """The Sunday on which the clocks go forward or back next, at least three days from now."""
    date = hub.now().date() + dt.timedelta(days=3)
    while True:
        offsets = [
            dt.datetime.combine(each, dt.time(), zone).utcoffset()
            for each in (date, date + dt.timedelta(days=1))
        ]
        before, after = (each or dt.timedelta() for each in offsets)
        if after - before == dt.timedelta(hours=hours):
            return date
        date += dt.timedelta(days=1)


def calls(hub: Sandbox) -> dict[str, list[dt.datetime]]:
    """When calls began, by number; checks that each was inside the hours of all its zones."""
    zones = NumberZones()
    found: dict[str, list[dt.datetime]] = {}
    campaigns: dict[str, set[str]] = {}
    for entry in hub.journal:
        if entry.action != "call":
            continue
        assert entry.number is not None
        places = zones.of(entry.number)
        assert places
        for zone in places:
            wall = entry.time.astimezone(ZoneInfo(zone))
            assert wall.weekday() < 5, entry
            assert 9 <= wall.hour < 17, (zone, wall)
        found.setdefault(entry.number, []).append(entry.time)
        campaigns.setdefault(entry.number, set()).add(entry.campaign)
    assert all(len(each) == 1 for each in campaigns.values())
    return found


def statuses(client: KatavenClient) -> Counter[str]:
    return Counter(each["status"] for each in client.campaigns.iter_campaigns())


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
def test_calls_begin_inside_local_hours(
    hub: Sandbox, client: KatavenClient, clock: ActingClock, tmp_path: Path, hours: int
) -> None:
    sunday = clocks_change(hub, NEW_YORK, hours)
    friday = dt.datetime.combine(sunday - dt.timedelta(days=2), dt.time(8), NEW_YORK)
    go_to(hub, friday)
    with pytest.warns(ContactsWarning, match="2 rows can never be called"):
        plan = plan_of(tmp_path, *NEW_YORKERS, *LONDONERS, *AUSTRALIANS, *NEVER)
    assert {"America/New_York", "Europe/London"} < {part.group for part in plan.parts}
    with run_of(plan, client) as run:
        last = run.apply()
    called = calls(hub)
    assert set(called) == {*NEW_YORKERS, *LONDONERS, *AUSTRALIANS}
    assert all(len(each) == CALLS for each in called.values())
    # Friday and Monday, from nine o'clock on before and after the change.
    first, monday = called[NEW_YORKERS[0]][0], called[NEW_YORKERS[0]][3]
    nine = dt.datetime.combine(sunday + dt.timedelta(days=1), dt.time(9), NEW_YORK)
    assert first == friday.replace(hour=9)
    assert dt.timedelta() <= monday - nine < dt.timedelta(seconds=60)
    assert last.finished
    assert last.counts["finished"] == 3
    assert last.counts["planned"] == 2
    never = {each.group for each in last.groups if each.never}
    assert {part.group for part in last.parts if part.state == "planned"} == never
    assert len(never) == 2
    # A pause and a resume for each evening and morning.
    actions = Counter(entry.action for entry in hub.journal)
    assert actions["create"] == actions["start"] == actions["complete"] == 3
    assert 3 <= actions["pause"] == actions["resume"] <= 6
    assert statuses(client) == {"completed": 3}


def test_launch_waits_for_the_hours_and_says_that_nothing_pauses(
    hub: Sandbox,
    client: KatavenClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    saturday = next_day(hub, 5, 12)
    go_to(hub, saturday)
    seen: list[BulkProgress] = []
    plan = plan_of(tmp_path, *NEW_YORKERS)
    with run_of(plan, client, on_progress=seen.append, poll_seconds=7200) as run:
        before = run.status()
        assert [(each.open, each.parts) for each in before.groups] == [(False, 1)]
        assert not before.needs_watch
        launched = run.launch()
        monday = dt.datetime.combine(saturday.date() + dt.timedelta(days=2), dt.time(9), NEW_YORK)
        assert hub.now() == monday
        assert before.groups[0].until == monday.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert launched.counts["started"] == 1
        assert launched.groups[0].open
        assert launched.needs_watch
    assert [
        record.levelno for record in caplog.records if "run watch() or apply()" in record.message
    ] == [logging.WARNING]
    # Nothing was created before, and no list was read over and over.
    assert len(hub.requests) <= 6


def test_polls_are_rare_at_night(hub: Sandbox, client: KatavenClient, tmp_path: Path) -> None:
    monday = next_day(hub, 0, 10)
    go_to(hub, monday)
    with run_of(plan_of(tmp_path, *NEW_YORKERS), client, poll_seconds=2) as run:
        run.launch()
        worker = run._worker()
        assert worker._polling.interval() == 2
        go_to(hub, monday.replace(hour=16, minute=59))
        # The campaign still calls.
        assert worker._polling.interval() == 2
        worker._keeper.keep()
        assert statuses(client) == {"paused": 1}
        assert worker._polling.interval() == 60
        # But nothing sleeps beyond the opening.
        go_to(hub, monday.replace(hour=8, minute=59, second=30) + dt.timedelta(days=1))
        assert worker._polling.interval() == pytest.approx(30)


def test_a_part_that_never_may_call_is_never_started(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    with pytest.warns(ContactsWarning, match="2 rows can never be called") as warned:
        plan = plan_of(tmp_path, *NEVER)
    assert "42 time zones without a shared open hour" in str(warned[0].message)
    assert "whose time zone is unknown" in str(warned[0].message)
    with run_of(plan, client) as run:
        assert run.apply_part(plan.parts[0]).state == "planned"
        last = run.apply()
    assert last.counts["planned"] == 2
    assert last.finished
    assert not last.needs_watch
    assert hub.journal == []


@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False])
def test_a_campaign_that_a_person_paused_stays_paused(
    hub: Sandbox, client: KatavenClient, clock: ActingClock, tmp_path: Path, seen: bool
) -> None:
    monday = next_day(hub, 0, 8)
    go_to(hub, monday)
    plan = plan_of(tmp_path, *NEW_YORKERS, max_rows=1)
    shown: dict[str, str] = {}

    def pause() -> None:
        person.pause(shown.setdefault("paused", run.status().parts[0].campaign_id or ""))

    def look() -> None:
        shown.update({each["id"]: each["status"] for each in person.list()["campaigns"]})

    with (
        KatavenClient(hub.api_key, base_url=hub.url) as other,
        run_of(plan, client) as run,
    ):
        person = other.campaigns
        # At 16:55 no poll follows before the end of the hours.
        clock.at(monday.replace(hour=13 if seen else 16, minute=0 if seen else 55), pause)
        tuesday = monday + dt.timedelta(days=1)
        clock.at(tuesday.replace(hour=10), look)
        clock.at(tuesday.replace(hour=11), lambda: person.resume(shown["paused"]))
        last = run.apply()
    paused = shown.pop("paused")
    assert shown.pop(paused) == "paused"
    assert list(shown.values()) == ["running"]
    assert last.counts["finished"] == 2
    called = calls(hub)
    assert all(len(each) == CALLS for each in called.values())
    resumed = Counter(e.campaign for e in hub.journal if e.action == "resume")
    assert resumed[paused] >= 1
    first = next(e.time for e in hub.journal if e.action == "resume" and e.campaign == paused)
    assert first == tuesday.replace(hour=11)


@pytest.mark.slow
def test_a_run_that_is_paused_over_the_opening_stays_paused(
    hub: Sandbox, client: KatavenClient, clock: ActingClock, tmp_path: Path
) -> None:
    monday = next_day(hub, 0, 8)
    go_to(hub, monday)
    plan = plan_of(tmp_path, *NEW_YORKERS)
    tuesday = monday + dt.timedelta(days=1)
    shown: list[Counter[str]] = []
    with run_of(plan, client) as run, run_of(plan, client) as other:
        clock.at(monday.replace(hour=20), other.pause)
        clock.at(tuesday.replace(hour=10), lambda: shown.append(statuses(client)))
        clock.at(tuesday.replace(hour=11), other.resume)
        last = run.apply()
    assert shown == [{"paused": 1}]
    assert last.counts["finished"] == 1
    for each in calls(hub).values():
        assert len(each) == CALLS
        assert [e.astimezone(NEW_YORK).hour for e in each[:4]] == [9, 12, 15, 11]


@pytest.mark.slow
def test_a_run_that_is_resumed_at_night_continues_in_the_morning(
    hub: Sandbox, client: KatavenClient, clock: ActingClock, tmp_path: Path
) -> None:
    monday = next_day(hub, 0, 8)
    go_to(hub, monday)
    plan = plan_of(tmp_path, *NEW_YORKERS)
    shown: list[Counter[str]] = []

    def resume() -> None:
        assert other.resume().wanted == "running"
        shown.append(statuses(client))

    with run_of(plan, client) as run, run_of(plan, client) as other:
        clock.at(monday.replace(hour=14), other.pause)
        clock.at(monday.replace(hour=20), resume)
        assert run.apply().counts["finished"] == 1
    assert shown == [{"paused": 1}]
    for each in calls(hub).values():
        assert [e.astimezone(NEW_YORK).hour for e in each[:3]] == [9, 12, 9]


@pytest.mark.slow
def test_a_stop_at_night_is_final(
    hub: Sandbox, client: KatavenClient, clock: ActingClock, tmp_path: Path
) -> None:
    monday = next_day(hub, 0, 8)
    go_to(hub, monday)
    plan = plan_of(tmp_path, *NEW_YORKERS)
    with run_of(plan, client) as run, run_of(plan, client) as other:
        clock.at(monday.replace(hour=20), other.stop)
        assert run.apply().wanted == "stopped"
    assert statuses(client) == {"completed": 1}
    assert all(len(each) == 3 for each in calls(hub).values())


@pytest.mark.slow
def test_another_worker_pauses_and_resumes_what_a_dead_one_has_started(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    go_to(hub, next_day(hub, 0, 10))
    plan = plan_of(tmp_path, *NEW_YORKERS, *LONDONERS)
    with run_of(plan, client) as first:
        assert first.launch().counts["started"] == 2
    hub.advance(3600)
    with run_of(plan, client) as second:
        assert second.watch().counts["finished"] == 2
    assert all(len(each) == CALLS for each in calls(hub).values())


@pytest.mark.slow
def test_a_campaign_whose_worker_died_while_it_started_it_is_paused(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    """The lease of the dead worker has not ended when the local hours do."""
    monday = next_day(hub, 0, 16)
    go_to(hub, monday)
    plan = plan_of(tmp_path, *NEW_YORKERS)
    lease = 4000
    with run_of(plan, client) as run:
        run._begin()
        ledger = run._ledger
        row = ledger.claim(("planned",), lease)
        assert row is not None
        row = ledger.step(row, "sending", lease)
        assert row is not None
        made = client.campaigns.create(
            "List", "agent", "number", plan.read(plan.parts[0]), 5, 5, 3 * 3600
        )
        row = ledger.step(row, "created", lease, campaign=made["id"], status="draft")
        assert row is not None
        row = ledger.step(row, "starting", lease)
        client.campaigns.start(made["id"])
        assert run.apply().counts["finished"] == 1
    ended = next(e.time for e in hub.journal if e.action == "pause")
    assert ended == monday.replace(minute=59)
    for each in calls(hub).values():
        assert [e.astimezone(NEW_YORK).hour for e in each] == [16, 9, 12, 15, 9, 12]


@pytest.mark.slow
def test_several_workers_pause_and_resume_each_campaign_once_a_day(
    hub: Sandbox, tmp_path: Path
) -> None:
    go_to(hub, next_day(hub, 0, 8))
    plan = plan_of(tmp_path, *NEW_YORKERS, "+12125550102", "+12125550103", max_rows=1)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with (
                KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
                run_of(plan, client) as run,
            ):
                assert run.apply().counts["finished"] == 4
        except BaseException as error:
            failures.append(error)
            raise

    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not failures
    assert all(len(each) == CALLS for each in calls(hub).values())
    actions = Counter(
        (e.action, e.campaign) for e in hub.journal if not e.action.startswith("call")
    )
    assert set(actions.values()) == {1}


def test_a_start_does_not_wait_in_the_queue_until_its_hours_have_ended(
    hub: Sandbox, clock: ActingClock, tmp_path: Path
) -> None:
    go_to(hub, next_day(hub, 0, 16).replace(minute=50))
    plan = plan_of(tmp_path, *NEW_YORKERS, max_rows=1)
    limits = RateLimits(per_hour=4)
    with (
        KatavenClient(hub.api_key, base_url=hub.url, clock=clock, rate_limits=limits) as client,
        run_of(plan, client) as run,
    ):
        # The list, a create, a start, and another create: an hour until the next start.
        launched = run.launch()
    assert launched.counts["started"] == 2
    starts = [e.time.astimezone(NEW_YORK) for e in hub.journal if e.action == "start"]
    assert [each.hour for each in starts] == [16, 9]


class SetClock:
    """A clock that a test sets."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment.timestamp()

    def now(self) -> float:
        return self.moment

    def jitter(self) -> float:
        return 0.5

    def sleep(self, seconds: float, /) -> None:
        self.moment += seconds


def test_campaigns_are_paused_while_the_worker_is_busy_with_something_else(
    hub: Sandbox, tmp_path: Path
) -> None:
    monday = next_day(hub, 0, 10)
    go_to(hub, monday)
    clock = SetClock(monday)
    plan = plan_of(tmp_path, *NEW_YORKERS, max_rows=1)
    paused = threading.Event()

    def on_response(event: Any) -> None:
        if event.path.endswith("/pause"):
            paused.set()

    def busy(progress: BulkProgress) -> None:
        if progress.counts["started"] == 1 and not paused.is_set():
            clock.moment = monday.replace(hour=16, minute=59).timestamp()
            assert paused.wait(10)

    with (
        KatavenClient(
            hub.api_key, base_url=hub.url, clock=clock, on_response=on_response
        ) as client,
        run_of(plan, client, on_progress=busy) as run,
    ):
        launched = run.launch()
    assert launched.counts["started"] == 2
    assert [e.action for e in hub.journal if e.action in {"start", "pause"}][:2] == [
        "start",
        "pause",
    ]
