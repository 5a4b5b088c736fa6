"""What the budget's tests share: a virtual clock, a Hub that counts, and a Redis of their own.

Knows nothing of what the tests prove.
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

KEY = "sk_live_acme_0123456789abcdef"
START = 1_800_000_000.0


class VirtualClock:
    """A clock that moves only by being slept on; a sleep takes no time.

    Attributes:
        slept: How long each sleep was.
        on_sleep: Called with the seconds of a sleep before the clock moves; what it returns is
            awaited, on a clock for the async client.
    """

    def __init__(self, start: float = START, *, awaited: bool = False) -> None:
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], Any] | None = None
        self._now = start
        self._awaited = awaited
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def jitter(self) -> float:
        return 0.5

    def sleep(self, seconds: float, /) -> Any:
        if self._awaited:
            return self._sleep(seconds)
        if self.on_sleep is not None:
            self.on_sleep(seconds)
        self._move(seconds)
        return None

    async def _sleep(self, seconds: float) -> None:
        if self.on_sleep is not None:
            meanwhile = self.on_sleep(seconds)
            if hasattr(meanwhile, "__await__"):
                await meanwhile
        self._move(seconds)

    def _move(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._now += seconds


class CountingHub:
    """A server on loopback that writes down when each request arrived, and which.

    Attributes:
        arrivals: Moment (monotonic), method and path of each, in the order they arrived.
        answer: Makes status, headers and body of an answer; may wait, or raise: then the
            connection is closed in place of an answer.
    """

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, str, str]] = []
        self.answer: Callable[[str, str], tuple[int, dict[str, str], bytes]] = _campaign
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with outer._lock:
                    outer._open.add(self.connection)

            def finish(self) -> None:
                super().finish()
                with outer._lock:
                    outer._open.discard(self.connection)

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                with outer._lock:
                    outer.arrivals.append((time.monotonic(), self.command, self.path))
                    outer.in_flight += 1
                    outer.most_in_flight = max(outer.most_in_flight, outer.in_flight)
                try:
                    status, headers, body = outer.answer(self.command, self.path)
                finally:
                    with outer._lock:
                        # Before the answer is out, or its reader's next request counts twice.
                        outer.in_flight -= 1
                headers = {"Content-Length": str(len(body)), **headers}
                self.close_connection = headers.get("Connection") == "close"
                lines = [f"HTTP/1.1 {status} X"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that are called

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """A client that left is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        until(lambda: not self._open)
        self._server.server_close()


def _campaign(_method: str, _path: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, b'{"id": "c1", "status": "running"}'


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until something is so; fail after ten seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen within ten seconds"
        time.sleep(0.002)


def over_a_window(moments: list[float], seconds: float) -> int:
    """The most moments that lie within any half-open window of so many seconds."""
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A redis-server of our own on a free port, that keeps nothing; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not on this machine's PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "redis.log"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, (folder / "redis.log").read_text()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def open_files() -> int:
    """How many file descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))
