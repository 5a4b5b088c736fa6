"""The progress of a run between the ends of two parts: from event streams, for all workers."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kataven import KatavenClient, RateLimits
from kataven.bulk import BulkPlan, BulkProgress, BulkRun
from kataven.bulk._follow import MOST_STREAMS, Follower, contacts_done, seconds_by_limits
from kataven.bulk._opening import PlanHours
from kataven.bulk._progress import BulkMeter
from kataven.bulk.ledger import LedgerRow
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.sandbox import Clock, Sandbox
from tests.bulk.test_run import ROWS, SETTINGS, make_plan
from tests.support.server import wait_for

PATIENCE = 30.0
LIMITS = {"concurrent_max": 1000}


class StillClock:
    """The clock of a manual Hub, which nobody's sleep moves."""

    def __init__(self, hub: Sandbox) -> None:
        self._hub = hub
        self._wake = threading.Event()

    def now(self) -> float:
        return self._hub.now().timestamp()

    def jitter(self) -> float:
        return 0.5

    def sleep(self, _seconds: float, /) -> None:
        self._wake.wait(0.02)


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None, call_limits=LIMITS) as hub:
        yield hub


@pytest.fixture
def client(hub: Sandbox) -> Iterator[KatavenClient]:
    with KatavenClient(hub.api_key, base_url=hub.url, clock=StillClock(hub)) as client:
        yield client


def launched(folder: Path, client: KatavenClient, parts: int, **options: Any) -> BulkRun:
    run = BulkRun(make_plan(folder / "plan", parts), client, **SETTINGS, **options)
    run.launch()
    return run


def asked(hub: Sandbox) -> Counter[str]:
    return Counter(r.path.rpartition("/")[2] for r in hub.requests)


def done_at(hub: Sandbox, run: BulkRun) -> int:
    """How many contacts of all campaigns are done by what the Hub has."""
    ids = [str(part.campaign_id) for part in run.status().parts if part.campaign_id]
    contacts = [contact for each in ids for contact in hub.contacts(each)]
    return sum(contact["status"] in {"completed", "failed", "cancelled"} for contact in contacts)


