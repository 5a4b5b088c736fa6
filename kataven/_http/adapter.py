"""A caller's httpx client with the interface of the SDK's transport.

Knows httpx and what its public trace extension reports. The caller's hooks, proxies, certificates
and pool are used; which connection a request gets is up to that pool.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from kataven._http.async_transport import AsyncChunks
from kataven._http.network import shut_socket
from kataven._http.origin import read_origin
from kataven._http.transport_error import Peer, TransportError, transport_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kataven._http.message import Request
    from kataven._http.sending import Sending
    from kataven.config import BaseUrl

# The SDK writes the headers that authenticate a request: httpx must not take others from the
# caller's client or from a .netrc file.
_NO_AUTH: Final = httpx.Auth()

# What httpx raises about a redirect whose Location it cannot read, whether it follows or not.
_REDIRECT_ERRORS: Final = (httpx.InvalidURL, httpx.RemoteProtocolError)
_ERRORS: Final = (httpx.TransportError, httpx.StreamError, httpx.DecodingError, httpx.InvalidURL)

_CONNECTED: Final = (
    ".connect_tcp.complete",
    ".connect_unix_socket.complete",
    ".start_tls.complete",
)


class _Socket:
    """The connection of a caller's pool, as far as it can be ended from here."""

    __slots__ = ("_pid", "_stream")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._pid = os.getpid()

    def shut(self) -> None:
        # After a fork, the parent still uses the connection.
        if self._pid == os.getpid():
            shut_socket(self._stream.get_extra_info("socket"))


