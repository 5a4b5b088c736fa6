"""Knows what each kind of change means for users of kataven. It is a table and nothing else.

Users call methods and read dicts. A change that only readers of the specification notice is
internal.
"""

from __future__ import annotations

from typing import Final

BREAKING: Final = "breaking"
COMPATIBLE: Final = "compatible"
INTERNAL: Final = "internal"

ORDER: Final = (INTERNAL, COMPATIBLE, BREAKING)

RANKS: Final = {
    "operation removed": BREAKING,
    "operation added": COMPATIBLE,
    "uncovered operation added": INTERNAL,
    "uncovered operation removed": INTERNAL,
    "operation deprecated": COMPATIBLE,
    "security changed": BREAKING,
    # What users send.
    "request field added": COMPATIBLE,
    "required request field added": BREAKING,
    "request field removed": BREAKING,
    "request field became required": BREAKING,
    "request field became optional": COMPATIBLE,
    "request type changed": BREAKING,
    "request type widened": COMPATIBLE,
    "request format changed": COMPATIBLE,
    "request field became nullable": COMPATIBLE,
    "request field no longer nullable": BREAKING,
    "request bound narrowed": BREAKING,
    "request bound widened": COMPATIBLE,
    "request rule changed": BREAKING,
    "request rule removed": COMPATIBLE,
    "request default changed": COMPATIBLE,
    "request enum word added": COMPATIBLE,
    "request enum word removed": BREAKING,
    "request media type changed": BREAKING,
    "request media type added": COMPATIBLE,
    "request media type removed": BREAKING,
    # What users read.
    "response field added": COMPATIBLE,
    "response field removed": BREAKING,
    "response field became required": COMPATIBLE,
    "response field became optional": BREAKING,
    "response type changed": BREAKING,
    "response type narrowed": COMPATIBLE,
    "response format changed": COMPATIBLE,
    "response field became nullable": BREAKING,
    "response field no longer nullable": COMPATIBLE,
    "response bound narrowed": COMPATIBLE,
    "response bound widened": COMPATIBLE,
    "response rule changed": COMPATIBLE,
    "response rule removed": COMPATIBLE,
    "response default changed": INTERNAL,
    "response enum word added": COMPATIBLE,
    "response enum word removed": COMPATIBLE,
    "response media type changed": BREAKING,
    "response media type added": COMPATIBLE,
    "response media type removed": BREAKING,
    "response header added": COMPATIBLE,
    "response header removed": COMPATIBLE,
    "status code changed": COMPATIBLE,
    "status code added": COMPATIBLE,
    "status code removed": COMPATIBLE,
    # What users do not notice.
    "assumption documented": INTERNAL,
    "description changed": INTERNAL,
    "operationId changed": INTERNAL,
    "path parameter renamed": INTERNAL,
    "schema renamed": INTERNAL,
    "tag changed": INTERNAL,
    "encoding changed": INTERNAL,
    "document changed": INTERNAL,
}


def rank(what: str, *, assumed: bool) -> str:
    """Rank one kind of change.

    Args:
        what: The kind, one of ``RANKS``.
        assumed: Whether it was assumed until now. No type guaranteed it, so a change of it is not
            breaking.
    """
    found = RANKS[what]
    return COMPATIBLE if assumed and found == BREAKING else found


def highest(ranks: list[str]) -> str:
    """Return the highest of several ranks; "internal" if there are none."""
    return max(ranks, key=ORDER.index, default=INTERNAL)
