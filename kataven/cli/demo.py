"""``kataven demo``: a complete campaign on an embedded Hub, from a CSV file to a table of results.

Knows the steps and what to print at each. Must not know how it is displayed: that is ``render``.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kataven import KatavenClient
from kataven.cli.browser import open_page
from kataven.cli.contacts.problems import read_list, refuse
from kataven.cli.example import example_contacts
from kataven.cli.live_view import open_view
from kataven.cli.output import printable
from kataven.cli.render import Outcome, Pace, percent, span, warn
from kataven.cli.session import Session, command
from kataven.cli.stopping import Terminated, ignore_ctrl_c
from kataven.contacts import check
from kataven.sandbox import Sandbox

if TYPE_CHECKING:
    from kataven.campaigns.progress import CampaignProgress
    from kataven.cli.contacts.problems import ContactList

FOLDER: Final = Path("kataven-demo")
RESULTS: Final = FOLDER / "results.csv"

CAMPAIGN: Final = "Spring renewals"
CONCURRENT_CALLS: Final = 20
RETRIES: Final = 1
RETRY_DELAY_SECONDS: Final = 120

INTERRUPTED: Final = 130
TERMINATED: Final = 143


@dataclass(slots=True)
class _Run:
    """How far a demo got, so that the message about an interruption can say so.

    Attributes:
        last: The latest progress, or None before the first.
        fresh: The status of the finished file before its rename, or None until it is finished.
    """

    last: CampaignProgress | None = None
    fresh: os.stat_result | None = None

    def wrote_results(self) -> bool:
        """Whether ``results.csv`` is from this run: a signal may arrive just after the rename."""
        try:
            return self.fresh is not None and os.path.samestat(self.fresh, RESULTS.stat())
        except OSError:
            return False


def _number(_context: click.Context, _parameter: click.Parameter, speed: float) -> float:
    # Every comparison with NaN is false, so FloatRange accepts it.
    if math.isnan(speed):
        raise click.BadParameter(f"{speed} is not a number; use one from 1 to 1000.")
    return speed


@command(
    "demo",
    hub=False,
    examples=["kataven demo", "kataven demo --contacts contacts.csv --speed 600"],
)
@click.option(
    "--contacts",
    metavar="FILE",
    help="A contact list of yours instead of the example; it is checked first ('-': standard "
    "input).",
)
@click.option(
    "--allow-duplicates", is_flag=True, help="Accept a telephone that is in the list twice."
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 1_000),
    default=60,
    show_default=True,
    callback=_number,
    help="Speed of the Hub's clock, as a multiple of real time.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of the random call outcomes."
)
@click.option(
    "--open",
    "show",
    is_flag=True,
    help="Open the Hub's page in a browser; the Hub then runs until Ctrl-C.",
)
def demo(
    session: Session,
    contacts: str | None,
    allow_duplicates: bool,
    speed: float,
    seed: int,
    show: bool,
) -> int | None:
    """Run a campaign on an embedded Hub and watch it; no real calls are made.

    The Hub listens on this machine only and simulates every call. The results are written to
    kataven-demo/results.csv in the current folder, one row per contact; the next demo overwrites
    them.

    Exit codes: 0 success, 2 usage error, 3 the list has problems, 10 local failure, 130 Ctrl-C,
    143 SIGTERM.
    """
    run = _Run()
    try:
        listed = _list(contacts, allow_duplicates=allow_duplicates)
        _check_folder()
        _play(run, session, listed, speed, seed, show=show)
        ignore_ctrl_c()
    except KeyboardInterrupt as stop:
        ignore_ctrl_c()
        warn(_stopped(run, stop))
        return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    return None


def _list(path: str | None, *, allow_duplicates: bool) -> ContactList:
    """Read the list; refuse what ``kataven campaigns run`` refuses."""
    listed = read_list(str(example_contacts()) if path is None else path)
    if path is not None:
        refuse(check(listed), allow_duplicates=allow_duplicates)
    return listed


def _check_folder() -> None:
    """Create the folder and check, before the campaign runs, that the results can be written."""
    try:
        FOLDER.mkdir(exist_ok=True)
    except FileExistsError:
        what = "a file"
        if FOLDER.is_symlink() and not FOLDER.exists():
            what = f"a link to {FOLDER.readlink()}, which does not exist"
        raise click.ClickException(
            f"{FOLDER} is {what}, but the demo needs a folder with that name; move the "
            f"{'link' if FOLDER.is_symlink() else 'file'} or run the demo in another folder"
        ) from None
    # A link to a folder is not a problem: the rename replaces the link.
    if RESULTS.is_dir() and not RESULTS.is_symlink():
        raise click.ClickException(
            f"{RESULTS.as_posix()} is a folder, but the demo writes a file with that name; "
            "move the folder or run the demo in another folder"
        )
    try:
        tempfile.TemporaryDirectory(dir=FOLDER, prefix=".").cleanup()
    except OSError as error:
        raise click.ClickException(
            f"cannot create a file in {FOLDER} ({error.strerror}), where the results go; "
            "make the folder writable or run the demo in another one"
        ) from None


def _play(
    run: _Run, session: Session, listed: ContactList, speed: float, seed: int, *, show: bool
) -> None:
    """Run the campaign, write the results and show them."""
    view = open_view()
    with Sandbox(time_scale=speed, seed=seed) as hub:
        if not session.quiet:
            view.say(
                f"Embedded Hub at {hub.page_url}, running at {speed:g} times real time. "
                "No real calls are made."
            )
        if show:
            open_page(hub.page_url)
        with KatavenClient(api_key=hub.api_key, base_url=hub.url) as client:
            campaign_id = _start(client, listed)
            if not session.quiet:
                view.say(
                    f"Campaign {campaign_id} is calling {printable(listed.name)}: "
                    f"{CONCURRENT_CALLS} concurrent calls, {RETRIES} retry after "
                    f"{span(RETRY_DELAY_SECONDS)}."
                )
            pace = Pace(hub_seconds=speed, plain_seconds=None)
            with (
                client.campaigns.watch(campaign_id) as watched,
                (
                    nullcontext(_show_nothing)
                    if session.quiet
                    else view.progress({campaign_id: CAMPAIGN}, pace)
                ) as show_progress,
            ):
                for run.last in watched:
                    show_progress(campaign_id, run.last)
            _write_results(run, client, campaign_id)
        outcomes = _outcomes(RESULTS)
        view.outcomes(outcomes)
        rows = sum(outcome.contacts for outcome in outcomes)
        view.say(f"Results: {RESULTS.as_posix()}, {rows} rows, one per contact.")
        if show:
            view.say(f"The page stays at {hub.page_url} until Ctrl-C.")
            threading.Event().wait()


def _stopped(run: _Run, stop: KeyboardInterrupt) -> str:
    what = "Stopped by SIGTERM" if isinstance(stop, Terminated) else "Interrupted"
    when = "before the first call" if run.last is None else f"at {percent(run.last.fraction_done)}"
    results = f"{RESULTS.as_posix()} was not written"
    if run.wrote_results():
        when = "after the last call"
        results = f"{RESULTS.as_posix()} was written, one row per contact"
    return f"{what} {when}: the embedded Hub and its campaign are gone, and {results}."


def _show_nothing(_campaign_id: str, _progress: CampaignProgress) -> None:
    """Show no progress."""


def _start(client: KatavenClient, listed: ContactList) -> str:
    """Create the campaign, start it and return its id."""
    campaign = client.campaigns.create(
        CAMPAIGN,
        agent_id="agent_demo",
        phone_number_id="number_demo",
        contacts=listed,
        max_concurrent_calls=CONCURRENT_CALLS,
        retries_per_contact=RETRIES,
        retry_delay_seconds=RETRY_DELAY_SECONDS,
    )
    client.campaigns.start(campaign["id"])
    return campaign["id"]


def _write_results(run: _Run, client: KatavenClient, campaign_id: str) -> None:
    """Export all contacts to a scratch file and rename it, so that results are never partial."""
    try:
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".") as scratch:
            fresh = Path(scratch) / RESULTS.name
            client.campaigns.export_contacts(campaign_id, fresh)
            run.fresh = fresh.stat()
            fresh.replace(RESULTS)
    except OSError as error:
        # The text of the error names the scratch file and advises to call the export again, which
        # means nothing to a user.
        reason = os.strerror(error.errno) if error.errno else error
        raise click.ClickException(
            f"cannot write {RESULTS.as_posix()}: {reason}; "
            "free some space or run the demo in another folder"
        ) from error


def _outcomes(path: Path) -> list[Outcome]:
    """Count the results by status and last error, most frequent first."""
    contacts: Counter[tuple[str, str]] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            outcome = row["status"], row["last_error"]
            contacts[outcome] += 1
            calls[outcome] += int(row["attempts"])
    return [
        Outcome(status, error, count, calls[status, error])
        for (status, error), count in contacts.most_common()
    ]
