"""What a command prints: documents and lines for programs, text for people, notes beside them.

Results go to standard output, everything else to standard error. Text that comes from outside (the
Hub, a contact list) is made safe for a terminal here. Must not know commands or clients.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "document",
    "fields",
    "line",
    "note",
    "offer",
    "printable",
    "say",
    "table",
    "takes_drawing",
]

_GAP = "  "
_UNBROKEN = ("id", "campaign", "phone_number")


def printable(text: str) -> str:
    r"""Replace what a terminal would interpret with escapes such as ``\x1b``.

    Args:
        text: Text from outside.

    Returns:
        The text on one line, without control characters.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))


def line(value: object) -> None:
    """Print one line of JSON, at once: a reader may follow them."""
    click.echo(json.dumps(value, separators=(",", ":")))
    sys.stdout.flush()


def say(text: str = "", **style: str | bool) -> None:
    """Print a line of the result for people; styles are dropped where there is no terminal."""
    click.echo(styled(text, sys.stdout, **style))


def note(text: str, **style: str | bool) -> None:
    """Print a line about what happens, to standard error; on a terminal it is wrapped at words."""
    if sys.stderr is not None:
        click.echo(styled(_wrapped(text, sys.stderr), sys.stderr, **style), err=True)


def offer(label: str, *commands: str) -> None:
    """Print commands to copy, to standard error, each on a line that is never wrapped.

    Args:
        label: What they do.
        commands: The arguments of ``kataven``.
    """
    if sys.stderr is not None:
        for command in commands:
            click.echo(f"{label} kataven {command}", err=True)


def _wrapped(text: str, stream: TextIO, indent: int = 0) -> str:
    """Break a line at words if the stream is a terminal on which it does not fit."""
    if not stream.isatty():
        return text
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return text
    # Some terminals do not know their size.
    if not width or len(text) + indent <= width:
        return text
    import textwrap

    return textwrap.fill(
        text,
        max(width, indent + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).lstrip()


def styled(text: str, stream: TextIO, **style: str | bool) -> str:
    """Return the text with a style if the stream is a terminal that shows styles."""
    if not style or not takes_drawing(stream) or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, **style)  # type: ignore[arg-type]


def takes_drawing(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that can move its cursor and show styles."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, to_stderr: bool = False
) -> None:
    """Print a table: drawn by rich on a terminal, aligned with spaces elsewhere.

    Args:
        columns: The names of the columns; numbers are aligned to the right.
        rows: The cells of each row; None is shown as an empty cell.
        to_stderr: Whether it goes to standard error, because it is not the result.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    cells = [["" if cell is None else _cell(cell, stream) for cell in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        for index in range(len(columns))
    ]
    if takes_drawing(stream):
        _drawn(columns, cells, right, to_stderr=to_stderr)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for row in (columns, *cells):
        aligned = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        click.echo(_GAP.join(aligned).rstrip(), err=to_stderr)


def _cell(value: object, stream: TextIO) -> str:
    # What the terminal cannot show is replaced before the columns are measured.
    encoding = stream.encoding or "utf-8"
    return printable(str(value)).encode(encoding, "backslashreplace").decode(encoding)


def _drawn(
    columns: Sequence[str],
    cells: Sequence[Sequence[str]],
    right: Sequence[bool],
    *,
    to_stderr: bool,
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name, to_right in zip(columns, right, strict=True):
        drawn.add_column(
            name,
            justify="right" if to_right else "left",
            overflow="fold",
            # To be copied; on a narrow terminal the other columns are folded.
            no_wrap=name in _UNBROKEN,
        )
    for row in cells:
        drawn.add_row(*map(Text, row))
    Console(highlight=False, stderr=to_stderr).print(drawn)


def fields(values: Mapping[str, object], *, to_stderr: bool = False) -> None:
    """Print names and values, one pair on each line."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        shown = "" if value is None else printable(str(value))
        shown = _wrapped(shown, sys.stderr if to_stderr else sys.stdout, width + len(_GAP))
        click.echo(f"{name.ljust(width)}{_GAP}{shown}".rstrip(), err=to_stderr)