def test_the_progress_moves_before_the_first_part_has_finished(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    # In each part one number is answered for long, and the other one is busy at once.
    hub.outcomes["+1*"] = "busy"
    for part in range(3):
        hub.outcomes[f"+1415{part:04d}000"] = "answered"
    seen: list[BulkProgress] = []
    run = launched(tmp_path, client, 3, poll_seconds=0.02, on_progress=seen.append)
    with run:
        watching = threading.Thread(target=run.watch, daemon=True)
        watching.start()
        wait_for(lambda: asked(hub)["events"] == 3, PATIENCE)
        while not 0 < done_at(hub, run) < 3 * ROWS:
            hub.advance(1)
        wanted = done_at(hub, run)
        wait_for(lambda: seen[-1].contacts_done == wanted, PATIENCE)
        assert seen[-1].counts["started"] == 3
        # Any process sees it, and asks no Hub for it.
        assert run.status().contacts_done == wanted
        hub.advance(86_400)
        watching.join(PATIENCE)
    assert not watching.is_alive()
    assert seen[-1].contacts_done == 3 * ROWS
    assert seen[-1].finished
    assert asked(hub)["events"] == 3
    counts = [progress.contacts_done for progress in seen]
    assert counts == sorted(counts)


def test_without_on_progress_no_stream_is_opened(hub: Sandbox, tmp_path: Path) -> None:
    with (
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
        launched(tmp_path, client, 2) as run,
    ):
        last = run.watch()
    assert last.finished
    assert last.quota_eta_seconds is None
    assert asked(hub).keys() == {"campaigns", "start"}


def test_campaigns_are_followed_up_to_a_bound(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    with launched(tmp_path, client, MOST_STREAMS + 2) as run:
        ledger = run._ledger
        with Follower(client, ledger, None) as follower:
            follower.update(ledger.rows())
            wait_for(lambda: asked(hub)["events"] == MOST_STREAMS, PATIENCE)
            follower.update(ledger.rows())
            # A campaign that is paused makes room for another one.
            first = ledger.rows()[0]
            client.campaigns.pause(str(first.campaign))
            ledger.observe(first, "started", "paused")
            follower.update(ledger.rows())
            wait_for(lambda: asked(hub)["events"] == MOST_STREAMS + 1, PATIENCE)
        followed = {r.path for r in hub.requests if r.path.endswith("/events")}
        assert len(followed) == MOST_STREAMS + 1


@pytest.mark.slow
def test_a_client_with_few_requests_in_flight_keeps_most_of_them(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    with launched(tmp_path, client, 4) as run, Follower(client, run._ledger, 5) as follower:
        follower.update(run._ledger.rows())
        assert len(follower._streams) == 2
    limited = {"rate_limits": RateLimits(concurrent=1), "clock": hub.client_clock}
    with (
        KatavenClient(hub.api_key, base_url=hub.url, **limited) as slow,  # type: ignore[arg-type]
        BulkRun(run._plan, slow, **SETTINGS, on_progress=lambda _: None) as other,
    ):
        assert other.watch().finished


def test_one_worker_follows_and_the_next_one_takes_over(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    now = [0.0]
    with launched(tmp_path, client, 2) as run:
        ledger = SQLiteLedger(tmp_path / "plan" / "ledger.sqlite", run._plan.id, lambda: now[0])
        rows = ledger.rows()
        first, second, third = (Follower(client, ledger, None) for _ in range(3))
        with third:
            with second:
                with first:
                    first.update(rows)
                    wait_for(lambda: asked(hub)["events"] == 2, PATIENCE)
                    second.update(rows)
                    assert (len(first._streams), len(second._streams)) == (2, 0)
                # The first one has ended, and leaves its turn.
                second.update(rows)
                wait_for(lambda: asked(hub)["events"] == 4, PATIENCE)
                # The second one is killed: its turn ends by itself.
                third.update(rows)
                assert not third._streams
                now[0] += 601
                third.update(rows)
                wait_for(lambda: asked(hub)["events"] == 6, PATIENCE)
                hub.advance(601)
                second.update(rows)
                assert (len(second._streams), len(third._streams)) == (0, 2)
        # The limits of the account were requested once in an hour.
        assert asked(hub)["call-limits"] == 1
        ledger.close()


def test_a_hub_without_streams_is_polled(hub: Sandbox, tmp_path: Path) -> None:
    hub.faults.add("GET /campaigns/*/events", status=404, times=None)
    hub.faults.add("GET /call-limits", status=403, times=None)
    with (
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
        launched(tmp_path, client, 2, on_progress=lambda _: None) as run,
    ):
        last = run.watch()
        assert run.status().quota_eta_seconds is None
    assert last.counts["finished"] == 2
    assert asked(hub)["events"] <= 2


def test_the_limits_of_the_account_give_the_least_time(tmp_path: Path) -> None:
    limits = {**LIMITS, "calls_per_minute": 2, "daily_calls_max": 3}
    with (
        Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub,
        KatavenClient(hub.api_key, base_url=hub.url, clock=StillClock(hub)) as client,
        launched(tmp_path, client, 4) as run,
    ):
        assert run.status().quota_eta_seconds is None
        with Follower(client, run._ledger, None) as follower:
            follower.update(run._ledger.rows())
        # Eight calls, three a day: the last two on the third day.
        assert run.status().quota_eta_seconds == 2 * 86_400
        assert seconds_by_limits(run._ledger, 3) == 60
        assert seconds_by_limits(run._ledger, 0) == 0
        for odd in ('{"calls_per_minute": "2"}', '{"daily_calls_max": 0}', "{}"):
            run._ledger.set_note("call limits", odd)
            assert run.status().quota_eta_seconds is None


def test_the_rate_counts_contacts_of_parts_that_run(tmp_path: Path) -> None:
    plan: BulkPlan = make_plan(tmp_path / "plan", 3)
    rows = [
        LedgerRow(0, "started", 1, "a"),
        LedgerRow(1, "finished", 1, "b"),
        LedgerRow(2, "planned", 0),
    ]
    meter = BulkMeter(plan, PlanHours(plan, lambda: 0.0))
    first = meter.take(rows, "running", 0.0, {0: 0, 1: 1, 2: 1})
    assert (first.contacts_done, first.eta_seconds) == (2, None)
    second = meter.take(rows, "running", 30.0, {0: 1})
    assert (second.contacts_done, second.contacts_per_minute, second.eta_seconds) == (3, 2.0, 90.0)
    # A Hub that counts more than the list has.
    assert meter.take(rows, "running", 30.0, {0: 99}).contacts_done == 4


def test_what_was_done_stays_while_a_campaign_is_not_followed(
    hub: Sandbox, client: KatavenClient, tmp_path: Path
) -> None:
    with launched(tmp_path, client, 2) as run, Follower(client, run._ledger, None) as follower:
        ledger = run._ledger
        ledger.set_note("contacts done", '{"0": 1, "1": 2}')
        first, second = ledger.rows()
        ledger.observe(first, "started", "paused")
        ledger.observe(second, "finished", "completed")
        follower.update(ledger.rows())
        assert contacts_done(ledger) == {0: 1}
