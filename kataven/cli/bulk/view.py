"""How the progress of a run looks: a live table of parts on a terminal, plain lines elsewhere.

Knows progress as a plain value. Must not know clients, ledgers or the Hub.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from kataven.bulk.ledger.states import OPEN
from kataven.cli.live_view import side_by_side
from kataven.cli.notices import shown_by
from kataven.cli.output import line, printable, takes_drawing
from kataven.cli.render import percent, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console, ConsoleOptions, RenderableType

    from kataven.bulk import BulkProgress, PartStatus
    from kataven.cli.session import Session

__all__ = ["NARROW", "as_json", "counted", "due", "hours", "notable", "part_state", "shown"]

Show: TypeAlias = "Callable[[BulkProgress], None]"

NARROW: Final = 60
"""Below this width there is no room for all columns."""

STYLES: Final = {
    "planned": "dim",
    "sending": "yellow",
    "created": "yellow",
    "starting": "yellow",
    "started": "cyan",
    "finished": "green",
    "failed": "red",
    "unknown": "bold red",
    "paused": "magenta",
}
# What needs a person comes first. Parts that are planned or finished are only counted.
_ORDER: Final = ("unknown", "failed", "starting", "sending", "started", "created")
# The least number of seconds between two plain lines.
_PLAIN_SECONDS: Final = 10.0


def notable(progress: BulkProgress) -> list[tuple[int, PartStatus]]:
    """Return the parts that are shown one by one, with their numbers from 1.

    These are the parts that are unknown, failed or in progress, in this order.
    """
    numbered = [(number, part) for number, part in enumerate(progress.parts, 1)]
    return sorted(
        (each for each in numbered if each[1].state in _ORDER),
        key=lambda each: _ORDER.index(each[1].state),
    )


def due(progress: BulkProgress) -> list[PartStatus]:
    """Return the parts that are not started, and may be at some time."""
    never = {group.group for group in progress.groups if group.never}
    return [part for part in progress.parts if part.state in OPEN and part.group not in never]


def hours(progress: BulkProgress) -> str:
    """Say which time-zone groups may call now; empty for a plan without local hours."""
    groups = progress.groups
    if not groups:
        return ""
    opened = sum(group.open for group in groups)
    text = (
        f"{opened:,} of {len(groups):,} time-zone {'group' if len(groups) == 1 else 'groups'} open"
    )
    opens = min((group.until for group in groups if group.until and not group.open), default="")
    if opens:
        text += f", the next opens {opens[:10]} {opens[11:16]} UTC"
    never = sum(group.parts for group in groups if group.never)
    return text + (
        f", {never:,} {'part is' if never == 1 else 'parts are'} never called" if never else ""
    )


def part_state(part: PartStatus) -> str:
    """Return the state of a part, with the status of its campaign where that says more."""
    own = {"started": "running", "finished": "completed", "failed": "failed", "created": "draft"}
    if not part.status or part.state not in own or part.status == own[part.state]:
        return part.state
    return f"{part.state}, {printable(part.status)}"


def counted(progress: BulkProgress) -> str:
    """Return how many parts are in each state, such as ``8 planned, 3 started``."""
    return ", ".join(f"{count:,} {state}" for state, count in progress.counts.items() if count)


def as_json(progress: BulkProgress, *, parts: bool) -> dict[str, object]:
    """Return progress as JSON, with or without the parts."""
    found = asdict(progress)
    if parts:
        return found
    del found["parts"]
    return found


@contextmanager
def shown(session: Session) -> Iterator[Show | None]:
    """Show the progress of a run while the context is open, as the command was asked to.

    Returns:
        A function to call with the progress, None if nobody looks at it.
    """
    begun = time.monotonic()
    if session.jsonl:

        def print_line(progress: BulkProgress) -> None:
            elapsed = round(time.monotonic() - begun, 3)
            line({**as_json(progress, parts=False), "elapsed_seconds": elapsed})

        yield print_line
    elif session.json or session.quiet:
        yield None
    elif takes_drawing(sys.stdout):
        with _live(begun) as show:
            yield show
    else:
        with _lines() as show:
            yield show


def _facts(progress: BulkProgress) -> list[str]:
    """Return the rate and the remaining time."""
    if not progress.contacts or progress.contacts_done == progress.contacts:
        return []
    rate = progress.contacts_per_minute
    facts = [] if not rate else [f"{rate:,.0f} contacts a minute"]
    facts.append(f"ETA {span(progress.eta_seconds)}")
    return [*facts, text] if (text := hours(progress)) else facts


def _share(progress: BulkProgress) -> float:
    return progress.contacts_done / progress.contacts if progress.contacts else 1.0


# Plain lines.


@contextmanager
def _lines() -> Iterator[Show]:
    """Print a line for each change, at most one in 10 s, and the last one."""
    waiting: list[str] = []
    spoke = -_PLAIN_SECONDS
    said = ""

    def say(text: str) -> None:
        nonlocal spoke, said
        waiting.clear()
        if text != said:
            spoke, said = time.monotonic(), text
            click.echo(text)
            # A log file is read while the run goes on.
            sys.stdout.flush()

    def show(progress: BulkProgress) -> None:
        text = _plain(progress)
        if time.monotonic() - spoke < _PLAIN_SECONDS:
            waiting[:] = [text]
        else:
            say(text)

    try:
        yield show
    finally:
        for text in waiting[:]:
            say(text)


def _plain(progress: BulkProgress) -> str:
    facts = ", ".join(_facts(progress))
    return (
        f"{progress.wanted} {percent(_share(progress)):>5}: {counted(progress)}"
        f"; {progress.contacts_done:,} of {progress.contacts:,} contacts"
        + (f", {facts}" if facts else "")
    )


# The live table.


@contextmanager
def _live(begun: float) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    picture = _Picture(begun)
    try:
        with (
            Live(picture, console=console, refresh_per_second=4),
            shown_by(lambda text: console.print(text, markup=False)),
        ):
            yield picture.show
    finally:
        # A signal may arrive after Live hid the cursor and before its own cleanup is in place.
        console.show_cursor()


class _Picture:
    """The live part: a bar, the parts by state, rate and remaining time, and a table of parts."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._progress: BulkProgress | None = None

    def show(self, progress: BulkProgress) -> None:
        """Store the latest progress; the next refresh draws it."""
        self._progress = progress

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        from rich.text import Text

        progress = self._progress
        if progress is None:
            yield Text("looking at the ledger and at the campaigns", style="dim")
            return
        width = options.max_width
        head = [_bar(progress), *_counts(progress, width)]
        elapsed = f"{span(time.monotonic() - self._begun)} elapsed"
        foot = list(side_by_side([Text(fact) for fact in (*_facts(progress), elapsed)], width))
        yield from head
        # The display must not be higher than the screen, or the terminal scrolls at each refresh.
        left = options.size.height - len(head) - len(foot) - 1
        parts = notable(progress)
        fit = len(parts) if len(parts) + 1 <= left else max(0, left - 2)
        if fit:
            yield _table(parts[:fit], width)
        if len(parts) > fit:
            yield Text(f"and {len(parts) - fit:,} more parts", style="dim", no_wrap=True)
        # Last, because it is short: a terminal shows a Ctrl-C there as ^C, which must not need a
        # line of its own.
        yield from foot


