"""How progress and outcomes of campaigns are put into words, and the view of plain lines.

``live_view`` draws the same on a terminal, ``bulk.view`` shows plans. Knows progress and outcomes
as plain values. Must not know clients or the Hub.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import click

from kataven.cli.output import printable, takes_drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from kataven.campaigns.progress import CampaignProgress

STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")
# The plain view prints a line whenever progress passes a multiple of this fraction.
_STEP: Final = 0.1
# The campaign itself has none: only the event stream brings them.
NO_COUNTS: Final = "counts unknown"

Show: TypeAlias = "Callable[[str, CampaignProgress], None]"


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


@dataclass(frozen=True, slots=True)
class Pace:
    """How often progress is shown, and in which time.

    Attributes:
        hub_seconds: Seconds on the Hub's clock per real second; more than 1 for an embedded Hub.
        plain_seconds: The least number of seconds between two plain lines about a campaign; None
            for a line at each tenth of progress.
    """

    hub_seconds: float = 1.0
    plain_seconds: float | None = 10.0


USUAL_PACE: Final = Pace()


class View(Protocol):
    """What a command uses to show something."""

    def say(self, text: str) -> None:
        """Show a line of text."""
        ...

    def progress(self, names: Mapping[str, str], pace: Pace = ...) -> AbstractContextManager[Show]:
        """Show the progress of campaigns while the context is open.

        Args:
            names: The name of each campaign by its id, in the order to show them.
            pace: How often and in which time.

        Returns:
            A function to call with the id of a campaign and its latest progress.
        """
        ...

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Show the table of outcomes."""
        ...


def warn(text: str) -> None:
    """Print a sentence to standard error; on a terminal it is wrapped at words."""
    if not takes_drawing(sys.stderr):
        click.echo(text, err=True)
        return
    from rich.console import Console

    Console(stderr=True, highlight=False).print(text, markup=False)


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
    return "?" if fraction is None else f"{int(fraction * 100 + 1e-9)} %"


def share(part: int, whole: int) -> str:
    """Format a part of a whole as a percentage with one decimal."""
    return f"{part / whole:.1%}" if whole else "0.0%"


def label(status: str) -> str:
    """Return a status as words."""
    return printable(status).replace("_", " ")


class PlainView:
    """Plain lines, for files, pipes and terminals that cannot move their cursor."""

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    @contextmanager
    def progress(self, names: Mapping[str, str], pace: Pace = USUAL_PACE) -> Iterator[Show]:
        """Print a line for each change, as often as the pace allows."""
        several = len(names) > 1
        seen: dict[str, object] = {}
        spoke: dict[str, float] = {}

        def show(campaign_id: str, progress: CampaignProgress) -> None:
            now = time.monotonic()
            line = _line(progress)
            if pace.plain_seconds is None:
                key: object = (progress.status, int((progress.fraction_done or 0) / _STEP))
            else:
                key = (progress.status, progress.counts, progress.active_calls)
                recent = now - spoke.get(campaign_id, -pace.plain_seconds) < pace.plain_seconds
                if recent and not progress.terminal:
                    return
            if seen.get(campaign_id) != key:
                seen[campaign_id] = key
                spoke[campaign_id] = now
                self.say(f"{campaign_id} {line}" if several else line)
                # A log file is read while the campaign runs.
                sys.stdout.flush()

        yield show

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table, aligned with spaces."""
        total = sum(outcome.contacts for outcome in outcomes)
        rows = [("status", "last error", "contacts", "share", "calls")]
        rows += [
            (
                label(o.status),
                printable(o.error),
                str(o.contacts),
                share(o.contacts, total),
                str(o.calls),
            )
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


def _line(progress: CampaignProgress) -> str:
    counts = ", ".join(f"{progress.counts.get(s, 0)} {label(s)}" for s in STATUSES)
    if not progress.counts:
        counts = NO_COUNTS
    line = f"{printable(progress.status)} {percent(progress.fraction_done):>5}: {counts}"
    if progress.terminal:
        return line
    eta = span(progress.eta_seconds)
    return f"{line}; {in_flight(progress)}, ETA {eta}"


def in_flight(progress: CampaignProgress) -> str:
    """Say how many calls are in progress."""
    calls = progress.active_calls
    if calls is None:
        return "calls in flight unknown"
    return f"{calls} {'call' if calls == 1 else 'calls'} in flight"
