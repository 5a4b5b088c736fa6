"""Finds the hand edits of openapi.yaml that an import would drop.

A hand edit is what openapi.yaml has otherwise than the last import made it. It knows documents
only: the document of the last import is passed in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .draft import blanked

if TYPE_CHECKING:
    from .document import Json

Place = tuple[str, ...]


def dropped(last: Json, present: Json, new: Json) -> list[str]:
    """Compare three documents.

    Args:
        last: What the last import made.
        present: openapi.yaml.
        new: What this import makes.

    Returns:
        One sentence for each hand edit that ``new`` does not have.
    """
    before, now, after = _leaves(last), _leaves(present), _leaves(new)
    known = _nodes(after)
    found: dict[Place, str] = {}
    for place in [*now, *(place for place in before if place not in now)]:
        if now.get(place) == before.get(place) or now.get(place) == after.get(place):
            continue
        if place not in now:
            found[place] = "was removed by hand, the document has it"
        elif place in after:
            found[place] = f"was set to {now[place]} by hand, the document has {after[place]}"
        else:
            # Name the highest node that the new document does not have, not everything below it.
            lengths = range(1, len(place) + 1)
            length = next(one for one in lengths if place[:one] not in known)
            found[place[:length]] = "was added by hand, the document does not have it"
    return [f"{'/'.join(place)}: {text}" for place, text in found.items()]


def _leaves(document: Json) -> dict[Place, str]:
    found: dict[Place, str] = {}
    _collect(document, (), found)
    return found


def _collect(node: Any, place: Place, found: dict[Place, str]) -> None:
    if isinstance(node, dict) and "x-derived-from" in node:
        # It copies its source, whose edits are found there.
        return
    if isinstance(node, dict) and node:
        for key, value in node.items():
            if not key.startswith("x-sdk-"):
                name = blanked(key) if place == ("paths",) else key
                _collect(value, (*place, name), found)
    elif isinstance(node, list) and node and all(isinstance(one, str) for one in node):
        # Field names and statuses: their order does not matter.
        found.update({(*place, one): json.dumps(one) for one in node})
    elif place and place[-1] == "parameters":
        for number, one in enumerate(node):
            # The name of a path parameter differs between documents.
            name = str(number) if one["in"] == "path" else one["name"]
            _collect({**one, "name": name}, (*place, f"{one['in']} {name}"), found)
    else:
        found[place] = json.dumps(node, ensure_ascii=False)


def _nodes(leaves: dict[Place, str]) -> set[Place]:
    return {place[:length] for place in leaves for length in range(1, len(place) + 1)}
