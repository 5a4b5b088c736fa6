"""What the generated client sends through, on both transports and a caller's client."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kataven import Timeout
from kataven.errors import ConfigurationError
from tests.support.clients import KEY, Awaited, Blocking
from tests.support.http import PREFIX, chunked, response
from tests.support.server import LoopbackHub, refused_port, reset, silence
from tests.support.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=[True, False], ids=["ours", "callers"])
def raw(caller: Blocking, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes the object that the generated client calls."""

    def make(url: str, key: Any = KEY, **timeout: float) -> Any:
        options = {} if request.param else {"http_client": caller.http_client()}
        client = caller.client(url, api_key=key, timeout=Timeout(**timeout), **options)
        if isinstance(caller, Awaited):
            return client.raw.get_async_httpx_client()
        return client.raw.get_httpx_client()

    return make


def _stream(caller: Blocking, raw: Any, *args: Any, **options: Any) -> tuple[httpx.Response, bytes]:
    def read() -> Any:
        with raw.stream(*args, **options) as received:
            return received, b"".join(received.iter_bytes())

    async def read_awaited() -> Any:
        async with raw.stream(*args, **options) as received:
            return received, b"".join([chunk async for chunk in received.aiter_bytes()])

    result: tuple[httpx.Response, bytes] = caller.call(
        read_awaited if isinstance(caller, Awaited) else read
    )
    return result


def test_a_request_is_sent_once_with_the_key(caller: Blocking, hub: LoopbackHub, raw: Any) -> None:
    hub.always = response(503, "no", [("Retry-After", "1")])
    headers = {"Authorization": "Bearer other", "X-Other": "1", "User-Agent": "theirs"}
    received = caller.call(
        raw(hub.url).request, "get", "/campaigns/c%2F1", headers=headers, params={"page": 2}
    )
    assert isinstance(received, httpx.Response)
    assert (received.status_code, received.text) == (503, "no")
    assert received.headers["retry-after"] == "1"
    assert str(received.request.url) == f"{hub.url}{PREFIX}/campaigns/c%2F1?page=2"
    request = hub.only
    assert request.target == f"{PREFIX}/campaigns/c%2F1?page=2"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-other") == "1"
    assert str(request.header("user-agent")).startswith("kataven-python/")


@table(
    "path", ["https://evil.example/x", "//evil.example/x", "x", "", "/../x", "/a/%2E./x", "/.#x"]
)
def test_a_request_goes_to_the_base_url_and_nowhere_else(
    caller: Blocking, hub: LoopbackHub, raw: Any, path: str
) -> None:
    http = raw(hub.url)
    with pytest.raises(ValueError, match="not a path below the base URL"):
        caller.call(http.request, "GET", path)
    with pytest.raises(ValueError, match="not a path below the base URL"):
        _stream(caller, http, "GET", path)
    assert hub.connections == 0


def test_a_redirect_is_not_followed(caller: Blocking, hub: LoopbackHub, raw: Any) -> None:
    with LoopbackHub() as elsewhere:
        hub.always = response(307, "", [("Location", elsewhere.url)])
        assert caller.call(raw(hub.url).request, "GET", "/campaigns").status_code == 307
        assert elsewhere.connections == 0


@pytest.mark.slow
def test_a_compressed_response_is_decoded_within_the_size_limit(
    caller: Blocking, hub: LoopbackHub, raw: Any
) -> None:
    http = raw(hub.url)
    hub.respond(response(200, gzip.compress(b'{"a": 1}'), [("Content-Encoding", "gzip")]))
    assert caller.call(http.request, "GET", "/campaigns").json() == {"a": 1}
    bomb = gzip.compress(gzip.compress(b"0" * (17 * 1024 * 1024)))
    hub.respond(response(200, bomb, [("Content-Encoding", "gzip, gzip")]))
    with pytest.raises(ValueError, match="16 MiB"):
        caller.call(http.request, "GET", "/campaigns")


def test_an_upload_arrives(caller: Blocking, hub: LoopbackHub, raw: Any) -> None:
    content = b"x" * 300_000
    files = [("contacts", ("list.csv", io.BytesIO(content), "text/csv"))]
    received = caller.call(raw(hub.url).request, "POST", "/campaigns", files=files)
    assert received.status_code == 200
    assert hub.only.file.content == content


def test_a_stream_is_read_as_it_comes(caller: Blocking, hub: LoopbackHub, raw: Any) -> None:
    head = response(200, b"", [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")])
    packed = gzip.compress(b": one\n\n")
    hub.always = head + chunked(packed[:5], packed[5:])
    received, body = _stream(
        caller, raw(hub.url), "GET", "/events", headers={"Accept": "text/event-stream"}
    )
    assert received.status_code == 200
    assert body == b": one\n\n"
    assert hub.only.header("accept") == "text/event-stream"


@table("streams", [True, False])
def test_failures_are_those_of_httpx(
    caller: Blocking, hub: LoopbackHub, raw: Any, streams: bool, brief: Any
) -> None:
    def send(target: Any) -> Any:
        if streams:
            return _stream(caller, target, "GET", "/campaigns")
        return caller.call(target.request, "GET", "/campaigns")

    held, port = refused_port()
    with held, pytest.raises(httpx.ConnectError) as caught:
        send(raw(f"http://127.0.0.1:{port}"))
    assert caught.value.request.url.port == port
    hub.respond((silence,))
    with pytest.raises(httpx.ReadTimeout):
        send(raw(hub.url, read=brief(0.1)))
    hub.respond((response(200, b"{", length=9), reset))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        send(raw(hub.url))


def test_a_401_is_returned_and_the_next_request_has_a_new_key(
    caller: Blocking, hub: LoopbackHub, raw: Any
) -> None:
    keys = iter(["one", "two"])
    http = raw(hub.url, key=caller.provider(lambda: next(keys)))
    hub.respond(response(401, "expired"))
    assert caller.call(http.request, "GET", "/campaigns").text == "expired"
    assert caller.call(http.request, "GET", "/campaigns").status_code == 200
    sent = [request.header("authorization") for request in hub.requests]
    assert sent == ["Bearer one", "Bearer two"]


def test_what_it_does_not_offer_is_named(caller: Blocking, hub: LoopbackHub, raw: Any) -> None:
    with pytest.raises(AttributeError, match="no 'headers'"):
        _ = raw(hub.url).headers
    other = caller.client(hub).raw
    if isinstance(caller, Awaited):
        wanted, http = "a KatavenClient", other.get_httpx_client()
    else:
        wanted, http = "an AsyncKatavenClient", other.get_async_httpx_client()
    with pytest.raises(ConfigurationError, match=rf"use client\.raw of {wanted}"):
        http.request("GET", "/")
