"""What the work on a part uses: the client's campaigns, the ledger, the plan and its hours.

Knows how a step is made, and which errors prove that the Hub did not process a request. Decides
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from kataven.bulk._marked import marker
from kataven.errors import APIConnectionError, APIStatusError, ContactsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.bulk._campaign_settings import BulkSettings
    from kataven.bulk._opening import PlanHours
    from kataven.bulk._plan import BulkPlan
    from kataven.bulk.ledger import Ledger, LedgerRow
    from kataven.bulk.ledger.states import State
    from kataven.errors import KatavenError

__all__ = ["REFUSED", "Campaigns", "RunContext", "not_processed"]

REFUSED: Final = frozenset((301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 413, 415, 422, 429))
"""The Hub did not process a request that it, or a proxy, refused with one of these statuses.

Of any other status this is not certain.
"""


class Campaigns(Protocol):
    """What is used of ``client.campaigns``."""

    def list(self) -> Any: ...
    def get(self, campaign_id: str) -> Any: ...
    def create(
        self,
        name: str,
        agent_id: str,
        phone_number_id: str,
        contacts: Any,
        max_concurrent_calls: int = 5,
        retries_per_contact: int = 0,
        retry_delay_seconds: int = 300,
    ) -> Any: ...
    def start(self, campaign_id: str) -> Any: ...
    def pause(self, campaign_id: str) -> Any: ...
    def resume(self, campaign_id: str) -> Any: ...
    def stop(self, campaign_id: str) -> Any: ...
    def delete(self, campaign_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the work on single parts uses.

    Attributes:
        campaigns: The client's ``campaigns``.
        ledger: The ledger.
        plan: The plan.
        settings: What every campaign of the run is created with.
        lease_seconds: How long a part belongs to a worker that shows no sign of life.
        hours: When the parts may call.
        within: Returns the client's ``campaigns`` with so many seconds for an entire call.
    """

    campaigns: Campaigns
    ledger: Ledger
    plan: BulkPlan
    settings: BulkSettings
    lease_seconds: float
    hours: PlanHours
    within: Callable[[float], Campaigns]

    def step(
        self, row: LedgerRow, state: State, *, campaign: str | None = None, status: str = "",
        detail: str = "", seen: bool = False,
    ) -> LedgerRow | None:  # fmt: skip
        """Make a step in the ledger; None if nothing was changed."""
        return self.ledger.step(
            row,
            state,
            self.lease_seconds,
            campaign=campaign,
            status=status,
            detail=detail,
            seen=seen,
        )

    def marker(self, row: LedgerRow) -> str:
        """Return the marker in the name of a part's campaign."""
        return marker(self.plan, self.plan.parts[row.number])


def not_processed(error: KatavenError) -> bool:
    """Return whether the Hub has certainly not processed a write."""
    if isinstance(error, APIStatusError):
        return error.status_code in REFUSED
    if isinstance(error, APIConnectionError):
        return error.request_sent is False
    # A list that cannot be sent. Any other error may have come after the request.
    return isinstance(error, ContactsError)
