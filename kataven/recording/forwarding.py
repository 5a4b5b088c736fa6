"""Which requests the recorder forwards, and what it sends along.

Knows methods, paths and headers. Must not know sockets. Reads, ``create`` and ``delete`` are
forwarded; what could make the Hub call people is not, unless that was asked for. A ``create`` with
a time to start at is such a request.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from kataven.recording.forms import parse

# Sent as it is, so that the response to a wrong key can be recorded.
INVALID_KEY: Final = "sk_live_invalid_0"
_ACTIONS: Final = frozenset({"start", "resume", "pause", "stop"})
_SENT_HEADERS: Final[tuple[str, ...]] = (
    "accept",
    "content-type",
    "last-event-id",
    "user-agent",
    "cache-control",
)
_SCHEDULE: Final = b"schedule"
_ID: Final = re.compile(r"[A-Za-z0-9_.:=~-]+", re.ASCII)
_ADVICE: Final = "; start 'kataven sandbox record' with --allow-dialling to forward it"


def refusal(
    method: str, path: str, query: str, content_type: str, body: bytes, *, below_mount: bool
) -> str:
    """Return why a request is not forwarded; an empty text if it is.

    Args:
        method: The method.
        path: The path, below the mount if it is below it, still percent-encoded.
        query: The query.
        content_type: The Content-Type of the request.
        body: Its body.
        below_mount: Whether the path is below the mount.
    """
    if method in {"GET", "HEAD"}:
        if unquote(path).rstrip("/").rpartition("/")[2].lower() in _ACTIONS:
            return f"{method} of an action may act like the action{_ADVICE}"
        return ""
    segments = path.split("/")[1:] if below_mount else []
    is_campaign = len(segments) == 2 and segments[0] == "campaigns"
    # No other path: a Hub might read dots or an encoded slash as another one.
    if method == "DELETE" and is_campaign and _ID.fullmatch(unquote(segments[1]).strip(".")):
        return ""
    if method == "POST" and segments == ["campaigns"]:
        return _create_refusal(query, content_type, body)
    action = segments[-1] if len(segments) == 3 and segments[-1] in _ACTIONS else ""
    what = f"{action!r} of a campaign" if action else f"{method} of this path"
    return f"{what} is not a read, create or delete{_ADVICE}"


def _create_refusal(query: str, content_type: str, body: bytes) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return f"a create that is not a multipart form may contain a time to start at{_ADVICE}"
    in_list = 0
    try:
        parts = parse(content_type, body)
    except ValueError:
        parts = []
    for part in parts:
        if part.filename is not None and part.name == "contacts":
            in_list += part.data.lower().count(_SCHEDULE)
    # Counted in the raw bytes: a Hub may read a form less strictly than the parser here.
    found = unquote(body.decode("latin-1")).lower().encode("latin-1", "replace").count(_SCHEDULE)
    if found > in_list or _SCHEDULE in unquote(query).lower().encode():
        return (
            "a create with scheduled_at makes a campaign that may start to call by itself at that "
            f"time{_ADVICE}"
        )
    return ""


def sent_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a request that go to the Hub, without the client's credentials."""
    kept = {name: headers[name] for name in _SENT_HEADERS if name in headers}
    # A compressed response could not be read, and so not be scrubbed.
    return {**kept, "accept-encoding": "identity"}
