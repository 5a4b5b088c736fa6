"""The state machine of a campaign: every status, action and allowed transition.

Knows words only. Must not know campaigns, the store or HTTP. Transitions are the documented ones,
and ours where the Hub's documentation is silent; any pair missing from the table is a conflict.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

# What clients ask for.
Action: TypeAlias = Literal["start", "pause", "resume", "stop"]

DRAFT: Final = "draft"
SCHEDULED: Final = "scheduled"
RUNNING: Final = "running"
PAUSED: Final = "paused"
COMPLETED: Final = "completed"
FAILED: Final = "failed"

STATUSES: Final = (DRAFT, SCHEDULED, RUNNING, PAUSED, COMPLETED, FAILED)
TERMINAL: Final = frozenset({COMPLETED, FAILED})

_TRANSITIONS: Final = {
    "start": (frozenset({DRAFT, SCHEDULED, PAUSED}), RUNNING),
    "pause": (frozenset({RUNNING}), PAUSED),
    "resume": (frozenset({PAUSED}), RUNNING),
    "stop": (frozenset({DRAFT, SCHEDULED, RUNNING, PAUSED}), COMPLETED),
    "fail": (frozenset({RUNNING}), FAILED),
}
_ADVICE: Final = {
    "start": "only a draft, scheduled or paused campaign can be started",
    "pause": "only a running campaign can be paused",
    "resume": "only a paused campaign can be resumed",
    "stop": "it has already ended",
    "fail": "only a running campaign can fail",
    "delete": "pause or stop it first",
}


def next_status(action: str, status: str) -> str | None:
    """Return the status that an action leads to, or None if the current status forbids it.

    Args:
        action: ``start``, ``pause``, ``resume``, ``stop`` or ``fail``.
        status: The campaign's current status.
    """
    allowed, target = _TRANSITIONS[action]
    return target if status in allowed else None


def may_delete(status: str) -> bool:
    """Return whether a campaign with this status may be deleted: any but a running one."""
    return status != RUNNING


def conflict_text(action: str, status: str) -> str:
    """Return the error text for an action that the current status forbids."""
    return f"cannot {action} campaign: it is {status}; {_ADVICE[action]}"
