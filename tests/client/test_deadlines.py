"""The timeout of each phase, and the deadline that bounds a call with its retries and waits."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

import kataven
from tests.support.clients import (
    CSV,
    KEY,
    OPERATIONS,
    READS,
    WRITES,
    Awaited,
    Blocking,
    DrivenClock,
)
from tests.support.http import chunked, response
from tests.support.patience import PATIENCE
from tests.support.server import Early, LoopbackHub, close, refused_port, silence, trickle
from tests.support.tables import table

LIMITED = response(429, "rate_limited: x", [("Retry-After", "60")])
BODY = b'{"id": "c1", "padding": "%s"}' % (b"x" * 900)
EVENTS = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]


def test_the_default_timeout_is_the_documented_one(caller: Blocking) -> None:
    assert kataven.Timeout() == kataven.Timeout(connect=10, read=30, write=30, pool=30)
    assert kataven.Timeout(read=5) == kataven.Timeout(10, 5, 30, 30)


# The deadline and the waits, on a driven clock.


def test_a_wait_beyond_the_deadline_ends_the_call_at_once(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(503, "down")
    client = caller.client(hub, clock=clock, deadline=10, max_retries=10)
    with pytest.raises(kataven.APITimeoutError, match="deadline") as caught:
        caller.call(client.campaigns.get, "c1")
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert hub.arrived(6) == 6
    assert caught.value.request_sent is None
    assert isinstance(caught.value.__cause__, kataven.ServerError)


@table("operation", WRITES)
def test_a_write_without_time_to_wait_for_a_rate_limit_was_not_acted_upon(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = LIMITED
    client = caller.client(hub, clock=clock, deadline=30)
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(WRITES[operation], client)
    assert caught.value.request_sent is False
    assert isinstance(caught.value.__cause__, kataven.RateLimitError)
    assert clock.slept == []
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("operation", ["get", "start"])
def test_a_deadline_ends_retries_of_a_refused_connection(
    caller: Blocking, clock: DrivenClock, operation: str
) -> None:
    held, port = refused_port()
    client = caller.client(f"http://127.0.0.1:{port}", clock=clock, deadline=10, max_retries=10)
    with held, pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(OPERATIONS[operation], client)
    assert caught.value.request_sent is (None if operation == "get" else False)
    assert type(caught.value.__cause__) is kataven.APIConnectionError
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_the_deadline_is_fixed_once_for_all_attempts(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(503, "down")
    hub.on_request = lambda _request: clock.advance(4)
    with pytest.raises(kataven.APITimeoutError):
        caller.call(caller.client(hub, clock=clock, deadline=10).campaigns.get, "c1")
    assert hub.arrived(3) == 3


def test_each_call_has_a_deadline_of_its_own(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    client = caller.client(hub, clock=clock, deadline=5)
    for _ in range(3):
        clock.advance(4)
        caller.call(client.campaigns.get, "c1")
    assert hub.arrived(3) == 3


def test_a_deadline_that_is_met_changes_nothing(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(LIMITED, response(200, {"id": "c1"}))
    client = caller.client(hub, clock=clock, deadline=64)
    assert caller.call(client.campaigns.start, "c1") == {"id": "c1"}


def test_a_view_may_set_and_lift_the_deadline(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(503, "down")
    client = caller.client(hub, clock=clock, max_retries=10)
    hasty = client.with_options(deadline=10)
    with pytest.raises(kataven.APITimeoutError):
        caller.call(hasty.campaigns.get, "c1")
    for patient in (client, hasty.with_options(deadline=None)):
        with pytest.raises(kataven.ServerError):
            caller.call(patient.campaigns.get, "c1")
    with pytest.raises(kataven.ServerError):
        caller.call(hasty.with_options(max_retries=0).campaigns.get, "c1")


# A Hub that is too slow, by the system clock.


@pytest.mark.parametrize("operation", ["get", "start", "create"])
def test_a_silent_hub_does_not_outlast_the_deadline(
    caller: Blocking, hub: LoopbackHub, operation: str, brief: Any
) -> None:
    hub.always = (silence,)
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, deadline=brief(0.3)))
    assert caught.value.request_sent is (None if operation == "get" else True)
    assert hub.arrived(1) == 1


SLOW = {
    "head": (
        trickle(
            b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 900 + b"\r\nContent-Length: 2\r\n\r\n{}"
        ),
    ),
    "headers": (
        b"HTTP/1.1 200 OK\r\n",
        trickle(b"X-Padding: " + b"x" * 900 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    ),
    "body": (response(200, b"", length=len(BODY)), trickle(BODY)),
}


@pytest.mark.parametrize("part", SLOW)
def test_a_trickling_response_does_not_outlast_the_deadline(
    caller: Blocking, hub: LoopbackHub, part: str, brief: Any
) -> None:
    hub.always = SLOW[part]
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(caller.client(hub, deadline=brief(0.3)).campaigns.get, "c1")
    assert caught.value.request_sent is None
    assert not hub.trickled_to_the_end
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_trickling_response_does_not_outlast_the_read_timeout(
    caller: Blocking, hub: LoopbackHub, part: str, brief: Any
) -> None:
    hub.always = SLOW[part]
    client = caller.client(hub, timeout=kataven.Timeout(read=brief(0.3)), max_retries=0)
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(client.campaigns.get, "c1")
    assert caught.value.request_sent is None
    assert not hub.trickled_to_the_end


@pytest.mark.parametrize("bound", ["timeout", "deadline"])
@pytest.mark.parametrize("operation", ["create", "delete"])
@pytest.mark.slow
def test_an_accepted_write_with_a_trickling_response_was_accepted(
    caller: Blocking, hub: LoopbackHub, operation: str, bound: str, brief: Any
) -> None:
    hub.always = SLOW["body"]
    options: dict[str, Any] = {"timeout": kataven.Timeout(read=brief(0.6))}
    client = caller.client(hub, **(options if bound == "timeout" else {"deadline": brief(0.6)}))
    if operation == "create":
        with pytest.raises(kataven.ResponseFormatError, match="accepted") as caught:
            caller.call(WRITES[operation], client)
        assert caught.value.request_sent is True
    else:
        assert caller.call(WRITES[operation], client) == (None if operation == "delete" else {})
    assert not hub.trickled_to_the_end
    assert hub.arrived(1) == 1


def test_an_unread_upload_does_not_outlast_the_deadline(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = Early((lambda connection: connection.hub.over.wait(PATIENCE),), after=1000)
    client = caller.client(hub, deadline=brief(0.4))
    large = io.BytesIO(CSV + b"x" * 9_000_000)
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(client.campaigns.create, "n", "a", "p", large)
    assert caught.value.request_sent is True


def test_a_body_that_arrives_in_small_chunks_in_time_is_read(
    caller: Blocking, hub: LoopbackHub
) -> None:
    chunks = [b'{"id": ', b'"c', b'1"}']
    hub.always = (response(200, b"", length=12), *(trickle(chunk, 0.01) for chunk in chunks))
    assert caller.call(caller.client(hub).campaigns.get, "c1") == {"id": "c1"}


def test_the_deadline_does_not_bound_an_entire_stream(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    def pause(connection: Any) -> None:
        connection.hub.over.wait(brief(0.5))

    hub.always = (
        response(200, b"", EVENTS) + chunked(b": one\n\n", end=False),
        pause,
        chunked(b": two\n\n"),
        close,
    )
    client = caller.client(hub, deadline=brief(0.3))
    items = caller.items(client.campaigns.stream_events("c1", reconnect=False))
    assert items == [": one", ": two"]


def test_a_token_that_takes_too_long_is_bounded_by_the_deadline(
    awaited: Awaited, hub: LoopbackHub, brief: Any
) -> None:
    async def slow() -> str:
        await asyncio.Event().wait()
        return KEY

    client = awaited.client(hub, api_key=slow, deadline=brief(0.2))
    with pytest.raises(kataven.APITimeoutError) as caught:
        awaited.call(client.campaigns.start, "c1")
    assert caught.value.request_sent is False
    assert hub.connections == 0


@pytest.mark.parametrize("operation", READS)
def test_a_call_without_a_deadline_waits_as_long_as_it_takes(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.respond(LIMITED, LIMITED, LIMITED, response(200, {"id": "c1"}))
    assert caller.call(READS[operation], caller.client(hub, clock=clock)) == {"id": "c1"}
    assert sum(clock.slept) == pytest.approx(189)
