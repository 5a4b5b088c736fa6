"""Statements about a request are true whatever carried it: transports that report no progress, bytes
after a response, redirects to invalid URLs, a key that comes too late.
"""

from __future__ import annotations

import asyncio
import http.client
import signal
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import kataven
from tests.support.clients import (
    KEY,
    MAY_HAVE_PROCESSED,
    OPERATIONS,
    WRITES,
    Awaited,
    Blocking,
    DrivenClock,
)
from tests.support.http import response
from tests.support.server import LoopbackHub, close, hang_up, refused_port, silence, trickle
from tests.support.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_OVER = response(200, {"id": "c1", "status": "running", "from": "left over bytes"})


@pytest.fixture(autouse=True)
def _ctrl_c_works() -> Iterator[None]:
    """A process that a shell started in its background inherits SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class SilentTransport(httpx.BaseTransport):
    """Sends with the standard library, and reports no progress."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        connection = http.client.HTTPConnection(request.url.host, request.url.port or 80)
        try:
            connection.request(
                request.method,
                request.url.raw_path.decode("ascii"),
                body=request.read(),
                headers=dict(request.headers),
            )
            received = connection.getresponse()
            return httpx.Response(
                received.status, headers=received.getheaders(), content=received.read()
            )
        finally:
            connection.close()


class SilentAsyncTransport(httpx.AsyncBaseTransport):
    """The same with asyncio's own streams."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
        try:
            head = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
            head += b"".join(b"%b: %b\r\n" % header for header in request.headers.raw)
            writer.write(head + b"\r\n" + await request.aread())
            status = int((await reader.readuntil(b"\r\n")).split(b" ")[1])
            await reader.readuntil(b"\r\n\r\n")
            return httpx.Response(status, content=await reader.read())
        finally:
            writer.close()


class FailoverTransport(httpx.BaseTransport):
    """Sends to a second address, without reporting progress, where the first one refuses."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._first = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._first.handle_request(request)
        except httpx.ConnectError:
            request.url = request.url.copy_with(port=self._port)
        try:
            return SilentTransport().handle_request(request)
        except OSError as error:
            raise httpx.ReadError("lost", request=request) from error

    def close(self) -> None:
        self._first.close()