class _Trace:
    """What httpcore reports of a request, and the timeouts that it reads as each phase begins."""

    __slots__ = ("_sending", "head", "peer", "timeouts")

    def __init__(self, sending: Sending, peer: Peer) -> None:
        timeout = sending.timeout
        self._sending = sending
        self.peer = peer
        self.timeouts: dict[str, float] = {
            "connect": timeout.connect,
            "read": timeout.read,
            "write": timeout.write,
            "pool": timeout.pool,
        }
        # Status and headers of the response, if it was reported.
        self.head: tuple[int, list[tuple[bytes, bytes]]] | None = None

    def shorten(self) -> None:
        """Keep each timeout within the deadline."""
        for phase, seconds in self.timeouts.items():
            try:
                self.timeouts[phase] = self._sending.within(seconds)
            except TimeoutError:
                # The library must raise: it is in the middle of the request.
                self.timeouts[phase] = 0.001

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Take one report of a blocking request."""
        sending = self._sending
        # A transport that reports anything reports the first byte, too.
        sending.handed_over = False
        if event.endswith(".started"):
            self.shorten()
            # A CONNECT goes to a proxy; the Hub sees nothing of it.
            if event.endswith("send_request_headers.started"):
                sending.sent = sending.sent or info["request"].method != b"CONNECT"
        elif event.endswith(_CONNECTED):
            sending.attach(_Socket(info["return_value"]))
        elif event.endswith("receive_response_headers.complete"):
            # HTTP/1.1 reports version, status, reason and headers, HTTP/2 status and headers.
            head = info["return_value"]
            self.head = (head[-3] if len(head) == 4 else head[0], head[-1])
        if event.startswith("http2."):
            # Other requests are on that connection, too.
            sending.detach()

    async def awaited(self, event: str, info: dict[str, Any]) -> None:
        """Take one report of an async request."""
        self(event, info)

    def redirect(self, error: Exception) -> tuple[int, list[tuple[bytes, bytes]]] | None:
        """The redirect that httpx refused to read, or None if the error is about something else."""
        if self.head is None or not isinstance(error, _REDIRECT_ERRORS):
            return None
        status, headers = self.head
        leads = any(name.lower() == b"location" for name, _ in headers)
        return self.head if 300 <= status < 400 and leads else None


def _prepare(
    request: Request, sending: Sending, url: str, peer: Peer, stream: Any, *, awaited: bool
) -> tuple[httpx.Request, _Trace]:
    trace = _Trace(sending, peer)
    trace.shorten()
    prepared = httpx.Request(
        request.method,
        url,
        headers=request.headers,
        stream=stream,
        extensions={"timeout": trace.timeouts, "trace": trace.awaited if awaited else trace},
    )
    sending.foreign = sending.handed_over = True
    return prepared, trace


def _failure(error: Exception, sending: Sending, peer: Peer) -> TransportError:
    if sending.shut_down and sending.left() == 0:
        # The timer ended the connection.
        return transport_error(httpx.ReadTimeout("the deadline passed"), sending, peer)
    if isinstance(error, httpx.InvalidURL):
        return TransportError(f"the response redirects to an invalid URL ({error})")
    return transport_error(error, sending, peer)


def _check_client(client: object, expected: type[httpx.Client | httpx.AsyncClient]) -> None:
    if not isinstance(client, expected):
        raise TypeError(
            f"http_client must be an httpx.{expected.__name__} here, not {type(client).__name__}"
        )


class _Body(httpx.SyncByteStream):
    def __init__(self, request: Request) -> None:
        self._chunks = request.body or ()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


class _AsyncBody(AsyncChunks, httpx.AsyncByteStream):
    """The chunks of a request body, as httpx takes them."""


class _Head:
    """A response of which only status and headers are known."""

    def __init__(self, head: tuple[int, list[tuple[bytes, bytes]]]) -> None:
        self.status, self.headers = head
        self.content_encoding = ""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def follow(self, idle_timeout: float) -> None:
        """Do nothing: there is no body."""

    def close(self) -> None:
        """Do nothing: httpx has closed it."""


class _AsyncHead(_Head):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncChunks(()).__aiter__()

    async def aclose(self) -> None:
        """Do nothing: httpx has closed it."""


class _Common:
    """What the blocking and the async response share."""

    def __init__(self, response: httpx.Response, sending: Sending, trace: _Trace) -> None:
        self.status = response.status_code
        self.headers = response.headers.raw
        # A hook of the caller's may have read the body; then httpx has decoded it.
        self.read_by_hook = response.is_stream_consumed
        self.content_encoding = (
            "" if self.read_by_hook else str(response.headers.get("content-encoding", ""))
        )
        self._response = response
        self._sending = sending
        self._trace = trace
        self._limit: float | None = time.monotonic() + sending.timeout.read
        if response.http_version != "HTTP/2" and "network_stream" in response.extensions:
            sending.attach(_Socket(response.extensions["network_stream"]))

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on."""
        self._limit = None
        # httpcore reads this as the body begins.
        self._trace.timeouts["read"] = idle_timeout
        self._trace.shorten()

    def check_time(self) -> None:
        """End a body that trickles: httpx's timeout begins again with every chunk."""
        late = self._limit is not None and time.monotonic() > self._limit
        if late or self._sending.left() == 0:
            error = httpx.ReadTimeout("the response body took too long")
            raise transport_error(error, self._sending, self._trace.peer) from error

    def check_end(self) -> None:
        """Tell the end of the body from the end of the connection by ``Sending.shut``."""
        if self._sending.shut_down and not self.read_by_hook:
            raise TransportError("the connection was closed by this client")


class HttpxResponse(_Common):
    """A response of a caller's client; see ``message.IncomingResponse``."""

    def __init__(
        self,
        response: httpx.Response,
        sending: Sending,
        trace: _Trace,
        timer: threading.Timer | None,
    ) -> None:
        super().__init__(response, sending, trace)
        self._timer = timer

    def __iter__(self) -> Iterator[bytes]:
        if self.read_by_hook:
            yield self._response.content
            return
        try:
            for chunk in self._response.iter_raw():
                yield chunk
                self.check_time()
        except _ERRORS as error:
            raise _failure(error, self._sending, self._trace.peer) from error
        self.check_end()

    def close(self) -> None:
        """End the response."""
        if self._timer is not None:
            self._timer.cancel()
        self._sending.detach()
        self._response.close()


