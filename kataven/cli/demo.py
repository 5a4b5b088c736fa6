"""`kataven demo`: a whole campaign on an embedded Hub, from a CSV to a table of results.

Knows the steps and what is said at each. How it looks is the render module's.
"""

import csv
import math
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kataven import KatavenClient
from kataven.cli.example import example_contacts
from kataven.cli.render import Outcome, View, open_view, percent, span, warn
from kataven.cli.stopping import Terminated, ignore_ctrl_c, terminated_like_ctrl_c
from kataven.sandbox import Sandbox

if TYPE_CHECKING:
    from kataven.campaigns.progress import CampaignProgress

FOLDER: Final = Path("kataven-demo")
RESULTS: Final = FOLDER / "results.csv"

CONCURRENT_CALLS: Final = 20
RETRIES: Final = 1
RETRY_DELAY_SECONDS: Final = 120

INTERRUPTED: Final = 130
TERMINATED: Final = 143


@dataclass(slots=True)
class _Run:
    """How far a demo came, for whoever stops it.

    Attributes:
        last: The newest progress, or None before the first.
        fresh: The finished file before it got its name, or None as long as there is none.
    """

    last: "CampaignProgress | None" = None
    fresh: os.stat_result | None = None

    def wrote_results(self) -> bool:
        """Whether the file in place is this run's: a stop may come right behind the rename."""
        try:
            return self.fresh is not None and os.path.samestat(self.fresh, RESULTS.stat())
        except OSError:
            return False


def _number(_context: click.Context, _parameter: click.Parameter, speed: float) -> float:
    # No comparison holds for NaN, so the range lets it through.
    if math.isnan(speed):
        raise click.BadParameter(f"{speed} is no number; give one from 1 to 1000.")
    return speed


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.",
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 1_000),
    default=60,
    show_default=True,
    callback=_number,
    help="Seconds of the Hub for each second here.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Another seed, other outcomes."
)
@click.pass_context
def demo(context: click.Context, speed: float, seed: int) -> None:
    """Run a campaign on an embedded Hub and watch it; nobody is called.

    The Hub listens on this machine only and invents how each call goes. Results are written to
    kataven-demo/results.csv in the current folder, one row for each contact; a later demo
    overwrites them.
    """
    run = _Run()
    try:
        with terminated_like_ctrl_c():
            _make_room()
            _play(run, open_view(), speed, seed)
            ignore_ctrl_c()
    except KeyboardInterrupt as stop:
        ignore_ctrl_c()
        warn(_stopped(run, stop))
        context.exit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED)


def _make_room() -> None:
    """Make the folder and see that the results will fit in, so that nobody waits in vain."""
    try:
        FOLDER.mkdir(exist_ok=True)
    except FileExistsError:
        what = "a file"
        if FOLDER.is_symlink() and not FOLDER.exists():
            what = f"a link to {FOLDER.readlink()}, which is not there"
        raise click.ClickException(
            f"{FOLDER} is {what}, and the results need a folder of that name; move the "
            f"{'link' if FOLDER.is_symlink() else 'file'} away or start the demo somewhere else"
        ) from None
    # A link to a folder is no hindrance: the rename replaces the link.
    if RESULTS.is_dir() and not RESULTS.is_symlink():
        raise click.ClickException(
            f"{RESULTS.as_posix()} is a folder, and the results are written to a file of that "
            "name; move the folder away or start the demo somewhere else"
        )
    try:
        tempfile.TemporaryDirectory(dir=FOLDER, prefix=".").cleanup()
    except OSError as error:
        raise click.ClickException(
            f"{FOLDER} takes no new file ({error.strerror}), and the results are written there; "
            "make it writable or start the demo somewhere else"
        ) from None


def _play(run: _Run, view: View, speed: float, seed: int) -> None:
    """Run the campaign, write the results and show them."""
    with Sandbox(time_scale=speed, seed=seed) as hub:
        view.say(
            f"An embedded Hub runs at {hub.url}, {speed:g} times as fast as the clock. "
            "Nobody is called."
        )
        with KatavenClient(api_key=hub.api_key, base_url=hub.url) as client:
            campaign_id = _start(client, view)
            with (
                client.campaigns.watch(campaign_id) as watched,
                view.progress(hub_seconds=speed) as show,
            ):
                for run.last in watched:
                    show(run.last)
            _write_results(run, client, campaign_id)
    outcomes = _outcomes(RESULTS)
    view.outcomes(outcomes)
    rows = sum(outcome.contacts for outcome in outcomes)
    view.say(f"Results: {RESULTS.as_posix()}, {rows} rows, one for each contact.")


def _stopped(run: _Run, stop: KeyboardInterrupt) -> str:
    what = "Stopped by SIGTERM" if isinstance(stop, Terminated) else "Interrupted"
    when = "before the first call" if run.last is None else f"at {percent(run.last.fraction_done)}"
    results = f"{RESULTS.as_posix()} was not written"
    if run.wrote_results():
        when = "after the last call"
        results = f"{RESULTS.as_posix()} is written, one row for each contact"
    return f"{what} {when}: the embedded Hub has stopped, its campaign is gone, and {results}."


def _start(client: KatavenClient, view: View) -> str:
    """Create the campaign and start it; returns its id."""
    path = example_contacts()
    with path.open("rb") as contacts:
        campaign = client.campaigns.create(
            "Spring renewals",
            agent_id="agent_demo",
            phone_number_id="number_demo",
            contacts=contacts,
            max_concurrent_calls=CONCURRENT_CALLS,
            retries_per_contact=RETRIES,
            retry_delay_seconds=RETRY_DELAY_SECONDS,
        )
    client.campaigns.start(campaign["id"])
    view.say(
        f"Campaign {campaign['id']} dials {path.name}: {CONCURRENT_CALLS} calls at once, "
        f"{RETRIES} retry after {span(RETRY_DELAY_SECONDS)}."
    )
    return campaign["id"]


def _write_results(run: _Run, client: KatavenClient, campaign_id: str) -> None:
    """Export all contacts and put the file into place, whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".") as scratch:
            fresh = Path(scratch) / RESULTS.name
            client.campaigns.export_contacts(campaign_id, fresh)
            run.fresh = fresh.stat()
            fresh.replace(RESULTS)
    except OSError as error:
        # Its own text may name the scratch file, which nobody knows, or no file at all.
        raise click.ClickException(
            f"{RESULTS.as_posix()} could not be written: {error.strerror or error}; "
            "free space or start the demo somewhere else"
        ) from error


def _outcomes(path: Path) -> list[Outcome]:
    """Count the results by status and last error, the most frequent first."""
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
