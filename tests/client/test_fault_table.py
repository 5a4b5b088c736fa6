"""The table: operation x fault -> number of requests, result or error, and ``request_sent``.

A read is retried on any transient failure. A write is retried only if the Hub is known not to have
acted; where it may have acted, the error says so and nothing is sent a second time.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import (
    CSV,
    MAY_HAVE_PROCESSED,
    NOT_PROCESSED,
    OPERATIONS,
    READS,
    WRITES,
    Blocking,
    DrivenClock,
)
from tests.support.http import chunked, response
from tests.support.patience import PATIENCE
from tests.support.server import Early, LoopbackHub, close, refused_port, reset, silence
from tests.support.tables import table

if TYPE_CHECKING:
    import socket

OK = response(200, {"id": "c1"})
CHUNKED = [("Transfer-Encoding", "chunked")]
# For a Hub that stays silent, so that the test does not depend on the machine's speed.
SHORT = kataven.Timeout(read=0.08)

# Transient faults: a read is retried until it gets the response after them. A write is sent once,
# and its error says whether it may have acted.
BROKEN_ANSWERS: dict[str, Any] = {
    "reset before the response": (reset,),
    "closed before the response": (close,),
    "reset in the status line": (b"HTTP/1.1 20", reset),
    "reset in the head": (b"HTTP/1.1 200 OK\r\nContent-Ty", reset),
    "closed in the head": (b"HTTP/1.1 200 OK\r\nContent-Ty", close),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n", close),
    "a status line of rubbish": (b"HTTP/1.1 abc OK\r\n\r\n", close),
}
HALF_BODIES: dict[str, Any] = {
    "reset in the body": (response(200, b'{"id": ', length=40), reset),
    "closed in the body": (response(200, b'{"id": ', length=40), close),
    "closed in a chunk": (response(200, b"", CHUNKED) + chunked(b'{"id"', end=False), close),
    "a wrong chunk": (response(200, b"", CHUNKED) + b"zz\r\n{}\r\n", close),
    "a Content-Length that is too long": (response(200, b"{}", length=3), close),
    "half a gzip": response(
        200, b"\x1f\x8b\x08\x00\x00\x00\x00\x00", [("Content-Encoding", "gzip")]
    ),
}
SERVER_ERRORS = [500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 529]
OTHER_SERVER_ERRORS = [501, 505, 507, 511, 530, 599]

# Every operation with some of the statuses, and every status with two of the operations.
READS_BY_STATUS = [(operation, status) for operation in READS for status in (500, 504, 524)] + [
    ("get", status) for status in SERVER_ERRORS if status not in {500, 504, 524}
]
WRITES_BY_STATUS = [(operation, status) for operation in WRITES for status in (500, 504, 599)] + [
    (operation, status)
    for operation in ("create", "start")
    for status in (*SERVER_ERRORS, *OTHER_SERVER_ERRORS)
    if status not in {500, 504, 599}
]


def _call(caller: Blocking, operation: str, client: Any) -> Any:
    return caller.call(OPERATIONS[operation], client)


# Reads.


@table("operation", READS)
@table("fault", [*BROKEN_ANSWERS, *HALF_BODIES])
def test_a_read_is_retried_until_its_response_is_complete(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, fault: str
) -> None:
    hub.respond(*[{**BROKEN_ANSWERS, **HALF_BODIES}[fault]] * 3, OK)
    assert _call(caller, operation, caller.client(hub, clock=clock)) == {"id": "c1"}
    assert hub.arrived(4) == 4
    assert len({request.raw for request in hub.requests}) == 1
    assert clock.slept == [0.25, 0.5, 1.0]


@table("operation", READS)
@table("fault", [*BROKEN_ANSWERS, *HALF_BODIES])
@pytest.mark.slow
def test_a_read_that_stays_broken_is_a_connection_error_after_three_retries(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, fault: str
) -> None:
    hub.always = {**BROKEN_ANSWERS, **HALF_BODIES}[fault]
    with pytest.raises(kataven.APIConnectionError) as caught:
        _call(caller, operation, caller.client(hub, clock=clock))
    assert type(caught.value) is kataven.APIConnectionError
    assert caught.value.request_sent is None
    assert caught.value.__cause__ is not None
    assert hub.arrived(4) == 4


@table("operation, status", READS_BY_STATUS)
def test_a_read_is_retried_on_a_transient_server_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.respond(*[response(status, "<html>Bad gateway</html>")] * 3, OK)
    assert _call(caller, operation, caller.client(hub, clock=clock)) == {"id": "c1"}
    assert hub.arrived(4) == 4
    assert clock.slept == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("operation", READS)
def test_a_permanent_server_error_of_a_read_is_raised_after_three_retries(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = response(503, "upstream is down")
    with pytest.raises(kataven.ServerError, match="upstream is down") as caught:
        _call(caller, operation, caller.client(hub, clock=clock))
    assert caught.value.request_sent is None
    assert hub.arrived(4) == 4


@table("operation", ["get", "list_contacts"])
@table("status", OTHER_SERVER_ERRORS)
def test_a_server_error_that_is_not_transient_is_not_retried(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.always = response(status, "never")
    with pytest.raises(kataven.ServerError):
        _call(caller, operation, caller.client(hub, clock=clock))
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("operation", READS)
def test_a_read_is_retried_when_the_hub_stays_silent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = (silence,)
    client = caller.client(hub, clock=clock, timeout=SHORT, max_retries=1)
    with pytest.raises(kataven.APITimeoutError) as caught:
        _call(caller, operation, client)
    assert caught.value.request_sent is None
    assert hub.arrived(2) == 2


@pytest.mark.parametrize(
    "fault", ["after the status line", "in the head", "in the body", "in a chunk"]
)
def test_a_read_is_retried_when_a_response_stops_in_the_middle(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, fault: str
) -> None:
    begun = {
        "after the status line": b"HTTP/1.1 200 OK\r\n",
        "in the head": b"HTTP/1.1 200 OK\r\nContent-Ty",
        "in the body": response(200, b'{"id": ', length=40),
        "in a chunk": response(200, b"", CHUNKED) + b"9\r\n{",
    }[fault]
    hub.always = (begun, silence)
    client = caller.client(hub, clock=clock, timeout=SHORT, max_retries=1)
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(client.campaigns.get, "c1")
    assert caught.value.request_sent is None
    assert hub.arrived(2) == 2


def test_a_read_survives_a_hub_that_was_silent_once(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, brief: Any
) -> None:
    hub.respond((silence,), OK)
    client = caller.client(hub, clock=clock, timeout=kataven.Timeout(read=brief(0.7)))
    assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
    assert hub.arrived(2) == 2


# Writes.


def _assert_outcome_unknown(error: kataven.KatavenError) -> None:
    assert error.request_sent is True  # type: ignore[attr-defined]
    assert MAY_HAVE_PROCESSED in str(error)
    # It names the call that shows what happened.
    assert "list" in str(error)


@table("operation", WRITES)
@table("fault", BROKEN_ANSWERS)
def test_a_write_with_a_lost_response_is_sent_once_and_may_have_acted(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, fault: str
) -> None:
    hub.respond(BROKEN_ANSWERS[fault])
    with pytest.raises(kataven.APIConnectionError) as caught:
        _call(caller, operation, caller.client(hub, clock=clock))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1
    assert clock.slept == []


@table("operation, status", WRITES_BY_STATUS)
def test_a_write_is_not_retried_on_any_server_error_and_may_have_acted(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.respond(response(status, "<html>Gateway timeout</html>", [("Retry-After", "1")]))
    with pytest.raises(kataven.ServerError) as caught:
        _call(caller, operation, caller.client(hub, clock=clock))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1
    assert clock.slept == []


@table("operation", WRITES)
def test_a_truncated_server_error_of_a_write_is_a_server_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.respond((response(502, b"<html>", length=90), reset))
    with pytest.raises(kataven.ServerError) as caught:
        _call(caller, operation, caller.client(hub, clock=clock))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1


@table("operation", WRITES)
def test_a_write_is_not_retried_when_the_hub_stays_silent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = (silence,)
    with pytest.raises(kataven.APITimeoutError) as caught:
        _call(caller, operation, caller.client(hub, clock=clock, timeout=SHORT))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("operation", ["create", "start"])
def test_a_write_whose_success_response_stops_in_the_middle_was_accepted(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, brief: Any
) -> None:
    hub.always = (response(200, b'{"id": ', length=40), silence)
    client = caller.client(hub, clock=clock, timeout=kataven.Timeout(read=brief(0.6)))
    if operation == "create":
        with pytest.raises(kataven.ResponseFormatError, match="accepted") as caught:
            _call(caller, operation, client)
        assert caught.value.request_sent is True
    else:
        assert _call(caller, operation, client) == (None if operation == "delete" else {})
    assert hub.arrived(1) == 1


@table("operation", OPERATIONS)
def test_a_refused_connection_is_tried_four_times_and_nothing_is_sent(
    caller: Blocking, clock: DrivenClock, operation: str
) -> None:
    held, port = refused_port()
    client = caller.client(f"http://127.0.0.1:{port}", clock=clock)
    with held, pytest.raises(kataven.APIConnectionError) as caught:
        _call(caller, operation, client)
    assert caught.value.request_sent is (None if operation in READS else False)
    assert len(clock.slept) == 3
    if operation in WRITES:
        assert NOT_PROCESSED in str(caught.value)


@table("operation", OPERATIONS)
@pytest.mark.slow
def test_a_hub_that_comes_back_is_reached(
    caller: Blocking, clock: DrivenClock, operation: str
) -> None:
    """The port refuses connections at first; it accepts them once the client has waited twice."""

    held, port = refused_port()
    forwards: list[socket.socket] = []

    def come_back(_seconds: float) -> None:
        if len(clock.slept) == 1:
            held.listen()
            forwards.append(held)

    clock.on_sleep = come_back
    client = caller.client(f"http://127.0.0.1:{port}", clock=clock, timeout=SHORT)
    with held, pytest.raises(kataven.APITimeoutError) as caught:
        _call(caller, operation, client)
    # It accepts and stays silent: a write ends here, a read is retried once more.
    assert len(clock.slept) == (3 if operation in READS else 2)
    assert caught.value.request_sent is (None if operation in READS else True)


@table("operation", WRITES)
def test_a_closed_idle_connection_never_duplicates_a_write(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    """Either the close is noticed before the write is sent, or it may have acted; never two writes."""
    hub.respond((OK, close), OK)
    client = caller.client(hub, clock=clock)
    caller.call(client.campaigns.get, "c1")
    try:
        _call(caller, operation, client)
    except kataven.APIConnectionError as error:
        _assert_outcome_unknown(error)
    assert len([request for request in hub.requests if request.method != "GET"]) <= 1


# Uploads.

LARGE = CSV + b"+15550100002,Grace\n" * 400_000


@pytest.mark.parametrize("end", [reset, close])
def test_a_connection_that_ends_in_the_middle_of_an_upload_leaves_its_outcome_unknown(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, end: Any, brief: Any
) -> None:
    hub.always = Early((end,), after=100_000)
    client = caller.client(hub, clock=clock, timeout=kataven.Timeout(read=brief(0.5), write=10))
    with pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(client.campaigns.create, "n", "a", "p", io.BytesIO(LARGE))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("status", [400, 401, 413, 429])
def test_a_response_before_the_end_of_the_upload_is_read(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, status: int
) -> None:
    hub.always = Early(
        (response(status, "row 2 is bad", [("Connection", "close")]), close), after=100_000
    )
    with pytest.raises(kataven.APIStatusError, match="row 2 is bad") as caught:
        caller.call(
            caller.client(hub, clock=clock).campaigns.create, "n", "a", "p", io.BytesIO(LARGE)
        )
    assert caught.value.status_code == status
    assert hub.arrived(1) == 1


def test_an_unread_upload_times_out_and_may_have_been_acted_upon(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, brief: Any
) -> None:
    stalled = Early((lambda connection: connection.hub.over.wait(PATIENCE),), after=1000)
    hub.always = stalled
    client = caller.client(hub, clock=clock, timeout=kataven.Timeout(write=brief(0.2)))
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(client.campaigns.create, "n", "a", "p", io.BytesIO(LARGE))
    _assert_outcome_unknown(caught.value)
    assert hub.arrived(1) == 1


def test_a_pool_without_a_free_connection_means_that_nothing_was_sent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    import httpx

    hub.respond(
        (
            response(200, b"", [("Content-Type", "text/event-stream"), *CHUNKED]),
            chunked(b": x\n\n", end=False),
            silence,
        )
    )
    given = caller.http_client(limits=httpx.Limits(max_connections=1))
    client = caller.client(hub, http_client=given, clock=clock, timeout=kataven.Timeout(pool=0.05))
    stream = client.campaigns.stream_events("c1", reconnect=False)
    first = caller.call(stream.__anext__) if caller.name == "async" else next(stream)
    assert first == ": x"
    with pytest.raises(kataven.APITimeoutError) as caught:
        caller.call(client.campaigns.start, "c1")
    assert caught.value.request_sent is False
    assert len(clock.slept) == 3
    caller.call(stream.aclose if caller.name == "async" else stream.close)
    assert hub.arrived(1) == 1


# How many retries.


@pytest.mark.parametrize("retries", [0, 1, 2, 7])
def test_max_retries_is_the_number_of_retries(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, retries: int
) -> None:
    hub.always = response(503, "down")
    with pytest.raises(kataven.ServerError):
        caller.call(caller.client(hub, clock=clock, max_retries=retries).campaigns.get, "c1")
    assert hub.arrived(retries + 1) == retries + 1
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0][:retries]


@pytest.mark.parametrize("jitter", [0.0, 0.999999])
def test_the_backoff_has_full_jitter_below_a_limit_that_doubles_to_eight_seconds(
    caller: Blocking, hub: LoopbackHub, jitter: float
) -> None:
    clock = DrivenClock(jitter)
    hub.always = response(503, "down")
    with pytest.raises(kataven.ServerError):
        caller.call(caller.client(hub, clock=clock, max_retries=6).campaigns.get, "c1")
    bounds = [0.5, 1, 2, 4, 8, 8]
    assert clock.slept == pytest.approx([bound * jitter for bound in bounds])


def test_an_async_clock_is_awaited(awaited: Any, hub: LoopbackHub, clock: DrivenClock) -> None:
    import asyncio

    waited: list[float] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(0)
        waited.append(seconds)

    clock.on_sleep = wait
    hub.respond(response(503, "down"), OK)
    assert awaited.call(awaited.client(hub, clock=clock).campaigns.get, "c1") == {"id": "c1"}
    assert waited == [0.25]
