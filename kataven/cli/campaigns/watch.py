"""``kataven campaigns watch``: follows campaigns until they finish.

Changes nothing: an interrupted watch leaves every campaign as it is.
"""

from __future__ import annotations

import click

from kataven.cli.campaigns.follow import Followed, follow, say_what_goes_on, show_end
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.output import document
from kataven.cli.session import Session, command


@command(
    "watch",
    json=True,
    jsonl=True,
    examples=["kataven campaigns watch cmp_1", "kataven campaigns watch cmp_1 cmp_2 --jsonl"],
)
@click.argument("campaign_ids", metavar="ID...", nargs=-1, required=True, type=CAMPAIGN_ID)
def watch(session: Session, campaign_ids: tuple[str, ...]) -> int:
    """Follow campaigns until they finish; exit 1 if one of them did not complete.

    On a terminal the display is live; elsewhere a line is printed for each change, at most one
    every 10 s. With --jsonl each line has campaign_id, status, total, counts, fraction_done,
    active_calls, calls_per_minute, eta_seconds and elapsed_seconds.
    """
    with session.access.client() as client:
        found = [client.campaigns.get(campaign_id) for campaign_id in dict.fromkeys(campaign_ids)]
        campaigns = [
            Followed(campaign_id, str(campaign.get("name") or ""))
            for campaign_id, campaign in zip(dict.fromkeys(campaign_ids), found, strict=True)
        ]
        try:
            code = follow(client, campaigns, session)
        except KeyboardInterrupt:
            say_what_goes_on(campaigns)
            raise
        if session.json:
            ended = [client.campaigns.get(each.campaign_id) for each in campaigns]
            document(ended[0] if len(ended) == 1 else {"campaigns": ended})
        elif session.for_people and not session.quiet:
            show_end(client, campaigns)
    return code
