"""Collects changes while two documents are compared, and words them.

It knows who uses which schema, so that a change of a shared one is said once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .change import Change
from .document import operations, resolve
from .draft import SCHEMA_PREFIX
from .ranks import rank

if TYPE_CHECKING:
    from .document import Json
    from .places import Places


# What a change asks of the hand-written layer; every other one only touches it.
_VERBS = {
    "required request field added": "add it to",
    "request field added": "to offer it, add it to",
    "request field removed": "take it out of",
    "request field became required": "make it required in",
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the documents the comparison stands.

    Attributes:
        name: What users would call it, such as "Campaign.status".
        operations: Our ids of the operations that it belongs to.
        direction: "request", "response", or "" for the operation itself.
        assumed: Whether it was a guess of ours until now.
    """

    name: str
    operations: tuple[str, ...] = ()
    direction: str = ""
    assumed: bool = False

    def named(self, name: str) -> Spot:
        """The same spot under another name."""
        return replace(self, name=name)

    def below(self, name: str) -> Spot:
        """A field of this spot."""
        return replace(self, name=f"{self.name}.{name}" if self.name else name)


class Findings:
    """The changes found so far.

    Args:
        old: The document before.
        new: The document after.
        places: Names places in the hand-written layer.
    """

    def __init__(self, old: Json, new: Json, places: Places) -> None:
        self.places = places
        self.changes: list[Change] = []
        self._users = _merged(users(old), users(new))

    def add(self, what: str, spot: Spot, detail: str, advice: str = "") -> None:
        """Note one change.

        Args:
            what: Its kind, without the direction where the kind has one.
            spot: Where it is.
            detail: What changed, the beginning of a sentence.
            advice: What to do; without it, the places that it touches.
        """
        kind = what.format(direction=spot.direction)
        found = rank(kind, assumed=spot.assumed)
        tail = advice
        if not tail and found != "internal":
            verb = _VERBS.get(kind, "touches")
            tail = self.places.of(list(spot.operations), spot.direction, verb)
        guess = " (our guess until now)" if spot.assumed else ""
        self.changes.append(
            Change(
                operation=spot.operations[0] if len(spot.operations) == 1 else None,
                what=kind,
                name=spot.name,
                rank=found,
                message=f"{detail}{guess}" + (f"; {tail}" if tail else ""),
            )
        )

    def shared(self, name: str, direction: str) -> Spot:
        """The spot of a named schema, with everybody who uses it."""
        return Spot(name, tuple(sorted(self._users.get((name, direction), ()))), direction)


Users = dict[tuple[str, str], set[str]]


def users(document: Json) -> Users:
    """Find out which operations send or answer each named schema, through others too."""
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
            # Schemas that stand beside the answer, not in it.
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
