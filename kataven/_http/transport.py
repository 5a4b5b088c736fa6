"""The SDK's own transport for the blocking client.

Knows httpcore's connections and which of them serves a request. It must not know operations, tokens
or retries. ``async_transport`` is its twin and shares the limits of connections that are set here.

httpcore's connections are used, and not its pools. A pool of httpcore has a lock, and a Ctrl-C that
arrives while a thread takes that lock leaves it taken: this call and all later ones would hang.
Here no lock is held while a request is sent.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import httpcore

from kataven._http.environment import read_route
from kataven._http.network import Backend, current
from kataven._http.origin import read_origin
from kataven._http.transport_error import Peer, TransportError, transport_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kataven._http.environment import Route
    from kataven._http.message import Request
    from kataven._http.origin import Origin
    from kataven._http.sending import Sending
    from kataven.config import BaseUrl

ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
"""What httpcore raises about a request or a response."""

MOST_CONNECTIONS: Final = 100
"""How many requests share connections at once. Requests with their own do not count."""

MOST_IDLE: Final = 20
"""How many idle connections are kept."""

# A longer life would only make it more likely that the server has closed an idle connection.
_IDLE_SECONDS: Final = 5.0


def out_of_time() -> TransportError:
    """The error of a request whose deadline passed before anything was done for it."""
    return TransportError(
        "the deadline passed before the request was sent", timed_out=True, never_sent=True
    )


def was_shut_down() -> TransportError:
    """The error of a request or response that ``Sending.shut`` ended."""
    return TransportError("the connection was closed by this client")


def check_order(sending: Sending) -> None:
    """Refuse a response that was there before its request.

    The previous response on the connection was followed by more bytes than it should have had, and
    they look like a response. Writes cannot meet this: they have their own connections.

    Raises:
        httpcore.RemoteProtocolError: If nothing was received since the request was written.
    """
    if not sending.received:
        raise httpcore.RemoteProtocolError(
            "the server sent more than one response to the previous request"
        )


def content_encoding(headers: list[tuple[bytes, bytes]]) -> str:
    """The value of ``Content-Encoding``; of several headers, all values."""
    values = [value for name, value in headers if name.lower() == b"content-encoding"]
    return b", ".join(values).decode("latin-1")


def connection_options(route: Route) -> dict[str, Any]:
    """The options of httpcore's factories of connections, the same for both clients."""
    options: dict[str, Any] = {
        "ssl_context": route.context,
        "keepalive_expiry": _IDLE_SECONDS,
    }
    proxy = route.proxy
    if proxy is not None:
        options["proxy_url"] = httpcore.URL(
            scheme=proxy.scheme, host=proxy.host, port=proxy.port, target=b"/"
        )
        options["proxy_auth"] = proxy.auth
        if proxy.scheme == "https":
            # Without it the proxy would be verified against other certificates than the Hub.
            options["proxy_ssl_context"] = route.context
    return options


def peer_of(origin: Origin, route: Route) -> Peer:
    """Whom connections are made to."""
    proxy = "" if route.proxy is None else route.proxy.address
    return Peer(origin.address, origin.scheme == "https", proxy)


