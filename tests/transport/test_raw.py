"""What the generated client sends through, on both transports and a caller's client."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from loopback_hub import LoopbackHub, chunked, hang, refused_port, reply, reset
from sending import KEY, PREFIX, Side

from kataven._core.operation import Timeout
from kataven._core.tokens import AsyncTokenSource, TokenSource
from kataven._http.raw import AsyncRawHttp, OtherKind, RawHttp
from kataven._http.request import RequestWriter
from kataven.config import read_base_url
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=[True, False], ids=["ours", "callers"])
def raw(side: Side, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes the object that the generated client calls."""

    def make(url: str, key: Any = KEY, **timeout: float) -> Any:
        transport = side.transport(url) if request.param else side.adapter(url)
        blocking = type(side) is Side
        tokens: Any = (TokenSource if blocking else AsyncTokenSource)(key, None)
        kind: Any = RawHttp if blocking else AsyncRawHttp
        return kind(
            lambda: transport, RequestWriter(read_base_url(url)), tokens, Timeout(**timeout)
        )

    return make


def _stream(side: Side, raw: Any, *args: Any, **options: Any) -> tuple[httpx.Response, bytes]:
    def read() -> Any:
        with raw.stream(*args, **options) as response:
            return response, b"".join(response.iter_bytes())

    async def aread() -> Any:
        async with raw.stream(*args, **options) as response:
            return response, b"".join([chunk async for chunk in response.aiter_bytes()])

    return side.call(read if type(side) is Side else aread)


def test_a_request_is_sent_once_with_the_key(side: Side, hub: LoopbackHub, raw: Any) -> None:
    hub.always = reply(503, "no", [("Retry-After", "1")])
    headers = {"Authorization": "Bearer other", "X-Other": "1", "User-Agent": "theirs"}
    response = side.call(
        raw(hub.url).request, "get", "/campaigns/c%2F1", headers=headers, params={"page": 2}
    )
    assert isinstance(response, httpx.Response)
    assert (response.status_code, response.text) == (503, "no")
    assert response.headers["retry-after"] == "1"
    assert str(response.request.url) == f"{hub.url}{PREFIX}/campaigns/c%2F1?page=2"
    request = hub.only
    assert request.target == f"{PREFIX}/campaigns/c%2F1?page=2"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-other") == "1"
    assert str(request.header("user-agent")).startswith("kataven-python/")


@pytest.mark.parametrize(
    "path", ["https://evil.example/x", "//evil.example/x", "x", "", "/../x", "/a/%2E./x", "/.#x"]
)
def test_a_request_goes_to_the_base_url_and_nowhere_else(
    side: Side, hub: LoopbackHub, raw: Any, path: str
) -> None:
    with pytest.raises(ValueError, match="not a path below the base URL"):
        side.call(raw(hub.url).request, "GET", path)
    with pytest.raises(ValueError, match="not a path below the base URL"):
        _stream(side, raw(hub.url), "GET", path)
    assert hub.connections == 0


def test_a_redirect_is_not_followed(side: Side, hub: LoopbackHub, raw: Any) -> None:
    with LoopbackHub() as elsewhere:
        hub.always = reply(307, "", [("Location", elsewhere.url)])
        assert side.call(raw(hub.url).request, "GET", "/campaigns").status_code == 307
        assert elsewhere.connections == 0


def test_a_compressed_response_is_decoded_within_the_size_limit(
    side: Side, hub: LoopbackHub, raw: Any
) -> None:
    hub.will(reply(200, gzip.compress(b'{"a": 1}'), [("Content-Encoding", "gzip")]))
    assert side.call(raw(hub.url).request, "GET", "/campaigns").json() == {"a": 1}
    bomb = gzip.compress(gzip.compress(b"0" * (17 * 1024 * 1024)))
    hub.will(reply(200, bomb, [("Content-Encoding", "gzip, gzip")]))
    with pytest.raises(ValueError, match="16 MiB"):
        side.call(raw(hub.url).request, "GET", "/campaigns")


def test_an_upload_arrives(side: Side, hub: LoopbackHub, raw: Any) -> None:
    content = b"x" * 300_000
    files = [("contacts", ("list.csv", io.BytesIO(content), "text/csv"))]
    response = side.call(raw(hub.url).request, "POST", "/campaigns", files=files)
    assert response.status_code == 200
    assert hub.only.file.content == content


def test_a_stream_is_read_as_it_comes(side: Side, hub: LoopbackHub, raw: Any) -> None:
    head = reply(200, b"", [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")])
    packed = gzip.compress(b": one\n\n")
    hub.always = head + chunked(packed[:5], packed[5:])
    response, body = _stream(
        side, raw(hub.url), "GET", "/events", headers={"Accept": "text/event-stream"}
    )
    assert response.status_code == 200
    assert body == b": one\n\n"
    assert hub.only.header("accept") == "text/event-stream"


@pytest.mark.parametrize("streams", [True, False])
def test_failures_are_those_of_httpx(side: Side, hub: LoopbackHub, raw: Any, streams: bool) -> None:
    def send(target: Any) -> Any:
        if streams:
            return _stream(side, target, "GET", "/campaigns")
        return side.call(target.request, "GET", "/campaigns")

    held, port = refused_port()
    with held, pytest.raises(httpx.ConnectError) as caught:
        send(raw(f"http://127.0.0.1:{port}"))
    assert caught.value.request.url.port == port
    hub.will((hang,))
    with pytest.raises(httpx.ReadTimeout):
        send(raw(hub.url, read=0.1))
    hub.will((reply(200, b"{", length=9), reset))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        send(raw(hub.url))


def test_a_401_is_returned_and_the_next_request_has_a_new_key(
    side: Side, hub: LoopbackHub, raw: Any
) -> None:
    keys = iter(["one", "two"])
    target = raw(hub.url, key=lambda: next(keys))
    hub.will(reply(401, "expired"))
    assert side.call(target.request, "GET", "/campaigns").text == "expired"
    assert side.call(target.request, "GET", "/campaigns").status_code == 200
    sent = [request.header("authorization") for request in hub.requests]
    assert sent == ["Bearer one", "Bearer two"]


def test_what_it_does_not_offer_is_named(hub: LoopbackHub, raw: Any) -> None:
    with pytest.raises(AttributeError, match="no 'headers'"):
        _ = raw(hub.url).headers
    with pytest.raises(ConfigurationError, match=r"use client\.raw of AsyncKatavenClient"):
        OtherKind("AsyncKatavenClient").request("GET", "/")
