"""What tests measure with: counts of this process, and a redis-server of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.patience import PATIENCE
from tests.support.server import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def redis_server(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a redis-server on a free port, which persists nothing or everything; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not on this machine's PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--daemonize", "no", "--logfile", "redis.log"]
    command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "always"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: process.poll() is not None or _responds(port))
        assert process.poll() is None, (folder / "redis.log").read_text()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _responds(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def open_files() -> int:
    """How many file descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))


def max_in_window(moments: list[float], seconds: float) -> int:
    """The most moments that lie within any half-open window of ``seconds``."""
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