class FailoverAsyncTransport(httpx.AsyncBaseTransport):
    """The same for the async client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._first = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._first.handle_async_request(request)
        except httpx.ConnectError:
            request.url = request.url.copy_with(port=self._port)
        try:
            return await SilentAsyncTransport().handle_async_request(request)
        except (OSError, EOFError) as error:
            raise httpx.ReadError("lost", request=request) from error

    async def aclose(self) -> None:
        await self._first.aclose()


def _silent(caller: Blocking) -> Any:
    transport: Any = SilentTransport() if caller.name == "sync" else SilentAsyncTransport()
    return caller.http_client(transport=transport)


def _press_ctrl_c(_request: Any) -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _notes(error: BaseException | None) -> str:
    notes: list[str] = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    return "\n".join(notes)


@pytest.mark.parametrize("operation", ["start", "pause", "delete"])
def test_a_deadline_in_a_transport_without_progress_leaves_the_outcome_unknown(
    awaited: Awaited, hub: LoopbackHub, operation: str, brief: Any
) -> None:
    hub.always = (silence,)
    client = awaited.client(hub, http_client=_silent(awaited), deadline=brief(0.5))
    with pytest.raises(kataven.APITimeoutError, match=MAY_HAVE_PROCESSED) as caught:
        awaited.call(WRITES[operation], client)
    assert caught.value.request_sent is True
    assert hub.arrived(1) == 1


@pytest.mark.parametrize("operation", ["start", "pause"])
def test_ctrl_c_in_a_transport_without_progress_leaves_the_outcome_unknown(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    # A signal between Python's last check and the system call does not end the call: Python sees it
    # when some bytes do. This transport has no timeout, so without them it would wait for ever.
    hub.always = (b"HTTP/1.1 ", silence)
    hub.on_request = _press_ctrl_c
    client = caller.client(hub, http_client=_silent(caller))
    with pytest.raises(KeyboardInterrupt) as caught:
        caller.call(WRITES[operation], client)
    assert MAY_HAVE_PROCESSED in _notes(caught.value)


def test_a_transport_without_progress_works_like_any_other(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.respond((response(200, {"id": "c1"}), close))
    client = caller.client(hub, http_client=_silent(caller), deadline=10)
    assert caller.call(client.campaigns.start, "c1") == {"id": "c1"}


@pytest.mark.parametrize("operation", ["create", "start"])
def test_a_write_that_a_callers_transport_sent_to_a_second_address_is_not_sent_again(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    """The transport reports that the first address refused, and nothing of the second."""
    hub.always = (hang_up,)
    failover: Any = FailoverTransport if caller.name == "sync" else FailoverAsyncTransport
    http_client = caller.http_client(transport=failover(hub.port))
    held, port = refused_port()
    client = caller.client(f"http://127.0.0.1:{port}", http_client=http_client, clock=clock)
    with held, pytest.raises(kataven.APIConnectionError, match=MAY_HAVE_PROCESSED) as caught:
        caller.call(WRITES[operation], client)
    assert caught.value.request_sent is True
    assert [request.method for request in hub.requests] == ["POST"]


@table("first", ["get", "list", "start"])
def test_bytes_after_a_response_are_not_the_response_to_the_next_write(
    caller: Blocking, hub: LoopbackHub, first: str
) -> None:
    hub.respond(
        response(200, {"id": "c1", "campaigns": []}) + LEFT_OVER, response(409, "over the budget")
    )
    client = caller.client(hub)
    caller.call(OPERATIONS[first], client)
    with pytest.raises(kataven.ConflictError, match="over the budget"):
        caller.call(client.campaigns.start, "c1")
    assert hub.arrived(2) == 2
    assert hub.connections == 2


def test_bytes_after_a_response_are_not_the_response_to_the_next_read(
    caller: Blocking, hub: LoopbackHub
) -> None:
    second = response(200, {"id": "c2"})
    # The second request is sent on the connection with the extra bytes, and then once more.
    hub.respond(response(200, {"id": "c1"}) + LEFT_OVER, second, second)
    client = caller.client(hub)
    assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
    assert caller.call(client.campaigns.get, "c2") == {"id": "c2"}
    assert hub.connections == 2
    # A connection without such bytes is reused.
    caller.call(client.campaigns.get, "c1")
    assert hub.connections == 2


def test_bytes_after_a_response_to_the_generated_client_are_not_used_either(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.respond(response(404, "no") + LEFT_OVER, response(409, "over the budget"))
    client = caller.client(hub)
    raw = client.raw
    http_ = raw.get_httpx_client() if caller.name == "sync" else raw.get_async_httpx_client()
    assert caller.call(http_.request, "GET", "/campaigns/c1").status_code == 404
    with pytest.raises(kataven.ConflictError):
        caller.call(client.campaigns.start, "c1")


@table("own", [True, False])
@table("operation", ["get", "start"])
@table(
    "location", ["http:login", "https:login", "mailto:x", "http://h:bad/x", "https://\xff.example/"]
)
@pytest.mark.slow
def test_a_redirect_to_an_invalid_url_is_the_error_of_its_status(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, location: str, operation: str, own: bool
) -> None:
    hub.always = response(302, b"moved", [("Location", location), ("X-Echo", KEY)])
    options = {} if own else {"http_client": caller.http_client()}
    with pytest.raises(kataven.APIStatusError, match="302") as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock, **options))
    assert caught.value.status_code == 302
    assert "location" in caught.value.headers
    assert caught.value.headers["x-echo"] == "<key>"
    assert MAY_HAVE_PROCESSED not in str(caught.value)
    assert hub.arrived(1) == 1
    assert clock.slept == []


def test_a_response_that_is_not_http_is_a_broken_connection(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = (b"no http at all\r\n\r\n", close)
    with pytest.raises(kataven.APIConnectionError, match=MAY_HAVE_PROCESSED) as caught:
        caller.call(caller.client(hub, clock=clock).campaigns.start, "c1")
    assert caught.value.request_sent is True


@pytest.mark.parametrize("operation", ["get", "start"])
def test_a_deadline_is_distinguished_from_a_timeout(
    caller: Blocking, hub: LoopbackHub, operation: str, brief: Any
) -> None:
    hub.always = (silence,)
    client = caller.client(hub, deadline=brief(0.3), max_retries=0)
    with pytest.raises(kataven.APITimeoutError, match="deadline") as caught:
        caller.call(OPERATIONS[operation], client)
    assert caught.value.deadline_passed is True
    hasty = caller.client(hub, timeout=brief(0.3), max_retries=0, deadline=60)
    with pytest.raises(kataven.APITimeoutError, match="timeout") as caught:
        caller.call(OPERATIONS[operation], hasty)
    assert caught.value.deadline_passed is False


def test_a_deadline_during_a_body_is_distinguished_too(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = (response(200, b"", length=400), trickle(b"x" * 400))
    client = caller.client(hub, deadline=brief(0.3), max_retries=0)
    with pytest.raises(kataven.APITimeoutError, match="deadline") as caught:
        caller.call(client.campaigns.get, "c1")
    assert caught.value.deadline_passed is True


@pytest.mark.parametrize("operation", ["get", "start", "create"])
def test_a_key_that_comes_after_the_deadline_is_not_sent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    def slow() -> str:
        clock.advance(6)
        return KEY

    client = caller.client(hub, api_key=slow, clock=clock, deadline=5)
    with pytest.raises(kataven.APITimeoutError, match="deadline") as caught:
        caller.call(OPERATIONS[operation], client)
    assert caught.value.request_sent is (None if operation == "get" else False)
    assert caught.value.deadline_passed is True
    assert hub.requests == []


class Keys:
    """Provides one key after another."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"token-{self.given}"


