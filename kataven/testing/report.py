"""What the report of a failed test shows of its Hub.

Knows the journal and the requests. Must not know pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from kataven.sandbox import HubRequest, JournalEntry, Sandbox

_ENTRIES: Final = 30
_REQUESTS: Final = 100


def sections(hub: Sandbox) -> list[tuple[str, str]]:
    """Return the sections, each with its title: the end of the journal, and the requests.

    Args:
        hub: A Hub that is running or closed.
    """
    journal = [_entry(entry) for entry in hub.journal]
    requests = [_request(request) for request in hub.requests]
    return [
        ("kataven Hub: journal", _last(journal, _ENTRIES)),
        ("kataven Hub: requests", _last(requests, _REQUESTS)),
    ]


def _last(lines: list[str], at_most: int) -> str:
    shown = lines[-at_most:]
    if len(lines) > at_most:
        shown.insert(0, f"... {len(lines) - at_most} earlier lines")
    return "\n".join(shown) or "none"


def _entry(entry: JournalEntry) -> str:
    words = [_time(entry.time), entry.action, entry.campaign]
    if entry.number is not None:
        words += [entry.number, f"attempt {entry.attempt}"]
    if entry.outcome is not None:
        words.append(entry.outcome)
    return " ".join(words)


def _request(request: HubRequest) -> str:
    path = f"{request.path}?{request.query}" if request.query else request.path
    status = "no response" if request.status is None else str(request.status)
    account = request.account or "no account"
    return f"{_time(request.time)} {request.method} {path} -> {status} ({account})"


def _time(when: datetime) -> str:
    return when.strftime("%H:%M:%S.%f")[:-3]
