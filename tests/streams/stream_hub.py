"""A Hub on a loopback socket whose event streams do exactly what a test says, one path a behaviour.

Knows HTTP/1.1 as bytes and nothing of kataven or httpx. A path has a queue of behaviours, one for
each request, and the last of them stays. What was asked, and when by the Hub's own clock, is kept.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

# A loop in the client must end in a failed test, not in a hang.
MOST_REQUESTS = 500
HEARTBEAT = b": heartbeat\n\n"
END = b"event: end\n\n"


def data(value: Any) -> bytes:
    """A data frame."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    at: float
    connection: int
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


class Ended(Exception):  # noqa: N818 - named for what it says
    """The connection is no more."""


class Peer:
    """The Hub's end of one connection."""

    def __init__(self, hub: StreamHub, sock: socket.socket, number: int) -> None:
        self.hub = hub
        self.sock = sock
        self.number = number
        self.chunked = True
        self.sent = 0
        self._buffer = b""

    def send(self, piece: bytes) -> None:
        try:
            self.sock.sendall(piece)
        except OSError:
            raise Ended from None

    def head(
        self,
        status: int = 200,
        kind: str = "text/event-stream",
        *,
        framing: str = "chunked",
        headers: tuple[str, ...] = (),
    ) -> None:
        """The head of a stream: in chunks, or until the connection's end (``eof``)."""
        self.chunked = framing == "chunked"
        lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", *headers]
        lines.append("Transfer-Encoding: chunked" if self.chunked else "Connection: close")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def piece(self, piece: bytes) -> None:
        """Some bytes of a stream's body."""
        if piece:
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)

    def reply(self, status: int, body: bytes | str | dict[str, Any], *headers: str) -> None:
        """A whole answer."""
        kind = "text/plain"
        if isinstance(body, dict):
            body, kind = json.dumps(body), "application/json"
        if isinstance(body, str):
            body = body.encode()
        lines = [f"HTTP/1.1 {status} Said", *headers]
        if not any(line.lower().startswith("content-type:") for line in headers):
            lines.append(f"Content-Type: {kind}")
        if status != 204:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended

    def hang_up(self) -> None:
        """Close the connection in an orderly way, whether or not the body is whole."""
        raise Ended

    def until_left(self) -> None:
        """Keep silent until the client is gone; the Hub notes that it saw it go."""
        self.hub.silent.release()
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        if not self.hub.over.is_set():
            self.hub.seen_leaving.release()
        raise Ended

    def until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _more(self) -> None:
        try:
            piece = self.sock.recv(65536)
        except OSError:
            raise Ended from None
        if not piece:
            raise Ended
        self._buffer += piece


def stream(*parts: Any, end: str = "clean", framing: str = "chunked", **head: Any) -> Any:
    """A stream: bytes are sent, events waited for, functions called with the peer; then its end.

    ``clean`` ends the body as its framing says, ``unfinished`` closes the connection before that,
    ``reset`` resets it, and ``silent`` keeps it open without a word until the client leaves.
    """

    def behave(peer: Peer) -> None:
        peer.head(framing=framing, **head)
        for part in parts:
            if isinstance(part, bytes):
                peer.piece(part)
            elif isinstance(part, threading.Event):
                peer.hub.wait_for(part)
            else:
                part(peer)
        if end == "silent":
            peer.until_left()
        elif end == "reset":
            peer.reset()
        elif end == "unfinished" or framing == "eof":
            peer.hang_up()
        peer.send(b"0\r\n\r\n")

    return behave


def reply(status: int, body: Any = "", *headers: str) -> Any:
    """A whole answer that is no stream."""
    return lambda peer: peer.reply(status, body, *headers)


def refuse(peer: Peer) -> None:
    """Reset the connection in place of an answer."""
    peer.reset()


def silence(peer: Peer) -> None:
    """Take the request and say nothing."""
    peer.until_left()


def trickle(piece: bytes, pause: float = 0.02) -> Callable[[Peer], None]:
    """Send the same bytes again and again, each well within any timeout, until the client leaves."""

    def step(peer: Peer) -> None:
        while not peer.hub.over.wait(pause):
            peer.piece(piece)
        raise Ended

    return step


