"""`kataven demo`: a whole campaign on an embedded Hub, from a CSV to a table of results.

Knows the steps and what is said at each. How it looks is the render module's.
"""

import csv
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kataven import KatavenClient
from kataven.cli.example import example_contacts
from kataven.cli.render import Outcome, View, open_view, percent, span
from kataven.sandbox import Sandbox

if TYPE_CHECKING:
    from kataven.campaigns.progress import CampaignProgress

FOLDER: Final = Path("kataven-demo")
RESULTS: Final = FOLDER / "results.csv"

CONCURRENT_CALLS: Final = 20
RETRIES: Final = 1
RETRY_DELAY_SECONDS: Final = 120


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--speed",
    type=click.FloatRange(1, 1_000),
    default=60,
    show_default=True,
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
    # Before the campaign, so that nobody waits for results that cannot be written.
    try:
        FOLDER.mkdir(exist_ok=True)
    except FileExistsError:
        raise click.ClickException(
            f"{FOLDER} is a file, and the results need a folder of that name; move the file away "
            "or start the demo somewhere else"
        ) from None
    last: CampaignProgress | None = None
    view = open_view()
    try:
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
                    for last in watched:
                        show(last)
                _write_results(client, campaign_id)
        outcomes = _outcomes(RESULTS)
        view.outcomes(outcomes)
        rows = sum(outcome.contacts for outcome in outcomes)
        view.say(f"Results: {RESULTS.as_posix()}, {rows} rows, one for each contact.")
    except KeyboardInterrupt:
        done = "before the first call" if last is None else f"at {percent(last.fraction_done)}"
        click.echo(
            f"Interrupted {done}: the embedded Hub has stopped, its campaign is gone, and "
            f"{RESULTS.as_posix()} was not written.",
            err=True,
        )
        context.exit(130)


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


def _write_results(client: KatavenClient, campaign_id: str) -> None:
    """Export all contacts and put the file into place, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".") as scratch:
        fresh = Path(scratch) / RESULTS.name
        client.campaigns.export_contacts(campaign_id, fresh)
        fresh.replace(RESULTS)


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
