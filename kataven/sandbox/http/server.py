"""The sockets: a listener on loopback, and connections that can be reset.

Knows uvicorn's HTTP protocol and TCP. Must not know the Hub. uvicorn's own ``Server`` is not used:
it polls ten times per second and waits for streams to end, while this one starts and stops at once.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from typing import TYPE_CHECKING, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from kataven.sandbox.http.requests import MAX_HEAD

if TYPE_CHECKING:
    from kataven.sandbox.http.app import App

# SO_LINGER with a timeout of 0: closing the socket resets the connection.
_NO_LINGER: Final = struct.pack("ii", 1, 0)
# Seconds.
_KEEP_ALIVE: Final = 75
_BACKLOG: Final = 2048
# Checks of the send buffer, 5 ms apart, before a reset.
_FLUSH_CHECKS: Final = 200

# Errors in a request go to its client, not to the user's terminal.
_http_logger: Final = logging.getLogger("kataven.sandbox.http")
_http_logger.addHandler(logging.NullHandler())


class Protocol(H11Protocol):
    """One connection.

    Args:
        config: uvicorn's settings.
        state: uvicorn's sets of connections and tasks.
        time_scale: The value of ``X-Sandbox-Time-Scale``.
        timeout: Maximum real seconds until the head of a request has arrived.
    """

    def __init__(self, config: Config, state: ServerState, time_scale: str, timeout: float) -> None:
        super().__init__(config, state, {"connection": self})
        self.logger = _http_logger
        self.access_log = False
        self._time_scale = time_scale
        self._timeout = timeout
        self.closed = asyncio.Event()
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection. Its first head must arrive in time."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self._timeout, self._head_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_head_timer()
        super().connection_lost(exc)
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        """Read bytes. The timeout of a head runs while it is incomplete."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_head_timer()
        elif self._head_timer is None and (before is None or before.response_complete):
            self._head_timer = self.loop.call_later(self._timeout, self._head_timed_out)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse a head that h11 cannot parse, in the format of the Hub's errors."""
        text = "bad request: the head is malformed or too large"
        if not self.transport.is_closing():
            self.write_raw(self._plain(b"400 Bad Request", text))
            self.transport.close()

    async def reset(self) -> None:
        """Send what is buffered, then reset the connection. Return when it is closed."""
        for _ in range(_FLUSH_CHECKS):
            if self.transport.is_closing() or not self.transport.get_write_buffer_size():
                break
            await asyncio.sleep(0.005)
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
        await self.closed.wait()

    def write_raw(self, data: bytes) -> None:
        """Write bytes that bypass the HTTP layer."""
        self.transport.write(data)

    def _head_timed_out(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            text = f"the head of the request did not arrive within {self._timeout:g} s"
            self.write_raw(self._plain(b"408 Request Timeout", text))
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _plain(self, status: bytes, text: str) -> bytes:
        return (
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"x-sandbox-time-scale: %b\r\nconnection: close\r\n\r\n%b"
            % (status, len(text), self._time_scale.encode(), text.encode())
        )


class Listener:
    """The Hub's listening socket and its connections.

    Args:
        app: The app that handles the requests.
        sock: The listening socket.
        time_scale: The value of ``X-Sandbox-Time-Scale``.
        timeout: Maximum real seconds until the head of a request has arrived.
    """

    def __init__(self, app: App, sock: socket.socket, time_scale: str, timeout: float) -> None:
        self._sock = sock
        self._time_scale = time_scale
        self._timeout = timeout
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._config = Config(
            app=app,
            interface="asgi3",
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            h11_max_incomplete_event_size=MAX_HEAD,
        )

    async def open(self) -> None:
        """Start accepting connections."""
        self._config.load()
        self._server = await asyncio.get_running_loop().create_server(
            self._connect, sock=self._sock, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Stop accepting connections, abort the open ones, and wait for their handlers."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            if isinstance(connection, Protocol):
                connection.transport.abort()
        while self._state.tasks or self._state.connections:
            tasks = list(self._state.tasks)
            if tasks:
                await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def _connect(self) -> Protocol:
        return Protocol(self._config, self._state, self._time_scale, self._timeout)


def listen(port: int) -> socket.socket:
    """Bind a socket to 127.0.0.1.

    ``IPPROTO_TCP`` matters: asyncio sets TCP_NODELAY only on sockets with this protocol number, and
    without it each response would take 40 ms (Nagle's algorithm with delayed ACKs).

    Args:
        port: The port, or 0 for any free one.

    Raises:
        OSError: The port cannot be used. The text names it.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        # Two sockets may be bound to one port, but only one may listen.
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        taken = error.errno == errno.EADDRINUSE
        problem = "is already in use" if taken else f"cannot be used ({error.strerror})"
        stop = "stop the program that uses it, or " if taken else ""
        msg = (
            f"port {port} of 127.0.0.1 {problem}: {stop}choose another port, or 0 for any free one"
        )
        raise OSError(error.errno, msg) from error
    return sock