@pytest.mark.parametrize("operation", ["get", "start"])
def test_a_truncated_refusal_of_the_key_is_a_refusal(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    keys = Keys()
    client = caller.client(hub, api_key=keys, clock=clock)
    # The second time the current key is no longer the first one.
    for expected in (2, 3):
        hub.respond((response(401, b"no", length=10), close))
        assert caller.call(OPERATIONS[operation], client) == {"id": "c1"}
        assert keys.given == expected
        assert hub.requests[-1].header("authorization") == f"Bearer token-{expected}"
    assert clock.slept == []


@pytest.mark.parametrize("operation", ["get", "start"])
def test_a_truncated_rate_limit_is_waited_for(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    limited = response(429, b"rate_limited", [("Retry-After", "60")], length=100)
    hub.respond((limited, close))
    assert caller.call(OPERATIONS[operation], caller.client(hub, clock=clock)) == {"id": "c1"}
    assert clock.slept == [63.0]


def test_the_generated_client_requests_the_key_of_each_request(
    caller: Blocking, hub: LoopbackHub
) -> None:
    keys = Keys()
    raw = caller.client(hub, api_key=keys).raw
    http_ = raw.get_httpx_client() if caller.name == "sync" else raw.get_async_httpx_client()
    hub.respond(response(401, "expired"))
    refused = caller.call(http_.request, "GET", "/campaigns/c1")
    assert (refused.status_code, refused.text) == (401, "expired")
    assert caller.call(http_.request, "GET", "/campaigns/c1").status_code == 200
    sent = [request.header("authorization") for request in hub.requests]
    assert sent == ["Bearer token-1", "Bearer token-2"]
    assert keys.given == 2


@pytest.mark.parametrize("operation", ["get", "create"])
def test_a_json_like_response_that_echoes_the_key_does_not_show_it(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    hub.always = response(200, b'{"headers": {"Authorization": "Bearer ' + KEY.encode() + b'"}, <')
    with pytest.raises(kataven.ResponseFormatError) as caught:
        caller.call(OPERATIONS[operation], caller.client(hub))
    assert KEY not in str(caught.value)
    assert KEY.encode() not in caught.value.body
    assert b"<key>" in caught.value.body


def test_a_correct_response_is_unchanged(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(200, {"id": "c1", "name": f"about {KEY}"})
    result = caller.call(caller.client(hub).campaigns.get, "c1")
    assert result == {"id": "c1", "name": f"about {KEY}"}


def test_the_headers_of_a_truncated_refusal_do_not_show_the_key(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.always = (response(403, b"x", [("X-Echo", f"Bearer {KEY}")], length=10), close)
    with pytest.raises(kataven.PermissionDeniedError) as caught:
        caller.call(caller.client(hub).campaigns.start, "c1")
    assert caught.value.headers["x-echo"] == "Bearer <key>"
