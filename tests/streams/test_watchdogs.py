"""A Hub that goes silent, trickles or never ends: nothing hangs."""

from __future__ import annotations

import functools
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kataven import APITimeoutError, ResponseFormatError, StreamError
from tests.support.http import END, HEARTBEAT, data, response
from tests.support.server import Connection, LoopbackHub, silence, stream, trickle_forever, wait_for

if TYPE_CHECKING:
    from tests.support.clients import DrivenClock

ONE, TWO = data({"n": 1}), data({"n": 2})


def test_silence_counts_as_truncated_and_the_hub_sees_the_end(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, brief: Any
) -> None:
    hub.events(stream(ONE, end="silent"), stream(HEARTBEAT, end="silent"), stream(TWO))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", idle_timeout=brief(0.2))
    assert caller.rest(events) == [{"n": 1}, ": heartbeat", {"n": 2}]
    hub.wait_until_left()
    hub.wait_until_left()
    assert events.reconnects == 2


def test_the_idle_timeout_is_its_own_setting(hub: LoopbackHub, caller: Any, brief: Any) -> None:
    """A read timeout of calls far shorter than the Hub's silence does not break a stream."""
    read = threading.Event()
    hub.events(stream(ONE, lambda _peer: read.wait(brief(0.4)), TWO))
    client = caller.client(hub, timeout=brief(0.2))
    events = client.campaigns.stream_events("c1", reconnect=False, idle_timeout=10)
    assert caller.rest(events) == [{"n": 1}, {"n": 2}]


def test_heartbeats_keep_a_stream_alive(hub: LoopbackHub, caller: Any, brief: Any) -> None:
    beats = 8

    def beat(connection: Connection) -> None:
        for _ in range(beats):
            connection.stream(HEARTBEAT)
            connection.hub.over.wait(brief(0.05))

    hub.events(stream(beat, ONE))
    events = caller.client(hub).campaigns.stream_events(
        "c1", reconnect=False, idle_timeout=brief(0.3)
    )
    assert caller.rest(events) == [": heartbeat"] * beats + [{"n": 1}]


