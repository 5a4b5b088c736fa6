"""A command that runs until a signal stops it."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.cli.isolated import Isolated


@contextmanager
def starting(
    kataven: Isolated, *command: str
) -> Iterator[Callable[..., tuple[subprocess.Popen[str], list[str]]]]:
    """Return what starts the command with more arguments, and kill what still runs at the end.

    It returns the process and its first lines.
    """
    processes = []

    def start(
        *arguments: str, lines: int = 1, **env: str
    ) -> tuple[subprocess.Popen[str], list[str]]:
        process = kataven.start(*command, *arguments, **env)
        processes.append(process)
        out = process.stdout
        assert out is not None
        return process, [out.readline().rstrip("\n") for _ in range(lines)]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(
    process: subprocess.Popen[str], number: int = signal.SIGINT
) -> tuple[int | None, str, str]:
    """Send a signal, and return the exit code, the rest of standard output, and standard error."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
