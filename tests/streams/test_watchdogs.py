"""What is done about a Hub that goes silent, trickles, or never ends: nothing hangs."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from stream_hub import (
    END,
    HEARTBEAT,
    Peer,
    StreamHub,
    data,
    reply,
    silence,
    stream,
    trickle,
    wait_for,
)

from kataven import APITimeoutError, ResponseFormatError, StreamError

if TYPE_CHECKING:
    from sides import DrivenClock

ONE, TWO = data({"n": 1}), data({"n": 2})


def test_silence_counts_as_broken_and_the_hub_sees_the_end(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE, end="silent"), stream(HEARTBEAT, end="silent"), stream(TWO))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", idle_timeout=0.2)
    assert side.rest(events) == [{"n": 1}, ": heartbeat", {"n": 2}]
    hub.wait_until_left()
    hub.wait_until_left()
    assert events.reconnects == 2


def test_the_idle_time_is_its_own_setting(hub: StreamHub, side: Any) -> None:
    """A read timeout of calls that is far shorter than the Hub's silence breaks no stream."""
    read = threading.Event()
    hub.events(stream(ONE, lambda _peer: read.wait(0.4), TWO))
    client = side.client(hub, timeout=0.2)
    events = client.campaigns.stream_events("c1", reconnect=False, idle_timeout=10)
    assert side.rest(events) == [{"n": 1}, {"n": 2}]


def test_heartbeats_keep_a_stream_alive(hub: StreamHub, side: Any) -> None:
    beats = 8

    def beat(peer: Peer) -> None:
        for _ in range(beats):
            peer.piece(HEARTBEAT)
            peer.hub.over.wait(0.05)

    hub.events(stream(beat, ONE))
    events = side.client(hub).campaigns.stream_events("c1", reconnect=False, idle_timeout=0.3)
    assert side.rest(events) == [": heartbeat"] * beats + [{"n": 1}]


