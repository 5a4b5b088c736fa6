"""The ledger: what is known of each part, on disk before anything is sent.

Knows what every store does atomically. The rules are in ``states``; a store only compares and sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.bulk.ledger.states import State, Wanted

__all__ = ["Ledger", "LedgerRow"]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One part in the ledger.

    Attributes:
        number: Its place in the plan, from 0.
        state: Its state.
        token: The fencing token: how often the part was claimed.
        campaign: The id of its only campaign, or None. Once set it never changes.
        status: The status that the Hub last showed for the campaign, or an empty text.
        held: Whether the campaign is paused on behalf of the run, so that ``resume`` resumes it.
        detail: What went wrong, for people.
        seen: Whether the Hub showed a campaign of an unknown part at the last look, which could not
            be used. Such a part is not sent once more, not even on demand.
    """

    number: int
    state: State
    token: int
    campaign: str | None = None
    status: str = ""
    held: bool = False
    detail: str = ""
    seen: bool = False


class Ledger(Protocol):
    """What a run needs of a store. Every method is atomic, and on disk when it returns."""

    def fix(self, parts: Sequence[str], settings: str) -> str:
        """Fix parts and settings with the first call; return the settings that are fixed.

        As long as all parts are planned, other settings replace those before. That increments all
        tokens, so that no worker sends with the old ones.

        Raises:
            BulkError: The ledger belongs to other parts.
        """
        ...

    def settings(self) -> str:
        """Return the settings that are fixed, or an empty text."""
        ...

    def claim(
        self, states: Sequence[State], lease_seconds: float, number: int | None = None
    ) -> LedgerRow | None:
        """Take a lease of the first part that is in one of the states and not leased.

        Args:
            states: The states.
            lease_seconds: How long the lease lasts.
            number: Only this part; None for any.

        Returns:
            The part, with its new token, or None.
        """
        ...

    def step(
        self,
        row: LedgerRow,
        state: State,
        lease_seconds: float,
        *,
        campaign: str | None = None,
        status: str = "",
        detail: str = "",
        seen: bool = False,
    ) -> LedgerRow | None:
        """Make a step, and renew the lease.

        Args:
            row: The part as it was claimed, or as the last step returned it.
            state: The state that follows.
            lease_seconds: How long the lease lasts from now.
            campaign: The campaign that this step fixes; None keeps what there is.
            status: The status that the Hub showed.
            detail: What went wrong, for people.
            seen: Whether the Hub shows a campaign of the part that cannot be used.

        Returns:
            The part, or None if nothing was changed: because another worker has claimed the part,
            or because the step leads to a create or start and the run is paused or stopped.
        """
        ...

    def renew(self, row: LedgerRow, lease_seconds: float) -> None:
        """Extend the lease, unless another worker has claimed the part."""
        ...

    def release(self, row: LedgerRow) -> None:
        """End the lease, unless another worker has claimed the part."""
        ...

    def observe(self, row: LedgerRow, state: State, status: str) -> None:
        """Record the status of a started campaign; needs no lease, and never goes back."""
        ...

    def hold(self, row: LedgerRow, *, held: bool) -> None:
        """Record that a campaign is paused on behalf of the run, or no longer."""
        ...

    def rows(self, states: Sequence[State] | None = None) -> list[LedgerRow]:
        """Return the parts in some states, or all, in the order of the plan."""
        ...

    def held(self) -> list[LedgerRow]:
        """Return the started parts whose campaigns are paused on behalf of the run."""
        ...

    def count(self, states: Sequence[State]) -> int:
        """Return how many parts are in some states; ``rows`` of thousands would be slow."""
        ...

    def row(self, number: int) -> LedgerRow:
        """Return one part."""
        ...

    def wanted(self) -> Wanted:
        """Return the wanted state of the run."""
        ...

    def want(self, wanted: Wanted) -> Wanted:
        """Record the wanted state, unless the run is stopped; return what is wanted now."""
        ...

    def turn(self, name: str, seconds: float) -> bool:
        """Return whether it is the caller's turn: one turn of a name in so many seconds."""
        ...

    def note(self, name: str) -> str:
        """Return a note that all workers share, or an empty text."""
        ...

    def set_note(self, name: str, text: str) -> None:
        """Set a note that all workers share."""
        ...

    def close(self) -> None:
        """Close files and connections; the ledger stays where it is."""
        ...
