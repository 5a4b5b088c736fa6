"""Collects the changes found between two documents and words them.

It knows which operations use which schema, so that a change of a shared one is reported once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .document import operations
from .draft import SCHEMA_PREFIX
from .ranks import rank
from .references import resolve

if TYPE_CHECKING:
    from .document import Json


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two documents.

    Attributes:
        operation: Our operationId, or None if it concerns several operations or none.
        what: The kind of change, one of ``ranks.RANKS``.
        name: What changed, such as "Campaign.created_by".
        rank: "breaking", "compatible" or "internal".
        message: A sentence for people.
    """

    operation: str | None
    what: str
    name: str
    rank: str
    message: str


@dataclass(frozen=True, slots=True)
class Spot:
    """The part of the documents that is being compared.

    Attributes:
        name: Its name for users, such as "Campaign.status".
        operations: The operationIds that it belongs to.
        direction: "request", "response", or "" for the operation itself.
        assumed: Whether it was an assumption until now.
    """

    name: str
    operations: tuple[str, ...] = ()
    direction: str = ""
    assumed: bool = False

    def named(self, name: str) -> Spot:
        """Return the same spot under another name."""
        return replace(self, name=name)

    def below(self, name: str) -> Spot:
        """Return a field of this spot."""
        return replace(self, name=f"{self.name}.{name}" if self.name else name)


class Findings:
    """The changes found so far.

    Args:
        old: The document before.
        new: The document after.
    """

    def __init__(self, old: Json, new: Json) -> None:
        self.changes: list[Change] = []
        self._users = _merged(users(old), users(new))
        self._methods = {**sdk_methods(new), **sdk_methods(old)}

    def add(self, what: str, spot: Spot, detail: str, advice: str = "") -> None:
        """Record one change.

        Args:
            what: Its kind, with "{direction}" where the kind has one.
            spot: Where it is.
            detail: What changed, the beginning of a sentence.
            advice: What else to know. Without it, the methods that a change of a response concerns.
        """
        kind = what.format(direction=spot.direction)
        found = rank(kind, assumed=spot.assumed)
        tail = advice
        if not tail and found != "internal" and spot.direction == "response" and spot.operations:
            methods = ", ".join(self._methods[one] for one in spot.operations)
            tail = f"affects {methods}"
        assumption = " (assumed until now)" if spot.assumed else ""
        self.changes.append(
            Change(
                operation=spot.operations[0] if len(spot.operations) == 1 else None,
                what=kind,
                name=spot.name,
                rank=found,
                message=f"{detail}{assumption}" + (f"; {tail}" if tail else ""),
            )
        )

    def shared(self, name: str, direction: str) -> Spot:
        """Return the spot of a named schema, with all operations that use it."""
        return Spot(name, tuple(sorted(self._users.get((name, direction), ()))), direction)


def sdk_methods(document: Json) -> dict[str, str]:
    """Return what users call each operation, such as "campaigns.create", by operationId."""
    return {
        str(operation["operationId"]): str(operation.get("x-sdk-method", operation["operationId"]))
        for _, _, _, operation in operations(document)
    }


Users = dict[tuple[str, str], set[str]]


def users(document: Json) -> Users:
    """Find the operations that send or return each named schema, directly or inside another."""
    found: Users = {}
    for _, _, _, operation in operations(document):
        name = operation["operationId"]
        sent = [operation.get("parameters", []), operation.get("requestBody", {})]
        _reach(document, sent, name, "request", found)
        _reach(document, operation.get("responses", {}), name, "response", found)
    return found


def _reach(document: Json, root: Any, operation: str, direction: str, found: Users) -> None:
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            references = [node.get("$ref")]
            # Schemas that belong to the response without being its schema.
            references += [
                SCHEMA_PREFIX + node[key]
                for key in ("x-event-schema", "x-derived-from")
                if key in node
            ]
            for reference in references:
                if not isinstance(reference, str):
                    continue
                name = reference.removeprefix(SCHEMA_PREFIX)
                if operation not in found.setdefault((name, direction), set()):
                    found[name, direction].add(operation)
                    pending.append(resolve(document, {"$ref": reference}))


def _merged(first: Users, second: Users) -> Users:
    return {
        key: first.get(key, set()) | second.get(key, set()) for key in first.keys() | second.keys()
    }