class HttpxTransport:
    """Sends through a caller's ``httpx.Client``, which stays open.

    Args:
        client: The client.
        base: The base URL.

    Raises:
        TypeError: If it is not an ``httpx.Client``.
    """

    # Those of the caller are closed by the caller.
    has_connections = False

    def __init__(self, client: httpx.Client, base: BaseUrl) -> None:
        _check_client(client, httpx.Client)
        self._client = client
        origin = read_origin(base)
        self._url = f"{origin.scheme}://{origin.host_header}{origin.path}"
        self._peer = Peer(origin.address, origin.scheme == "https")

    def open(self, request: Request, sending: Sending) -> HttpxResponse | _Head:
        """Send a request; see ``message.BlockingTransport``."""
        prepared, trace = _prepare(
            request, sending, self._url + request.target, self._peer, _Body(request), awaited=False
        )
        # httpx's timeouts begin again with each byte, and httpcore reads them once for each phase:
        # only ending the connection keeps headers and bodies that trickle within the deadline.
        timer: threading.Timer | None = None
        left = sending.left()
        if left is not None:
            timer = threading.Timer(left, sending.shut)
            timer.daemon = True
            timer.start()
        try:
            response = self._client.send(
                prepared, stream=True, auth=_NO_AUTH, follow_redirects=False
            )
            return HttpxResponse(response, sending, trace, timer)
        except BaseException as error:
            if timer is not None:
                timer.cancel()
            if not isinstance(error, _ERRORS):
                raise
            redirect = trace.redirect(error)
            if redirect is not None:
                return _Head(redirect)
            raise _failure(error, sending, self._peer) from error

    def close(self) -> None:
        """Do nothing: the caller closes the client."""

    def forget(self) -> None:
        """Do nothing: the pool is the caller's."""


class AsyncHttpxResponse(_Common):
    """A response of a caller's client; see ``message.AsyncIncomingResponse``."""

    def __init__(self, response: httpx.Response, sending: Sending, trace: _Trace) -> None:
        super().__init__(response, sending, trace)
        self._chunks = (
            AsyncChunks([response.content]).__aiter__()
            if self.read_by_hook
            else response.aiter_raw()
        )

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        limit = asyncio.timeout(self._sending.left())
        try:
            async with limit:
                chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self.check_end()
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise
            timeout = httpx.ReadTimeout("the deadline passed")
            raise transport_error(timeout, self._sending, self._trace.peer) from error
        except _ERRORS as error:
            raise _failure(error, self._sending, self._trace.peer) from error
        if not self.read_by_hook:
            self.check_time()
        return chunk

    async def aclose(self) -> None:
        """End the response."""
        self._sending.detach()
        await self._response.aclose()


class AsyncHttpxTransport:
    """Sends through a caller's ``httpx.AsyncClient``, which stays open.

    Args:
        client: The client.
        base: The base URL.

    Raises:
        TypeError: If it is not an ``httpx.AsyncClient``.
    """

    # Those of the caller are closed by the caller.
    has_connections = False

    def __init__(self, client: httpx.AsyncClient, base: BaseUrl) -> None:
        _check_client(client, httpx.AsyncClient)
        self._client = client
        origin = read_origin(base)
        self._url = f"{origin.scheme}://{origin.host_header}{origin.path}"
        self._peer = Peer(origin.address, origin.scheme == "https")

    async def open(self, request: Request, sending: Sending) -> AsyncHttpxResponse | _AsyncHead:
        """Send a request; see ``message.NonBlockingTransport``."""
        prepared, trace = _prepare(
            request,
            sending,
            self._url + request.target,
            self._peer,
            _AsyncBody(request.body or ()),
            awaited=True,
        )
        try:
            response = await self._client.send(
                prepared, stream=True, auth=_NO_AUTH, follow_redirects=False
            )
        except _ERRORS as error:
            redirect = trace.redirect(error)
            if redirect is None:
                raise _failure(error, sending, self._peer) from error
            return _AsyncHead(redirect)
        return AsyncHttpxResponse(response, sending, trace)

    async def aclose(self) -> None:
        """Do nothing: the caller closes the client."""
