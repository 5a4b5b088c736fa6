"""A Hub on a loopback socket that keeps every byte it is sent and answers as a script says.

Knows HTTP/1.1 as bytes and nothing of kataven or httpx: what it records is what went over the wire.
An answer is a sequence of steps: bytes are sent, functions are called with the connection.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

# A loop in the client must end in a failed test, not in a hang.
MOST_REQUESTS = 60
REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Part:
    """One part of a multipart form, as the standard library's mail parser reads it."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One request as it arrived; ``body`` is without the chunks' framing."""

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool = True

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True, strict_parsing=True)

    def header(self, name: str) -> str | None:
        """The only value of a header, or None; a doubled one fails the test."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def parts(self) -> list[Part]:
        head = f"Content-Type: {self.header('content-type')}\r\nMIME-Version: 1.0\r\n\r\n"
        message = BytesParser(policy=policy.HTTP).parsebytes(head.encode("latin-1") + self.body)
        assert message.is_multipart()
        assert not message.defects
        return [
            Part(
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        ]

    @property
    def form(self) -> dict[str, str]:
        """The fields that are no files; each may come once."""
        fields = [part for part in self.parts if part.filename is None]
        assert len({part.name for part in fields}) == len(fields)
        return {part.name: part.content.decode("utf-8") for part in fields}

    @property
    def file(self) -> Part:
        (file,) = [part for part in self.parts if part.filename is not None]
        return file


@dataclass(frozen=True)
class Answer:
    """What to do about one request.

    ``after`` is how many bytes of its body are read first (None: all). Where the last step leaves
    the connection open, the next request is read from it.
    """

    steps: tuple[bytes | Callable[[Connection], None], ...]
    after: int | None = None


def reply(
    status: int = 200,
    body: bytes | str | dict[str, Any] | list[Any] = b"",
    headers: Iterable[tuple[str, str]] = (),
    *,
    length: int | None = None,
) -> bytes:
    """An answer as bytes, with a Content-Length (``length``: one that lies)."""
    kind = "text/plain"
    if isinstance(body, dict | list):
        body, kind = json.dumps(body), "application/json"
    if isinstance(body, str):
        body = body.encode("utf-8")
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Said')}"]
    names = {name.lower() for name, _ in headers}
    if "content-type" not in names:
        lines.append(f"Content-Type: {kind}")
    if "content-length" not in names and "transfer-encoding" not in names and status != 204:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """A body in chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + (b"0\r\n\r\n" if end else b"")


def reset(connection: Connection) -> None:
    """Break the connection with a TCP reset."""
    connection.abort()


def close(connection: Connection) -> None:
    """Close the connection in an orderly way."""
    connection.finish()


def hang(connection: Connection) -> None:
    """Say nothing until the client goes away or the test is over."""
    connection.wait_for_the_client_to_leave()


def trickle(data: bytes, pause: float = 0.03) -> Callable[[Connection], None]:
    """Send byte by byte, each well within the client's own timeout."""

    def step(connection: Connection) -> None:
        for at in range(len(data)):
            connection.send(data[at : at + 1])
            if connection.hub.over.wait(pause):
                raise EndedError
        connection.hub.trickled_whole = True

    return step


class EndedError(Exception):
    """The connection is no more."""


class Connection:
    """One accepted connection and what was read from it."""

    def __init__(self, hub: LoopbackHub, sock: socket.socket) -> None:
        self.hub = hub
        self.sock = sock
        self._buffer = b""

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            raise EndedError from None

    def abort(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise EndedError

    def finish(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(65536):
                pass
        raise EndedError

    def wait_for_the_client_to_leave(self) -> None:
        self.hub.hanging.set()
        with suppress(OSError):
            while self.sock.recv(65536):
                pass
        raise EndedError

    def _more(self) -> None:
        try:
            piece = self.sock.recv(65536)
        except OSError:
            raise EndedError from None
        if not piece:
            raise EndedError
        self._buffer += piece

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


@dataclass
class LoopbackHub:
    """A scripted Hub.

    Attributes:
        requests: What arrived, in order.
        connections: How many connections were accepted.
        hanging: Set when the Hub has begun to keep silent.
        trickled_whole: Whether a trickled answer was sent to its end.
        on_request: Called with each request before it is answered.
        decide: Makes the answer from the request, in place of the script.
    """

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    trickled_whole: bool = False
    always: Any = None

    def __post_init__(self) -> None:
        self.over = threading.Event()
        self.hanging = threading.Event()
        self.on_request: Callable[[Request], None] | None = None
        self.decide: Callable[[Request], bytes] | None = None
        self._script: deque[Any] = deque()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="loopback-hub")
        self._acceptor.start()

    @property
    def url(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{shown}:{self.port}"

    def will(self, *answers: Any) -> None:
        """Give the next requests these answers, one each; then ``always``."""
        self._script.extend(answers)

    def arrived(self, expected: int) -> int:
        """How many requests arrived; waits for so many, as a client may give up before they do."""
        end = time.monotonic() + 5
        while len(self.requests) < expected and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.requests)

    @property
    def open_connections(self) -> int:
        """How many connections the Hub holds now."""
        with self._lock:
            return len(self._sockets)

    @property
    def only(self) -> Request:
        """The one request that arrived."""
        (request,) = self.requests
        return request

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(10)
        with self._lock:
            for sock in self._sockets:
                with suppress(OSError):
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
                thread = threading.Thread(target=self._serve, args=(sock,), name="loopback-hub")
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        wrapped = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                wrapped = self.tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._sockets.discard(sock)
                    self._sockets.add(wrapped)
            connection = Connection(self, wrapped)
            while True:
                self._exchange(connection)
        except (EndedError, OSError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(wrapped)
                self._sockets.discard(sock)
            wrapped.close()
            sock.close()

    def _exchange(self, connection: Connection) -> None:
        head = connection.until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1"
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        with self._lock:
            answer = self._script.popleft() if self._script else self.always
        if answer is None:
            answer = reply(200, {"id": "c1"})
        if not isinstance(answer, Answer):
            answer = Answer(answer if isinstance(answer, tuple) else (answer,))
        body, framed = _read_body(connection, headers, answer.after)
        request = Request(head + framed, method, target, headers, body, whole=answer.after is None)
        with self._lock:
            self.requests.append(request)
            too_many = len(self.requests) > MOST_REQUESTS
        if self.on_request is not None:
            self.on_request(request)
        if too_many:
            connection.send(reply(418, "the client asks without end"))
            connection.finish()
        steps = answer.steps
        if self.decide is not None:
            steps = (self.decide(request),)
        for step in steps:
            if isinstance(step, bytes):
                connection.send(step)
            else:
                step(connection)


def _read_body(
    connection: Connection, headers: list[tuple[str, str]], after: int | None
) -> tuple[bytes, bytes]:
    named = {name.lower(): value for name, value in headers}
    if after is not None:
        body = connection.exactly(after)
        return body, body
    if named.get("transfer-encoding", "").lower() == "chunked":
        body = framed = b""
        while True:
            line = connection.until(b"\r\n")
            piece = connection.exactly(int(line, 16))
            framed += line + piece + connection.exactly(2)
            body += piece
            if not piece:
                return body, framed
    body = connection.exactly(int(named.get("content-length", "0")))
    return body, body


def refused_port() -> tuple[socket.socket, int]:
    """A port on which nobody listens, kept so until the socket is closed."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so; fail after ten seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen within ten seconds"
        time.sleep(0.005)
