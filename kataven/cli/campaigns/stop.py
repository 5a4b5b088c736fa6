"""``kataven campaigns stop``: ends campaigns for good, one or all of an account.

Knows which statuses can be stopped. Asks once, with the list, and says which did not stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from kataven.campaigns.listing import incomplete
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.confirm import before_anything_is_sent, confirm, end_dry_run
from kataven.cli.exit_codes import Exit, failure_of, first_failure
from kataven.cli.output import document, note, printable, say
from kataven.cli.session import Session, command
from kataven.cli.wording import as_commands
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kataven import KatavenClient

_STOPPABLE: Final = ("running", "paused", "scheduled")
# Stopping more than one page of campaigns takes several lists; a Hub that goes on listing a stopped
# campaign must not be asked forever.
_ROUNDS: Final = 20


@command(
    "stop",
    json=True,
    examples=["kataven campaigns stop cmp_1", "kataven campaigns stop --all --yes"],
)
@click.argument("campaign_ids", metavar="[ID]...", nargs=-1, type=CAMPAIGN_ID)
@click.option(
    "--all", "everything", is_flag=True, help="Stop every running, paused and scheduled campaign."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be stopped; stop nothing.")
def stop(
    session: Session,
    campaign_ids: tuple[str, ...],
    everything: bool,
    yes: bool,
    dry_run: bool,
) -> int:
    """Stop campaigns for good: no further calls; contacts that are pending are cancelled.

    Calls in flight finish. A stopped campaign cannot be started again.
    """
    if bool(campaign_ids) == everything:
        raise click.UsageError("Name the campaigns to stop, or pass --all.")
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        with before_anything_is_sent():
            if everything:
                campaigns = _stoppable(client)
            else:
                campaigns = [client.campaigns.get(each) for each in dict.fromkeys(campaign_ids)]
        if not campaigns:
            if session.for_people:
                say("There is nothing to stop.")
            elif dry_run:
                document({"dry_run": True, "campaigns": []})
            else:
                document({"stopped": [], "failed": {}})
            return Exit.DONE
        note(
            f"This stops for good, for account {credentials.account} at {credentials.base_url} "
            f"({credentials.source}):",
            bold=True,
        )
        for campaign in campaigns:
            note(
                printable(
                    f"  {campaign.get('id')}  {campaign.get('status')}  {campaign.get('name')}"
                )
            )
        if dry_run:
            end_dry_run(session, "nothing was stopped.", campaigns=campaigns)
            return Exit.DONE
        count = len(campaigns)
        confirm(f"Stop {'this campaign' if count == 1 else f'these {count} campaigns'}", yes=yes)
        stopping = _Stopping(client, session)
        stopping.stop(str(campaign.get("id")) for campaign in campaigns)
        if everything:
            stopping.until_none_is_left()
    if session.json:
        document({"stopped": stopping.stopped, "failed": stopping.failed})
    return first_failure(stopping.codes)


def _stoppable(client: KatavenClient) -> list[Mapping[str, object]]:
    found = client.campaigns.list()
    campaigns = found.get("campaigns", [])
    size = incomplete(campaigns, found.get("total"))
    if size is not None:
        note(
            f"The Hub listed {size} campaigns: the list may be incomplete, and others may "
            "continue.",
            fg="yellow",
        )
    return [campaign for campaign in campaigns if campaign.get("status") in _STOPPABLE]


class _Stopping:
    """Stops campaigns one by one, and remembers which did not stop."""

    def __init__(self, client: KatavenClient, session: Session) -> None:
        self._client = client
        self._session = session
        self.stopped: list[str] = []
        self.failed: dict[str, str] = {}
        self.codes: list[Exit] = []

    def stop(self, campaign_ids: Iterable[str]) -> None:
        for campaign_id in campaign_ids:
            try:
                self._client.campaigns.stop(campaign_id)
            except KatavenError as error:
                failure = failure_of(error)
                self.codes.append(failure.code if failure else Exit.HUB)
                why = self.failed[campaign_id] = as_commands(str(error))
                note(f"Campaign {campaign_id} did not stop: {printable(why)}", fg="red")
            else:
                self.codes.append(Exit.DONE)
                self.stopped.append(campaign_id)
                self.failed.pop(campaign_id, None)
                if self._session.for_people:
                    say(f"Campaign {campaign_id} is stopped.")

    def until_none_is_left(self) -> None:
        """List again until nothing is left that has not been tried."""
        tried = {*self.stopped, *self.failed}
        for _ in range(_ROUNDS):
            left = [str(campaign.get("id")) for campaign in _stoppable(self._client)]
            new = [campaign_id for campaign_id in left if campaign_id not in tried]
            if not new:
                still = [campaign_id for campaign_id in left if campaign_id in self.stopped]
                if still:
                    note(f"The Hub still lists as not stopped: {', '.join(still)}.", fg="red")
                    self.codes.append(Exit.HUB)
                return
            self.stop(new)
            tried.update(new)
        note("New campaigns appeared again and again; run it again.", fg="red")
        self.codes.append(Exit.HUB)
