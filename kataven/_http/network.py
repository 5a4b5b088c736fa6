"""Connections that keep to the limits of the request they carry.

Knows sockets and httpcore's network interfaces. It must not know HTTP, retries or pools.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from kataven._http.sending import Sending

# The most that one read of a followed body takes, where httpcore asks for 64 KiB: a reader that has
# fallen behind catches up in fewer steps.
_FOLLOW_READ: Final = 256 * 1024

# Seconds that each address of a host gets at least, if that many are left.
_LEAST_SHARE: Final = 2.0

# The request being sent by this thread or task. httpcore passes nothing of a request to its
# connections, so each connection takes it from here at its first write and keeps it: the body may
# be read in another context.
current: ContextVar[Sending] = ContextVar("kataven_sending")


def shut_socket(raw: Any) -> None:
    """End a connection at its socket, from any thread.

    Args:
        raw: The socket, or what an event loop shows of it, or None.
    """
    # A connection that is closed already needs nothing more.
    with suppress(OSError, ValueError):
        if isinstance(raw, socket.socket):
            # The method of the base class: SSLSocket.shutdown() takes the TLS state away from the
            # thread that reads.
            socket.socket.shutdown(raw, socket.SHUT_RDWR)
        elif raw is not None:
            try:
                raw.shutdown(socket.SHUT_RDWR)
            except TypeError:
                # uvloop's socket object refuses; a second descriptor of the same socket does not.
                with socket.socket(fileno=os.dup(raw.fileno())) as own:
                    own.shutdown(socket.SHUT_RDWR)


class Stream(httpcore.NetworkStream):
    """A blocking connection.

    Args:
        inner: httpcore's connection.
        backend: The backend that made it.
        sending: The request it is made for.
        tls_layers: How often TLS is still to be started on it before a request.
    """

    __slots__ = ("_backend", "_inner", "_nested_tls", "_socket", "_tls_layers", "sending")

    def __init__(
        self, inner: httpcore.NetworkStream, backend: Backend, sending: Sending, tls_layers: int
    ) -> None:
        self._inner = inner
        self._backend = backend
        self._socket: socket.socket = inner.get_extra_info("socket")
        self._tls_layers = tls_layers
        # TLS within TLS has no socket of its own to read from.
        self._nested_tls = tls_layers == 0 and backend.tls_layers > 1
        self.sending = sending
        backend.streams[self] = None
        sending.attach(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what is there, within the limits of the request."""
        sending = self.sending
        if sending.idle_timeout is not None:
            max_bytes = _FOLLOW_READ
        try:
            timeout = sending.read_timeout()
            if self._nested_tls:
                data = self._inner.read(max_bytes, timeout)
            else:
                self._socket.settimeout(timeout)
                data = self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        if data:
            sending.note_read()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the buffer, within the limits of the request."""
        if not buffer:
            return
        sending = current.get()
        if sending is not self.sending:
            self.sending = sending
            sending.attach(self)
        sending.note_write()
        try:
            while buffer:
                timeout = sending.within(sending.timeout.write)
                if self._tls_layers == 0:
                    # Before the write: one that fails may have sent something.
                    sending.sent = True
                if self._nested_tls:
                    self._inner.write(buffer, timeout)
                    return
                self._socket.settimeout(timeout)
                buffer = buffer[self._socket.send(buffer) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def shut(self) -> None:
        """End the connection, from any thread; a read that is blocked on it returns."""
        if self._backend.pid == os.getpid():
            shut_socket(self._socket)
        else:
            # After a fork, the parent still uses the connection: close only this copy.
            self._socket.close()

    def close(self) -> None:
        """Close the connection."""
        self._backend.streams.pop(self, None)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the limits of the request hold
    ) -> httpcore.NetworkStream:
        """Start TLS; the connection that is returned replaces this one."""
        sending = self.sending
        try:
            inner = self._inner.start_tls(
                ssl_context, server_hostname, sending.within(sending.timeout.connect)
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except ValueError as error:
            # A host name that TLS cannot name.
            raise httpcore.ConnectError(str(error)) from error
        self._backend.streams.pop(self, None)
        return Stream(inner, self._backend, sending, self._tls_layers - 1)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of its own connection."""
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Makes blocking connections and knows those that are open.

    Args:
        tls_layers: How often TLS is started on a connection before a request.
    """

    def __init__(self, tls_layers: int) -> None:
        self.tls_layers = tls_layers
        self.pid = os.getpid()
        self._inner = httpcore.SyncBackend()
        # A dict, not a set: copying its keys is one step, whatever other threads do.
        self.streams: dict[Stream, None] = {}

    def close_all(self, sending: Sending | None = None) -> None:
        """Close the connections of one request, or all."""
        for stream in tuple(self.streams):
            if sending is None or stream.sending is sending:
                stream.shut()
                stream.close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the limits of the request hold
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, trying all addresses of the host within one timeout."""
        sending = current.get()
        try:
            limit = time.monotonic() + sending.within(sending.timeout.connect)
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for tried, (*_, address) in enumerate(found):
            left = limit - time.monotonic()
            if left <= 0:
                break
            # An address that never responds must not use up the time of the others.
            share = min(left, max(_LEAST_SHARE, left / (len(found) - tried)))
            inner: httpcore.NetworkStream | None = None
            try:
                inner = self._inner.connect_tcp(
                    str(address[0]), port, share, local_address, socket_options or ()
                )
                return Stream(inner, self, sending, self.tls_layers)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            except BaseException:
                # Interrupted before anything else knows of the socket.
                if inner is not None:
                    inner.close()
                raise
        raise failure or httpcore.ConnectTimeout("timed out")


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection of the event loop.

    Args:
        inner: httpcore's connection.
        backend: The backend that made it.
        sending: The request it is made for.
        tls_layers: How often TLS is still to be started on it before a request.
    """

    __slots__ = ("_backend", "_inner", "_tls_layers", "sending")

    def __init__(
        self,
        inner: httpcore.AsyncNetworkStream,
        backend: AsyncBackend,
        sending: Sending,
        tls_layers: int,
    ) -> None:
        self._inner = inner
        self._backend = backend
        self._tls_layers = tls_layers
        self.sending = sending
        backend.streams[self] = None
        sending.attach(self)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Receive what is there, within the limits of the request."""
        sending = self.sending
        if sending.idle_timeout is not None:
            max_bytes = _FOLLOW_READ
        try:
            data = await self._inner.read(max_bytes, sending.read_timeout())
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        if data:
            sending.note_read()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the buffer, within the limits of the request."""
        if not buffer:
            return
        sending = current.get()
        if sending is not self.sending:
            self.sending = sending
            sending.attach(self)
        sending.note_write()
        try:
            timeout = sending.within(sending.timeout.write)
            if self._tls_layers == 0:
                # Before the write: one that fails may have sent something.
                sending.sent = True
            await self._inner.write(buffer, timeout)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def shut(self) -> None:
        """End the connection, from any thread; a read that waits for it returns."""
        # After a fork, the parent still uses the connection.
        if self._backend.pid == os.getpid():
            shut_socket(self._inner.get_extra_info("socket"))

    async def aclose(self) -> None:
        """Close the connection."""
        self._backend.streams.pop(self, None)
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the limits of the request hold
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS; the connection that is returned replaces this one."""
        sending = self.sending
        try:
            inner = await self._inner.start_tls(
                ssl_context, server_hostname, sending.within(sending.timeout.connect)
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, ValueError) as error:
            raise httpcore.ConnectError(str(error)) from error
        self._backend.streams.pop(self, None)
        return AsyncStream(inner, self._backend, sending, self._tls_layers - 1)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of its own connection."""
        return self._inner.get_extra_info(info)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Makes connections of the event loop and knows those that are open.

    Args:
        tls_layers: How often TLS is started on a connection before a request.
    """

    def __init__(self, tls_layers: int) -> None:
        self.tls_layers = tls_layers
        self.pid = os.getpid()
        # Any, for httpcore defines this class twice: with anyio and, to say so, without it.
        self._inner: Any = httpcore.AnyIOBackend()
        self.streams: dict[AsyncStream, None] = {}

    async def close_all(self, sending: Sending | None = None) -> None:
        """Close the connections of one request, or all."""
        for stream in tuple(self.streams):
            if sending is None or stream.sending is sending:
                stream.shut()
                await stream.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, trying all addresses of the host within one timeout."""
        sending = current.get()
        try:
            timeout = sending.within(sending.timeout.connect)
            inner: httpcore.AsyncNetworkStream = await self._inner.connect_tcp(
                host, port, timeout, local_address, socket_options
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except UnicodeError as error:
            raise httpcore.ConnectError(str(error)) from error
        return AsyncStream(inner, self, sending, self.tls_layers)
