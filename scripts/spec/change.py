"""One change between two documents, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        operation: Our operationId, or None where several operations or none are concerned.
        what: The kind of change, one of ``ranks.RANKS``.
        name: What it is that changed, such as "Campaign.created_by".
        rank: "breaking", "compatible" or "internal".
        message: A sentence: what changed, what it touches in kataven/, what to do.
    """

    operation: str | None
    what: str
    name: str
    rank: str
    message: str

    def as_json(self) -> dict[str, str | None]:
        """The change as the JSON report holds it."""
        return {
            "operation": self.operation,
            "what": self.what,
            "name": self.name,
            "rank": self.rank,
            "message": self.message,
        }
