"""Responses that are compressed, endless or unrequested: refused as they are read, in bounded memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

import kataven
from tests.support.clients import OPERATIONS, READS, WRITES, Blocking, DrivenClock
from tests.support.http import chunked, response
from tests.support.server import LoopbackHub, close
from tests.support.tables import table

MIB = 1024 * 1024
CHUNKED = ("Transfer-Encoding", "chunked")


def _compressed(body: bytes, *encodings: str) -> bytes:
    for encoding in encodings:
        body = gzip.compress(body, mtime=0) if encoding == "gzip" else zlib.compress(body)
    return response(200, body, [("Content-Encoding", ", ".join(encodings))])


def test_only_gzip_is_accepted(caller: Blocking, hub: LoopbackHub) -> None:
    for operation in OPERATIONS.values():
        caller.call(operation, caller.client(hub))
    assert {request.header("accept-encoding") for request in hub.requests} == {"gzip"}


@pytest.mark.parametrize(
    "encodings", [("gzip",), ("gzip", "gzip"), ("deflate",), ("gzip", "deflate")]
)
def test_a_compressed_response_is_decompressed(
    caller: Blocking, hub: LoopbackHub, encodings: tuple[str, ...]
) -> None:
    hub.always = _compressed(b'{"id": "c1"}', *encodings)
    assert caller.call(caller.client(hub).campaigns.get, "c1") == {"id": "c1"}


@pytest.mark.parametrize("framing", ["by chunks", "by its end", "by its length"])
def test_a_response_is_read_completely_with_any_framing(
    caller: Blocking, hub: LoopbackHub, framing: str
) -> None:
    body = b'{"id": "c1", "x": "%s"}' % (b"y" * 200_000)
    hub.always = {
        "by chunks": response(200, b"", [CHUNKED])
        + chunked(body[:1], body[1:70_000], body[70_000:]),
        "by its end": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, close),
        "by its length": response(200, body),
    }[framing]
    result = caller.call(caller.client(hub).campaigns.get, "c1")
    assert result == {"id": "c1", "x": "y" * 200_000}


ZEROS = b'{"id": "' + b"0" * (20 * MIB) + b'"}'
DOUBLE = _compressed(ZEROS, "gzip", "gzip")
BOMBS: dict[str, Any] = {
    "compressed": _compressed(ZEROS, "gzip"),
    "compressed twice": DOUBLE,
    "compressed four times": response(200, b"", [("Content-Encoding", "gzip, gzip, gzip, gzip")]),
    "plain": response(200, b" " * (17 * MIB)),
    "plain in chunks": (response(200, b"", [CHUNKED]), chunked(*[b" " * MIB] * 18)),
}


@table("bomb", BOMBS)
@pytest.mark.slow
def test_a_body_over_sixteen_mib_is_refused_while_it_is_read(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, bomb: str
) -> None:
    hub.always = BOMBS[bomb]
    client = caller.client(hub, clock=clock)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(kataven.ResponseFormatError) as caught:
            caller.call(client.campaigns.get, "c1")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert caught.value.request_sent is None
    assert hub.arrived(1) == 1
    # The limit itself, the chunks it is read in, and what a test server in this process sends.
    assert peak < 24 * MIB


@pytest.mark.parametrize("rubbish", [b"x", gzip.compress(b"", mtime=0)], ids=["bytes", "members"])
@pytest.mark.slow
def test_rubbish_after_a_compressed_body_is_not_kept(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, rubbish: bytes
) -> None:
    chunk = rubbish * (MIB // len(rubbish))
    hub.always = (
        response(200, b"", [CHUNKED, ("Content-Encoding", "gzip")]),
        chunked(gzip.compress(b'{"id": "c1"}'), *[chunk] * (24 if len(rubbish) == 1 else 1)),
    )
    client = caller.client(hub, clock=clock)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


def test_a_body_of_several_gzip_members_is_read_completely(
    caller: Blocking, hub: LoopbackHub
) -> None:
    body = gzip.compress(b'{"id":') + gzip.compress(b' "c1"}')
    hub.always = response(200, body, [("Content-Encoding", "gzip")])
    assert caller.call(caller.client(hub).campaigns.get, "c1") == {"id": "c1"}


def test_a_bomb_is_small() -> None:
    assert len(DOUBLE) < 1000


@pytest.mark.parametrize("operation", ["list", "list_contacts", "call_limits"])
@pytest.mark.slow
def test_every_read_refuses_a_bomb(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = DOUBLE
    with pytest.raises(kataven.ResponseFormatError, match="16 MiB"):
        caller.call(READS[operation], caller.client(hub, clock=clock))
    assert hub.arrived(1) == 1


@table("operation", WRITES)
@pytest.mark.slow
def test_a_bomb_does_not_make_an_accepted_write_look_failed(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = DOUBLE
    client = caller.client(hub, clock=clock)
    if operation == "create":
        with pytest.raises(kataven.ResponseFormatError, match="accepted"):
            caller.call(WRITES[operation], client)
    else:
        assert caller.call(WRITES[operation], client) == (None if operation == "delete" else {})
    assert hub.arrived(1) == 1


@table("status", [400, 429, 500])
@table("operation", ["get", "start"])
@pytest.mark.slow
def test_a_bomb_in_a_refusal_raises_the_refusal(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.always = DOUBLE.replace(b" 200 OK", f" {status} Said".encode(), 1)
    with pytest.raises(kataven.APIStatusError) as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock, max_retries=0))
    assert caught.value.status_code == status


@table("encoding", ["br", "zstd", "compress", "gzip, br", "x-evil", "gzip;q=1"])
def test_an_unrequested_content_encoding_is_a_typed_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, encoding: str
) -> None:
    hub.always = response(200, b'{"id": "c1"}', [("Content-Encoding", encoding)])
    with pytest.raises(kataven.ResponseFormatError):
        caller.call(caller.client(hub, clock=clock).campaigns.get, "c1")
    assert hub.arrived(1) == 1


def test_identity_is_accepted_as_an_encoding(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(200, b'{"id": "c1"}', [("Content-Encoding", "identity")])
    assert caller.call(caller.client(hub).campaigns.get, "c1") == {"id": "c1"}


def test_endless_headers_are_an_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * (2 * MIB), close)
    with pytest.raises(kataven.APIConnectionError):
        caller.call(caller.client(hub, clock=clock, max_retries=0).campaigns.get, "c1")


def test_informational_responses_are_skipped(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", response(200, {"id": "c1"}))
    assert caller.call(caller.client(hub).campaigns.get, "c1") == {"id": "c1"}


@pytest.mark.parametrize("operation", ["get", "start"])
def test_links_and_refreshes_of_a_response_are_not_followed(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    with LoopbackHub() as elsewhere:
        hub.always = response(
            200,
            {"id": "c1", "next": elsewhere.url, "href": elsewhere.url + "/x"},
            [
                ("Location", elsewhere.url),
                ("Link", f'<{elsewhere.url}>; rel="next"'),
                ("Refresh", f"0; url={elsewhere.url}"),
                ("Alt-Svc", f'h2="127.0.0.1:{elsewhere.port}"'),
            ],
        )
        client = caller.client(hub)
        caller.call(OPERATIONS[operation], client)
        caller.call(OPERATIONS[operation], client)
        assert elsewhere.connections == 0
    assert hub.arrived(2) == 2
