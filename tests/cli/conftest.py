"""Runs the `kataven` command as a process of its own: in a pipe, and on a terminal."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ENTRY = "import sys; from kataven.cli.app import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """The machine's environment without what would change how the command looks."""
    unwanted = {
        *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "KATAVEN_LOG"),
        "PYTHONUNBUFFERED",
    }
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "generated")])
    return {**kept, "PYTHONPATH": paths, "TERM": "xterm-256color", **more}


def take_ctrl_c_back() -> None:
    """A process that a shell's background started has SIGINT ignored, and hands that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def take_the_terminal() -> None:
    """Makes standard input the controlling terminal, whose Ctrl-C becomes a SIGINT."""
    take_ctrl_c_back()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass
class Terminal:
    """A command on a terminal."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""

    def read_until(self, text: str) -> None:
        """Read what is shown until a text was."""
        while text not in self.seen:
            if not self._read():
                raise AssertionError(f"ended without showing {text!r}: {self.seen!r}")

    def finish(self) -> tuple[int, str]:
        """Read to the end; returns the exit code and everything shown."""
        while self._read():
            pass
        return self.process.wait(), self.seen

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def _read(self) -> bool:
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            # Linux says so when the last process has left the terminal.
            return False
        self.seen += piece.decode()
        return bool(piece)


class Command:
    """The command, called from a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.terminals: list[Terminal] = []

    def start(
        self, *arguments: str, code: str = ENTRY, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=take_ctrl_c_back,  # noqa: PLW1509 - calls one function of C
        )

    def run(
        self, *arguments: str, code: str = ENTRY, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, code=code, env=env) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def into_full(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it where standard output is a disk with no space left."""
        return subprocess.run(
            ["sh", "-c", 'exec "$@" >/dev/full', "sh", sys.executable, "-c", ENTRY, *arguments],
            cwd=self.folder,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def on_terminal(
        self,
        *arguments: str,
        columns: int = 80,
        code: str = ENTRY,
        env: Mapping[str, str] | None = None,
    ) -> Terminal:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env=environment(**(env or {})),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_the_terminal,  # noqa: PLW1509 - calls two functions of C
        )
        os.close(slave)
        terminal = Terminal(process, master)
        self.terminals.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self.terminals:
            if terminal.process.poll() is None:
                terminal.process.kill()
                terminal.process.wait()
            os.close(terminal.master)


@pytest.fixture
def kataven(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path)
    yield command
    command.close()


@pytest.fixture
def example_csv() -> Path:
    return ROOT / "examples" / "contacts.csv"
