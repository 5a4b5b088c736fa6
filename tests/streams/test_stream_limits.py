"""An open stream holds one lease of the rate limiter, and releases it however it ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from kataven import APITimeoutError, KatavenError, RateLimitError, RateLimits, StreamError
from tests.support.clients import DrivenClock
from tests.support.http import END, data, response
from tests.support.server import LoopbackHub, reset, silence, stream, trickle
from tests.support.tables import table

ONE = data({"n": 1})


def two(caller: Any, hub: LoopbackHub, **options: Any) -> Any:
    return caller.client(
        hub, rate_limits=RateLimits(concurrent=2), clock=DrivenClock(jitter=0.0), **options
    )


def test_an_open_stream_holds_a_lease_until_it_is_closed(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(ONE, end="silent"))
    client = two(caller, hub)
    events = client.campaigns.stream_events("c1")
    assert client.rate_limits.concurrent == 2
    caller.next(events)
    assert client.rate_limits.concurrent == 1
    caller.close(events)
    assert client.rate_limits.concurrent == 2


@table(
    "behaviours",
    [
        [stream(ONE)],
        [stream(ONE, END, end="unfinished")],
        [stream(ONE, end="unfinished"), stream()],
        [stream(ONE, end="unfinished"), response(204)],
        [response(503), stream()],
        [response(404)],
        [reset],
        [stream(b"x" * 70, end="unfinished")],
        [response(200, "<p>")],
    ],
)
def test_a_lease_is_released_however_a_stream_ends(
    hub: LoopbackHub, caller: Any, behaviours: list[Any]
) -> None:
    hub.events(*behaviours)
    client = two(caller, hub)
    events = client.campaigns.stream_events("c1")
    with contextlib.suppress(KatavenError):
        caller.rest(events)
    assert client.rate_limits.concurrent == 2


@pytest.mark.parametrize("behaviour", [silence, stream(ONE, end="silent")])
def test_a_lease_is_released_when_the_total_timeout_expires(
    hub: LoopbackHub, caller: Any, behaviour: Any, brief: Any
) -> None:
    hub.events(behaviour)
    client = caller.client(hub, rate_limits=RateLimits(concurrent=1))
    with pytest.raises(APITimeoutError):
        caller.rest(client.campaigns.stream_events("c1", total_timeout=brief(0.2)))
    assert client.rate_limits.concurrent == 1


@pytest.mark.slow
def test_a_cancelled_wait_releases_the_lease_and_the_next_opening_acquires_one(
    hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    hub.events(silence, stream(ONE, end="silent"), stream(ONE, end="silent"))
    client = two(awaited, hub)

    async def read() -> None:
        events = client.campaigns.stream_events("c1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.5))
        assert client.rate_limits.concurrent == 2
        for _ in range(2):
            await anext(events)
            assert client.rate_limits.concurrent == 1
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), brief(0.5))
            assert client.rate_limits.concurrent == 2
        await events.aclose()

    awaited.call(read)
    assert client.rate_limits.concurrent == 2


def test_a_rate_limit_of_a_stream_pauses_other_calls_too(hub: LoopbackHub, caller: Any) -> None:
    clock = DrivenClock(jitter=0.0)
    hub.events(response(429, "rate_limited: per-minute", {"Retry-After": "60"}), stream(ONE))
    hub.get("running")
    paused: list[float] = []
    client = caller.client(hub, rate_limits=RateLimits(per_hour=100), clock=clock)
    clock.on_sleep = lambda _seconds: paused.append(client.rate_limits.paused_for)
    caller.rest(client.campaigns.stream_events("c1"))
    assert paused[0] >= 60


@pytest.mark.parametrize(
    ("headers", "least"), [({}, 0.5), ({"Retry-After": "600"}, 120)], ids=["no time", "a long time"]
)
def test_any_rate_limit_of_a_stream_pauses_other_calls(
    hub: LoopbackHub, caller: Any, headers: dict[str, str], least: float
) -> None:
    """Also one that names no time, and one that is too long to wait for."""
    clock = DrivenClock(jitter=0.0)
    hub.events(response(429, "rate_limited: per-minute", headers))
    client = caller.client(hub, rate_limits=RateLimits(per_hour=100), clock=clock)
    paused: list[float] = []
    clock.on_sleep = lambda _seconds: paused.append(client.rate_limits.paused_for)
    with pytest.raises((RateLimitError, StreamError)):
        caller.rest(client.campaigns.stream_events("c1", max_reconnects=1))
    assert max([*paused, client.rate_limits.paused_for]) == pytest.approx(least)


def test_a_limiter_without_room_is_named(hub: LoopbackHub, caller: Any) -> None:
    hub.get("running")
    client = caller.client(
        hub, rate_limits=RateLimits(per_minute=1, headroom=0), clock=DrivenClock(jitter=0.0)
    )
    caller.call(client.campaigns.get, "c1")
    with pytest.raises(APITimeoutError, match="would expire: the rate limiter would delay the "):
        caller.rest(client.campaigns.stream_events("c1", total_timeout=20))
    assert hub.streams() == []


def test_every_opening_is_counted_as_a_request(hub: LoopbackHub, caller: Any) -> None:
    hub.events(response(503), stream(ONE, end="unfinished"), stream())
    client = caller.client(hub, rate_limits=RateLimits(per_hour=100), clock=DrivenClock(jitter=0.0))
    before = client.rate_limits.per_hour
    caller.rest(client.campaigns.stream_events("c1"))
    assert client.rate_limits.per_hour == before - 3


def test_following_a_campaign_needs_no_more_than_one_lease(hub: LoopbackHub, caller: Any) -> None:
    """After the marker the stream is closed before the campaign is requested."""
    hub.events(stream(data({"status": "running"}), END, end="silent"))
    hub.get("running", "running", "completed")
    client = caller.client(hub, rate_limits=RateLimits(concurrent=1), clock=DrivenClock(jitter=0.0))
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"
    hub.wait_until_left()
    assert client.rate_limits.concurrent == 1


def test_a_call_cancelled_in_a_watch_is_sent_again_with_a_lease(
    hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    hub.events(response(404))
    hub.get(silence, response(200, {"id": "c1", "status": "completed"}))
    client = two(awaited, hub)
    counted: list[int] = []
    hub.on_request = lambda _asked: counted.append(client.rate_limits.concurrent)

    async def read() -> None:
        watch = client.campaigns.watch("c1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), brief(0.5))
        assert client.rate_limits.concurrent == 2
        assert (await anext(watch)).status == "completed"
        await watch.aclose()

    awaited.call(read)
    # The refused stream, the cancelled call, and the call that replaced it.
    assert counted == [1, 1, 1]
    assert client.rate_limits.concurrent == 2


@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
def test_headers_that_trickle_do_not_outlast_the_total_timeout(
    hub: LoopbackHub, caller: Any, own: bool, brief: Any
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + b"X-A: b\r\n" * 100
    hub.events((trickle(head), silence))
    client = caller.client(hub, http_client=None if own else caller.http_client())
    with pytest.raises(APITimeoutError, match=f"total_timeout of {brief(0.5):g} s for following"):
        caller.next(client.campaigns.stream_events("c1", total_timeout=brief(0.5), reconnect=False))
    hub.wait_until_disconnected()
    assert not hub.trickled_to_the_end
    assert len(hub.requests) == 1
