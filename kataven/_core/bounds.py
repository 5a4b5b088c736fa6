"""Hard bounds on one request: a head or body that trickles, and the call's deadline.

The transport's own read timeout starts anew with every byte, so a server that sends one a second is
never late. Here each read and write of a connection is given no more time than its request has
left. Knows the connections under httpx's pools; decides nothing about the request.
"""

from __future__ import annotations

import socket
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    import httpx


# The most that one read of an event stream takes, where httpcore asks for 64 KiB: a reader who is
# behind catches up in fewer steps. One who is not gets what there is, as ever.
_STREAM_READ = 256 * 1024


# The least that one address of a host is given to make a connection, if so much is left.
_LEAST_SHARE: Final = 2.0


class Bound:
    """What one request has left.

    Args:
        whole: Seconds from the first byte of the answer to its last.
        left: Seconds for the whole request, or None.
    """

    __slots__ = ("_until", "_whole", "_whole_until")

    def __init__(self, whole: float, left: float | None) -> None:
        self._whole = whole
        self._whole_until: float | None = None
        self._until = None if left is None else time.monotonic() + left

    def written(self) -> None:
        """A piece of the request went out; the answer to it has not begun."""
        self._whole_until = None

    def received(self) -> None:
        """A piece of the answer is in."""
        if self._whole_until is None:
            self._whole_until = time.monotonic() + self._whole

    def shorten(self, timeout: float | None) -> float | None:
        """The timeout, or less where the request has less left.

        Raises:
            TimeoutError: If nothing is left.
        """
        for until in (self._whole_until, self._until):
            if until is not None:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                timeout = left if timeout is None else min(timeout, left)
        return timeout


bound: ContextVar[Bound | None] = ContextVar("kataven_bound", default=None)


class _Stream(httpcore.NetworkStream):
    """A connection whose reads and writes keep to the bound of the request under way."""

    __slots__ = ("_inner",)

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        now = bound.get()
        if now is None:
            return self._inner.read(max(max_bytes, _STREAM_READ), timeout)
        try:
            timeout = now.shorten(timeout)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("the answer was not whole in time") from error
        piece = self._inner.read(max_bytes, timeout)
        now.received()
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        now = bound.get()
        if now is not None:
            now.written()
            try:
                timeout = now.shorten(timeout)
            except TimeoutError as error:
                raise httpcore.WriteTimeout("the request was not handed over in time") from error
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncStream(httpcore.AsyncNetworkStream):
    """A connection whose reads and writes keep to the bound of the request, awaited."""

    __slots__ = ("_inner",)

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        now = bound.get()
        if now is None:
            return await self._inner.read(max(max_bytes, _STREAM_READ), timeout)
        try:
            timeout = now.shorten(timeout)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("the answer was not whole in time") from error
        piece = await self._inner.read(max_bytes, timeout)
        now.received()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        now = bound.get()
        if now is not None:
            now.written()
            try:
                timeout = now.shorten(timeout)
            except TimeoutError as error:
                raise httpcore.WriteTimeout("the request was not handed over in time") from error
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _AsyncStream(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Makes such connections."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner
        if timeout is None or ":" in host:
            return _Stream(inner.connect_tcp(host, port, timeout, local_address, socket_options))
        # The backend would give each address of the host the whole timeout.
        until = time.monotonic() + timeout
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: Exception | None = None
        for tried, (*_, address) in enumerate(found):
            left = until - time.monotonic()
            if left <= 0:
                break
            # One address that swallows everything must not cost the others their chance.
            share = min(left, max(_LEAST_SHARE, left / (len(found) - tried)))
            try:
                return _Stream(
                    inner.connect_tcp(str(address[0]), port, share, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectTimeout("timed out")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Makes such connections, awaited."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._inner.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


# From an answer of httpx to the state of its HTTP/1.1 connection.
_TO_PROTOCOL: Final = (
    "stream",
    "_stream",
    "_httpcore_stream",
    "_stream",
    "_connection",
    "_h11_state",
)


def end_if_more_came(response: httpx.Response) -> None:
    """Keep a connection from being used again that holds bytes behind the end of this answer.

    httpcore would take them for the answer to the next request, whatever that is: a refused start
    would look started. Called when the body is read whole and before the answer is closed, which
    gives the connection back. Where another httpx or a caller's transport has no such way to the
    protocol's state, nothing is done.
    """
    found: Any = response
    for name in _TO_PROTOCOL:
        found = getattr(found, name, None)
        if found is None:
            return
    if getattr(found, "trailing_data", (b"",))[0]:
        # After it, the connection is closed and not kept.
        found.send_failed()


def keep_bounds(client: httpx.Client | httpx.AsyncClient) -> None:
    """Make every connection of a pool of our own keep the bound of its request.

    httpx offers no setting for the network backend of its transports, so it is put in where they
    keep it. Where a later httpx keeps it elsewhere, the pool works on with httpx's own timeouts.
    """
    transports = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for transport in transports:
        connections = getattr(transport, "_pool", None)
        inner = getattr(connections, "_network_backend", None)
        if isinstance(inner, httpcore.NetworkBackend):
            connections._network_backend = _Backend(inner)  # type: ignore[union-attr]  # noqa: SLF001
        elif isinstance(inner, httpcore.AsyncNetworkBackend):
            connections._network_backend = _AsyncBackend(inner)  # type: ignore[union-attr]  # noqa: SLF001
