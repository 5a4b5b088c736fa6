"""The states of a part, which of them may follow which, and what a worker may do in each.

Pure: knows no store, no clock and no Hub. A worker can be killed, or sleep for longer than its
lease, between any two lines, and every engine runs a task again. So it holds that:

1. Each step is in the ledger before its request leaves: ``sending`` before ``create``,
   ``starting`` before ``start``. A create is sent in one place only, right after ``planned`` (or,
   on explicit demand, ``unknown``) became ``sending``. Whatever finds ``sending`` looks for the
   campaign and never sends.
2. A create makes a draft, which calls nobody. The ledger fixes one campaign for a part, once, and
   only that campaign is ever started. Further drafts, of a worker that slept, call nobody.
3. A step is a compare-and-set of the state and of the fencing token, which each claim of the part
   increments. The step of a worker whose lease was taken over has no effect. Leases only decide
   who works; clocks that are wrong cost time and never a second call.
4. A step that leads to a create or a start also compares the wanted state of the run. So a pause
   or a stop is before the step, which then fails, or after it; then the worker that started the
   campaign sees it and pauses or stops the campaign.

::

    planned > sending > created > starting > started > finished | failed
                  `> unknown: looked for again by each later run
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from kataven.campaigns.progress import TERMINAL_STATUSES

__all__ = [
    "FINAL",
    "OPEN",
    "STATES",
    "State",
    "Wanted",
    "check_step",
    "needs_running",
    "state_of",
]

State: TypeAlias = Literal[
    "planned", "sending", "created", "starting", "started", "finished", "failed", "unknown"
]
Wanted: TypeAlias = Literal["running", "paused", "stopped"]

STATES: Final[tuple[State, ...]] = get_args(State)
OPEN: Final[tuple[State, ...]] = ("planned", "sending", "created", "starting")
"""States in which a launch has something to do."""
FINAL: Final[tuple[State, ...]] = ("finished", "failed")

_FOUND: Final[tuple[State, ...]] = ("created", "started", "finished", "failed")
_STEPS: Final[dict[State, tuple[State, ...]]] = {
    # A campaign of this part may be on the Hub already: of a ledger that was lost.
    "planned": ("sending", "unknown", *_FOUND),
    # Back to planned only if the Hub is known not to have processed the create.
    "sending": ("planned", "unknown", *_FOUND),
    "created": ("starting", "unknown", *_FOUND),
    # Back to created if the Hub refused the start, or get shows a draft.
    "starting": ("starting", "unknown", *_FOUND),
    "started": ("started", "finished", "failed"),
    "finished": (),
    "failed": (),
    "unknown": ("sending", "unknown", *_FOUND),
}
_SENDS: Final = frozenset((("planned", "sending"), ("unknown", "sending")))
_WITHOUT_CAMPAIGN: Final = frozenset(("planned", "sending"))


def needs_running(before: State, after: State) -> bool:
    """Return whether a request that leads to calls follows the step: a create or a start."""
    return after == "starting" or (before, after) in _SENDS


def check_step(before: State, after: State, fixed: str | None, campaign: str | None) -> None:
    """Check a step before the ledger makes it.

    Args:
        before: The state that the worker found.
        after: The state that follows.
        fixed: The campaign that the ledger has for the part, or None.
        campaign: The campaign that it would have after the step, or None.

    Raises:
        ValueError: There is no such step, or it would give a part another campaign.
    """
    if after not in _STEPS[before]:
        raise ValueError(f"a part that is {before} cannot become {after}")
    if fixed is not None and campaign != fixed:
        raise ValueError(f"the campaign of the part is {fixed} and cannot become {campaign}")
    if campaign is None and after not in _WITHOUT_CAMPAIGN and after != "unknown":
        raise ValueError(f"a part that is {after} has a campaign")
    if campaign is not None and after in _WITHOUT_CAMPAIGN:
        # A part with a campaign is never sent again, not even on demand.
        raise ValueError(f"a part with the campaign {campaign} cannot become {after}")


def state_of(status: str) -> State:
    """Return the state of a part whose campaign has this status.

    A campaign with a status that the SDK does not know may be calling, so it counts as started.
    """
    if status == "draft":
        return "created"
    if status == "completed":
        return "finished"
    return "failed" if status in TERMINAL_STATUSES else "started"
