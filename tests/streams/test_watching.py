"""A campaign is followed until it has certainly ended, over a stream or by polling."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kataven import (
    APIStatusError,
    AuthenticationError,
    KatavenError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RateLimits,
    ResponseFormatError,
    ServerError,
    StreamError,
)
from kataven.campaigns.progress import CampaignProgress
from tests.support.http import END, HEARTBEAT, data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, reset, silence, stream
from tests.support.tables import table

if TYPE_CHECKING:
    from tests.support.clients import DrivenClock

EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"


def shot(status: str, done: int = 0) -> bytes:
    return data({"status": status, "total": 4, "pending": 4 - done, "completed": done})


def watched(caller: Any, hub: LoopbackHub, clock: DrivenClock, **options: Any) -> list[str]:
    """The statuses that a watch yields, to its end."""
    progress = caller.rest(caller.client(hub, clock=clock).campaigns.watch("c1", **options))
    assert all(isinstance(one, CampaignProgress) for one in progress)
    return [one.status for one in progress]


def test_a_terminal_snapshot_is_the_end_without_a_marker(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running"), shot("failed", 2), end="silent"))
    assert watched(caller, hub, clock) == ["running", "failed"]
    hub.wait_until_left()
    assert hub.routes == [EVENTS]


def test_items_after_a_terminal_snapshot_are_not_yielded(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("completed") + shot("running") + END))
    assert watched(caller, hub, clock) == ["completed"]


def test_a_marker_without_a_terminal_snapshot_is_the_end_as_get_shows_it(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running"), END, end="silent"))
    hub.get("completed")
    assert watched(caller, hub, clock) == ["running", "completed"]
    hub.wait_until_left()


def test_get_may_show_the_end_a_moment_after_the_marker(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running"), END))
    hub.get("running", "running", "completed")
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert hub.routes == [EVENTS, GET, GET, GET]
    assert sum(clock.slept) == pytest.approx(2)


def test_a_marker_that_get_contradicts_is_not_the_end(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running"), END), stream(shot("completed")))
    hub.get("running")
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert hub.routes.count(EVENTS) == 2


def test_a_clean_close_without_a_marker_is_the_end_only_if_get_says_so(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running")), stream(), stream(shot("running", 1)))
    hub.get("running", "paused", "completed")
    assert watched(caller, hub, clock) == ["running", "running", "completed"]
    assert hub.routes == [EVENTS, GET, EVENTS, GET, EVENTS, GET]


def test_a_stream_closed_at_once_is_reopened_with_growing_pauses(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(*[stream(shot("draft"))] * 10, stream(shot("completed")))
    hub.get("draft")
    assert watched(caller, hub, clock) == ["draft"] * 10 + ["completed"]
    times = [request.received_at for request in hub.streams()]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 2
    assert gaps[-1] == pytest.approx(30)


def test_204_is_a_clean_close(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(response(204), stream(shot("completed")))
    hub.get("running")
    assert watched(caller, hub, clock) == ["completed"]


def test_a_truncated_stream_is_reopened(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(
        stream(shot("running"), end="unfinished"), response(503), reset, stream(shot("completed"))
    )
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert hub.routes.count(GET) == 0


def test_heartbeats_and_raw_data_are_not_progress(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(HEARTBEAT, b"data: [1]\n\n", b"data: {broken\n\n", data({}), shot("completed"))
    )
    assert watched(caller, hub, clock) == ["unknown", "completed"]


@pytest.mark.parametrize("state", ["draft", "scheduled", "paused"])
def test_a_campaign_in_any_state_is_waited_for(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, state: str
) -> None:
    hub.events(stream(shot(state), HEARTBEAT, shot("running"), shot("completed")))
    assert watched(caller, hub, clock) == [state, "running", "completed"]


def test_an_unknown_status_is_not_the_end_on_a_stream_or_after_a_clean_close(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("reviewing")), stream(shot("completed")))
    hub.get("reviewing")
    assert watched(caller, hub, clock) == ["reviewing", "completed"]


def test_an_unknown_status_after_the_marker_is_the_end(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running"), END))
    hub.get("archived")
    assert watched(caller, hub, clock) == ["running", "archived"]


def test_unknown_keys_and_missing_counts_survive(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(
            data({"status": "running", "new": {"deep": [1]}, "completed": "many"}),
            data({"status": None, "total": -1}),
            data({"status": "completed"}),
        )
    )
    client = caller.client(hub, clock=clock)
    first, second, third = caller.rest(client.campaigns.watch("c1"))
    assert first.snapshot["new"] == {"deep": [1]}
    assert (first.counts, first.total, first.fraction_done) == ({}, None, None)
    assert second.status == "running"
    assert third.status == "completed"


def test_rate_and_eta_come_from_the_stream(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    seen = threading.Event()
    hub.events(stream(shot("running", 1), seen, shot("running", 3), shot("completed", 4)))
    watch = caller.client(hub, clock=clock).campaigns.watch("c1")
    clock.advance(500)
    assert caller.next(watch).elapsed_seconds == 0
    clock.advance(30)
    seen.set()
    progress = caller.next(watch)
    assert progress.calls_per_minute == pytest.approx(4)
    assert progress.eta_seconds == pytest.approx(15)
    assert progress.elapsed_seconds == 30
    assert caller.next(watch).eta_seconds == 0


NO_STREAM = {
    "404": (response(404, "no such route"), NotFoundError),
    "405": (response(405), APIStatusError),
    "406": (response(406), APIStatusError),
    "501": (response(501), ServerError),
    "page": (response(200, "<p>", {"Content-Type": "text/html"}), ResponseFormatError),
    "down": (response(503), StreamError),
    "resets": (reset, StreamError),
}


@table("name", NO_STREAM)
def test_without_a_stream_get_is_called_every_ten_seconds(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, name: str
) -> None:
    hub.events(NO_STREAM[name][0])
    hub.get("scheduled", "running", "running", "completed")
    assert watched(caller, hub, clock) == ["scheduled", "running", "running", "completed"]
    times = [
        request.received_at for request in hub.requests if request.route == "GET /campaigns/c1"
    ]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([10.0] * 3)


@table("name", NO_STREAM)
def test_without_the_fallback_it_raises(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, name: str
) -> None:
    behaviour, error = NO_STREAM[name]
    hub.events(behaviour)
    with pytest.raises(error) as caught:
        watched(caller, hub, clock, poll_fallback=False)
    assert type(caught.value) is error
    assert hub.routes.count(GET) == 0


@pytest.mark.parametrize(
    ("scripted", "error"),
    [
        (response(401), AuthenticationError),
        (response(403), PermissionDeniedError),
        (response(410), APIStatusError),
        (response(429, "Concurrent call limit reached"), RateLimitError),
    ],
    ids=["401", "403", "410", "cost cap"],
)
def test_a_refusal_that_polling_would_get_too_raises(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, scripted: Any, error: type[KatavenError]
) -> None:
    hub.events(scripted)
    with pytest.raises(error):
        watched(caller, hub, clock)
    assert hub.routes == [EVENTS]


def test_an_unknown_campaign_raises(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    with pytest.raises(NotFoundError):
        watched(caller, hub, clock)
    assert hub.routes == [EVENTS, GET]


def test_a_campaign_deleted_meanwhile_raises(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("paused")), response(404))
    hub.get(response(404, "gone"))
    with pytest.raises(NotFoundError):
        watched(caller, hub, clock)


def test_the_polls_interval_is_a_setting(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(response(404))
    hub.get("running", "running", "completed")
    assert len(watched(caller, hub, clock, poll_interval=2.5)) == 3
    assert sum(clock.slept) == pytest.approx(5)


def test_the_stream_is_retried_every_five_minutes(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        response(404), response(404), response(404), stream(shot("running"), shot("completed"))
    )
    hub.get("running")
    statuses = watched(caller, hub, clock)
    assert set(statuses[:-1]) == {"running"}
    assert statuses[-1] == "completed"
    times = [request.received_at for request in hub.streams()]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(gaps) == 3
    assert all(300 <= gap <= 312 for gap in gaps)


@pytest.mark.parametrize("name", ["404", "down"])
@pytest.mark.slow
def test_a_day_of_polling_stays_within_the_days_quota(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, name: str
) -> None:
    clock.fixed_jitter = 0.5
    hub.events(NO_STREAM[name][0])
    hub.get("running")
    watch = caller.client(hub, clock=clock).campaigns.watch("c1")
    hour = clock.now() + 3600
    while clock.now() < hour:
        caller.next(watch)
    caller.close(watch)
    assert len(hub.requests) * 24 < 10_000


def test_polling_respects_the_rate_limiter(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(response(404))
    hub.get(*["running"] * 20, "completed")
    client = caller.client(hub, clock=clock, rate_limits=RateLimits(per_minute=5))
    assert len(caller.rest(client.campaigns.watch("c1", poll_interval=1.0))) == 21
    times = [request.received_at for request in hub.requests]
    assert all(b - a >= 60 for a, b in zip(times, times[5:], strict=False))


def test_a_permanent_failure_of_get_while_polling_raises(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(response(404))
    hub.get("running", response(503))
    with pytest.raises(ServerError):
        watched(caller, hub, clock)


def test_closing_a_watch_ends_it_and_its_connection(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(shot("running") * 3, end="silent"))
    client = caller.client(hub, clock=clock)
    watch = client.campaigns.watch("c1")
    assert hub.connections == 0, "nothing is asked before the first progress is"
    assert caller.next(watch).status == "running"
    caller.close(watch)
    hub.wait_until_left()
    assert caller.rest(watch) == []
    hub.wait_until_disconnected()
    assert hub.routes == [EVENTS]


@pytest.mark.parametrize(
    "option", [{"poll_interval": 0}, {"poll_interval": -1.0}, {"poll_interval": "9"}]
)
def test_an_invalid_interval_is_refused(
    hub: LoopbackHub, caller: Any, option: dict[str, Any]
) -> None:
    with pytest.raises((ValueError, TypeError), match="poll_interval"):
        caller.client(hub).campaigns.watch("c1", **option)


def test_a_watch_that_polls_continues_after_two_cancelled_waits(
    hub: LoopbackHub, awaited: Any, clock: DrivenClock
) -> None:
    hub.get(silence, "running", "completed")
    hub.get(silence, campaign="other")

    async def read() -> list[str]:
        waits = asyncio.Event()
        client = awaited.client(
            hub,
            clock=clock,
            rate_limits=RateLimits(concurrent=1),
            on_wait=lambda _event: waits.set(),
        )
        watch = client.campaigns.watch("c1")
        sent = asyncio.ensure_future(anext(watch))
        await asyncio.to_thread(hub.wait_until_silent)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent
        other = asyncio.ensure_future(client.campaigns.get("other"))
        await asyncio.to_thread(hub.wait_until_silent)
        waits.clear()
        waiting = asyncio.ensure_future(anext(watch))
        async with asyncio.timeout(PATIENCE):
            await waits.wait()
        waiting.cancel()
        other.cancel()
        results = await asyncio.gather(waiting, other, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        return [progress.status async for progress in watch]

    assert awaited.call(read) == ["running", "completed"]
