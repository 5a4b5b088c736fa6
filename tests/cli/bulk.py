"""``kataven bulk ...`` in this process, in a folder of its own, on an embedded Hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kataven.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SETTINGS = ("--name=Spring", "--agent-id=agent_1", "--phone-number-id=number_1")
# The Hub of the tests is a hundred times as fast as a real one.
QUICK = "--poll-seconds=0.05"


@dataclass
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Bulk:
    """Runs ``kataven bulk`` in this process.

    Args:
        folder: The current directory of the commands.
        capsys: The fixture.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(["bulk", *arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        assert "internal error" not in err
        return Done(code, out, err)


def write_list(path: Path, rows: int) -> None:
    """Write a list of so many contacts."""
    lines = "".join(f"+1415{number:07},Ann\n" for number in range(rows))
    path.write_text(f"phone_number,name\n{lines}")
