"""The SDK's own transport for the async client, the twin of ``transport``.

Knows httpcore's pools and that connections belong to one event loop. It must not know operations,
tokens or retries.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpcore

from kataven._http.environment import read_route
from kataven._http.message import transport_error
from kataven._http.network import AsyncBackend, AsyncStream, current
from kataven._http.origin import read_origin
from kataven._http.transport import (
    ERRORS,
    NOT_ITS_RESPONSE,
    OWN,
    SHARED,
    content_encoding,
    out_of_time,
    proxy_options,
    was_shut_down,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from kataven._http.environment import Route
    from kataven._http.message import Request, Sending
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

    __slots__ = ("_chunks", "_response", "_sending", "_stream", "headers", "status")

    def __init__(self, response: httpcore.Response, sending: Sending, stream: AsyncStream) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._sending = sending
        self._stream: AsyncStream | None = stream
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
            raise transport_error(error) from error

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on."""
        self._sending.idle_timeout = idle_timeout

    async def aclose(self) -> None:
        """End the response; a connection whose body was read to the end can be used again."""
        stream, self._stream = self._stream, None
        if stream is not None:
            # Before the pool can give the connection to another request.
            stream.release()
            await self._response.aclose()


class _Pools:
    """The two pools of a client in one event loop, and the connections in both."""

    __slots__ = ("backend", "errors", "own", "shared")

    def __init__(self, route: Route) -> None:
        self.backend = AsyncBackend(route.tls_layers)
        self.errors: tuple[type[Exception], ...] = ERRORS
        if route.proxy is not None:
            self.errors += route.proxy.errors
        self.shared = self._pool(route, SHARED)
        self.own = self._pool(route, OWN)

    def _pool(self, route: Route, limits: dict[str, Any]) -> httpcore.AsyncConnectionPool:
        options = {
            **limits,
            **proxy_options(route),
            "ssl_context": route.context,
            "network_backend": self.backend,
        }
        if route.proxy is None:
            return httpcore.AsyncConnectionPool(**options)
        if route.proxy.is_socks:
            return httpcore.AsyncSOCKSProxy(**options)
        return httpcore.AsyncHTTPProxy(**options)


class AsyncTransport:
    """Sends requests to one origin, from any event loop.

    Each event loop has its own pools. Certificates and the environment's proxies are read once, at
    the first request.

    Args:
        base: The base URL.
    """

    def __init__(self, base: BaseUrl) -> None:
        self._origin = read_origin(base)
        self._loopback = base.loopback
        self._route: Route | None = None
        self._pools: dict[asyncio.AbstractEventLoop, _Pools] = {}

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
        pools = self._pools.get(loop) or self._make_pools(loop)
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
            content=AsyncChunks(request.body or ()),
            extensions={"timeout": {"pool": pool_timeout}},
        )
        # Not through the constructor, which would copy and check what is ours.
        ours.headers = request.headers
        pool = pools.own if sending.own_connection else pools.shared
        context = current.set(sending)
        try:
            response = await pool.handle_async_request(ours)
        except pools.errors as error:
            await self._discard(pools, sending)
            raise transport_error(error) from error
        except BaseException:
            await self._discard(pools, sending)
            raise
        finally:
            current.reset(context)
        stream = response.extensions["network_stream"]
        if not sending.received:
            # It was there before the request: more bytes than the previous response should have.
            await self._discard(pools, sending)
            await response.aclose()
            not_ours = httpcore.RemoteProtocolError(NOT_ITS_RESPONSE)
            raise transport_error(not_ours) from not_ours
        return AsyncResponse(response, sending, stream)

    async def aclose(self) -> None:
        """Close all connections of the running event loop; a request in another task fails."""
        pools = self._pools.pop(asyncio.get_running_loop(), None)
        if pools is not None:
            for stream in tuple(pools.backend.streams):
                stream.shut()
                await stream.aclose()

    def _make_pools(self, loop: asyncio.AbstractEventLoop) -> _Pools:
        # A client that outlives asyncio.run() must not keep each loop it was used in.
        for known in tuple(self._pools):
            if known.is_closed():
                self._pools.pop(known, None)
        if self._route is None:
            self._route = read_route(self._origin, loopback=self._loopback)
        pools = self._pools[loop] = _Pools(self._route)
        return pools

    async def _discard(self, pools: _Pools, sending: Sending) -> None:
        # httpcore closes a connection that fails, but for some that fail while they are made.
        for stream in tuple(pools.backend.streams):
            if stream.sending is sending:
                stream.release()
                await stream.aclose()
