"""Waiting for the end of a campaign, and for ``get`` to show it.

A flow for both clients, around that of ``watch.py``, which decides when a campaign has finished.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, cast

from kataven.campaigns.progress import TERMINAL_STATUSES
from kataven.campaigns.watch import Watching, WatchSettings
from kataven.errors import APITimeoutError, WaitTimeoutError

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.options import Options
    from kataven.clock import Clock
    from kataven.types import Campaign

logger = logging.getLogger("kataven")

_FIRST_PAUSE: Final = 1.0
# A terminal snapshot is final, so a `get` that lags is asked for so long.
_SETTLING_SECONDS: Final = 60.0


def wait(
    campaign_id: str,
    timeout: float | None,
    options: Options,
    clock: Clock,
    *,
    started: bool = False,
) -> Flow[Campaign]:
    """Emit progress until the campaign has finished; return the final campaign.

    Args:
        campaign_id: The campaign's id, checked.
        timeout: Maximum seconds for everything, or None.
        options: How the client sends.
        clock: Where now and jitter come from.
        started: Whether the campaign was just started.

    Raises:
        WaitTimeoutError: It did not finish before the timeout expired.
    """
    deadline = None if timeout is None else clock.now() + timeout
    watching = Watching(campaign_id, WatchSettings(), options, clock, deadline, started=started)
    try:
        campaign = yield from watching.flow()
        if campaign is None:
            campaign = yield from _settled(watching, clock, campaign_id)
    except APITimeoutError as error:
        if timeout is None or not watching.out_of_time(error):
            raise
        last = watching.meter.last
        if last is not None and last.terminal:
            text = f"has finished ({last.status}), but get did not respond within {timeout:g} s"
        elif watching.is_draft:
            text = (
                f"did not finish within {timeout:g} s: it has not been started (it is a draft); "
                f"client.campaigns.start({campaign_id!r}) starts it"
            )
        else:
            shown = "no progress was seen" if last is None else f"it is {last.status}"
            text = f"did not finish within {timeout:g} s ({shown}); it continues"
        raise WaitTimeoutError(
            f"campaign {campaign_id} {text}",
            campaign_id=campaign_id,
            progress=last,
        ) from error
    return campaign


def _settled(watching: Watching, clock: Clock, campaign_id: str) -> Flow[Campaign]:
    """Request the campaign after a terminal snapshot, which ``get`` may show later.

    A status that is not terminal contradicts the snapshot. If it still does after a minute, or
    when the time is up, the snapshot's status takes its place.
    """
    status = watching.meter.last.status if watching.meter.last is not None else ""
    until = clock.now() + _SETTLING_SECONDS
    pause = _FIRST_PAUSE
    campaign: Campaign | None = None
    try:
        while True:
            campaign = yield from watching.get()
            shown = campaign.get("status")
            if not isinstance(shown, str) or shown in TERMINAL_STATUSES:
                return campaign
            left = until - clock.now()
            if left <= 0:
                break
            yield from watching.sleep(min(pause, left))
            pause *= 2
    except APITimeoutError as error:
        if campaign is None or not watching.out_of_time(error):
            raise
    logger.warning(
        "campaign %s has finished: its event stream reported %s, although get still shows %s; "
        "the campaign is returned with the status %s",
        campaign_id,
        status,
        campaign.get("status"),
        status,
    )
    settled: Any = {**campaign, "status": status}
    return cast("Campaign", settled)
