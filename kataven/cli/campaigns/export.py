"""``kataven campaigns export``: writes the contacts of campaigns to files.

One reading for all formats; an interrupted export continues where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from kataven.cli.bar import bar
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.exit_codes import Exit, failure_of, first_failure
from kataven.cli.output import document, note, printable, say
from kataven.cli.render import span
from kataven.cli.session import Session, command, refused_values
from kataven.contacts._problems import counted
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from kataven import ExportProgress, ExportSummary, KatavenClient

_PLACE: Final = "{id}"
# A page has 100 contacts (documented).
_PAGE: Final = 100
# Shorter waits need no announcement.
_LONG: Final = 60


@command(
    "export",
    json=True,
    examples=[
        "kataven campaigns export cmp_1 -o results.csv -o results.jsonl",
        "kataven campaigns export cmp_1 cmp_2 -o 'results-{id}.csv'",
    ],
)
@click.argument("campaign_ids", metavar="ID...", nargs=-1, required=True, type=CAMPAIGN_ID)
@click.option(
    "-o",
    "--output",
    "outputs",
    required=True,
    multiple=True,
    metavar="FILE",
    help="Where to write: .csv, .jsonl or .parquet; can be given several times. '{id}' is replaced "
    "by the id of the campaign.",
)
@click.option("--status", help="Only contacts of this status, such as failed.")
@click.option(
    "--last-error", metavar="WORD,...", help="Only contacts with one of these last errors."
)
def export(
    session: Session,
    campaign_ids: tuple[str, ...],
    outputs: tuple[str, ...],
    status: str | None,
    last_error: str | None,
) -> int:
    """Write every contact of campaigns to files.

    The contacts are read once for all files, 100 for each request. An export that was interrupted
    continues when the same command is run again.
    """
    ids = tuple(dict.fromkeys(campaign_ids))
    if len(ids) > 1 and not all(_PLACE in output for output in outputs):
        raise click.UsageError(
            "Several campaigns need a file each: write {id} into the names, such as "
            "-o 'results-{id}.csv'."
        )
    written: list[dict[str, object]] = []
    codes: list[Exit] = []
    with session.access.client() as client:
        for campaign_id in ids:
            paths = [output.replace(_PLACE, campaign_id) for output in outputs]
            try:
                summary = _export(session, client, campaign_id, paths, status, words(last_error))
            except KeyboardInterrupt:
                note(f"Interrupted: the same command continues the export of {campaign_id}.")
                raise
            except KatavenError as error:
                failure = failure_of(error)
                if failure is None or len(ids) == 1:
                    raise
                codes.append(failure.code)
                note(f"Error: campaign {campaign_id}: {printable(failure.what)}", fg="red")
                continue
            codes.append(Exit.DONE)
            written.append(
                {
                    "campaign_id": campaign_id,
                    "rows": summary.rows,
                    "paths": paths,
                    "counts": dict(summary.counts),
                }
            )
            if session.for_people:
                say(f"{counted(summary.rows, 'contact')} of {campaign_id}: {', '.join(paths)}")
    if session.json:
        document({"exports": written})
    return first_failure(codes)


def words(text: str | None) -> set[str] | None:
    """Return the words of an option such as ``busy,no_answer``; None if it is not given."""
    if text is None:
        return None
    return {word.strip() for word in text.split(",") if word.strip()}


def _export(
    session: Session,
    client: KatavenClient,
    campaign_id: str,
    paths: list[str],
    status: str | None,
    last_error: set[str] | None,
) -> ExportSummary:
    pages = None if session.quiet else _pages(client, campaign_id, status)
    if pages is not None and client.rate_limits is not None:
        seconds = quota_seconds(pages)
        if seconds >= _LONG:
            note(
                f"{pages:,} pages: the request quota of the account makes this take at least "
                f"{span(seconds)}."
            )
    with (
        refused_values(),
        bar("Reading pages", quiet=session.quiet, counted=True) as show,
    ):

        def progress(reached: ExportProgress) -> None:
            show(reached.pages, pages)

        return client.campaigns.export_contacts(
            campaign_id, paths, status=status, last_error=last_error, on_progress=progress
        )


def _pages(client: KatavenClient, campaign_id: str, status: str | None) -> int | None:
    """Return the number of pages, None if the Hub does not say how many contacts there are."""
    total = client.campaigns.list_contacts(campaign_id, status).get("total")
    return -(-total // _PAGE) if isinstance(total, int) else None


def quota_seconds(requests: int) -> float:
    """Return the least number of seconds that the documented limits make so many requests take."""
    from kataven import RateLimits
    from kataven._flow.ratelimit import least_seconds

    return least_seconds(RateLimits.documented(), requests)
