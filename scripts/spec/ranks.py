"""Knows what each kind of change means to a user of kataven: a table, and nothing else.

The user calls methods and reads dicts; what only a reader of the raw specification sees is
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
    "request format changed": COMPATIBLE,
    "request field became nullable": COMPATIBLE,
    "request field no longer nullable": BREAKING,
    "request bound narrowed": BREAKING,
    "request bound widened": COMPATIBLE,
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
    "response format changed": COMPATIBLE,
    "response field became nullable": BREAKING,
    "response field no longer nullable": COMPATIBLE,
    "response bound narrowed": COMPATIBLE,
    "response bound widened": COMPATIBLE,
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
    # What nobody outside the generated code sees.
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
        assumed: Whether it was a guess of ours until now: no type promised it, so it breaks no
            promise.
    """
    found = RANKS[what]
    return COMPATIBLE if assumed and found == BREAKING else found


def highest(ranks: list[str]) -> str:
    """The rank of several changes together; "internal" for none."""
    return max(ranks, key=ORDER.index, default=INTERNAL)
