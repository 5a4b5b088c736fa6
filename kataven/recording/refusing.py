"""Embedded Hubs that refuse a recorded request for the reason for which the real Hub refused it.

Knows what a refusal says about its reason: a limit, a budget or a key. Must not know refusals that
follow from the state of the campaign alone (replay).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.recording.resending import sent_again
from kataven.recording.stage import Refusal, Response, Settings, Stage

if TYPE_CHECKING:
    import httpx

    from kataven.recording.file import Exchange
    from kataven.recording.home import Home


def refused_response(
    client: httpx.Client, exchange: Exchange, started: str, operation: str, home: Home | None
) -> Response | None:
    """Return the response of a Hub that refuses for the reason that was recorded.

    Args:
        client: What sends the requests.
        exchange: The exchange.
        started: When its recording started, in RFC 3339.
        operation: Its operation.
        home: The Hub of its campaign, if it has one.

    Returns:
        None if the state of the campaign alone determines the response.
    """
    response = exchange.response
    refusal = _refusal(exchange, operation, home)
    if refusal is None or response is None:
        return None
    limits: dict[str, int] = {}
    if refusal == "budget":
        limits = {"concurrent_max": 1}
    elif refusal == "calls":
        limits = {"daily_calls_max": 1}
    elif refusal == "minutes":
        limits = {"daily_minutes_max": 1}
    # An embedded Hub whose clock nobody waits for was recorded.
    in_hub_time = "clock of this Hub is manual" not in str(response.value)
    settings = home.settings if home is not None else Settings()
    status = home.stage.status if home is not None else ""
    if refusal == "budget":
        settings = Settings({"max_concurrent_calls": "2"})
        status = "draft" if operation == "start" else status
    with Stage(client, in_hub_time=in_hub_time, call_limits=limits) as stage:
        if refusal == "budget" and status == "paused":
            # It cannot have been started within this budget.
            return _budget_of_paused(client, exchange, started)
        stage.create(settings, status or "draft")
        stage.refuse(refusal)
        sent = sent_again(exchange, started, stage.hub.now, stage.campaign_id)
        return stage.send(sent, is_stream=operation == "events")


def _budget_of_paused(client: httpx.Client, exchange: Exchange, started: str) -> Response:
    with Stage(client, call_limits={"concurrent_max": 2}) as stage:
        mine = Settings({"max_concurrent_calls": "2"})
        stage.create(mine, "paused")
        paused = stage.campaign_id
        stage.create(mine, "running")
        stage.campaign_id = paused
        return stage.send(sent_again(exchange, started, stage.hub.now, paused))


def _refusal(exchange: Exchange, operation: str, home: Home | None) -> Refusal | None:
    """Return why the real Hub refused, if it was for more than the state of the campaign."""
    response = exchange.response
    if response is None:
        return None
    status, text = response.status, str(response.value or "").lower()
    if status == 401 and exchange.credential == "key":
        return "revoked"
    if status == 429:
        if operation in {"start", "resume"} and "rate_limited" not in text:
            return "minutes" if "minute budget" in text else "calls"
        words: tuple[tuple[str, Refusal], ...] = (
            ("hour", "per_hour"),
            ("day", "per_day"),
            ("concurrent", "concurrent"),
        )
        for word, refusal in words:
            if word in text:
                return refusal
        return "per_minute"
    if status == 409 and operation in {"start", "resume"} and home is not None:
        allowed = {"start": {"draft", "paused"}, "resume": {"paused"}}[operation]
        if home.stage.status in allowed and home.agreed:
            return "budget"
    return None