def _bar(progress: BulkProgress) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_column(justify="right", no_wrap=True)
    share = _share(progress)
    style = STYLES["paused"] if progress.wanted == "paused" else "green"
    if progress.wanted == "stopped":
        style = "red"
    head.add_row(
        Text(progress.wanted, style=style),
        ProgressBar(total=1.0, completed=share, complete_style="green", finished_style="green"),
        f"{progress.contacts_done:,} / {progress.contacts:,} {percent(share)}",
    )
    return head


def _counts(progress: BulkProgress, width: int) -> Iterable[RenderableType]:
    from rich.text import Text

    cells = [
        Text.assemble((f"{count:,} ", "bold"), (state, STYLES[state] if count else "dim"))
        for state, count in progress.counts.items()
        # A part is in the others for a moment only; unknown ones are always in plain sight.
        if count or state in {"planned", "started", "finished", "failed", "unknown"}
    ]
    return side_by_side(cells, width)


def _table(parts: list[tuple[int, PartStatus]], width: int) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column("part", justify="right", no_wrap=True)
    if width >= NARROW:
        table.add_column("contacts", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("campaign", no_wrap=True, overflow="ellipsis", ratio=1)
    for number, part in parts:
        contacts = [f"{part.rows:,}"] if width >= NARROW else []
        # Of a part without a campaign, why that is so is more useful.
        where = part.campaign_id or part.detail
        if part.campaign_id and part.detail:
            where = f"{part.campaign_id}  {part.detail}"
        style = STYLES.get(part.status, STYLES[part.state])
        table.add_row(
            f"{number:,}", *contacts, Text(part_state(part), style=style), Text(printable(where))
        )
    return table
