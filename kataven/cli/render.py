"""How the command line looks: the only module that styles output or loads rich.

Two views with the same methods: a live one for terminals, plain lines for everything else. Knows
progress and outcomes as plain values. Must not know clients or the Hub.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TextIO, TypeAlias

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
# The width of the table of outcomes with all its columns.
_TABLE_WIDTH: Final = 56
_GAP: Final = 3
# The plain view prints a line whenever progress passes a multiple of this fraction.
_STEP: Final = 0.1

Show: TypeAlias = "Callable[[CampaignProgress], None]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table at the end.

    Attributes:
        status: The status of the contacts.
        error: Their last error, or ``""``.
        contacts: The number of contacts.
        calls: The total number of calls to them.
    """

    status: str
    error: str
    contacts: int
    calls: int


class View(Protocol):
    """What a command uses to show something."""

    def say(self, text: str) -> None:
        """Show a line of text."""
        ...

    def progress(self, hub_seconds: float) -> AbstractContextManager[Show]:
        """Show progress while the context is open; it returns a function to call with each update.

        Args:
            hub_seconds: The number of seconds on the Hub's clock per real second.
        """
        ...

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Show the table of outcomes."""
        ...


def open_view() -> View:
    """Return the live view if standard output is a terminal that can move its cursor."""
    return TerminalView() if _draws(sys.stdout) else PlainView()


def warn(text: str) -> None:
    """Print a sentence to standard error; on a terminal it is wrapped at words."""
    if not _draws(sys.stderr):
        click.echo(text, err=True)
        return
    from rich.console import Console

    Console(stderr=True, highlight=False).print(text, markup=False)


def _draws(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def span(seconds: float | None) -> str:
    """Format a duration, like ``45 s``, ``2 min``, ``1 h 05 min``; ``?`` for None."""
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
    """Format a fraction as a percentage, rounded down so that only 1.0 is 100 %; ``?`` for None."""
    return "?" if fraction is None else f"{int(fraction * 100)} %"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"


def _label(status: str) -> str:
    return status.replace("_", " ")


class PlainView:
    """Plain lines, for files, pipes and terminals that cannot move their cursor."""

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    @contextmanager
    def progress(self, hub_seconds: float) -> Iterator[Show]:  # noqa: ARG002 - lines are short
        """Print a line for each tenth of progress and for each change of status."""
        seen: tuple[str, int] | None = None

        def show(progress: CampaignProgress) -> None:
            nonlocal seen
            now = (progress.status, int((progress.fraction_done or 0) / _STEP))
            if now != seen:
                seen = now
                self.say(self._line(progress))

        yield show

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table, aligned with spaces."""
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
    def _line(progress: CampaignProgress) -> str:
        counts = ", ".join(f"{progress.counts.get(s, 0)} {_label(s)}" for s in STATUSES)
        line = f"{progress.status} {percent(progress.fraction_done):>5}: {counts}"
        if progress.terminal:
            return line
        eta = span(progress.eta_seconds)
        return f"{line}; {progress.active_calls or 0} calls in flight, ETA {eta}"


class TerminalView:
    """A live display for terminals; rich determines colours and width."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False)

    def say(self, text: str) -> None:
        """Print a line of text, wrapped at words."""
        self._console.print(text, markup=False)

    @contextmanager
    def progress(self, hub_seconds: float) -> Iterator[Show]:
        """Redraw the progress ten times a second; the last frame stays on the screen."""
        from rich.live import Live

        picture = _Picture(hub_seconds)
        try:
            with Live(picture, console=self._console, refresh_per_second=10):
                yield picture.show
        finally:
            # A signal may arrive after Live hid the cursor and before its own cleanup is in place.
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
    """The live part: a progress bar, counts, calls in flight and the remaining time."""

    def __init__(self, hub_seconds: float) -> None:
        self._hub_seconds = hub_seconds
        self._progress: CampaignProgress | None = None

    def show(self, progress: CampaignProgress) -> None:
        """Store the latest progress; the next refresh draws it."""
        self._progress = progress

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
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
    def _counts(progress: CampaignProgress, width: int) -> Iterator[RenderableType]:
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


def _side_by_side(cells: Sequence[Text], width: int) -> Iterator[RenderableType]:
    """Put cells on one line if they fit, otherwise below each other."""
    from rich.text import Text

    if sum(cell.cell_len + _GAP for cell in cells) - _GAP <= width:
        yield Text(" " * _GAP).join(cells)
    else:
        yield from cells
