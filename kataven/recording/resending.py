"""A recorded request, as it is sent again to an embedded Hub: to its campaign, at its time.

Knows the form of recorded requests. Must not know which Hub it is sent to, or why.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kataven.recording.forms import Part, build
from kataven.recording.forwarding import INVALID_KEY
from kataven.recording.masks import RFC3339
from kataven.recording.meaning import campaign_of
from kataven.recording.stage import MOUNT, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.recording.file import Exchange


def sent_again(
    exchange: Exchange,
    started: str,
    now: Callable[[], datetime],
    campaign_id: str | None = None,
) -> Sent:
    """Return the request of an exchange for an embedded Hub.

    Args:
        exchange: The exchange.
        started: When its recording started, in RFC 3339.
        now: Returns the time of the embedded Hub.
        campaign_id: The id of the campaign there; None to keep the recorded one.
    """
    path = exchange.path
    if campaign_id is not None and campaign_of(exchange):
        segments = path.split("/")
        segments[2] = campaign_id
        path = "/".join(segments)
    content_type, body = _body(exchange, started, now)
    credential = INVALID_KEY if exchange.credential == "invalid" else exchange.credential
    return Sent(
        exchange.method,
        MOUNT + path if exchange.below_mount else path,
        exchange.query,
        credential,
        content_type,
        body,
    )


def _body(exchange: Exchange, started: str, now: Callable[[], datetime]) -> tuple[str, bytes]:
    if exchange.body == "form":
        hub_time = now()
        parts = []
        for part in exchange.value:
            text = part["data"]
            if part["name"] == "scheduled_at" and RFC3339.fullmatch(text):
                text = _moved(text, exchange, started, hub_time)
            data = text.encode("utf-8", "surrogateescape")
            parts.append(
                Part(part["name"], part.get("filename"), part.get("content_type", ""), data)
            )
        return build(parts)
    if exchange.body == "json":
        return exchange.content_type, json.dumps(exchange.value).encode()
    if exchange.body == "text":
        return exchange.content_type, str(exchange.value).encode()
    return exchange.content_type, b""


def _moved(text: str, exchange: Exchange, started: str, now: datetime) -> str:
    """Return a time as far from now as it was when it was recorded."""
    try:
        at = datetime.fromisoformat(text)
        began = datetime.fromisoformat(started) + timedelta(seconds=exchange.began)
        return (now + (at - began)).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, TypeError, OverflowError):
        return text
