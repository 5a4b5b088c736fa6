"""How a stream ends: with the Hub's clean close, after its marker, or truncated."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kataven import APIStatusError, StreamError
from kataven.errors import ResponseFormatError
from tests.support.http import END, data, response
from tests.support.server import LoopbackHub, hang_up, stream

ONE, TWO = data({"n": 1}), data({"n": 2})


@pytest.mark.parametrize("framing", ["chunked", "eof"])
@pytest.mark.parametrize("marker", [b"", END], ids=["without marker", "with marker"])
def test_a_clean_close_ends_the_iteration(
    hub: LoopbackHub, caller: Any, marker: bytes, framing: str
) -> None:
    hub.events(stream(ONE, marker, framing=framing))
    events = caller.client(hub).campaigns.stream_events("c1")
    assert caller.rest(events) == [{"n": 1}, *(["event: end"] if marker else [])]
    assert len(hub.requests) == 1
    assert events.reconnects == 0


def test_the_marker_itself_does_not_end_the_stream(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(ONE, END, TWO, END))
    items = caller.rest(caller.client(hub).campaigns.stream_events("c1"))
    assert items == [{"n": 1}, "event: end", {"n": 2}, "event: end"]


def test_a_missing_terminator_after_the_marker_is_the_end(
    hub: LoopbackHub, caller: Any, clock: Any
) -> None:
    hub.events(stream(ONE, END, end="unfinished"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    assert caller.rest(events) == [{"n": 1}, "event: end"]
    assert len(hub.requests) == 1
    assert clock.slept == []


def test_a_reset_after_the_marker_is_the_end(hub: LoopbackHub, caller: Any, clock: Any) -> None:
    read = threading.Event()
    hub.events(stream(ONE, END, read, end="reset"), stream(TWO))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", reconnect=False)
    assert [caller.next(events), caller.next(events)] == [{"n": 1}, "event: end"]
    read.set()
    assert caller.rest(events) == []
    assert len(hub.requests) == 1


def test_silence_after_the_marker_is_the_end(hub: LoopbackHub, caller: Any, brief: Any) -> None:
    hub.events(stream(ONE, END, end="silent"))
    events = caller.client(hub).campaigns.stream_events("c1", idle_timeout=brief(0.2))
    assert caller.rest(events) == [{"n": 1}, "event: end"]
    hub.wait_until_left()
    assert len(hub.requests) == 1


@pytest.mark.parametrize("end", ["reset", "unfinished", "silent"])
def test_a_truncated_stream_without_a_marker_is_reopened(
    hub: LoopbackHub, caller: Any, clock: Any, end: str, brief: Any
) -> None:
    hub.events(stream(ONE, end=end), stream(TWO))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", idle_timeout=brief(0.3))
    items = caller.rest(events)
    # A reset may overtake the frame before it.
    assert items[-1] == {"n": 2}
    assert items == [{"n": 1}, {"n": 2}] or end == "reset"
    assert len(hub.requests) == 2
    assert events.reconnects == 1
    assert sum(clock.slept) == pytest.approx(0.5)


@pytest.mark.parametrize("end", ["reset", "unfinished", "silent"])
def test_a_truncated_stream_without_reconnect_is_a_stream_error(
    hub: LoopbackHub, caller: Any, end: str, brief: Any
) -> None:
    hub.events(stream(ONE, end=end))
    campaigns = caller.client(hub).campaigns
    events = campaigns.stream_events("c1", reconnect=False, idle_timeout=brief(0.2))
    with pytest.raises(StreamError) as caught:
        caller.rest(events)
    assert caught.value.__cause__ is not None
    assert len(hub.requests) == 1
    assert caller.rest(events) == [], "an error is the end of the iteration"


def test_an_unfinished_frame_is_never_an_item(hub: LoopbackHub, caller: Any, clock: Any) -> None:
    hub.events(stream(ONE, b'data: {"n": 8}\n', end="unfinished"), stream(TWO, b": beat"))
    items = caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert items == [{"n": 1}, {"n": 2}]


def test_a_body_shorter_than_its_length_is_truncated(
    hub: LoopbackHub, caller: Any, clock: Any
) -> None:
    def short(connection: Any) -> None:
        connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n"
        )
        connection.send(ONE)
        hang_up(connection)

    hub.events(short, stream(TWO))
    items = caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert items == [{"n": 1}, {"n": 2}]


@pytest.mark.slow
def test_a_frame_over_the_limit_is_a_stream_error_after_the_items_before_it(
    hub: LoopbackHub, caller: Any
) -> None:
    def endless_line(connection: Any) -> None:
        chunk = b"x" * (1024 * 1024)
        for _ in range(70):
            connection.stream(chunk)

    hub.events(stream(ONE, b"data: ", endless_line))
    client = caller.client(hub)
    events = client.campaigns.stream_events("c1")
    assert caller.next(events) == {"n": 1}
    with pytest.raises(StreamError, match="67108864"):
        caller.next(events)
    assert len(hub.requests) == 1
    hub.wait_until_disconnected()


@pytest.mark.slow
def test_an_item_in_the_same_chunk_as_the_overflow_is_yielded_first(
    hub: LoopbackHub, caller: Any
) -> None:
    def nearly_full(connection: Any) -> None:
        line = b"data: " + b"x" * (1024 * 1024 - 7) + b"\n"
        for _ in range(64):
            connection.stream(line)
        connection.stream(b": beat\ndata: " + b"y" * 200 + b"\n")

    hub.events(stream(nearly_full))
    events = caller.client(hub).campaigns.stream_events("c1")
    assert caller.next(events) == ": beat"
    with pytest.raises(StreamError, match="67108864"):
        caller.next(events)


def test_a_compressed_stream_is_refused(hub: LoopbackHub, caller: Any, clock: Any) -> None:
    hub.events(stream(ONE, headers=("Content-Encoding: gzip",)))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    with pytest.raises(ResponseFormatError, match="gzip"):
        caller.next(events)
    assert len(hub.requests) == 1


@pytest.mark.parametrize("location", ["http:login", "mailto:x", "http://h:bad/x"])
def test_a_redirect_to_an_invalid_url_is_an_error_of_its_status(
    hub: LoopbackHub, caller: Any, location: str
) -> None:
    hub.events(response(302, "", {"Location": f"{location}"}))
    with pytest.raises(APIStatusError) as raised:
        caller.next(caller.client(hub).campaigns.stream_events("c1"))
    assert raised.value.status_code == 302
    assert len(hub.requests) == 1
