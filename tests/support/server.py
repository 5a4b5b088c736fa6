"""A Hub on a loopback socket that records every byte it receives and responds as a test scripts it.

A response is a step or a tuple of steps: bytes are sent, events are waited for, functions are
called with the connection. After the last step the connection serves the next request.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.support.http import PREFIX, Request, response
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Disconnect(Exception):  # noqa: N818 - an order to the server, not an error
    """Raised by a step to end the connection, and by a read or write on one that has ended."""


@dataclass(frozen=True)
class Early:
    """Steps that begin after ``after`` bytes of the request's body instead of all of them."""

    steps: tuple[Any, ...]
    after: int


class Connection:
    """The Hub's end of one accepted connection."""

    def __init__(self, hub: LoopbackHub, sock: socket.socket, number: int) -> None:
        self.hub = hub
        self.sock = sock
        self.number = number
        self._buffer = b""
        self._chunked = True

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            raise Disconnect from None

    def stream_head(
        self,
        status: int = 200,
        kind: str = "text/event-stream",
        *,
        framing: str = "chunked",
        headers: tuple[str, ...] = (),
    ) -> None:
        """Send a stream's headers; its body is ``chunked`` or ends with the connection (``eof``)."""
        self._chunked = framing == "chunked"
        lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {kind}", *headers]
        lines.append("Transfer-Encoding: chunked" if self._chunked else "Connection: close")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def stream(self, data: bytes) -> None:
        """Send some bytes of a stream's body."""
        if data:
            self.send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._receive()
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def drain(self) -> None:
        """Read and discard until the client closes the connection."""
        with suppress(OSError):
            while self.sock.recv(65536):
                pass

    def _receive(self) -> None:
        try:
            received = self.sock.recv(65536)
        except OSError:
            received = b""
        if not received:
            raise Disconnect
        self._buffer += received


def reset(connection: Connection) -> None:
    """Break the connection with a TCP reset."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Disconnect


def close(connection: Connection) -> None:
    """Close the connection in order: shut down writing, then wait for the client."""
    with suppress(OSError):
        connection.sock.shutdown(socket.SHUT_WR)
    connection.drain()
    raise Disconnect


def hang_up(connection: Connection) -> None:
    """Close the connection at once."""
    raise Disconnect


def silence(connection: Connection) -> None:
    """Send nothing until the client leaves; the Hub counts both moments."""
    hub = connection.hub
    hub.silent.release()
    connection.drain()
    if not hub.over.is_set():
        hub.seen_leaving.release()
    raise Disconnect


def trickle(data: bytes, pause: float = 0.03) -> Callable[[Connection], None]:
    """Send ``data`` byte by byte, each well within the client's own timeout."""

    def step(connection: Connection) -> None:
        for at in range(len(data)):
            connection.send(data[at : at + 1])
            if connection.hub.over.wait(pause):
                raise Disconnect
        connection.hub.trickled_to_the_end = True

    return step


def trickle_forever(data: bytes, pause: float = 0.02) -> Callable[[Connection], None]:
    """Send ``data`` as stream bytes again and again until the client leaves."""

    def step(connection: Connection) -> None:
        while not connection.hub.over.wait(pause):
            connection.stream(data)
        raise Disconnect

    return step


def stream(*steps: Any, end: str = "clean", framing: str = "chunked", **head: Any) -> Any:
    """Build an event stream: bytes are sent as body, other steps run; then the stream ends.

    Args:
        steps: Body bytes, events to wait for, or functions of the connection.
        end: ``clean`` ends the body as its framing requires, ``unfinished`` closes the connection
            before that, ``reset`` resets it, ``silent`` keeps it open until the client leaves.
        framing: ``chunked`` or ``eof``.
        head: ``status``, ``kind`` and ``headers`` of the response.
    """

    def play(connection: Connection) -> None:
        connection.stream_head(framing=framing, **head)
        for step in steps:
            if isinstance(step, bytes):
                connection.stream(step)
            else:
                connection.hub.run(step, connection)
        if end == "silent":
            silence(connection)
        if end == "reset":
            reset(connection)
        if end == "unfinished" or framing == "eof":
            hang_up(connection)
        connection.send(b"0\r\n\r\n")

    return play


