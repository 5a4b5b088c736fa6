"""The SDK's own transport for the async client, the twin of ``transport``.

Knows httpcore's pools and that connections belong to one event loop. It must not know operations,
tokens or retries.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import httpcore

from kataven._http.environment import read_route
from kataven._http.network import AsyncBackend, current
from kataven._http.origin import read_origin
from kataven._http.transport import (
    ERRORS,
    MOST_CONNECTIONS,
    MOST_IDLE,
    check_order,
    connection_options,
    content_encoding,
    out_of_time,
    peer_of,
    was_shut_down,
)
from kataven._http.transport_error import transport_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from kataven._http.environment import Route
    from kataven._http.message import Request
    from kataven._http.origin import Origin
    from kataven._http.sending import Sending
    from kataven.config import BaseUrl


class AsyncChunks:
    """The chunks of a request body, for a library that awaits them.

    An object and not a generator: one that is cancelled would be closed by the event loop later.

    Args:
        chunks: The chunks, in memory.
    """

    __slots__ = ("_chunks", "_iterator")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._iterator: Iterator[bytes] = iter(())

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._iterator = iter(self._chunks)
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._iterator:
            return chunk
        raise StopAsyncIteration


class AsyncResponse:
    """A response of the async transport; see ``message.AsyncIncomingResponse``."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_peer",
        "_pool",
        "_response",
        "_sending",
        "headers",
        "status",
    )

    def __init__(
        self,
        response: httpcore.Response,
        sending: Sending,
        connection: httpcore.AsyncConnectionInterface,
        pool: _Pool,
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._sending = sending
        self._connection = connection
        self._pool: _Pool | None = pool
        self._peer = pool.peer
        self._chunks = response.aiter_stream()

    @property
    def content_encoding(self) -> str:
        """How the body is encoded."""
        return content_encoding(self.headers)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            if self._sending.shut_down:
                # A body without a length ends where its connection does, and that was not the Hub.
                raise was_shut_down() from None
            raise
        except ERRORS as error:
            raise transport_error(error, self._sending, self._peer) from error

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on."""
        self._sending.idle_timeout = idle_timeout

    async def aclose(self) -> None:
        """End the response; a connection whose body was read to the end can be used again."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            # First, or the event loop would have to close the generator.
            if isinstance(self._chunks, AsyncGenerator):
                await self._chunks.aclose()
            await self._response.aclose()
        except BaseException:
            await pool.discard(self._connection, self._sending)
            raise
        await pool.take_back(self._connection, self._sending)


class _Pool:
    """The connections of one event loop that are free, and how many more may be made."""

    __slots__ = ("_backend", "_factory", "_free", "_idle", "_origin", "closed", "errors", "peer")

    def __init__(self, origin: Origin, route: Route) -> None:
        self.closed = False
        self.peer = peer_of(origin, route)
        self.errors: tuple[type[Exception], ...] = ERRORS
        self._backend = AsyncBackend(route.tls_layers)
        options = connection_options(route)
        options["network_backend"] = self._backend
        self._factory: httpcore.AsyncConnectionPool
        if route.proxy is None:
            self._factory = httpcore.AsyncConnectionPool(**options)
        else:
            self.errors += route.proxy.errors
            kind = httpcore.AsyncSOCKSProxy if route.proxy.is_socks else httpcore.AsyncHTTPProxy
            self._factory = kind(**options)
        self._origin = httpcore.Origin(
            origin.scheme.encode("ascii"), origin.host.encode("ascii"), origin.port
        )
        self._idle: deque[httpcore.AsyncConnectionInterface] = deque()
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    @property
    def has_connections(self) -> bool:
        """Whether a connection is open."""
        return bool(self._backend.streams)

    async def take(self, sending: Sending) -> httpcore.AsyncConnectionInterface:
        """Take an idle connection or make one; raises PoolTimeout or TimeoutError."""
        if sending.own_connection:
            return self._factory.create_connection(self._origin)
        seconds = sending.within(sending.timeout.pool)
        if self._free.locked():
            try:
                async with asyncio.timeout(seconds):
                    await self._free.acquire()
            except TimeoutError:
                raise httpcore.PoolTimeout from None
        else:
            await self._free.acquire()
        try:
            return await self._take_idle() or self._factory.create_connection(self._origin)
        except BaseException:
            self._free.release()
            raise

    async def _take_idle(self) -> httpcore.AsyncConnectionInterface | None:
        # The newest is used first, so that after a burst the others would never be looked at.
        if len(self._idle) > 1 and self._idle[0].has_expired():
            await self._idle.popleft().aclose()
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def take_back(
        self, connection: httpcore.AsyncConnectionInterface, sending: Sending
    ) -> None:
        """Keep the connection of a response that is closed, or close it."""
        # Before another request can have it.
        sending.detach()
        if not sending.own_connection:
            self._free.release()
            if not self.closed and len(self._idle) < MOST_IDLE and connection.is_idle():
                self._idle.append(connection)
                return
        await connection.aclose()

    async def discard(
        self, connection: httpcore.AsyncConnectionInterface, sending: Sending
    ) -> None:
        """Close what a request that failed has used."""
        sending.detach()
        if not sending.own_connection:
            self._free.release()
        await connection.aclose()
        # httpcore closes a connection that fails, but not each that fails while it is made.
        await self._backend.close_all(sending)

    async def aclose(self) -> None:
        """Close all connections; a request in another task fails."""
        self.closed = True
        self._idle.clear()
        await self._backend.close_all()


class AsyncTransport:
    """Sends requests to one origin, from any event loop.

    Each event loop has its own pool: connections belong to one loop. Certificates and the
    environment's proxies are read once, at the first request.

    Args:
        base: The base URL.
    """

    def __init__(self, base: BaseUrl) -> None:
        self._origin = read_origin(base)
        self._loopback = base.loopback
        self._route: Route | None = None
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    async def open(self, request: Request, sending: Sending) -> AsyncResponse:
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
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop) or self._make_pool(loop)
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
            content=AsyncChunks(request.body or ()),
        )
        # Not through the constructor, which would copy and check what is ours.
        ours.headers = request.headers
        try:
            connection = await pool.take(sending)
        except TimeoutError as error:
            raise out_of_time() from error
        except httpcore.PoolTimeout as error:
            raise transport_error(error, sending, pool.peer) from error
        context = current.set(sending)
        try:
            response = await connection.handle_async_request(ours)
            check_order(sending)
        except pool.errors as error:
            await pool.discard(connection, sending)
            raise transport_error(error, sending, pool.peer) from error
        except BaseException:
            await pool.discard(connection, sending)
            raise
        finally:
            current.reset(context)
        return AsyncResponse(response, sending, connection, pool)

    @property
    def has_connections(self) -> bool:
        """Whether a connection is open."""
        return any(pool.has_connections for pool in self._pools.values())

    async def aclose(self) -> None:
        """Close all connections of the running event loop; a request in another task fails."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    def _make_pool(self, loop: asyncio.AbstractEventLoop) -> _Pool:
        # A client that outlives asyncio.run() must not keep each loop it was used in.
        for known in tuple(self._pools):
            if known.is_closed():
                self._pools.pop(known, None)
        if self._route is None:
            self._route = read_route(self._origin, loopback=self._loopback)
        pool = self._pools[loop] = _Pool(self._origin, self._route)
        return pool
