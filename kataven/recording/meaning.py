"""What a recorded exchange means: its operation, its campaign, and what it says about its state.

Knows the routes of the Hub and the form of a recording. Must not know the embedded Hub.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from kataven.recording.file import Exchange, Recording
    from kataven.recording.frames import Frame

ACTIONS: Final = frozenset({"start", "pause", "resume", "stop"})


def operation_of(exchange: Exchange) -> str:
    """Return the operation of a request; ``unknown`` if the Hub has none for it."""
    segments = exchange.path.split("/")[1:]
    if not exchange.below_mount:
        return "unknown"
    shape = (exchange.method, len(segments), segments[0], segments[-1])
    if segments[0] == "call-limits" and len(segments) == 1:
        return "call_limits" if exchange.method == "GET" else "unknown"
    if segments[0] != "campaigns":
        return "unknown"
    if len(segments) == 1:
        return {"GET": "list", "POST": "create"}.get(exchange.method, "unknown")
    if len(segments) == 2 and segments[1]:
        return {"GET": "get", "DELETE": "delete"}.get(exchange.method, "unknown")
    if shape[1] == 3 and exchange.method == "POST" and segments[2] in ACTIONS:
        return segments[2]
    if shape[1] == 3 and exchange.method == "GET" and segments[2] in {"contacts", "events"}:
        return segments[2]
    return "unknown"


def campaign_of(exchange: Exchange) -> str:
    """Return the id of the campaign of a request; an empty string if it has none."""
    segments = exchange.path.split("/")
    has_one = exchange.below_mount and len(segments) > 2 and operation_of(exchange) != "unknown"
    return unquote(segments[2]) if has_one else ""


def json_of(exchange: Exchange) -> Any:
    """Return the JSON of a response; None if it has none."""
    response = exchange.response
    return response.value if response is not None and response.body == "json" else None


def parsed(body: bytes | None) -> Any:
    """Return the JSON of a body; None if it is not JSON."""
    try:
        return json.loads(body or b"")
    except ValueError:
        return None


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of the list in a response."""
    if isinstance(value, dict):
        value = next((one for one in value.values() if isinstance(one, list)), [])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def frames_of(exchange: Exchange) -> list[dict[str, Any]] | None:
    """Return the frames of an event stream; None if the response is not one."""
    response = exchange.response
    return response.value if response is not None and response.body == "frames" else None


def frame_status(frame: Frame) -> str | None:
    """Return the campaign's status in a frame, or None if it has none."""
    data = frame.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    return status if isinstance(status, str) else None


def first_status_of(exchange: Exchange) -> str | None:
    """Return the first status in an event stream; None if there is none."""
    return next((frame_status(one) for one in frames_of(exchange) or [] if frame_status(one)), None)


def status_of(exchange: Exchange) -> str | None:
    """Return the campaign's status in a successful response; None if it has none."""
    value = json_of(exchange)
    status = value.get("status") if isinstance(value, dict) else None
    succeeded = exchange.response is not None and exchange.response.status < 300
    return status if isinstance(status, str) and succeeded else None


def reason_not_to_compare(exchange: Exchange) -> str:
    """Return why an exchange cannot be compared; an empty text if it can."""
    if exchange.refused is not None:
        return f"the recorder did not forward it: {exchange.refused}"
    if exchange.response is None:
        how = {"client": "the client disconnected before", "stopped": "the recorder ended before"}
        return exchange.failure or how.get(exchange.end, "there was no response")
    if exchange.body == "unreadable":
        return f"its body was not recorded: {exchange.value}"
    return ""


def clock_scale(recording: Recording) -> float:
    """Return how fast the recorded clock was; infinite if it was moved by hand."""
    for exchange in recording.exchanges:
        if exchange.response is not None:
            label = exchange.response.headers.get("x-sandbox-time-scale")
            if label is not None:
                try:
                    return float(label)
                except ValueError:
                    return float("inf")
    return 1.0
