"""Words a report: for people, as JSON, and as lines for CHANGELOG.md with the next version."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .ranks import BREAKING, COMPATIBLE, INTERNAL, highest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .findings import Change

EXIT_CODES = {INTERNAL: 0, COMPATIBLE: 10, BREAKING: 20}

_HEADINGS = {
    BREAKING: "Breaking for users of kataven",
    COMPATIBLE: "Compatible: users need not do anything",
    INTERNAL: "Internal: users do not notice",
}


def as_json(changes: list[Change]) -> dict[str, Any]:
    """Return the report for programs: the keys "rank" and "changes"."""
    return {
        "rank": highest([change.rank for change in changes]),
        "changes": [asdict(change) for change in changes],
    }


def as_text(
    changes: list[Change],
    sections: Mapping[str, list[str]],
    version: str,
    methods: Mapping[str, str],
) -> str:
    """Return the report for people.

    Args:
        changes: The changes, breaking ones first.
        sections: Further sentences by heading; an empty section is left out.
        version: The present version of kataven.
        methods: What users call each operation, by operationId.
    """
    blocks = []
    for rank, heading in _HEADINGS.items():
        chosen = [change for change in changes if change.rank == rank]
        if chosen:
            blocks.append(f"{heading} ({len(chosen)}):")
            blocks += [
                _line(_where(change) + f"{change.what}: {change.message}") for change in chosen
            ]
    if not changes:
        blocks.append("Nothing changed.")
    for heading, sentences in sections.items():
        if sentences:
            blocks.append(f"{heading} ({len(sentences)}):")
            blocks += [_line(sentence) for sentence in sentences]
    lines = changelog(changes, methods)
    if lines:
        blocks.append("For CHANGELOG.md:")
        blocks += [_line(line) for line in lines]
        following = next_version(version, highest([change.rank for change in changes]))
        blocks.append(f"Next version: {following} (now {version})")
    return "\n".join(blocks)


def _where(change: Change) -> str:
    return f"{change.operation}: " if change.operation else ""


def _line(text: str) -> str:
    return textwrap.fill(
        text,
        width=100,
        initial_indent="  - ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def changelog(changes: list[Change], methods: Mapping[str, str]) -> list[str]:
    """Return lines for CHANGELOG.md, in terms of what users call.

    Args:
        changes: The changes.
        methods: What users call each operation, by operationId.
    """
    lines = []
    for rank, word in ((BREAKING, "Breaking"), (COMPATIBLE, "Changed")):
        for change in changes:
            if change.rank == rank:
                what = change.message.partition("; ")[0]
                where = f" ({methods[change.operation]})" if change.operation else ""
                lines.append(f"{word}: {what}{where}.")
    return lines


def next_version(version: str, rank: str) -> str:
    """Return the next semantic version. Below 1.0 a breaking change raises the minor number.

    Args:
        version: The present version, such as "0.1.0".
        rank: The highest rank of the changes.
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    if rank == BREAKING and major:
        return f"{major + 1}.0.0"
    if rank == BREAKING or (rank == COMPATIBLE and major):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
