"""``wait`` returns the final campaign or raises when its timeout expires; nothing outlasts it."""

from __future__ import annotations

import pickle
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kataven import (
    APITimeoutError,
    KatavenError,
    NotFoundError,
    RateLimits,
    StreamError,
    WaitTimeoutError,
)
from tests.support.http import END, HEARTBEAT, data, response
from tests.support.server import LoopbackHub, reset, silence, stream, trickle_forever, wait_for

if TYPE_CHECKING:
    from tests.support.clients import DrivenClock

EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"
RUNNING = data({"status": "running", "total": 2, "completed": 1})
COMPLETED = data({"status": "completed", "total": 2, "completed": 2})


def test_wait_returns_the_final_campaign_as_get_shows_it(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    final = {"id": "c1", "status": "completed", "completed_at": "2030-01-01T00:00:00Z", "new": 1}
    hub.events(stream(RUNNING, COMPLETED, end="silent"))
    hub.get(response(200, final))
    seen: list[Any] = []
    client = caller.client(hub, clock=clock)
    campaign = caller.call(lambda: client.campaigns.wait("c1", on_progress=seen.append))
    assert campaign == final
    assert type(campaign) is dict
    assert [progress.status for progress in seen] == ["running", "completed"]
    assert hub.routes == [EVENTS, GET]
    hub.wait_until_left()


def test_the_campaign_after_a_marker_is_requested_once(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(RUNNING, END))
    hub.get("failed")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "failed"
    assert hub.routes == [EVENTS, GET]


def test_a_get_that_lags_the_stream_is_repeated(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get("running", "running", "completed")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"


@pytest.mark.parametrize("end", ["completed", "failed"])
@pytest.mark.parametrize("shown", ["running", "draft", "paused", "winding_down"])
def test_a_get_that_never_agrees_with_the_stream_is_returned_with_its_status(
    hub: LoopbackHub,
    caller: Any,
    clock: DrivenClock,
    caplog: pytest.LogCaptureFixture,
    shown: str,
    end: str,
) -> None:
    hub.events(stream(data({"status": end}), RUNNING, END))
    hub.get(response(200, {"id": "c1", "status": shown, "new": [1]}))
    client = caller.client(hub, clock=clock)
    begun = clock.now()
    campaign = caller.call(lambda: client.campaigns.wait("c1"))
    assert campaign == {"id": "c1", "status": end, "new": [1]}
    assert clock.slept == [1, 2, 4, 8, 16, 29]
    assert clock.now() - begun == 60
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "c1" in warning
    assert shown in warning


@pytest.mark.parametrize("shown", ["completed", "failed"])
def test_a_terminal_status_of_get_does_not_contradict_another_one(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, shown: str
) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get("running", shown)
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == shown
    assert hub.routes == [EVENTS, GET, GET]


def test_a_timeout_while_get_still_disagrees_returns_the_campaign(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get("running")
    client = caller.client(hub, clock=clock)
    begun = clock.now()
    campaign = caller.call(lambda: client.campaigns.wait("c1", timeout=10))
    assert campaign == {"id": "c1", "status": "completed"}
    assert clock.now() - begun == pytest.approx(10)
    assert "still shows running" in caplog.text


@pytest.mark.slow
def test_a_get_that_stops_responding_while_it_disagrees_does_not_hide_the_campaign(
    hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get("running", silence)
    client = caller.client(hub)
    campaign = caller.call(lambda: client.campaigns.wait("c1", timeout=brief(1.5)))
    assert campaign == {"id": "c1", "status": "completed"}


def test_a_poll_that_shows_the_end_first_is_the_end(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(response(404))
    hub.get("failed", "running")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "failed"
    assert hub.routes == [EVENTS, GET]


def test_counters_that_go_back_are_shown_as_they_are(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    counts = [data({"status": "running", "total": 4, "completed": n}) for n in (3, 1, 4)]
    hub.events(stream(*counts, data({"status": "completed"})))
    progress = caller.rest(caller.client(hub, clock=clock).campaigns.watch("c1"))
    assert [each.counts.get("completed") for each in progress] == [3, 1, 4, 4]
    assert [each.fraction_done for each in progress] == [0.75, 0.25, 1.0, 1.0]
    assert {each.calls_per_minute for each in progress} == {None}


def test_wait_polls_if_streams_are_not_available(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.get("running", "completed")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"
    assert hub.routes == [EVENTS, GET, GET]


BOUNDED = {
    "a silent stream": [stream(RUNNING, end="silent")],
    "a silent stream that ends with its connection": [stream(RUNNING, end="silent", framing="eof")],
    "heartbeats for ever": [stream(RUNNING, trickle_forever(HEARTBEAT))],
    "snapshots for ever": [stream(trickle_forever(RUNNING))],
    "no response": [silence],
    "refusals": [response(503)],
    "a long pause": [stream(RUNNING, end="unfinished"), response(503, "", {"Retry-After": "60"})],
    "resets": [reset],
    "clean closes": [stream(RUNNING)],
    "polls": [response(404)],
}


def test_the_timeout_of_a_wait_bounds_everything_the_hub_may_do(
    hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    campaigns = {name: name.replace(" ", "-") for name in BOUNDED}
    for name, campaign in campaigns.items():
        hub.events(*BOUNDED[name], campaign=campaign)
        hub.get("running", campaign=campaign)
    client = caller.client(hub)

    def wait_for_end(campaign: str) -> Any:
        return lambda: client.campaigns.wait(campaign, timeout=brief(0.5))

    errors = caller.together([wait_for_end(campaign) for campaign in campaigns.values()])
    for (name, campaign), error in zip(campaigns.items(), errors, strict=True):
        assert isinstance(error, WaitTimeoutError), name
        assert isinstance(error, TimeoutError)
        assert error.campaign_id == campaign
        assert campaign in str(error)
        assert f"{brief(0.5):g} s" in str(error)
        if name in {"no response", "refusals", "resets"}:
            assert error.progress is None, name
        else:
            assert error.progress.status == "running", name
    # Only responses that were read to their end may leave idle connections.
    kept = {"refusals", "a long pause", "clean closes", "polls"}
    wait_for(lambda: hub.open_connections <= 2 * len(kept))


@pytest.mark.slow
@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize(
    "slow",
    [
        silence,
        lambda connection: (
            connection.send(b"HTTP/1.1 200 OK\r\nX: "),
            trickle_forever(b"x")(connection),
        ),
    ],
    ids=["silence", "a head that trickles"],
)
def test_the_timeout_of_a_wait_bounds_a_get(
    hub: LoopbackHub, caller: Any, slow: Any, retries: int, brief: Any
) -> None:
    hub.events(stream(RUNNING))
    hub.get(slow)
    client = caller.client(hub, max_retries=retries)
    with pytest.raises(WaitTimeoutError) as caught:
        caller.call(lambda: client.campaigns.wait("c1", timeout=brief(0.5)))
    assert caught.value.progress.status == "running"


def test_the_timeout_of_a_wait_bounds_the_last_get(
    hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get(silence)
    client = caller.client(hub)
    with pytest.raises(WaitTimeoutError, match="completed"):
        caller.call(lambda: client.campaigns.wait("c1", timeout=brief(0.5)))


def test_the_timeout_of_a_wait_bounds_connecting(caller: Any, brief: Any) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    full = SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    # Nothing else would end it within an hour.
    client = caller.client(full, timeout=3600)
    try:
        with pytest.raises(WaitTimeoutError) as caught:
            caller.call(lambda: client.campaigns.wait("c1", timeout=brief(0.5)))
        assert caught.value.progress is None
    finally:
        for sock in (*waiting, listener):
            sock.close()


@pytest.mark.parametrize("limits", [RateLimits(concurrent=1), RateLimits(per_hour=1, headroom=0)])
def test_the_timeout_of_a_wait_bounds_the_rate_limiter(
    hub: LoopbackHub, caller: Any, limits: RateLimits, brief: Any
) -> None:
    hub.events(stream(RUNNING, end="silent"))
    client = caller.client(hub, rate_limits=limits)
    other = client.campaigns.stream_events("c1")
    caller.next(other)
    with pytest.raises(WaitTimeoutError):
        caller.call(lambda: client.campaigns.wait("c1", timeout=brief(0.5)))
    assert hub.routes == [EVENTS]
    caller.close(other)


def test_a_timeout_of_zero_sends_nothing(hub: LoopbackHub, caller: Any) -> None:
    client = caller.client(hub)
    with pytest.raises(WaitTimeoutError):
        caller.call(lambda: client.campaigns.wait("c1", timeout=0))
    assert hub.requests == []


def test_the_deadline_of_calls_is_not_the_timeout_of_a_wait(
    hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    hub.events(stream(RUNNING))
    hub.get(silence)
    client = caller.client(hub, deadline=brief(0.3))
    with pytest.raises(APITimeoutError, match="GET /campaigns/c1") as caught:
        caller.call(lambda: client.campaigns.wait("c1", timeout=3000))
    assert not isinstance(caught.value, WaitTimeoutError)


def test_an_error_is_passed_on_unchanged(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    client = caller.client(hub, clock=clock)
    with pytest.raises(NotFoundError):
        caller.call(lambda: client.campaigns.wait("c1", timeout=1000))


def test_an_exception_of_on_progress_ends_the_wait_and_its_connection(
    hub: LoopbackHub, caller: Any
) -> None:
    hub.events(stream(RUNNING, end="silent"))
    client = caller.client(hub)

    def stop(_progress: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        caller.call(lambda: client.campaigns.wait("c1", on_progress=stop))
    hub.wait_until_left()
    hub.wait_until_disconnected()


def test_an_async_on_progress_is_awaited(
    hub: LoopbackHub, awaited: Any, clock: DrivenClock
) -> None:
    hub.events(stream(RUNNING, COMPLETED))
    hub.get("completed")
    seen: list[str] = []

    async def note(progress: Any) -> None:
        seen.append(progress.status)

    client = awaited.client(hub, clock=clock)
    awaited.call(lambda: client.campaigns.wait("c1", on_progress=note))
    assert seen == ["running", "completed"]


def test_the_error_of_a_wait_pickles_with_its_progress(
    hub: LoopbackHub, blocking: Any, brief: Any
) -> None:
    hub.events(stream(RUNNING, end="silent"))
    with pytest.raises(WaitTimeoutError) as caught:
        blocking.client(hub).campaigns.wait("c1", timeout=brief(0.5))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.progress == caught.value.progress
    assert (copy.campaign_id, str(copy)) == ("c1", str(caught.value))


@pytest.mark.parametrize("timeout", [-1, float("nan"), "9", True])
def test_an_invalid_timeout_is_refused(hub: LoopbackHub, caller: Any, timeout: Any) -> None:
    client = caller.client(hub)
    with pytest.raises((ValueError, TypeError), match="timeout"):
        caller.call(lambda: client.campaigns.wait("c1", timeout=timeout))
    assert hub.requests == []


def test_a_stream_that_is_always_truncated_is_polled_instead(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(end="unfinished"))
    hub.get("completed")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"
    assert hub.routes.count(EVENTS) == 6


def test_without_wait_the_same_stream_is_an_error(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    """Where the test above falls back to polling, a bare stream raises."""
    hub.events(stream(end="unfinished"))
    client = caller.client(hub, clock=clock)
    with pytest.raises(StreamError):
        caller.next(client.campaigns.stream_events("c1"))
    assert issubclass(StreamError, KatavenError)


@pytest.mark.parametrize(
    "events",
    [response(404), response(503, "", {"Retry-After": "60"}), stream(RUNNING)],
    ids=["between polls", "a pause that the Hub asks for", "between streams"],
)
def test_no_pause_is_longer_than_the_remaining_time(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, events: Any
) -> None:
    hub.events(events)
    hub.get("running")
    client = caller.client(hub, clock=clock)
    begun = clock.now()
    with pytest.raises(WaitTimeoutError):
        caller.call(lambda: client.campaigns.wait("c1", timeout=25))
    assert clock.now() - begun == pytest.approx(25)


def test_a_status_that_is_not_a_string_ends_a_wait(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(COMPLETED, END))
    hub.get(response(200, {"id": "c1", "status": ["over"]}))
    assert caller.call(lambda: caller.client(hub).campaigns.wait("c1"))["status"] == ["over"]
