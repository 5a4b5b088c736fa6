"""``kataven sandbox record`` and ``compare``: what they print, their codes, and which key they use."""

from __future__ import annotations

import json
import signal

import httpx
import pytest

from kataven import KatavenClient
from kataven.cli.app import main
from kataven.sandbox import Clock, Sandbox
from tests.cli.isolated import Isolated
from tests.recording.conftest import ALTERED, CSV, in_hub


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


@pytest.fixture
def hub():
    with Sandbox(time_scale=Clock.manual(), seed=1) as hub:
        yield hub


@pytest.fixture
def started(kataven):
    """Start the recorder; return the process and its first lines."""
    processes = []

    def start(*arguments: str, lines: int = 1, **env: str):
        process = kataven.start("sandbox", "record", "--port", "0", *arguments, **env)
        processes.append(process)
        return process, [process.stdout.readline().rstrip("\n") for _ in range(lines)]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process, number: int = signal.SIGINT) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