@dataclass
class StreamHub:
    """A scripted Hub.

    Attributes:
        asked: The requests, in order.
        silent: Released each time the Hub begins to keep silent.
        seen_leaving: Released each time the Hub sees a client leave a silent connection.
        time: The Hub's own clock.
        tls: What it speaks TLS with, or None.
    """

    asked: list[Asked] = field(default_factory=list)
    time: Callable[[], float] = time.monotonic
    connections: int = 0
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.over = threading.Event()
        self.silent = threading.Semaphore(0)
        self.seen_leaving = threading.Semaphore(0)
        self.on_asked: Callable[[Asked], Any] | None = None
        self._paths: dict[str, deque[Any]] = {}
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="stream-hub")
        self._acceptor.start()

    def events(self, *behaviours: Any, campaign: str = "c1") -> None:
        """What the event stream of a campaign does, request by request; the last one stays."""
        self.on(f"GET /campaigns/{campaign}/events", *behaviours)

    def get(self, *behaviours: Any, campaign: str = "c1") -> None:
        """What ``get`` answers; a str stands for a campaign of that status."""
        self.on(f"GET /campaigns/{campaign}", *map(_campaign, behaviours))

    def on(self, what: str, *behaviours: Any) -> None:
        with self._lock:
            self._paths[what] = deque(behaviours)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        with self._lock:
            return [f"{one.method} {one.path}" for one in self.asked]

    def count(self, what: str) -> int:
        return self.paths().count(what)

    def streams(self, campaign: str = "c1") -> list[Asked]:
        """The requests for a campaign's event stream."""
        path = f"/campaigns/{campaign}/events"
        with self._lock:
            return [one for one in self.asked if one.path == path]

    def wait_for(self, event: threading.Event) -> None:
        """Wait for a test's word; ten seconds at most."""
        end = time.monotonic() + 10
        while not event.wait(0.05):
            if self.over.is_set() or time.monotonic() > end:
                raise Ended

    def wait_until_silent(self) -> None:
        assert self.silent.acquire(timeout=10), "the Hub never kept silent"

    def wait_until_left(self) -> None:
        assert self.seen_leaving.acquire(timeout=10), "the Hub did not see the client leave"

    def wait_until_asked(self, requests: int) -> None:
        wait_for(lambda: len(self.paths()) >= requests)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(10)
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._sockets.add(sock)
                peer = Peer(self, sock, self.connections)
                thread = threading.Thread(target=self._serve, args=(peer,), name="stream-hub")
                self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        try:
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                plain = peer.sock
                peer.sock = self.tls.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._sockets.discard(plain)
                    self._sockets.add(peer.sock)
            while True:
                self._exchange(peer)
        except (Ended, OSError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(peer.sock)
            peer.sock.close()

    def _exchange(self, peer: Peer) -> None:
        first, *lines = peer.until(b"\r\n\r\n").decode("latin-1").rstrip("\r\n").split("\r\n")
        at = self.time()
        method, target, _ = first.split(" ")
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        named = {name.lower(): value for name, value in headers}
        body = peer.exactly(int(named.get("content-length", "0")))
        path = target.removeprefix("/api/v1")
        asked = Asked(method, path, headers, at, peer.number, body)
        with self._lock:
            self.asked.append(asked)
            queue = self._paths.get(f"{method} {path}")
            behaviour = None
            if queue:
                behaviour = queue.popleft() if len(queue) > 1 else queue[0]
            too_many = len(self.asked) > MOST_REQUESTS
        if self.on_asked is not None:
            self.on_asked(asked)
        if too_many or behaviour is None:
            peer.reply(418 if too_many else 404, "asked without end" if too_many else "not here")
            peer.hang_up()
        else:
            behaviour(peer)


def _campaign(status: Any) -> Any:
    return reply(200, {"id": "c1", "status": status}) if isinstance(status, str) else status


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail after ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen within ten seconds"
        time.sleep(0.005)
