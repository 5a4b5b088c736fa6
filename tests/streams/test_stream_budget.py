"""An open stream holds one lease of the budget, and gives it back however it ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from sides import DrivenClock
from stream_hub import END, StreamHub, data, refuse, reply, silence, stream

from kataven import KatavenError, RateLimits

ONE = data({"n": 1})


def two(side: Any, hub: StreamHub, **options: Any) -> Any:
    return side.client(hub, rate_limits=RateLimits(concurrent=2), clock=DrivenClock(), **options)


def test_an_open_stream_holds_a_lease_until_it_is_closed(hub: StreamHub, side: Any) -> None:
    hub.events(stream(ONE, end="silent"))
    client = two(side, hub)
    events = client.campaigns.stream_events("c1")
    assert client.rate_limits.concurrent == 2
    side.next(events)
    assert client.rate_limits.concurrent == 1
    side.close(events)
    assert client.rate_limits.concurrent == 2


@pytest.mark.parametrize(
    "behaviours",
    [
        [stream(ONE)],
        [stream(ONE, END, end="unfinished")],
        [stream(ONE, end="unfinished"), stream()],
        [stream(ONE, end="unfinished"), reply(204)],
        [reply(503), stream()],
        [reply(404)],
        [refuse],
        [stream(b"x" * 70, end="unfinished")],
        [reply(200, "<p>")],
    ],
    ids=["clean", "marker", "healed", "204", "503", "404", "resets", "breaks", "page"],
)
def test_a_lease_is_given_back_however_a_stream_ends(
    hub: StreamHub, side: Any, behaviours: list[Any]
) -> None:
    hub.events(*behaviours)
    client = two(side, hub)
    events = client.campaigns.stream_events("c1")
    with contextlib.suppress(KatavenError):
        side.rest(events)
    assert client.rate_limits.concurrent == 2


@pytest.mark.parametrize("behaviour", [silence, stream(ONE, end="silent")])
def test_a_lease_is_given_back_where_the_time_is_over(
    hub: StreamHub, side: Any, behaviour: Any
) -> None:
    hub.events(behaviour)
    client = side.client(hub, rate_limits=RateLimits(concurrent=1))
    with pytest.raises(KatavenError, match="time for following"):
        side.rest(client.campaigns.stream_events("c1", total_timeout=0.2))
    assert client.rate_limits.concurrent == 1


def test_a_cancelled_wait_gives_the_lease_back_and_takes_one_for_the_next_opening(
    hub: StreamHub, awaited: Any
) -> None:
    hub.events(silence, stream(ONE, end="silent"), stream(ONE, end="silent"))
    client = two(awaited, hub)

    async def read() -> None:
        events = client.campaigns.stream_events("c1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.5)
        assert client.rate_limits.concurrent == 2
        for _ in range(2):
            await anext(events)
            assert client.rate_limits.concurrent == 1
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.5)
            assert client.rate_limits.concurrent == 2
        await events.aclose()

    awaited.call(read)
    assert client.rate_limits.concurrent == 2


def test_a_rate_limit_answer_holds_the_other_calls_back_too(hub: StreamHub, side: Any) -> None:
    clock = DrivenClock()
    hub.events(reply(429, "rate_limited: per-minute", "Retry-After: 60"), stream(ONE))
    hub.get("running")
    paused: list[float] = []
    client = side.client(hub, rate_limits=RateLimits(per_hour=100), clock=clock)
    clock.on_sleep = lambda _seconds: paused.append(client.rate_limits.paused_for)
    side.rest(client.campaigns.stream_events("c1"))
    assert paused[0] >= 60


def test_every_opening_is_counted_as_a_request(hub: StreamHub, side: Any) -> None:
    hub.events(reply(503), stream(ONE, end="unfinished"), stream())
    client = side.client(hub, rate_limits=RateLimits(per_hour=100), clock=DrivenClock())
    before = client.rate_limits.per_hour
    side.rest(client.campaigns.stream_events("c1"))
    assert client.rate_limits.per_hour == before - 3


def test_following_a_campaign_needs_no_more_than_one_lease(hub: StreamHub, side: Any) -> None:
    """Behind the marker the stream is let go before the campaign is asked for."""
    hub.events(stream(data({"status": "running"}), END, end="silent"))
    hub.get("running", "running", "completed")
    client = side.client(hub, rate_limits=RateLimits(concurrent=1), clock=DrivenClock())
    assert side.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"
    hub.wait_until_left()
    assert client.rate_limits.concurrent == 1


def test_a_call_that_was_cancelled_in_a_watch_is_sent_again_with_a_lease(
    hub: StreamHub, awaited: Any
) -> None:
    hub.events(reply(404))
    hub.get(silence, reply(200, {"id": "c1", "status": "completed"}))
    client = two(awaited, hub)
    counted: list[int] = []
    hub.on_asked = lambda _asked: counted.append(client.rate_limits.concurrent)

    async def read() -> None:
        watch = client.campaigns.watch("c1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 0.5)
        assert client.rate_limits.concurrent == 2
        assert (await anext(watch)).status == "completed"
        await watch.aclose()

    awaited.call(read)
    # The stream that was refused, the call that was cancelled, and the one in its place.
    assert counted == [1, 1, 1]
    assert client.rate_limits.concurrent == 2
