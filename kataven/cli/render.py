"""How the command line looks: the only place that styles, and the only one that loads rich.

Two views with the same methods: a live one for a terminal, plain lines for everything else. Knows
progress and outcomes as values; it asks nobody for them.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TextIO, TypeAlias

import click

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

    from kataven.campaigns.progress import CampaignProgress

STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")
_STYLES: Final = {
    "pending": "dim",
    "in_progress": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "running": "yellow",
    "paused": "magenta",
}
# What the table of outcomes needs with all its columns.
_TABLE_WIDTH: Final = 56
_GAP: Final = 3
# Plain lines: one for each so much progress.
_STEP: Final = 0.1

Show: TypeAlias = "Callable[[CampaignProgress], None]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table at the end.

    Attributes:
        status: The contacts' status.
        error: Their last error, or ``""``.
        contacts: How many there are.
        calls: How often they were called in all.
    """

    status: str
    error: str
    contacts: int
    calls: int


class View(Protocol):
    """What a command shows."""

    def say(self, text: str) -> None:
        """Show a sentence."""
        ...

    def progress(self, hub_seconds: float) -> "AbstractContextManager[Show]":
        """Show progress while the context is open; it gives the function that takes it.

        Args:
            hub_seconds: Seconds of the Hub for each second here.
        """
        ...

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Show the table of outcomes."""
        ...


def open_view() -> View:
    """The live view on a terminal that can move its cursor, else plain lines."""
    return TerminalView() if _draws(sys.stdout) else PlainView()


def warn(text: str) -> None:
    """Say a sentence on standard error, wrapped at words where that is a terminal."""
    if not _draws(sys.stderr):
        click.echo(text, err=True)
        return
    from rich.console import Console

    Console(stderr=True, highlight=False).print(text, markup=False)


def _draws(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def span(seconds: float | None) -> str:
    """A time as a person says it: ``45 s``, ``2 min``, ``1 h 05 min``; ``?`` for None."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def percent(fraction: float | None) -> str:
    """A fraction as a whole percentage, 100 % only when it is all; ``?`` for None."""
    return "?" if fraction is None else f"{int(fraction * 100)} %"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"


def _label(status: str) -> str:
    return status.replace("_", " ")


class PlainView:
    """Lines for files, pipes and terminals that only print."""

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    @contextmanager
    def progress(self, hub_seconds: float) -> Iterator[Show]:  # noqa: ARG002 - lines are short
        """Print a line at each tenth and whenever the status changes."""
        seen: tuple[str, int] | None = None

        def show(progress: "CampaignProgress") -> None:
            nonlocal seen
            now = (progress.status, int((progress.fraction_done or 0) / _STEP))
            if now != seen:
                seen = now
                self.say(self._line(progress))

        yield show

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table with spaces."""
        total = sum(outcome.contacts for outcome in outcomes)
        rows = [("status", "last error", "contacts", "share", "calls")]
        rows += [
            (_label(o.status), o.error, str(o.contacts), _share(o.contacts, total), str(o.calls))
            for o in outcomes
        ]
        rows.append(("all", "", str(total), "100.0%", str(sum(o.calls for o in outcomes))))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        self.say("")
        for row in rows:
            cells = [
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.say("  ".join(cells).rstrip())
        self.say("")

    @staticmethod
    def _line(progress: "CampaignProgress") -> str:
        counts = ", ".join(f"{progress.counts.get(s, 0)} {_label(s)}" for s in STATUSES)
        line = f"{progress.status} {percent(progress.fraction_done):>5}: {counts}"
        if progress.terminal:
            return line
        eta = span(progress.eta_seconds)
        return f"{line}; {progress.active_calls or 0} calls in flight, ETA {eta}"


class TerminalView:
    """A live picture for terminals; colours and width are rich's to find out."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False)

    def say(self, text: str) -> None:
        """Print a sentence, wrapped at words."""
        self._console.print(text, markup=False)

    @contextmanager
    def progress(self, hub_seconds: float) -> Iterator[Show]:
        """Draw the progress ten times a second; the last picture stays."""
        from rich.live import Live

        picture = _Picture(hub_seconds)
        try:
            with Live(picture, console=self._console, refresh_per_second=10):
                yield picture.show
        finally:
            # A signal may come when the cursor is hidden and Live has not begun to watch over it.
            self._console.show_cursor()

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Draw the table."""
        from rich import box
        from rich.table import Table

        total = sum(outcome.contacts for outcome in outcomes)
        calls = sum(outcome.calls for outcome in outcomes)
        wide = self._console.width >= _TABLE_WIDTH
        table = Table(
            box=box.SIMPLE_HEAD, show_footer=True, header_style="bold", padding=(0, int(wide))
        )
        table.add_column("Status", footer="all")
        table.add_column("Last error", overflow="fold")
        table.add_column("Contacts", footer=str(total), justify="right")
        if wide:
            table.add_column("Share", footer="100.0%", justify="right")
        table.add_column("Calls", footer=str(calls), justify="right")
        for o in outcomes:
            share = [_share(o.contacts, total)] if wide else []
            cells = [_label(o.status), o.error, str(o.contacts), *share, str(o.calls)]
            table.add_row(*cells, style=_STYLES.get(o.status, ""))
        self._console.print(table)


class _Picture:
    """The live part: a bar, the counts, calls in flight and what is left."""

    def __init__(self, hub_seconds: float) -> None:
        self._hub_seconds = hub_seconds
        self._progress: CampaignProgress | None = None

    def show(self, progress: "CampaignProgress") -> None:
        """Take the newest progress; the next refresh draws it."""
        self._progress = progress

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[RenderableType]":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self._progress
        if progress is None:
            yield Text("waiting for the first snapshot", style="dim")
            return
        head = Table.grid(expand=True, padding=(0, 1))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(justify="right", no_wrap=True)
        head.add_row(
            Text(progress.status, style=_STYLES.get(progress.status, "bold")),
            ProgressBar(total=1.0, completed=progress.fraction_done or 0.0),
            percent(progress.fraction_done),
        )
        yield head
        yield from self._counts(progress, options.max_width)
        lines = [f"{progress.active_calls or 0} calls in flight"]
        if not progress.terminal:
            lines.append(f"ETA {span(progress.eta_seconds)}")
        lines.append(f"Hub time {span(progress.elapsed_seconds * self._hub_seconds)}")
        yield from _side_by_side([Text(line) for line in lines], options.max_width)

    @staticmethod
    def _counts(progress: "CampaignProgress", width: int) -> "Iterator[RenderableType]":
        from rich.text import Text

        digits = len(str(progress.total or 0))
        cells = [
            Text.assemble(
                (f"{progress.counts.get(status, 0):>{digits}} ", "bold"),
                (_label(status), _STYLES[status]),
            )
            for status in STATUSES
        ]
        return _side_by_side(cells, width)


def _side_by_side(cells: "Sequence[Text]", width: int) -> "Iterator[RenderableType]":
    """Put cells on one line where they fit, else under each other."""
    from rich.text import Text

    if sum(cell.cell_len + _GAP for cell in cells) - _GAP <= width:
        yield Text(" " * _GAP).join(cells)
    else:
        yield from cells
