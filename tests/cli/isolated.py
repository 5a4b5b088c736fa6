"""The command as a process with folders of its own, and with standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.cli.conftest import ENTRY, environment, reset_sigint

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SECRET = "s3cr3tofthekey"


def key_of(account: str) -> str:
    """Return a key of an account; its secret is ``SECRET``."""
    return f"sk_live_{account}_{SECRET}"


class Isolated:
    """Runs the command with its configuration, state and cache in a folder.

    No variable of ``KATAVEN_`` is set except those given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config" / "kataven" / "config.toml"

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in environment().items() if "KATAVEN" not in name}
        folders = {
            f"XDG_{kind.upper()}_HOME": str(self.folder / kind)
            for kind in ("config", "state", "cache")
        }
        return {**kept, **folders, **more}

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this process have the folders and variables, for commands run in it."""
        monkeypatch.chdir(self.folder)
        for name in os.environ:
            if "KATAVEN" in name:
                monkeypatch.delenv(name)
        for name, value in self.env().items():
            monkeypatch.setenv(name, value)

    def write_config(self, text: str, mode: int = 0o600) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)
        self.config.chmod(mode)

    def start(self, *arguments: str, code: str = ENTRY, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env=self.env(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=reset_sigint,  # noqa: PLW1509 - calls one C function
        )

    def run(
        self, *arguments: str, stdin: str = "", code: str = ENTRY, **env: str
    ) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, code=code, **env) as process:
            out, err = process.communicate(stdin)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def process_list() -> str:
    """Return the command lines of all processes, as ``ps`` shows them."""
    lines = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    lines.append(file.read().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return "\n".join(lines)