def test_bytes_without_an_item_count_as_truncated_after_a_minute(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    def crumbs(connection: Connection) -> None:
        connection.stream(b"data: ")
        while not hub.over.is_set():
            clock.advance(7)
            connection.stream(b"1")
            hub.over.wait(0.02)

    hub.events(stream(ONE, crumbs), stream(TWO))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    assert caller.rest(events) == [{"n": 1}, {"n": 2}]
    assert events.reconnects == 1


@pytest.mark.parametrize("crumb", [b"\n", b"id: 1\n\n", b"event: x\n\n", b"retry: 9\n"])
def test_lines_without_an_item_are_a_trickle_too(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, crumb: bytes
) -> None:
    def crumbs(connection: Connection) -> None:
        while not hub.over.is_set():
            clock.advance(7)
            connection.stream(crumb)
            hub.over.wait(0.02)

    hub.events(stream(crumbs))
    campaigns = caller.client(hub, clock=clock).campaigns
    with pytest.raises(StreamError, match="60"):
        caller.next(campaigns.stream_events("c1", reconnect=False))


def test_a_slow_reader_does_not_count_as_a_trickle(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    slow = threading.Event()
    hub.events(stream(ONE, slow, b"data: {", b"}\n", b"\n"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", reconnect=False)
    caller.next(events)
    clock.advance(1000)
    slow.set()
    assert caller.rest(events) == [{}]


def test_heartbeats_keep_a_watch_on_its_stream(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    """They carry no progress, but they are items, unlike a trickle."""

    def beats(connection: Connection) -> None:
        for _ in range(5):
            clock.advance(50)
            connection.stream(HEARTBEAT)
            hub.over.wait(0.05)

    running, completed = data({"status": "running"}), data({"status": "completed"})
    hub.events(stream(running, beats, completed))
    progress = caller.client(hub, clock=clock).campaigns.watch("c1")
    assert [seen.status for seen in caller.rest(progress)] == ["running", "completed"]
    assert len(hub.streams()) == 1


ENDLESS = {
    "silence": lambda framing: stream(ONE, end="silent", framing=framing),
    "heartbeats": lambda framing: stream(trickle_forever(HEARTBEAT), framing=framing),
    "trickle": lambda framing: stream(trickle_forever(b"x"), framing=framing),
    "silence after the marker": lambda framing: stream(ONE, END, end="silent", framing=framing),
}


def test_the_total_timeout_bounds_a_stream_that_does_not_end(
    hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    streams = {
        f"{name.replace(' ', '-')}-{framing}": behaviour(framing)
        for name, behaviour in ENDLESS.items()
        for framing in ("chunked", "eof")
    }
    for campaign, behaviour in streams.items():
        hub.events(behaviour, campaign=campaign)
    campaigns = caller.client(hub).campaigns
    events = [campaigns.stream_events(campaign, total_timeout=brief(0.5)) for campaign in streams]
    errors = caller.together([functools.partial(read_to_the_end, caller, each) for each in events])
    for campaign, error in zip(streams, errors, strict=True):
        assert isinstance(error, APITimeoutError), campaign
        assert len(hub.streams(campaign)) == 1, campaign
    hub.wait_until_disconnected()
    for each in events:
        assert caller.rest(each) == []


def read_to_the_end(caller: Any, events: Any) -> Any:
    """Read a stream: the items of one client, an awaitable of them of the other."""
    if caller.name == "sync":
        return list(events)

    async def read() -> list[Any]:
        return [item async for item in events]

    return read()


def stalled_head(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    trickle_forever(b"x")(connection)


@pytest.mark.parametrize(
    "behaviour",
    [silence, stalled_head, response(503, "down"), stream(end="unfinished")],
    ids=["no response", "a head that trickles", "refusals", "breaks"],
)
def test_the_total_timeout_bounds_openings_and_pauses(
    hub: LoopbackHub, caller: Any, behaviour: Any, brief: Any
) -> None:
    hub.events(behaviour)
    events = caller.client(hub).campaigns.stream_events("c1", total_timeout=brief(0.2))
    with pytest.raises(APITimeoutError):
        caller.next(events)


def test_the_total_timeout_bounds_connecting(caller: Any, brief: Any) -> None:
    """A listener whose queue is full never completes a connection."""
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
    events = caller.client(full, timeout=3600).campaigns.stream_events(
        "c1", total_timeout=brief(0.2)
    )
    try:
        with pytest.raises(APITimeoutError):
            caller.next(events)
    finally:
        for sock in (*waiting, listener):
            sock.close()


def test_the_total_timeout_starts_with_the_first_item_requested(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", total_timeout=5)
    clock.advance(1000)
    assert caller.rest(events) == [{"n": 1}]


def test_the_total_timeout_includes_reconnects(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(*[stream(ONE, end="unfinished")] * 50)
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", total_timeout=10)
    with pytest.raises(APITimeoutError):
        caller.rest(events)
    # Each attempt costs a pause of half a second.
    assert len(hub.requests) == 20


def test_a_timer_leaves_no_thread(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(stream(ONE))
    events = blocking.client(hub).campaigns.stream_events("c1", total_timeout=3000)
    assert list(events) == [{"n": 1}]
    wait_for(lambda: not any(isinstance(t, threading.Timer) for t in threading.enumerate()))


@pytest.mark.parametrize("status", [200, 503])
def test_a_trickling_page_does_not_hang(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, status: int, brief: Any
) -> None:
    def page(connection: Connection) -> None:
        connection.stream_head(status, "text/html", framing="eof")
        trickle_forever(b"<p>")(connection)

    hub.events(page)
    client = caller.client(hub, clock=clock, timeout=brief(0.2))
    error = ResponseFormatError if status == 200 else StreamError
    with pytest.raises(error):
        caller.next(client.campaigns.stream_events("c1", max_reconnects=0))


def test_trickling_headers_do_not_hang(hub: LoopbackHub, caller: Any, brief: Any) -> None:
    hub.events(stalled_head)
    client = caller.client(hub, timeout=brief(0.2))
    with pytest.raises(APITimeoutError):
        caller.next(client.campaigns.stream_events("c1", reconnect=False))
