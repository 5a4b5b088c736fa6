"""The SDK's own transport for the blocking client.

Knows httpcore's pools and which of the two serves a request. It must not know operations, tokens or
retries; ``async_transport`` is its twin.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import httpcore

from kataven._http.environment import read_route
from kataven._http.message import TransportError, transport_error
from kataven._http.network import Backend, Stream, current
from kataven._http.origin import read_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven._http.environment import Route
    from kataven._http.message import Request, Sending
    from kataven.config import BaseUrl

ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
"""What httpcore raises about a request or a response."""

# A longer life would only make it more likely that the server has closed an idle connection.
SHARED: Final[dict[str, Any]] = {
    "max_connections": 100,
    "max_keepalive_connections": 20,
    "keepalive_expiry": 5.0,
}
"""Limits of the pool for reads."""

OWN: Final[dict[str, Any]] = {"max_connections": None, "max_keepalive_connections": 0}
"""Limits of the pool whose connections carry one request each: writes and event streams."""

NOT_ITS_RESPONSE: Final = "the server sent more than one response to the previous request"


def out_of_time() -> TransportError:
    """The error of a request whose deadline passed before anything was done for it."""
    return TransportError(
        "the deadline passed before the request was sent", timed_out=True, never_sent=True
    )


def was_shut_down() -> TransportError:
    """The error of a request or response that ``Sending.shut`` ended."""
    return TransportError("the connection was closed by this client")


def content_encoding(headers: list[tuple[bytes, bytes]]) -> str:
    """The value of ``Content-Encoding``; of several headers, all values."""
    values = [value for name, value in headers if name.lower() == b"content-encoding"]
    return b", ".join(values).decode("latin-1")


def proxy_options(route: Route) -> dict[str, Any]:
    """The options of httpcore's proxy pools, which are the same for both kinds of client."""
    proxy = route.proxy
    if proxy is None:
        return {}
    options: dict[str, Any] = {
        "proxy_url": httpcore.URL(
            scheme=proxy.scheme, host=proxy.host, port=proxy.port, target=b"/"
        ),
        "proxy_auth": proxy.auth,
    }
    if proxy.scheme == "https":
        # Without it the proxy would be verified against other certificates than the Hub.
        options["proxy_ssl_context"] = route.context
    return options


class Response:
    """A response of the blocking transport; see ``message.IncomingResponse``."""

    __slots__ = ("_pools", "_response", "_sending", "_stream", "headers", "status")

    def __init__(
        self, response: httpcore.Response, sending: Sending, stream: Stream, pools: _Pools
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._sending = sending
        self._stream = stream
        self._pools: _Pools | None = pools

    @property
    def content_encoding(self) -> str:
        """How the body is encoded."""
        return content_encoding(self.headers)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except ERRORS as error:
            raise transport_error(error) from error
        if self._sending.shut_down:
            # A body without a length ends where its connection does, and that was not the Hub.
            raise was_shut_down()

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on."""
        self._sending.idle_timeout = idle_timeout

    def close(self) -> None:
        """End the response; a connection whose body was read to the end can be used again."""
        pools, self._pools = self._pools, None
        if pools is None:
            return
        # Before the pool can give the connection to another request.
        self._stream.release()
        if pools.forgotten:
            # Its lock may be taken for ever.
            self._stream.close()
        else:
            self._response.close()


class _Pools:
    """The two pools of a client, and the connections in both."""

    __slots__ = ("backend", "errors", "forgotten", "own", "shared")

    def __init__(self, route: Route) -> None:
        self.forgotten = False
        self.backend = Backend(route.tls_layers)
        self.errors: tuple[type[Exception], ...] = ERRORS
        if route.proxy is not None:
            self.errors += route.proxy.errors
        self.shared = self._pool(route, SHARED)
        self.own = self._pool(route, OWN)

    def _pool(self, route: Route, limits: dict[str, Any]) -> httpcore.ConnectionPool:
        options = {
            **limits,
            **proxy_options(route),
            "ssl_context": route.context,
            "network_backend": self.backend,
        }
        if route.proxy is None:
            return httpcore.ConnectionPool(**options)
        if route.proxy.is_socks:
            return httpcore.SOCKSProxy(**options)
        return httpcore.HTTPProxy(**options)


class Transport:
    """Sends requests to one origin.

    Pools, certificates and the environment's proxies are read at the first request. Connections are
    closed here, one by one, and never through httpcore's pools: a lock of theirs may have been left
    taken by an interruption.

    Args:
        base: The base URL.
    """

    def __init__(self, base: BaseUrl) -> None:
        self._origin = read_origin(base)
        self._loopback = base.loopback
        self._lock = threading.Lock()
        self._route: Route | None = None
        self._pools: _Pools | None = None

    def open(self, request: Request, sending: Sending) -> Response:
        """Send a request and wait for the status and headers of its response.

        Args:
            request: What to send.
            sending: How long it may take; what becomes known is written into it.

        Returns:
            The response; the caller closes it.

        Raises:
            TransportError: If there is no response.
            ConfigurationError: If proxies or certificates of the environment cannot be used.
        """
        pools = self._pools or self._make_pools()
        if sending.shut_down:
            raise was_shut_down()
        try:
            pool_timeout = sending.within(sending.timeout.pool)
        except TimeoutError as error:
            raise out_of_time() from error
        origin = self._origin
        ours = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=origin.scheme,
                host=origin.host,
                port=origin.port,
                target=origin.path + request.target,
            ),
            content=request.body or (),
            extensions={"timeout": {"pool": pool_timeout}},
        )
        # Not through the constructor, which would copy and check what is ours.
        ours.headers = request.headers
        pool = pools.own if sending.own_connection else pools.shared
        context = current.set(sending)
        try:
            response = pool.handle_request(ours)
        except pools.errors as error:
            self._discard(pools, sending)
            raise transport_error(error) from error
        except BaseException:
            self._discard(pools, sending)
            raise
        finally:
            current.reset(context)
        stream = response.extensions["network_stream"]
        if not sending.received:
            # It was there before the request: more bytes than the previous response should have.
            self._discard(pools, sending)
            response.close()
            not_ours = httpcore.RemoteProtocolError(NOT_ITS_RESPONSE)
            raise transport_error(not_ours) from not_ours
        return Response(response, sending, stream, pools)

    def close(self) -> None:
        """Close all connections; a request in another thread fails."""
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.forgotten = True
            for stream in tuple(pools.backend.streams):
                stream.shut()
                stream.close()

    def forget(self) -> None:
        """Leave the pools as they are, after an interruption that may have broken them.

        The next ``open`` makes new ones. Idle connections are closed; those that carry a request of
        another thread are closed when its response is.
        """
        pools, self._pools = self._pools, None
        self._lock = threading.Lock()
        if pools is not None:
            pools.forgotten = True
            for stream in tuple(pools.backend.streams):
                if not stream.busy:
                    stream.close()

    def _make_pools(self) -> _Pools:
        with self._lock:
            if self._pools is None:
                if self._route is None:
                    self._route = read_route(self._origin, loopback=self._loopback)
                self._pools = _Pools(self._route)
            return self._pools

    def _discard(self, pools: _Pools, sending: Sending) -> None:
        # httpcore closes a connection that fails, but for some that fail while they are made.
        for stream in tuple(pools.backend.streams):
            if stream.sending is sending:
                stream.release()
                stream.close()
