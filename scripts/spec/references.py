"""Follows ``$ref`` inside a document.

It knows JSON pointers. It must not know what a reference is used for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from problems import ScriptError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Json

# What generators and rules find by name. A reference to anything else is replaced by its target.
_NAMED: Final = frozenset({
    "schemas", "responses", "parameters", "requestBodies", "headers", "examples", "links",
    "callbacks", "securitySchemes",
})  # fmt: skip
# Far more than any API needs.
_MAX_COPIED: Final = 1_000_000


def resolve(document: Json, node: Any) -> Any:
    """Follow ``$ref`` to what it refers to.

    Raises:
        ScriptError: If it leads outside the document, to nothing or in a circle.
    """
    seen = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        found = target(document, reference)
        if found is None or reference in seen:
            raise ScriptError(f"the reference {reference} leads nowhere")
        seen.add(reference)
        node = found
    return node


def target(document: Json, reference: str) -> Any:
    """Return what a reference points at, or None if that is not in the document."""
    found: Any = document
    for key in _keys(reference) or [""]:
        if isinstance(found, list) and key.isdecimal() and key.isascii() and len(key) < 10:
            found = found[int(key)] if int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found


def _keys(reference: str) -> list[str]:
    """Split a JSON pointer in a URI fragment; empty if it is not one of this document."""
    if not reference.startswith("#/"):
        return []
    # RFC 6901, section 6: percent-encoding belongs to the URI, ~1 and ~0 to the pointer in it.
    path = unquote(reference.removeprefix("#/"))
    return [key.replace("~1", "/").replace("~0", "~") for key in path.split("/")]


def references(node: Any) -> Iterator[str]:
    """Yield every ``$ref`` of a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def inlined(document: Json, name: str) -> Json:
    """Leave only references to named components, all in one spelling.

    A reference to a component is written ``#/components/schemas/Name``, without percent-encoding.
    Any other one, such as ``#/paths/~1campaigns/get/responses/200``, is replaced by a copy of what
    it points at: paths are renamed and left out later, and the generators follow only the former.

    Args:
        document: The document.
        name: Its name, for error messages.

    Returns:
        A copy; the argument is not changed.

    Raises:
        ScriptError: If a reference leads outside the document, to nothing, or back to itself, or
            if the copies are too large.
    """
    missing = sorted(one for one in set(references(document)) if target(document, one) is None)
    if missing:
        raise ScriptError(f"{name} refers to {missing[0]}, which is not in the document")
    copy: Json = _Inliner(document).copy(document, ())
    return copy


class _Inliner:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._copied = 0

    def copy(self, node: Any, inside: tuple[str, ...]) -> Any:
        """Copy a node that is reached through the references ``inside``."""
        self._copied += bool(inside)
        if self._copied > _MAX_COPIED:
            raise ScriptError(
                f"with its references replaced by copies, the document has more than {_MAX_COPIED} "
                f"further nodes: {inside[0]} refers to too much"
            )
        if isinstance(node, list):
            return [self.copy(value, inside) for value in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        others = {
            key: self.copy(value, inside)
            for key, value in node.items()
            if key != "$ref" or not isinstance(reference, str)
        }
        if not isinstance(reference, str):
            return others
        keys = _keys(reference)
        named = len(keys) == 3 and keys[0] == "components" and keys[1] in _NAMED
        if named and not re.search(r"[/~%]", keys[2]):
            return {"$ref": f"#/components/{keys[1]}/{keys[2]}", **others}
        if reference in inside:
            raise ScriptError(
                f"the reference {reference} leads back to itself: give what it points at a name in "
                "components, and refer to that"
            )
        found = self.copy(target(self._document, reference), (*inside, reference))
        # What is written next to a reference adds to its target.
        return {**found, **others} if isinstance(found, dict) else found