def test_bytes_that_never_make_an_item_count_as_broken_after_a_minute(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    def crumbs(peer: Peer) -> None:
        peer.piece(b"data: ")
        while not hub.over.is_set():
            clock.advance(7)
            peer.piece(b"1")
            hub.over.wait(0.02)

    hub.events(stream(ONE, crumbs), stream(TWO))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    assert side.rest(events) == [{"n": 1}, {"n": 2}]
    assert events.reconnects == 1


@pytest.mark.parametrize("crumb", [b"\n", b"id: 1\n\n", b"event: x\n\n", b"retry: 9\n"])
def test_lines_that_are_no_items_are_a_trickle_too(
    hub: StreamHub, side: Any, clock: DrivenClock, crumb: bytes
) -> None:
    def crumbs(peer: Peer) -> None:
        while not hub.over.is_set():
            clock.advance(7)
            peer.piece(crumb)
            hub.over.wait(0.02)

    hub.events(stream(crumbs))
    campaigns = side.client(hub, clock=clock).campaigns
    with pytest.raises(StreamError, match="no item for 60 s"):
        side.next(campaigns.stream_events("c1", reconnect=False))


def test_a_reader_that_takes_long_is_no_trickle_of_the_hubs(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    slow = threading.Event()
    hub.events(stream(ONE, slow, b"data: {", b"}\n", b"\n"))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", reconnect=False)
    side.next(events)
    clock.advance(1000)
    slow.set()
    assert side.rest(events) == [{}]


def test_heartbeats_keep_a_watch_on_its_stream(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    """They bring no progress, but they are items: nothing that only trickles."""

    def beats(peer: Peer) -> None:
        for _ in range(5):
            clock.advance(50)
            peer.piece(HEARTBEAT)
            hub.over.wait(0.05)

    running, completed = data({"status": "running"}), data({"status": "completed"})
    hub.events(stream(running, beats, completed))
    progress = side.client(hub, clock=clock).campaigns.watch("c1")
    assert [seen.status for seen in side.rest(progress)] == ["running", "completed"]
    assert len(hub.streams()) == 1


@pytest.mark.parametrize("framing", ["chunked", "eof"])
@pytest.mark.parametrize(
    "behaviour",
    [
        lambda framing: stream(ONE, end="silent", framing=framing),
        lambda framing: stream(trickle(HEARTBEAT), framing=framing),
        lambda framing: stream(trickle(b"x"), framing=framing),
        lambda framing: stream(ONE, END, end="silent", framing=framing),
    ],
    ids=["silence", "heartbeats", "trickle", "silence behind the marker"],
)
def test_the_total_time_bounds_a_stream_that_goes_on(
    hub: StreamHub, side: Any, behaviour: Any, framing: str
) -> None:
    hub.events(behaviour(framing))
    client = side.client(hub)
    events = client.campaigns.stream_events("c1", total_timeout=0.2)
    with pytest.raises(APITimeoutError, match="the time for following this stream is over"):
        side.rest(events)
    assert len(hub.asked) == 1
    assert side.connections(client) == []
    assert side.rest(events) == []


def stalled_head(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    trickle(b"x")(peer)


@pytest.mark.parametrize(
    "behaviour",
    [silence, stalled_head, reply(503, "down"), stream(end="unfinished")],
    ids=["no answer", "a head that trickles", "refusals", "breaks"],
)
def test_the_total_time_bounds_openings_and_pauses(
    hub: StreamHub, side: Any, behaviour: Any
) -> None:
    hub.events(behaviour)
    events = side.client(hub).campaigns.stream_events("c1", total_timeout=0.2)
    with pytest.raises(APITimeoutError, match="time for following"):
        side.next(events)


def test_the_total_time_bounds_a_connection_that_is_never_made(side: Any) -> None:
    """A listener whose queue is full leaves whoever connects without a word."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    full = SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    # Nothing else would end it for an hour.
    events = side.client(full, timeout=3600).campaigns.stream_events("c1", total_timeout=0.2)
    try:
        with pytest.raises(APITimeoutError, match="time for following"):
            side.next(events)
    finally:
        for sock in (*waiting, listener):
            sock.close()


def test_the_total_time_begins_with_the_first_item_asked_for(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", total_timeout=5)
    clock.advance(1000)
    assert side.rest(events) == [{"n": 1}]


def test_the_total_time_is_over_reconnects_and_all(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(*[stream(ONE, end="unfinished")] * 50)
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", total_timeout=10)
    with pytest.raises(APITimeoutError):
        side.rest(events)
    # Each lasts half a second of pause.
    assert len(hub.asked) == 20


def test_a_timer_leaves_no_thread(hub: StreamHub, blocking: Any) -> None:
    hub.events(stream(ONE))
    events = blocking.client(hub).campaigns.stream_events("c1", total_timeout=3000)
    assert list(events) == [{"n": 1}]
    wait_for(lambda: not any(isinstance(t, threading.Timer) for t in threading.enumerate()))


@pytest.mark.parametrize("status", [200, 503])
def test_a_page_that_trickles_is_no_hang(
    hub: StreamHub, side: Any, clock: DrivenClock, status: int
) -> None:
    def page(peer: Peer) -> None:
        peer.head(status, "text/html", framing="eof")
        trickle(b"<p>")(peer)

    hub.events(page)
    client = side.client(hub, clock=clock, timeout=0.2)
    error = ResponseFormatError if status == 200 else StreamError
    with pytest.raises(error):
        side.next(client.campaigns.stream_events("c1", max_reconnects=0))


def test_a_head_that_trickles_is_no_hang(hub: StreamHub, side: Any) -> None:
    hub.events(stalled_head)
    client = side.client(hub, timeout=0.2)
    with pytest.raises(APITimeoutError, match="no answer within the timeout"):
        side.next(client.campaigns.stream_events("c1", reconnect=False))