class LoopbackHub:
    """A scripted Hub.

    A request gets the next response of ``respond``, else the next of its route (``on``; the last
    one of a route stays), else ``always``.

    Attributes:
        requests: What arrived, in order.
        connections: How many connections were accepted.
        always: The response where nothing else is scripted.
        on_request: Called with each complete request. What it returns, unless None, is the
            response; it may wait, and may raise ``Disconnect``.
        in_flight: How many requests wait for ``on_request``; ``max_in_flight`` is the highest.
        silent: Released each time the Hub begins to keep silent.
        seen_leaving: Released each time a client leaves a silent connection.
        trickled_to_the_end: Whether a trickled response was sent completely.
        time: The clock of ``Request.received_at``.
        max_requests: More requests than this get a 418: a loop in the client fails the test.
        over: Set when the Hub shuts down.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        tls: ssl.SSLContext | None = None,
        always: Any = None,
        max_requests: int = 3000,
    ) -> None:
        self.time: Callable[[], float] = time.monotonic
        self.max_requests = max_requests
        self.over = threading.Event()
        self._default = response(200, {"id": "c1"}) if always is None else always
        self._tls = tls
        self._lock = threading.Lock()
        self._disconnected = threading.Condition(self._lock)
        self._sockets: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._begin()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http{'s' if tls else ''}://{shown}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="loopback-hub")
        self._acceptor.start()

    def _begin(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.always = self._default
        self.on_request: Callable[[Request], Any] | None = None
        self.in_flight = self.max_in_flight = 0
        self.silent = threading.Semaphore(0)
        self.seen_leaving = threading.Semaphore(0)
        self.trickled_to_the_end = False
        self._script: deque[Any] = deque()
        self._routes: dict[str, deque[Any]] = {}

    def reset(self) -> None:
        """Wait until the clients have left, then forget the script and the requests."""
        self.wait_until_disconnected()
        self._begin()

    def respond(self, *responses: Any) -> None:
        """Script the next responses, one each; None leaves a request to routes and ``always``."""
        with self._lock:
            self._script.extend(responses)

    def on(self, route: str, *responses: Any) -> None:
        """Script a route (``GET /campaigns/c1``), request by request; the last response stays."""
        with self._lock:
            self._routes[route] = deque(responses)

    def events(self, *responses: Any, campaign: str = "c1") -> None:
        """Script the event stream of a campaign."""
        self.on(f"GET /campaigns/{campaign}/events", *responses)

    def get(self, *responses: Any, campaign: str = "c1") -> None:
        """Script ``get``; a str is a campaign with that status."""
        scripted = [
            response(200, {"id": campaign, "status": each}) if isinstance(each, str) else each
            for each in responses
        ]
        self.on(f"GET /campaigns/{campaign}", *scripted)

    @property
    def only(self) -> Request:
        """The one request that arrived."""
        (request,) = self.requests
        return request

    @property
    def lines(self) -> list[str]:
        """Method and target of each request."""
        return [request.line for request in self.requests]

    @property
    def routes(self) -> list[str]:
        """Method and path of each request."""
        return [request.route for request in self.requests]

    def streams(self, campaign: str = "c1") -> list[Request]:
        """The requests for a campaign's event stream."""
        route = f"GET /campaigns/{campaign}/events"
        return [request for request in self.requests if request.route == route]

    def arrived(self, expected: int) -> int:
        """How many requests arrived; waits for ``expected``, as a client may give up before."""
        with suppress(AssertionError):
            wait_for(lambda: len(self.requests) >= expected)
        return len(self.requests)

    @property
    def open_connections(self) -> int:
        """How many connections the Hub holds now."""
        with self._lock:
            return len(self._sockets)

    def wait_until_silent(self) -> None:
        assert self.silent.acquire(timeout=PATIENCE), "the Hub never kept silent"

    def wait_until_left(self) -> None:
        assert self.seen_leaving.acquire(timeout=PATIENCE), "the Hub did not see the client leave"

    def disconnected_within(self, seconds: float) -> bool:
        """Wait until the clients hold no connection, or so many seconds."""
        with self._disconnected:
            return self._disconnected.wait_for(lambda: not self._sockets, seconds)

    def wait_until_disconnected(self) -> None:
        """Wait until the clients hold no connection."""
        with self._disconnected:
            assert self._disconnected.wait_for(lambda: not self._sockets, PATIENCE), (
                "still connected"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(PATIENCE)
        with self._lock:
            for sock in self._sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def plan(self, method: str, target: str) -> Any:
        """Choose the response to a request whose head has arrived."""
        scripted = self.scripted()
        if scripted is not None:
            return scripted
        with self._lock:
            path = target.partition("?")[0].removeprefix(PREFIX)
            queue = self._routes.get(f"{method} {path}")
            if queue:
                return queue.popleft() if len(queue) > 1 else queue[0]
        return self.always

    def scripted(self) -> Any:
        """Take the next response of ``respond``; None where there is none."""
        with self._lock:
            return self._script.popleft() if self._script else None

    def run(self, steps: Any, connection: Connection) -> None:
        """Play the steps of a response."""
        for step in steps if isinstance(steps, tuple) else (steps,):
            if isinstance(step, bytes):
                connection.send(step)
            elif isinstance(step, threading.Event):
                self._await(step)
            else:
                step(connection)

    def _await(self, event: threading.Event) -> None:
        end = time.monotonic() + PATIENCE
        while not event.wait(0.05):
            if self.over.is_set() or time.monotonic() > end:
                raise Disconnect

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._sockets.add(sock)
                connection = Connection(self, sock, self.connections)
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name="loopback-hub", daemon=True
                )
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: Connection) -> None:
        plain = connection.sock
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection.sock = self._tls.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._sockets.discard(plain)
                    self._sockets.add(connection.sock)
            while True:
                self._exchange(connection)
        except (Disconnect, OSError):
            pass
        finally:
            connection.sock.close()
            plain.close()
            with self._lock:
                self._sockets.discard(connection.sock)
                self._sockets.discard(plain)
                self._threads.discard(threading.current_thread())
                self._disconnected.notify_all()

    def _exchange(self, connection: Connection) -> None:
        head = connection.read_until(b"\r\n\r\n")
        received_at = self.time()
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1"
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        steps = self.plan(method, target)
        after = steps.after if isinstance(steps, Early) else None
        body, framed = _read_body(connection, headers, after)
        request = Request(
            head + framed,
            method,
            target,
            headers,
            body,
            complete=after is None,
            received_at=received_at,
            connection=connection.number,
        )
        with self._lock:
            self.requests.append(request)
            too_many = len(self.requests) > self.max_requests
        with self._counted():
            decided = None if self.on_request is None else self.on_request(request)
        if too_many:
            connection.send(response(418, "too many requests: is the client in a loop?"))
            close(connection)
        if decided is not None:
            steps = decided
        self.run(steps.steps if isinstance(steps, Early) else steps, connection)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            yield
        finally:
            # Before the response is sent: its reader's next request must not count twice.
            with self._lock:
                self.in_flight -= 1


def _read_body(
    connection: Connection, headers: list[tuple[str, str]], after: int | None
) -> tuple[bytes, bytes]:
    """Read a body; the content and the bytes as they were framed."""
    named = {name.lower(): value for name, value in headers}
    if after is not None:
        body = connection.read_exactly(after)
        return body, body
    if named.get("transfer-encoding", "").lower() == "chunked":
        body = framed = b""
        while True:
            line = connection.read_until(b"\r\n")
            chunk = connection.read_exactly(int(line, 16))
            framed += line + chunk + connection.read_exactly(2)
            body += chunk
            if not chunk:
                return body, framed
    body = connection.read_exactly(int(named.get("content-length", "0")))
    return body, body


def refused_port() -> tuple[socket.socket, int]:
    """A port that refuses connections for as long as the socket stays open."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; fail after a minute."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.002)
