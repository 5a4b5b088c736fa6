"""A relay between one worker and the Hub, which kills the worker right before or after the Hub acts.

Knows of HTTP only the first line of a request.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Literal, get_args

import psutil

Fault = Literal["kill before", "kill after", "lose before", "lose after", "late", "stop"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
WAIT = 10.0
PAUSE = 0.3


class Faults:
    """Which writes get a fault, over all relays: drawn from a seed, up to a number.

    Args:
        seed: What is drawn.
        most: The number of faults.
        delay: Seconds after which a late request arrives.
    """

    def __init__(self, seed: int, most: int, delay: float) -> None:
        self.delay = delay
        self.late: list[threading.Thread] = []
        self._random = random.Random(seed)
        self._left = most
        self._lock = threading.Lock()
        self.given: list[tuple[Fault, str]] = []

    def draw(self, line: str) -> Fault | None:
        """Return the fault of a request, by its first line."""
        if not line.startswith("POST "):
            return None
        with self._lock:
            if not self._left or self._random.random() > 0.4:
                return None
            self._left -= 1
            fault = self._random.choice(FAULTS)
            self.given.append((fault, line))
            return fault

    def deliver_late(self, request: bytes, hub: tuple[str, int]) -> None:
        """Deliver a request whose sender has given up."""

        def deliver() -> None:
            time.sleep(self.delay)
            with suppress(OSError), socket.create_connection(hub) as connection:
                connection.sendall(request)
                connection.recv(65536)

        self.late.append(threading.Thread(target=deliver))
        self.late[-1].start()

    def settle(self) -> None:
        """Wait until everything has arrived."""
        for thread in self.late:
            thread.join(WAIT)


class Kills(Faults):
    """Kill the sender of some creates and starts right after the Hub has processed them.

    Args:
        creates: Which ones, from 1.
        starts: Which ones, from 1.
    """

    def __init__(self, creates: set[int], starts: set[int]) -> None:
        super().__init__(0, 0, 0.0)
        self._chosen = {"create": creates, "start": starts}
        self._seen: Counter[str] = Counter()

    def draw(self, line: str) -> Fault | None:
        """Return the fault of a request, by its first line."""
        if not line.startswith("POST "):
            return None
        kind = "start" if "/start " in line else "create"
        with self._lock:
            self._seen[kind] += 1
            if self._seen[kind] not in self._chosen[kind]:
                return None
            self.given.append(("kill after", line))
            return "kill after"


class Relay:
    """A port of its own for one worker, or for all: then the sender of a request is looked for."""

    def __init__(self, hub: str, faults: Faults) -> None:
        host, _, port = hub.removeprefix("http://").partition(":")
        self._hub = (host, int(port))
        self._faults = faults
        self.pid = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def signal(self, number: signal.Signals, port: int = 0) -> None:
        """Send a signal to the worker, or to the process that has a port."""
        owners = (
            [self.pid]
            if self.pid
            else [
                each.pid
                for each in psutil.net_connections("tcp")
                if each.laddr and each.laddr[1] == port
            ]
        )
        for pid in owners:
            # None if the worker is gone already.
            if pid is not None and pid != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _accept(self) -> None:
        while True:
            try:
                worker, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(worker,), daemon=True).start()

    def _serve(self, worker: socket.socket) -> None:
        port = worker.getpeername()[1]
        with worker, suppress(OSError):
            first = worker.recv(65536)
            if not first:
                return
            fault = self._faults.draw(first.split(b"\r\n", 1)[0].decode())
            if fault == "kill before":
                self.signal(signal.SIGKILL, port)
            if fault in {"kill before", "lose before"}:
                return
            if fault == "late":
                self._faults.deliver_late(first + _rest(worker), self._hub)
                return
            if fault == "stop":
                # The test lets it go on when its lease has ended.
                self.signal(signal.SIGSTOP, port)
            with socket.create_connection(self._hub) as hub:
                hub.sendall(first)
                up = threading.Thread(target=_pump, args=(worker, hub), daemon=True)
                up.start()
                response = hub.recv(65536)
                if fault == "kill after":
                    self.signal(signal.SIGKILL, port)
                if fault in {"kill after", "lose after"}:
                    worker.shutdown(socket.SHUT_RDWR)
                    return
                worker.sendall(response)
                _pump(hub, worker)


def _rest(worker: socket.socket) -> bytes:
    """The rest of a small request: the worker sends all of it before it waits."""
    worker.settimeout(PAUSE)
    found = b""
    with suppress(TimeoutError):
        while data := worker.recv(65536):
            found += data
    return found


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
