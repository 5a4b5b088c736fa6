"""A run in which single requests fail, people interfere, and workers meet at a bad moment."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from kataven import BadRequestError, KatavenClient, ServerError
from kataven.bulk import BulkPlan, BulkRun, Part
from kataven.sandbox import Sandbox
from tests.bulk.test_run import SETTINGS, client, hub, plan, run, writes
from tests.support.patience import PATIENCE

__all__ = ["client", "hub", "plan", "run"]


def statuses(client: KatavenClient) -> list[str]:
    return [str(campaign["status"]) for campaign in client.campaigns.list()["campaigns"]]


def first_id(client: KatavenClient) -> str:
    return str(client.campaigns.list()["campaigns"][0]["id"])


@contextmanager
def logged(text: str) -> Iterator[threading.Event]:
    """An event that is set once the log has a text."""
    seen = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                seen.set()

    handler = Handler()
    logging.getLogger("kataven").addHandler(handler)
    try:
        yield seen
    finally:
        logging.getLogger("kataven").removeHandler(handler)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_one_stop_that_fails_does_not_leave_the_others_running(
    run: BulkRun, hub: Sandbox, client: KatavenClient
) -> None:
    run.launch()
    hub.faults.add(f"POST /campaigns/{first_id(client)}/stop", status=500, times=1)
    with pytest.raises(ServerError):
        run.stop()
    assert sorted(statuses(client)) == ["completed", "completed", "completed", "running"]
    run.stop()
    assert statuses(client) == ["completed"] * 4


def test_one_pause_that_fails_does_not_leave_the_others_running(
    run: BulkRun, hub: Sandbox, client: KatavenClient
) -> None:
    run.launch()
    hub.faults.add(f"POST /campaigns/{first_id(client)}/pause", status=500, times=1)
    with pytest.raises(ServerError):
        run.pause()
    assert sorted(statuses(client)) == ["paused", "paused", "paused", "running"]


def test_watch_stops_what_a_stop_has_not_reached_even_if_it_is_paused(
    run: BulkRun, hub: Sandbox, client: KatavenClient
) -> None:
    run.launch()
    run.pause()
    hub.faults.add(f"POST /campaigns/{first_id(client)}/stop", status=500, times=1)
    with pytest.raises(ServerError):
        run.stop()
    run.watch()
    assert statuses(client) == ["completed"] * 4


def test_a_campaign_that_a_person_has_paused_stays_paused(
    run: BulkRun, client: KatavenClient
) -> None:
    """Also if no poll has shown it before the run is paused."""
    run.launch()
    client.campaigns.pause(first_id(client))
    run.pause()
    assert statuses(client) == ["paused"] * 4
    run.resume()
    assert statuses(client) == ["paused", "running", "running", "running"]


def test_watch_starts_no_draft(run: BulkRun, hub: Sandbox, client: KatavenClient) -> None:
    """A start that was refused with 404 leaves a draft, which a poll finds again."""
    hub.faults.add("POST /campaigns/*/start", status=404, times=4)
    assert run.launch().counts["unknown"] == 4
    with logged("watch() starts nothing") as warned:
        watching = in_thread(run.watch)
        assert warned.wait(PATIENCE)
    assert statuses(client) == ["draft"] * 4
    assert writes(hub)["POST start"] == 4
    run.apply()
    watching.join(PATIENCE)
    assert writes(hub)["POST start"] == 8


def test_a_part_that_the_hub_refuses_does_not_hold_up_the_others(
    plan: BulkPlan, hub: Sandbox, client: KatavenClient
) -> None:
    data = b"phone_number\r\n+0\r\n+1415555\r\n"
    sha256 = hashlib.sha256(data).hexdigest()
    (plan.directory / "parts" / f"{sha256}.csv").write_bytes(data)
    parts = list(plan.parts)
    parts[1] = Part(sha256, f"parts/{sha256}.csv", 2)
    with BulkRun(replace(plan, parts=tuple(parts)), client, **SETTINGS) as run:
        with pytest.raises(BadRequestError):
            run.launch()
        counts = run.status().counts
        assert (counts["planned"], counts["started"]) == (1, 3)
        assert writes(hub)["POST campaigns"] == 4
        with pytest.raises(BadRequestError):
            run.apply()
        assert run.status().counts["finished"] == 3


def test_a_worker_that_pauses_too_late_resumes(
    plan: BulkPlan, client: KatavenClient, hub: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process pauses and resumes the run while this one starts a campaign."""
    with BulkRun(plan, client, **SETTINGS) as run, BulkRun(plan, client, **SETTINGS) as other:
        campaigns = type(client.campaigns)
        start, pause = campaigns.start, campaigns.pause

        def start_then_pause(self: Any, campaign_id: str) -> Any:
            started = start(self, campaign_id)
            other.pause()
            return started

        def resume_then_pause(self: Any, campaign_id: str) -> Any:
            monkeypatch.setattr(campaigns, "pause", pause)
            other.resume()
            return pause(self, campaign_id)

        monkeypatch.setattr(campaigns, "start", start_then_pause)
        monkeypatch.setattr(campaigns, "pause", resume_then_pause)
        run.apply_part(plan.parts[0])
        assert statuses(client) == ["running"]


