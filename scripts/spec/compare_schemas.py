"""Compares two schemas as a user of kataven sees them. It must not know operations or paths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import shape
from .draft import SCHEMA_PREFIX
from .references import resolve

if TYPE_CHECKING:
    from .document import Json
    from .findings import Findings, Spot
    from .shape import Shape


class Schemas:
    """Compares pairs of schemas of two documents, each named pair once.

    Args:
        old: The document before.
        new: The document after.
        findings: Where changes go.
    """

    def __init__(self, old: Json, new: Json, findings: Findings) -> None:
        self._old = old
        self._new = new
        self._findings = findings
        self._seen: set[tuple[str, str, str]] = set()
        self._renamed: set[tuple[str, str]] = set()

    def compare(self, old_node: Json, new_node: Json, spot: Spot) -> None:
        """Compare two schemas at one spot."""
        old_name, new_name = _reference(old_node), _reference(new_node)
        if old_name and new_name:
            self._description(old_node.get("description"), new_node.get("description"), spot)
            self._assumption(old_node, new_node, spot)
            self._named(old_name, new_name, spot.direction)
            return
        old, new = shape.read(self._old, old_node), shape.read(self._new, new_node)
        spot = replace(spot, assumed=spot.assumed or old.assumed)
        self._assumption(old_node, new_node, spot)
        if not old_name and not new_name:
            # A named schema has its own description, which is not that of the place using it.
            self._description(old.description, new.description, spot)
        self._shapes(old, new, spot)

    def _named(self, old_name: str, new_name: str, direction: str) -> None:
        if (direction, old_name, new_name) in self._seen:
            return
        self._seen.add((direction, old_name, new_name))
        spot = self._findings.shared(new_name, direction)
        if old_name != new_name and (old_name, new_name) not in self._renamed:
            self._renamed.add((old_name, new_name))
            self._findings.add("schema renamed", spot, f"{old_name} is called {new_name} now")
        old_node = resolve(self._old, {"$ref": SCHEMA_PREFIX + old_name})
        new_node = resolve(self._new, {"$ref": SCHEMA_PREFIX + new_name})
        if "x-derived-from" in old_node and "x-derived-from" in new_node:
            # It copies its source, whose changes are reported.
            return
        old, new = shape.read(self._old, old_node), shape.read(self._new, new_node)
        self._assumption(old_node, new_node, spot)
        self._description(old.description, new.description, spot)
        self._shapes(old, new, replace(spot, assumed=old.assumed))

    def _description(self, old: str | None, new: str | None, spot: Spot) -> None:
        if (old or "") != (new or ""):
            self._findings.add("description changed", spot, f"{spot.name} has a new description")

    def _assumption(self, old_node: Json, new_node: Json, spot: Spot) -> None:
        if old_node.get("x-assumed") and not new_node.get("x-assumed"):
            part = old_node.get("x-assumed-part")
            what = f"the {part} of {spot.name}" if part else spot.name
            spot = replace(spot, assumed=False)
            self._findings.add(
                "assumption documented", spot, f"{what} was assumed and is documented now"
            )

    def _shapes(self, old: Shape, new: Shape, spot: Spot) -> None:
        file = (old.format == "binary", new.format == "binary")
        if old.types != new.types or file[0] != file[1]:
            # Users write a request and read a response: more types in the former, or fewer in the
            # latter, break nothing.
            narrow, wide = (old, new) if spot.direction == "request" else (new, old)
            harmless = file[0] == file[1] and _includes(wide, narrow)
            word = "widened" if spot.direction == "request" else "narrowed"
            self._findings.add(
                f"{{direction}} type {word}" if harmless else "{direction} type changed",
                spot,
                f"{spot.name} was {shape.kind(old)} and is {shape.kind(new)} now",
            )
            if not harmless:
                return
        if old.format != new.format:
            self._findings.add(
                "{direction} format changed",
                spot,
                f"the format of {spot.name} was {old.format} and is {new.format} now",
            )
        self._null(old, new, spot)
        self._words(old, new, spot)
        self._bounds(old, new, spot)
        self._rules(old, new, spot)
        self._default(old, new, spot)
        self._fields(old, new, spot)
        for name, before, after in (
            (f"{spot.name}[]", old.items, new.items),
            (f"{spot.name}.*", old.values, new.values),
        ):
            if before is not None and after is not None:
                self.compare(before, after, spot.named(name))
            elif before is not after:
                self._findings.add(
                    "{direction} type changed", spot, f"the type of what {spot.name} holds changed"
                )

    def _null(self, old: Shape, new: Shape, spot: Spot) -> None:
        if old.nullable == new.nullable:
            return
        if new.nullable:
            self._findings.add(
                "{direction} field became nullable", spot, f"{spot.name} may be null now"
            )
            return
        widened = replace(spot, assumed=spot.assumed or old.part_assumed == "nullability")
        self._findings.add(
            "{direction} field no longer nullable", widened, f"{spot.name} is never null now"
        )

    def _words(self, old: Shape, new: Shape, spot: Spot) -> None:
        before, after = old.words, new.words
        if before is None and after is None:
            return
        if spot.direction == "request" and after is not None and not new.open:
            if before is None or old.open:
                self._findings.add(
                    "request type changed", spot, f"{spot.name} accepts only {', '.join(after)} now"
                )
                return
        elif spot.direction == "request" and after is None:
            self._findings.add(
                "request enum word added", spot, f"{spot.name} accepts any string now"
            )
            return
        for word in before or ():
            if word not in (after or ()):
                self._findings.add(
                    "{direction} enum word removed",
                    spot.named(f"{spot.name}: {word}"),
                    f"{spot.name} no longer has the value {word!r}",
                )
        for word in after or ():
            if word not in (before or ()):
                self._findings.add(
                    "{direction} enum word added",
                    spot.named(f"{spot.name}: {word}"),
                    f"{spot.name} has a new value {word!r}",
                )

    def _bounds(self, old: Shape, new: Shape, spot: Spot) -> None:
        for keyword in (*shape.LOWER, *shape.UPPER, *shape.OTHER):
            before, after = old.bounds.get(keyword), new.bounds.get(keyword)
            if before != after:
                narrowed = _narrowed(keyword, before, after)
                self._findings.add(
                    "{direction} bound narrowed" if narrowed else "{direction} bound widened",
                    spot,
                    f"{keyword} of {spot.name} was {before} and is {after} now",
                )

    def _rules(self, old: Shape, new: Shape, spot: Spot) -> None:
        for keyword in sorted(old.rules.keys() | new.rules.keys()):
            if old.rules.get(keyword) == new.rules.get(keyword):
                continue
            gone = keyword not in new.rules
            self._findings.add(
                "{direction} rule removed" if gone else "{direction} rule changed",
                spot,
                f"{keyword} of {spot.name} was {'removed' if gone else 'changed or added'}",
            )

    def _default(self, old: Shape, new: Shape, spot: Spot) -> None:
        if old.default == new.default:
            return
        before = repr(old.default[0]) if old.default else "not given"
        after = repr(new.default[0]) if new.default else "not given"
        detail = f"the default of {spot.name} was {before} and is {after} now"
        if spot.direction == "request":
            detail += (
                f": the SDK sends its own default ({before}), which now differs from the Hub's "
                f"({after})"
            )
        self._findings.add("{direction} default changed", spot, detail)

    def _fields(self, old: Shape, new: Shape, spot: Spot) -> None:
        before = self._visible(self._old, old, spot.direction)
        after = self._visible(self._new, new, spot.direction)
        for name, node in before.items():
            at = spot.below(name)
            if name not in after:
                assumed = spot.assumed or shape.read(self._old, node).assumed
                self._findings.add(
                    "{direction} field removed",
                    replace(at, assumed=assumed),
                    f"{at.name} was removed",
                )
                continue
            self._required(name in old.required, name in new.required, at)
            self.compare(node, after[name], at)
        # A field may be required without being described.
        hidden = new.properties.keys() - after.keys()
        described = before.keys() | old.required
        for name in [*after, *sorted(new.required - after.keys() - hidden)]:
            if name in before or (name not in after and name in described):
                continue
            at = spot.below(name)
            if spot.direction == "request" and name in new.required and name not in old.required:
                self._findings.add(
                    "required request field added",
                    at,
                    f"{at.name} was added and is required: without it the Hub rejects the request",
                )
            else:
                self._findings.add("{direction} field added", at, f"{at.name} was added")

    def _visible(self, document: Json, schema: Shape, direction: str) -> Json:
        """Return the fields that are sent in one direction."""
        other = "readOnly" if direction == "request" else "writeOnly"
        return {
            name: node
            for name, node in schema.properties.items()
            if resolve(document, node).get(other) is not True and node.get(other) is not True
        }

    def _required(self, before: bool, after: bool, at: Spot) -> None:  # noqa: FBT001
        if before != after:
            self._findings.add(
                "{direction} field became required"
                if after
                else "{direction} field became optional",
                at,
                f"{at.name} is {'required' if after else 'optional'} now",
            )


def _reference(node: Json) -> str:
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(SCHEMA_PREFIX):
        return reference.removeprefix(SCHEMA_PREFIX)
    return ""


def _includes(wide: Shape, narrow: Shape) -> bool:
    """Say whether every type of one schema is also one of the other; no type means any."""
    types = wide.types | ({"integer"} if "number" in wide.types else set())
    return not wide.types or bool(narrow.types and narrow.types <= types)


def _narrowed(keyword: str, before: Any, after: Any) -> bool:
    if after is None or before is None:
        return after is not None
    if keyword in shape.LOWER:
        return bool(after > before)
    if keyword in shape.UPPER:
        return bool(after < before)
    return True
