"""A terminal whose screen can be read: the command on a pseudo-terminal, drawn by pyte."""

from __future__ import annotations

import os
import re
import select
import time
from typing import TYPE_CHECKING

import pyte

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Terminal

ROWS = 24
# What differs from run to run, and what is shown of it.
_MASKS = (
    (re.compile(r"camp_[0-9a-f]+"), "camp_ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"━[━╸╺ ]*"), "━ "),
    (re.compile(r"\d+(?:[.,]\d+)*"), "N"),
)


class Screen:
    """What a user sees of a command on a terminal.

    Args:
        terminal: The running command.
        columns: The width of the terminal.
    """

    def __init__(self, terminal: Terminal, columns: int) -> None:
        self._terminal = terminal
        self._screen = pyte.HistoryScreen(columns, ROWS, history=500)
        self._stream = pyte.ByteStream(self._screen)

    def read_until(self, seen: Callable[[str], object], seconds: float = PATIENCE) -> str:
        """Read until the text on the screen satisfies a condition; return the text.

        Every state between two reads is looked at, as a user would see it.
        """
        end = time.monotonic() + seconds
        while not seen(self.text()):
            left = end - time.monotonic()
            assert left > 0, f"not shown in time:\n{self.text()}"
            if select.select([self._terminal.master], [], [], left)[0]:
                assert self._read(), f"ended without showing it:\n{self.text()}"
        return self.text()

    def finish(self) -> tuple[int, str]:
        """Read to the end; return the exit code and the text, with what scrolled away."""
        while self._read():
            pass
        return self._terminal.process.wait(), self.text()

    def press(self, key: bytes) -> None:
        """Type a key."""
        self._terminal.press(key)

    def text(self) -> str:
        """Return the text, with what scrolled off the top, without spaces at the ends of lines."""
        above = [
            "".join(line[x].data for x in range(self._screen.columns))
            for line in self._screen.history.top
        ]
        return "\n".join(line.rstrip() for line in (*above, *self._screen.display)).rstrip()

    def colour_of(self, text: str) -> str:
        """Return the colour in which a text on the screen begins."""
        for row, line in enumerate(self._screen.display):
            if (column := line.find(text)) >= 0:
                return str(self._screen.buffer[row][column].fg)
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text()}")

    def cursor_is_shown(self) -> bool:
        """Tell whether the cursor is visible."""
        return not self._screen.cursor.hidden

    def _read(self) -> bool:
        try:
            chunk = os.read(self._terminal.master, 4096)
        except OSError:
            # Linux raises when the last process has closed the terminal.
            return False
        self._stream.feed(chunk)
        return bool(chunk)


def masked(text: str) -> list[str]:
    """Return the lines of a screen with ids, ports, bars and numbers replaced, each space once."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]
