"""Runs the ``kataven`` command as a process, in a pipe and on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from codecs import IncrementalDecoder, getincrementaldecoder
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kataven import KatavenClient
from kataven.sandbox import Sandbox
from tests.cli.bulk import Bulk, write_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ENTRY = "import sys; from kataven.cli.app import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """Return the machine's environment without variables that change how the output looks."""
    unwanted = {
        *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "KATAVEN_LOG"),
        *("PYTHONUNBUFFERED", "KATAVEN_API_KEY", "KATAVEN_BASE_URL", "KATAVEN_ACCOUNT_ID"),
        *("KATAVEN_PROFILE", "KATAVEN_BULK_STORE"),
    }
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "generated")])
    return {**kept, "PYTHONPATH": paths, "TERM": "xterm-256color", **more}


def reset_sigint() -> None:
    """Undo an inherited "ignore SIGINT", which processes in the background of a shell have."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def become_foreground() -> None:
    """Make standard input the controlling terminal, so that its Ctrl-C becomes a SIGINT."""
    reset_sigint()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass
class Terminal:
    """A running command on a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""
    _decoder: IncrementalDecoder = field(default_factory=getincrementaldecoder("utf-8"))

    def read_until(self, text: str) -> None:
        """Read the output until it contains a text."""
        while text not in self.seen:
            if not self._read():
                raise AssertionError(f"ended without showing {text!r}: {self.seen!r}")

    def finish(self) -> tuple[int, str]:
        """Read to the end; return the exit code and all output."""
        while self._read():
            pass
        return self.process.wait(), self.seen

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def _read(self) -> bool:
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            # Linux raises when the last process has closed the terminal.
            return False
        # A chunk may end within a character.
        self.seen += self._decoder.decode(chunk)
        return bool(chunk)


class Command:
    """Runs the command in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Added to the environment of every process.
        self.env: dict[str, str] = {}
        self.terminals: list[Terminal] = []

    def start(
        self,
        *arguments: str,
        code: str = ENTRY,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env=environment(**{**self.env, **(env or {})}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=reset_sigint,  # noqa: PLW1509 - calls one C function
        )

    def run(
        self,
        *arguments: str,
        code: str = ENTRY,
        env: Mapping[str, str] | None = None,
        given: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; ``given`` is its standard input."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.start(*arguments, code=code, env=env, stdin=stdin) as process:
            out, err = process.communicate(given)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def into_full_disk(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it with standard output on a device without space."""
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
            env=environment(**{**self.env, **(env or {})}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=become_foreground,  # noqa: PLW1509 - calls two C functions
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
    """The command, in a folder of its own, with a home of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    command = Command(folder)
    # Settings, caches and quotas of the developer must not be used, nor changed.
    for name in ("CONFIG", "CACHE", "STATE"):
        command.env[f"XDG_{name}_HOME"] = str(tmp_path / name.lower())
    yield command
    command.close()


@pytest.fixture
def speed() -> float:
    """How many times as fast as real time the Hub is.

    Parametrise it where a campaign must end, and, with 0.001 or a manual clock, where a call must
    not: a command may take half a minute to start on a machine under load.
    """
    return 1.0


@pytest.fixture
def hub(speed: float) -> Iterator[Sandbox]:
    """An embedded Hub."""
    with Sandbox(time_scale=speed, seed=1) as hub:
        yield hub


@pytest.fixture
def on_hub(kataven: Command, hub: Sandbox) -> Command:
    """The command, with key and URL of the Hub in its environment."""
    kataven.env |= {"KATAVEN_API_KEY": hub.api_key, "KATAVEN_BASE_URL": hub.url}
    return kataven


@pytest.fixture
def contacts(kataven: Command) -> Path:
    """A list of 30 contacts, ``contacts.csv`` in the folder of the command."""
    path = kataven.folder / "contacts.csv"
    rows = "".join(f"+1415555{number:04},Ann\n" for number in range(100, 130))
    path.write_text(f"phone_number,name\n{rows}")
    return path


@pytest.fixture
def client(hub: Sandbox) -> Iterator[KatavenClient]:
    """A client of the same account, to see what a command did."""
    with KatavenClient(hub.api_key, base_url=hub.url) as client:
        yield client


@pytest.fixture
def example_csv() -> Path:
    return ROOT / "examples" / "contacts.csv"


@pytest.fixture(scope="session")
def piped(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One complete demo in a pipe: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("piped")
    return folder, Command(folder).run("demo", "--speed", "1000")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[int, str]]:
    """Return exit code and output of a demo on a terminal; each width runs once."""

    @cache
    def draw(columns: int) -> tuple[int, str]:
        command = Command(tmp_path_factory.mktemp("drawn"))
        try:
            return command.on_terminal("demo", "--speed", "1000", columns=columns).finish()
        finally:
            command.close()

    return draw


@pytest.fixture
def bulk(
    on_hub: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bulk:
    """``kataven bulk`` in this process, in the folder of the command, with the Hub."""
    for name, value in environment(**on_hub.env).items():
        monkeypatch.setenv(name, value)
    for name in set(os.environ) - environment().keys() - on_hub.env.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(on_hub.folder)
    return Bulk(on_hub.folder, capsys)


@pytest.fixture
def spring(bulk: Bulk) -> Path:
    """The plan ``spring`` in the folder of the command: 4 parts of 2 contacts."""
    write_list(bulk.folder / "list.csv", 8)
    done = bulk("prepare", "list.csv", "--directory", "spring", "--max-rows", "2", "--quiet")
    assert done.code == 0, done.err
    return bulk.folder / "spring"