def test_resume_waits_while_the_hub_shows_a_draft(
    run: BulkRun, hub: Sandbox, client: KatavenClient
) -> None:
    """A response that is behind must not make a loop without a pause."""
    run.launch()
    run.pause()
    before = hub.now()
    hub.faults.add("GET /campaigns/*", status=200, body='{"id": "x", "status": "draft"}', times=8)
    run.resume()
    assert statuses(client) == ["running"] * 4
    # At least one pause between two rounds; the clock is the Hub's.
    assert (hub.now() - before).total_seconds() >= 2


def test_resend_unknown_is_not_forgotten_while_the_run_is_paused(
    run: BulkRun, hub: Sandbox, plan: BulkPlan, client: KatavenClient
) -> None:
    hub.faults.add("POST /campaigns", status=500, times=1)
    assert run.apply_part(plan.parts[0]).state == "unknown"
    run.pause()
    slept = threading.Event()
    with (
        KatavenClient(hub.api_key, base_url=hub.url, clock=_Slow(hub.client_clock, slept)) as slow,
        BulkRun(plan, slow, **SETTINGS) as other,
    ):
        thread = in_thread(lambda: other.apply(resend_unknown=True))
        # Its first launch is over.
        assert slept.wait(PATIENCE)
        run.resume()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert run.status().counts["finished"] == 4


def test_resend_unknown_is_not_forgotten_if_the_run_is_resumed_between_two_looks(
    run: BulkRun, hub: Sandbox, plan: BulkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.add("POST /campaigns", status=500, times=1)
    assert run.apply_part(plan.parts[0]).state == "unknown"
    looks = iter(["paused"])
    wanted = run._ledger.wanted
    monkeypatch.setattr(run._ledger, "wanted", lambda: next(looks, None) or wanted())
    assert run.apply(resend_unknown=True).counts["finished"] == 4
    assert next(looks, None) is None


class _Slow:
    """A clock that says when something waits for the first time."""

    def __init__(self, clock: Any, slept: threading.Event) -> None:
        self._clock = clock
        self._slept = slept

    def now(self) -> float:
        return float(self._clock.now())

    def jitter(self) -> float:
        return float(self._clock.jitter())

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self._slept.set()


def test_an_interruption_while_the_lease_begins_ends_it(
    run: BulkRun, client: KatavenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def interrupted(self: threading.Thread) -> None:
        start(self)
        if self.name == "kataven-bulk-lease":
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.launch()
    monkeypatch.undo()
    assert not [each for each in threading.enumerate() if each.name == "kataven-bulk-lease"]
    # The part is free at once.
    assert run.launch().counts["started"] == 4


def test_a_start_that_is_refused_is_in_the_log(plan: BulkPlan) -> None:
    with (
        Sandbox(time_scale=60, limits=None, call_limits={"concurrent_max": 10}) as hub,
        KatavenClient(hub.api_key, base_url=hub.url) as client,
        BulkRun(plan, client, **SETTINGS, max_concurrent_calls=11) as run,
        logged("cannot be started for now") as refused,
    ):
        thread = in_thread(run.launch)
        assert refused.wait(PATIENCE)
        run.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
