"""The generated stream operation hands out the open response: frames arrive while the Hub still sends."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from kataven_hub import Client
from kataven_hub.api.campaigns import stream_campaign_events as endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

FIRST = b'data: {"campaign_id":"c1","total":3}\n\n'
LAST = b"event: end\n\n"


class Feed:
    """Sends one frame, then waits until the reader has it before it sends the last."""

    def __init__(self) -> None:
        self.first_was_read = threading.Event()
        self.reader_was_seen = False

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(FIRST)
        handler.wfile.flush()
        self.reader_was_seen = self.first_was_read.wait(10)
        handler.wfile.write(LAST)


@pytest.fixture
def feed(socket_server: Any) -> Iterator[Feed]:
    feed = Feed()
    socket_server.answer = feed
    yield feed
    feed.first_was_read.set()


def test_a_frame_arrives_before_the_stream_ends(socket_server: Any, feed: Feed) -> None:
    with (
        Client(socket_server.url) as client,
        endpoint.stream("c1", client=client) as response,
    ):
        assert response.status_code == 200
        pieces = response.iter_raw()
        first = b""
        while len(first) < len(FIRST):
            first += next(pieces)
        feed.first_was_read.set()
        rest = b"".join(pieces)

    assert feed.reader_was_seen
    assert (first, rest) == (FIRST, LAST)
    (received,) = socket_server.received
    assert (received.method, received.target) == ("GET", "/campaigns/c1/events")
    assert received.header("Accept") == ["text/event-stream"]


def test_a_frame_arrives_before_the_stream_ends_when_awaited(
    socket_server: Any, feed: Feed
) -> None:
    async def read() -> tuple[bytes, bytes]:
        async with (
            Client(socket_server.url) as client,
            endpoint.astream("c1", client=client) as response,
        ):
            assert response.status_code == 200
            pieces = response.aiter_raw()
            first = b""
            while len(first) < len(FIRST):
                first += await anext(pieces)
            feed.first_was_read.set()
            return first, b"".join([piece async for piece in pieces])

    assert asyncio.run(read()) == (FIRST, LAST)
    assert feed.reader_was_seen
    assert socket_server.received[0].header("Accept") == ["text/event-stream"]


def test_leaving_the_block_early_closes_the_connection(socket_server: Any) -> None:
    gone = threading.Event()

    def send_until_nobody_reads(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            # The end of input is what a closed connection looks like from here.
            handler.wfile.write(FIRST)
            handler.wfile.flush()
            handler.connection.settimeout(10)
            if handler.connection.recv(1) == b"":
                gone.set()
        except ConnectionError:
            gone.set()

    socket_server.answer = send_until_nobody_reads
    with Client(socket_server.url) as client:
        with endpoint.stream("c1", client=client) as response:
            next(response.iter_raw())
        assert gone.wait(10)


def test_an_error_is_handed_out_like_any_status(socket_server: Any) -> None:
    socket_server.will_send(404, b"campaign not found", "text/plain")

    with (
        Client(socket_server.url) as client,
        endpoint.stream("c1", client=client) as response,
    ):
        response.read()
        assert (response.status_code, response.text) == (404, "campaign not found")


def test_nothing_offers_to_read_the_stream_to_its_end() -> None:
    assert not {"sync", "sync_detailed", "asyncio", "asyncio_detailed"} & set(dir(endpoint))
