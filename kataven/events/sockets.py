"""The socket under an event stream, shut down from anywhere to wake whoever reads from it.

Knows which connection a request got, by what the transport tells of it. It must not know streams,
budgets or when to close.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

_CONNECTED = (
    ".connect_tcp.complete",
    ".connect_unix_socket.complete",
    ".start_tls.complete",
)


class StreamSocket:
    """The socket under a connection, shut down to wake whoever reads from it."""

    __slots__ = ("_stream", "shut_down")

    def __init__(self) -> None:
        self._stream: Any = None
        self.shut_down = False

    def take(self, network_stream: Any) -> None:
        """Remember the connection; one that came too late is shut down at once."""
        self._stream = network_stream
        if self.shut_down:
            self.shut()

    def let_go(self) -> None:
        """Forget the connection: its answer is whole, so it is the pool's again."""
        self._stream = None

    def shut(self) -> None:
        """End the connection, from any thread; a read that is blocked on it returns."""
        self.shut_down = True
        stream = self._stream
        raw = None if stream is None else stream.get_extra_info("socket")
        if raw is None:
            return
        # A connection that is closed already is what was wanted.
        with suppress(OSError, ValueError):
            if isinstance(raw, socket.socket):
                # Of the class itself: an SSLSocket's own shutdown takes its TLS state away from
                # the thread that reads.
                socket.socket.shutdown(raw, socket.SHUT_RDWR)
                return
            try:
                raw.shutdown(socket.SHUT_RDWR)
            except TypeError:
                # The stand-in of uvloop refuses it; another descriptor of the same socket does not.
                with socket.socket(fileno=os.dup(raw.fileno())) as own:
                    own.shutdown(socket.SHUT_RDWR)


class ConnectionTrace:
    """Learns the connection as soon as it is made, while the answer's head is still awaited."""

    def __init__(self, end: StreamSocket) -> None:
        self._end = end

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """One event of the transport, of a blocking request."""
        # Whatever the connection leads through: the Hub itself, a proxy, a socket of this machine.
        if event.endswith(_CONNECTED):
            self._end.take(info.get("return_value"))
        elif event.startswith("http2."):
            # Other calls are on that connection too.
            self._end.let_go()

    async def awaited(self, event: str, info: dict[str, Any]) -> None:
        """One event of the transport, of an awaited request."""
        self(event, info)


def take_connection(end: StreamSocket, response: httpx.Response) -> None:
    """Remember the connection of an answer whose head is in."""
    # One of HTTP/2 carries other calls too, whose answers would be lost with it.
    if response.http_version != "HTTP/2":
        end.take(response.extensions.get("network_stream"))
