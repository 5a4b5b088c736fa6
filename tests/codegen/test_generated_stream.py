"""The generated stream operation returns the open response: events arrive while the Hub sends."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from kataven_hub import Client
from kataven_hub.api.campaigns import stream_campaign_events as endpoint

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

FIRST = b'data: {"campaign_id":"c1","total":3}\n\n'
LAST = b"event: end\n\n"


class Feed:
    """Sends one event, and the last one after the reader has received it."""

    def __init__(self) -> None:
        self.first_was_read = threading.Event()
        self.reader_was_seen = False

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(FIRST)
        handler.wfile.flush()
        self.reader_was_seen = self.first_was_read.wait(PATIENCE)
        handler.wfile.write(LAST)


@pytest.fixture
def feed(socket_server: Any) -> Iterator[Feed]:
    feed = Feed()
    socket_server.respond = feed
    yield feed
    feed.first_was_read.set()


def test_event_arrives_before_the_stream_ends(socket_server: Any, feed: Feed) -> None:
    with (
        Client(socket_server.url) as client,
        endpoint.stream("c1", client=client) as response,
    ):
        assert response.status_code == 200
        chunks = response.iter_raw()
        first = b""
        while len(first) < len(FIRST):
            first += next(chunks)
        feed.first_was_read.set()
        rest = b"".join(chunks)

    assert feed.reader_was_seen
    assert (first, rest) == (FIRST, LAST)
    (received,) = socket_server.received
    assert (received.method, received.target) == ("GET", "/campaigns/c1/events")
    assert received.header("Accept") == ["text/event-stream"]


def test_event_arrives_before_the_stream_ends_async(socket_server: Any, feed: Feed) -> None:
    async def read() -> tuple[bytes, bytes]:
        async with (
            Client(socket_server.url) as client,
            endpoint.astream("c1", client=client) as response,
        ):
            assert response.status_code == 200
            chunks = response.aiter_raw()
            first = b""
            while len(first) < len(FIRST):
                first += await anext(chunks)
            feed.first_was_read.set()
            return first, b"".join([chunk async for chunk in chunks])

    assert asyncio.run(read()) == (FIRST, LAST)
    assert feed.reader_was_seen
    assert socket_server.received[0].header("Accept") == ["text/event-stream"]


def test_leaving_the_block_early_closes_the_connection(socket_server: Any) -> None:
    gone = threading.Event()

    def send_until_disconnected(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            # A closed connection reads as the end of input.
            handler.wfile.write(FIRST)
            handler.wfile.flush()
            handler.connection.settimeout(PATIENCE)
            if handler.connection.recv(1) == b"":
                gone.set()
        except ConnectionError:
            gone.set()

    socket_server.respond = send_until_disconnected
    with Client(socket_server.url) as client:
        with endpoint.stream("c1", client=client) as response:
            next(response.iter_raw())
        assert gone.wait(PATIENCE)


def test_error_response_is_returned_like_any_other(socket_server: Any) -> None:
    socket_server.will_send(404, b"campaign not found", "text/plain")

    with (
        Client(socket_server.url) as client,
        endpoint.stream("c1", client=client) as response,
    ):
        response.read()
        assert (response.status_code, response.text) == (404, "campaign not found")


def test_no_function_reads_the_stream_to_its_end() -> None:
    assert not {"sync", "sync_detailed", "asyncio", "asyncio_detailed"} & set(dir(endpoint))