class Response:
    """A response of the blocking transport; see ``message.IncomingResponse``."""

    __slots__ = ("_connection", "_peer", "_pool", "_response", "_sending", "headers", "status")

    def __init__(
        self,
        response: httpcore.Response,
        sending: Sending,
        connection: httpcore.ConnectionInterface,
        pool: _Pool,
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._sending = sending
        self._connection = connection
        self._pool: _Pool | None = pool
        self._peer = pool.peer

    @property
    def content_encoding(self) -> str:
        """How the body is encoded."""
        return content_encoding(self.headers)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except ERRORS as error:
            raise transport_error(error, self._sending, self._peer) from error
        if self._sending.shut_down:
            # A body without a length ends where its connection does, and that was not the Hub.
            raise was_shut_down()

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on."""
        self._sending.idle_timeout = idle_timeout

    def close(self) -> None:
        """End the response; a connection whose body was read to the end can be used again."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            self._response.close()
            pool.take_back(self._connection, self._sending)
        except BaseException:
            pool.discard(self._connection, self._sending)
            raise


class _Pool:
    """The connections that are free, and how many more may be made."""

    __slots__ = ("_backend", "_factory", "_free", "_idle", "_origin", "closed", "errors", "peer")

    def __init__(self, origin: Origin, route: Route, backend: Backend) -> None:
        self.closed = False
        self.peer = peer_of(origin, route)
        self.errors: tuple[type[Exception], ...] = ERRORS
        options = connection_options(route)
        options["network_backend"] = backend
        self._factory: httpcore.ConnectionPool
        if route.proxy is None:
            self._factory = httpcore.ConnectionPool(**options)
        else:
            self.errors += route.proxy.errors
            kind = httpcore.SOCKSProxy if route.proxy.is_socks else httpcore.HTTPProxy
            self._factory = kind(**options)
        self._origin = httpcore.Origin(
            origin.scheme.encode("ascii"), origin.host.encode("ascii"), origin.port
        )
        self._backend = backend
        # Both are safe to use from several threads, and an interruption leaves neither broken.
        self._idle: deque[httpcore.ConnectionInterface] = deque()
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(MOST_CONNECTIONS):
            self._free.put(None)

    def take(self, sending: Sending) -> httpcore.ConnectionInterface:
        """Take an idle connection or make one; raises PoolTimeout or TransportError."""
        if sending.own_connection:
            return self._factory.create_connection(self._origin)
        try:
            self._free.get(timeout=sending.within(sending.timeout.pool))
        except Empty:
            raise httpcore.PoolTimeout from None
        except TimeoutError as error:
            raise out_of_time() from error
        idle: httpcore.ConnectionInterface | None = None
        try:
            # The newest is used first. The oldest is looked at as well: those of a burst would
            # never be used and never be closed.
            idle = _pop(self._idle.popleft)
            if idle is not None and not idle.has_expired():
                self._idle.appendleft(idle)
            elif idle is not None:
                idle.close()
            while (idle := _pop(self._idle.pop)) is not None:
                if not idle.has_expired():
                    return idle
                idle.close()
            return self._factory.create_connection(self._origin)
        except BaseException:
            # Interrupted: nothing else knows of this connection, or of the slot.
            if idle is not None:
                idle.close()
            self._free.put(None)
            raise

    def take_back(self, connection: httpcore.ConnectionInterface, sending: Sending) -> None:
        """Keep the connection of a response that is closed, or close it."""
        # Before another request can have it.
        sending.detach()
        if sending.own_connection:
            connection.close()
            return
        if self.closed or len(self._idle) >= MOST_IDLE or not connection.is_idle():
            connection.close()
        else:
            self._idle.append(connection)
        self._free.put(None)

    def discard(self, connection: httpcore.ConnectionInterface, sending: Sending) -> None:
        """Close what a request that failed has used."""
        sending.detach()
        connection.close()
        # httpcore closes a connection that fails, but not each that fails while it is made.
        self._backend.close_all(sending)
        if not sending.own_connection:
            self._free.put(None)

    def close(self) -> None:
        """Close the idle connections; one in use is closed with its response."""
        self.closed = True
        while (connection := _pop(self._idle.pop)) is not None:
            connection.close()


def _pop(
    pop: Callable[[], httpcore.ConnectionInterface],
) -> httpcore.ConnectionInterface | None:
    # Asked and not looked at first: another thread may take the last one in between.
    try:
        return pop()
    except IndexError:
        return None


class Transport:
    """Sends requests to one origin.

    Certificates and the environment's proxies are read at the first request.

    Args:
        base: The base URL.
    """

    def __init__(self, base: BaseUrl) -> None:
        self._origin = read_origin(base)
        self._loopback = base.loopback
        self._lock = threading.Lock()
        self._route: Route | None = None
        self._backend: Backend | None = None
        self._pool: _Pool | None = None

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
        pool = self._pool or self._make_pool()
        if sending.shut_down:
            raise was_shut_down()
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
        )
        # Not through the constructor, which would copy and check what is ours.
        ours.headers = request.headers
        connection: httpcore.ConnectionInterface | None = None
        # Not reset afterwards: each request sets its own, and one more step here could be
        # interrupted when the response is there and nothing holds it.
        current.set(sending)
        try:
            connection = pool.take(sending)
            response = connection.handle_request(ours)
            check_order(sending)
            return Response(response, sending, connection, pool)
        except pool.errors as error:
            if connection is not None:
                pool.discard(connection, sending)
            raise transport_error(error, sending, pool.peer) from error
        except TransportError:
            raise
        except BaseException:
            # A signal handler may raise at any line, so the pool may have lost a slot: leave it.
            self.forget()
            if connection is not None:
                pool.discard(connection, sending)
            raise

    @property
    def has_connections(self) -> bool:
        """Whether a connection is open."""
        return self._backend is not None and bool(self._backend.streams)

    def close(self) -> None:
        """Close all connections; a request in another thread fails."""
        self.forget()
        if self._backend is not None:
            self._backend.close_all()

    def forget(self) -> None:
        """Leave the pool as it is, after an interruption that may have broken it.

        The next ``open`` makes a new one. Idle connections are closed; those in use in other
        threads are closed with their responses.
        """
        pool, self._pool = self._pool, None
        self._lock = threading.Lock()
        if pool is not None:
            pool.close()

    def _make_pool(self) -> _Pool:
        with self._lock:
            if self._pool is None:
                if self._route is None or self._backend is None:
                    self._route = read_route(self._origin, loopback=self._loopback)
                    self._backend = Backend(self._route.tls_layers)
                self._pool = _Pool(self._origin, self._route, self._backend)
            return self._pool
