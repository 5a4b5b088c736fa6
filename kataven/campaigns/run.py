"""Create a campaign, start it and wait for its end, as one flow.

Nothing is ever undone: a campaign that was created is still there, and one that was started
continues to dial.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kataven import _validate
from kataven._flow.call import call
from kataven.campaigns import operations
from kataven.campaigns.create import create
from kataven.campaigns.interruption import name_campaign
from kataven.campaigns.wait import wait
from kataven.errors import CampaignRunError, ResponseFormatError

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.options import Options
    from kataven.campaigns.create import Creation
    from kataven.clock import Clock
    from kataven.types import Campaign

logger = logging.getLogger("kataven")


@dataclass(slots=True)
class RunState:
    """The id of the campaign that a run has created, as soon as it is known."""

    campaign_id: str | None = None


def run(
    creation: Creation, timeout: float | None, options: Options, clock: Clock, state: RunState
) -> Flow[Campaign]:
    """Create, start and follow a campaign; return the final campaign.

    Raises:
        CampaignRunError: Something failed after the campaign was created.
    """
    campaign = yield from create(creation, options, clock)
    campaign_id = campaign.get("id")
    if not isinstance(campaign_id, str) or not _validate.is_segment(campaign_id):
        raise ResponseFormatError(
            "the Hub accepted the request, but its response has no usable id, so the campaign "
            "cannot be started; find it with client.campaigns.list()",
            status_code=201,
            body=repr(sorted(map(str, campaign))).encode("utf-8", "replace"),
            request_sent=True,
        )
    state.campaign_id = campaign_id
    step: Literal["start", "watch"] = "start"
    try:
        # Starting a scheduled campaign would dial at once.
        started = creation.form.scheduled_at is None
        if started:
            yield from call(operations.start_campaign(campaign_id), options, clock)
        step = "watch"
        return (yield from wait(campaign_id, timeout, options, clock, started=started))
    except Exception as error:
        raise CampaignRunError(
            f"campaign {campaign_id} was created, but the {step} step failed: {error}",
            campaign_id=campaign_id,
            step=step,
            request_sent=getattr(error, "request_sent", None),
        ) from error


def add_campaign_id(interruption: BaseException, state: RunState) -> None:
    """Attach the campaign to an interruption, or to an error of the caller's own function."""
    campaign_id = state.campaign_id
    if campaign_id is None or isinstance(interruption, CampaignRunError):
        return
    text = f"campaign {campaign_id} was created and may be dialling; nothing was undone"
    # Ctrl-C under asyncio.run reaches the caller as a new KeyboardInterrupt, without the note.
    logger.warning("%s", text)
    name_campaign(interruption, campaign_id, text)
