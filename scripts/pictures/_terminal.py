"""Runs a command on a terminal of its own, and draws its screen as SVG.

Knows terminals. Must not know what the command does.
"""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
from fcntl import ioctl
from html import escape
from pathlib import Path
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING, Final

import pyte

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.sandbox import Sandbox

ROOT: Final = Path(__file__).resolve().parents[2]
_WIDTH: Final = 8.4
_HEIGHT: Final = 20
_COLOURS: Final = {
    "default": "#d6dbe1",
    "black": "#5b6673",
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#5eead4",
    "white": "#ffffff",
}
# What is drawn instead of written, so that no font leaves gaps: where it begins and ends in a cell.
_BARS: Final = {"━": (0.0, 1.0), "╸": (0.0, 0.5), "╺": (0.5, 1.0)}


def screen_at(
    command: list[str],
    until: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    columns: int,
) -> pyte.Screen:
    """Run a command until its screen matches a pattern.

    Args:
        command: The command and its arguments.
        until: A regular expression, looked for in the lines of the screen.
        folder: Where the command runs.
        environment: What it sees.
        columns: The width of the terminal.

    Returns:
        The screen at that moment.

    Raises:
        RuntimeError: The command ended before.
    """
    screen = pyte.Screen(columns, 30)
    stream = pyte.ByteStream(screen)
    parent, child = pty.openpty()
    ioctl(child, TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm-256color"},
        stdin=child,
        stdout=child,
        stderr=child,
        start_new_session=True,
    )
    os.close(child)
    try:
        while True:
            ready, _, _ = select.select([parent], [], [], 60)
            data = os.read(parent, 65536) if ready else b""
            if not data:
                raise RuntimeError("\n".join(screen.display))
            stream.feed(data)
            if re.search(until, "\n".join(screen.display)):
                return screen
    except OSError:
        raise RuntimeError("\n".join(screen.display)) from None
    finally:
        process.kill()
        process.wait()
        os.close(parent)


def svg(screen: pyte.Screen, title: str, prompt: str) -> str:
    """Draw a screen, with the command that was typed above it.

    Args:
        screen: The screen.
        title: What a screen reader says of the picture.
        prompt: The command, without the dollar sign.

    Returns:
        The picture.
    """
    rows = [number for number, line in enumerate(screen.display) if line.strip()]
    last = max(rows) if rows else 0
    width, height = screen.columns * _WIDTH + 32, (last + 2) * _HEIGHT + 56
    fonts = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    head = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"
  height="{height:g}" role="img" aria-label="{escape(title)}">
<rect width="{width:g}" height="{height:g}" rx="8" fill="#0d1117"/>
<g fill="#3d444d">
<circle cx="18" cy="17" r="5"/><circle cx="36" cy="17" r="5"/><circle cx="54" cy="17" r="5"/>
</g>
<g font-family="{fonts}" font-size="14">
"""
    parts = [
        head,
        _text(16, 50, "$", _COLOURS["cyan"]),
        _text(16 + 2 * _WIDTH, 50, prompt, _COLOURS["white"]),
    ]
    for row in range(last + 1):
        parts.append(_row(screen, row, 50 + (row + 1) * _HEIGHT))
    return "".join([*parts, "</g>\n</svg>\n"])


def _row(screen: pyte.Screen, row: int, y: float) -> str:
    parts: list[str] = []
    column = 0
    while column < screen.columns:
        cell = screen.buffer[row][column]
        end = column + 1
        alike = cell.data in _BARS
        while end < screen.columns:
            other = screen.buffer[row][end]
            if (other.fg, other.bold) != (cell.fg, cell.bold) or (other.data in _BARS) != alike:
                break
            if alike and other.data != cell.data:
                break
            end += 1
        text = "".join(screen.buffer[row][each].data for each in range(column, end))
        colour = _COLOURS.get(cell.fg) or f"#{cell.fg}"
        x = 16 + column * _WIDTH
        if alike:
            first, after = _BARS[cell.data]
            length = (end - column - 1 + after - first) * _WIDTH
            parts.append(
                f'<rect x="{x + first * _WIDTH:g}" y="{y - 6:g}" width="{length:g}" height="3" '
                f'fill="{colour}"/>\n'
            )
        # Word by word where several spaces come together: SVG would show one.
        for words in [] if alike else re.finditer(r"\S+(?: \S+)*", text):
            at = x + words.start() * _WIDTH
            parts.append(_text(at, y, words[0], colour, bold=cell.bold))
        column = end
    return "".join(parts)


def _text(x: float, y: float, text: str, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}"{weight} textLength="{len(text) * _WIDTH:g}">'
        f"{escape(text)}</text>\n"
    )


def kataven() -> list[str]:
    """Return how the command is started with the Python that runs this."""
    code = "import sys; from kataven.cli.app import main; sys.exit(main())"
    return [sys.executable, "-c", code]


def environment(home: str, hub: Sandbox) -> dict[str, str]:
    """Return the variables with which a command of this checkout uses a Hub.

    Args:
        home: A folder for the configuration of the command.
        hub: The Hub.
    """
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": home,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
        "KATAVEN_API_KEY": hub.api_key,
        "KATAVEN_BASE_URL": hub.url,
    }
