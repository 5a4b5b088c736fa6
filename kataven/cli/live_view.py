"""The live view of campaigns, for terminals that can move their cursor.

Draws with rich, which determines colours and width. Must not know clients or the Hub.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.cli.output import printable, takes_drawing
from kataven.cli.render import (
    NO_COUNTS,
    STATUSES,
    USUAL_PACE,
    PlainView,
    in_flight,
    label,
    percent,
    share,
    span,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

    from kataven.campaigns.progress import CampaignProgress
    from kataven.cli.render import Outcome, Pace, Show, View

__all__ = ["TerminalView", "open_view", "side_by_side"]

_STYLES: Final = {
    "pending": "dim",
    "in_progress": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "running": "cyan",
    "paused": "magenta",
    "scheduled": "magenta",
}
# The width of the table of outcomes with all its columns.
_TABLE_WIDTH: Final = 56
_GAP: Final = 3
# From this age on, the last word from the Hub is shown as old.
_OLD_SECONDS: Final = 30.0


def open_view() -> View:
    """Return the live view if standard output is a terminal that can move its cursor."""
    return TerminalView() if takes_drawing(sys.stdout) else PlainView()


class TerminalView:
    """A live display for terminals; rich determines colours and width."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False)

    def say(self, text: str) -> None:
        """Print a line of text, wrapped at words; above the display while there is one."""
        self._console.print(text, markup=False)

    @contextmanager
    def progress(self, names: Mapping[str, str], pace: Pace = USUAL_PACE) -> Iterator[Show]:
        """Redraw the progress four times a second; the last frame stays on the screen."""
        from rich.live import Live

        picture = _Picture(
            {campaign_id: _Block(campaign_id, name) for campaign_id, name in names.items()}, pace
        )
        try:
            with Live(picture, console=self._console, refresh_per_second=4):
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
            part = [share(o.contacts, total)] if wide else []
            cells = [label(o.status), printable(o.error), str(o.contacts), *part, str(o.calls)]
            table.add_row(*cells, style=_STYLES.get(o.status, ""))
        self._console.print(table)


@dataclass(slots=True)
class _Block:
    """What is shown of one campaign."""

    campaign_id: str
    name: str
    progress: CampaignProgress | None = None
    heard: float = field(default_factory=time.monotonic)


def _done(progress: CampaignProgress) -> int:
    return sum(progress.counts.get(word, 0) for word in ("completed", "failed", "cancelled"))


class _Picture:
    """The live part: for each campaign a bar, counts, calls in flight, rate and remaining time."""

    def __init__(self, blocks: Mapping[str, _Block], pace: Pace) -> None:
        self._blocks = blocks
        self._pace = pace

    def show(self, campaign_id: str, progress: CampaignProgress) -> None:
        """Store the latest progress; the next refresh draws it."""
        block = self._blocks[campaign_id]
        block.progress, block.heard = progress, time.monotonic()

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        from rich.text import Text

        # The display must not be higher than the screen, or the terminal scrolls at each refresh.
        lines = max(1, options.size.height - 1)
        hidden = 0
        for number, block in enumerate(self._blocks.values()):
            parts = list(self._block(block, options, titled=len(self._blocks) > 1))
            last = number == len(self._blocks) - 1
            if lines < len(parts) + (not last):
                hidden += 1
                continue
            lines -= len(parts)
            yield from parts
        if hidden:
            yield Text(f"and {hidden} more; enlarge the window to see them", style="dim")

    def _block(
        self, block: _Block, options: ConsoleOptions, *, titled: bool
    ) -> Iterator[RenderableType]:
        from rich.text import Text

        width = options.max_width
        if titled:
            title = f"{printable(block.name)} ({block.campaign_id})"
            yield Text(title, style="bold", no_wrap=True, overflow="ellipsis")
        progress = block.progress
        if progress is None:
            yield Text("waiting for the first word from the Hub", style="dim")
            return
        yield self._bar(progress)
        yield from self._counts(progress, width)
        yield from side_by_side(
            [Text(line, style=style) for line, style in self._facts(block, progress)], width
        )

    @staticmethod
    def _bar(progress: CampaignProgress) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Table.grid(expand=True, padding=(0, 1))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(justify="right", no_wrap=True)
        failed = progress.terminal and progress.status != "completed"
        style = "red" if failed else "green"
        done = "" if progress.total is None else f"{_done(progress):,} / {progress.total:,} "
        head.add_row(
            Text(printable(progress.status), style=_STYLES.get(progress.status, "bold")),
            ProgressBar(
                total=1.0,
                completed=progress.fraction_done or 0.0,
                complete_style=style,
                finished_style=style,
            ),
            f"{done}{percent(progress.fraction_done)}",
        )
        return head

    def _facts(self, block: _Block, progress: CampaignProgress) -> Iterator[tuple[str, str]]:
        scale = self._pace.hub_seconds
        age = time.monotonic() - block.heard
        yield in_flight(progress), ""
        if not progress.terminal:
            if progress.calls_per_minute:
                yield f"{progress.calls_per_minute:.0f} a minute", ""
            yield f"ETA {span(progress.eta_seconds)}", ""
        if scale == 1:
            passed = progress.elapsed_seconds + (0 if progress.terminal else age)
            yield f"{span(passed)} elapsed", ""
        else:
            yield f"Hub time {span(progress.elapsed_seconds * scale)}", ""
        if not progress.terminal and age >= 1 and scale == 1:
            style = "yellow" if age > _OLD_SECONDS else "dim"
            yield f"last word from the Hub {span(age)} ago", style

    @staticmethod
    def _counts(progress: CampaignProgress, width: int) -> Iterable[RenderableType]:
        from rich.text import Text

        if not progress.counts:
            return [Text(NO_COUNTS, style="dim")]
        digits = len(str(progress.total or 0))
        cells = [
            Text.assemble(
                (f"{progress.counts.get(status, 0):>{digits}} ", "bold"),
                (label(status), _STYLES[status]),
            )
            for status in STATUSES
        ]
        return side_by_side(cells, width)


def side_by_side(cells: Sequence[Text], width: int) -> Iterator[RenderableType]:
    """Put cells next to each other, as many on each line as fit."""
    from rich.text import Text

    row: list[Text] = []
    used = 0
    for cell in cells:
        if row and used + _GAP + cell.cell_len > width:
            yield Text(" " * _GAP).join(row)
            row, used = [], 0
        used += cell.cell_len + (_GAP if row else 0)
        row.append(cell)
    if row:
        yield Text(" " * _GAP).join(row)
