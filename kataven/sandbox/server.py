"""The socket side: a listener on loopback, connections that can be reset, and their end.

Knows uvicorn's HTTP protocol and TCP. Must not know the Hub. uvicorn's own `Server` is left out: it
polls ten times a second and waits for streams to end, and this one starts and stops at once.
"""

import asyncio
import logging
import socket
import struct
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from kataven.sandbox.app import App
from kataven.sandbox.requests import MAX_HEAD

_LINGER_NOT = struct.pack("ii", 1, 0)
_KEEP_ALIVE: Final = 75
_BACKLOG: Final = 2048
_FLUSH_TRIES: Final = 200

# What is wrong with a request is told to its client, not printed.
_http_logger = logging.getLogger("kataven.sandbox.http")
_http_logger.addHandler(logging.NullHandler())


class Protocol(H11Protocol):
    """One connection.

    Args:
        config: uvicorn's settings.
        state: uvicorn's sets of connections and tasks.
        time_scale: What `X-Sandbox-Time-Scale` says.
        patience: Seconds that a request's head may take.
    """

    def __init__(
        self, config: Config, state: ServerState, time_scale: str, patience: float
    ) -> None:
        super().__init__(config, state, {"connection": self})
        self.logger = _http_logger
        self.access_log = False
        self._time_scale = time_scale
        self._patience = patience
        self._closed = asyncio.Event()
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; its first head must come in time."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self._patience, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_head_timer()
        super().connection_lost(exc)
        self._closed.set()

    def data_received(self, data: bytes) -> None:
        """Read bytes; while a head is incomplete, its time runs."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_head_timer()
        elif self._head_timer is None and (before is None or before.response_complete):
            self._head_timer = self.loop.call_later(self._patience, self._head_is_late)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse a head that h11 cannot read, in the Hub's own form."""
        text = "bad request: the head is malformed or too large"
        if not self.transport.is_closing():
            self.write_raw(self._plain(b"400 Bad Request", text))
            self.transport.close()

    async def reset(self) -> None:
        """Send what is buffered, then reset the connection (linger 0); return when it is gone."""
        for _ in range(_FLUSH_TRIES):
            if self.transport.is_closing() or not self.transport.get_write_buffer_size():
                break
            await asyncio.sleep(0.005)
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()
        await self._closed.wait()

    def write_raw(self, data: bytes) -> None:
        """Write bytes past the HTTP layer."""
        self.transport.write(data)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            text = f"the request's head did not arrive within {self._patience:g} s"
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
        app: The app that answers.
        sock: The socket that listens.
        time_scale: What `X-Sandbox-Time-Scale` says.
        patience: Seconds that a request's head may take.
    """

    def __init__(self, app: App, sock: socket.socket, time_scale: str, patience: float) -> None:
        self._sock = sock
        self._time_scale = time_scale
        self._patience = patience
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
        """Begin to take connections."""
        self._config.load()
        self._server = await asyncio.get_running_loop().create_server(
            self._connect, sock=self._sock, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Take no more connections, end those there are, and wait for their handlers."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        while self._state.tasks or self._state.connections:
            tasks = list(self._state.tasks)
            if tasks:
                await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def _connect(self) -> Protocol:
        return Protocol(self._config, self._state, self._time_scale, self._patience)


def listen(port: int) -> socket.socket:
    """Bind a socket to 127.0.0.1.

    `IPPROTO_TCP` matters: asyncio switches Nagle's delay off for such sockets only, and with it
    each answer would take 40 ms.

    Args:
        port: The port, 0 for any free one.

    Raises:
        OSError: The port is taken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock
