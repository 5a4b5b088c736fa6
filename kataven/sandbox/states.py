"""What a campaign's status allows: the whole table of transitions.

Knows words only. Must not know campaigns, the store or HTTP. The documented transitions, and ours
where the Hub's pages say nothing; every pair that is not in the table is a conflict.
"""

from typing import Final

DRAFT: Final = "draft"
SCHEDULED: Final = "scheduled"
RUNNING: Final = "running"
PAUSED: Final = "paused"
COMPLETED: Final = "completed"
FAILED: Final = "failed"

STATUSES: Final = (DRAFT, SCHEDULED, RUNNING, PAUSED, COMPLETED, FAILED)
TERMINAL: Final = frozenset({COMPLETED, FAILED})

_MOVES: Final = {
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


def after(action: str, status: str) -> str | None:
    """Return the status that an action leads to, or None where the state does not allow it.

    Args:
        action: `start`, `pause`, `resume`, `stop` or `fail`.
        status: The campaign's status.
    """
    allowed, target = _MOVES[action]
    return target if status in allowed else None


def may_delete(status: str) -> bool:
    """Tell whether a campaign of this status may be deleted: any but a running one."""
    return status != RUNNING


def refusal(action: str, status: str) -> str:
    """Return the text of the 409 for an action that the state does not allow."""
    return f"cannot {action} campaign: it is {status}; {_ADVICE[action]}"
