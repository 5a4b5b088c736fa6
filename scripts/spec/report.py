"""Words a report: for people, for programs as JSON, and for CHANGELOG and version."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from .ranks import BREAKING, COMPATIBLE, INTERNAL, highest

if TYPE_CHECKING:
    from .change import Change
    from .places import Places

EXIT_CODES = {INTERNAL: 0, COMPATIBLE: 10, BREAKING: 20}

_HEADINGS = {
    BREAKING: "Breaking for users of kataven",
    COMPATIBLE: "Compatible: users need not do anything",
    INTERNAL: "Internal: users see nothing of it",
}


def as_json(changes: list[Change]) -> dict[str, Any]:
    """The report for programs."""
    return {
        "rank": highest([change.rank for change in changes]),
        "changes": [change.as_json() for change in changes],
    }


def as_text(changes: list[Change], notes: list[str], version: str, places: Places) -> str:
    """The report for people.

    Args:
        changes: The changes, the gravest first.
        notes: Sentences for the maintainer.
        version: The version of kataven that stands now.
        places: Knows what users call an operation.
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
    if notes:
        blocks.append("To do in our own tables:")
        blocks += [_line(note) for note in notes]
    lines = changelog(changes, places)
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


def changelog(changes: list[Change], places: Places) -> list[str]:
    """Lines for CHANGELOG.md: what users of kataven read, under their names, without our to-do."""
    lines = []
    for rank, word in ((BREAKING, "Breaking"), (COMPATIBLE, "Changed")):
        for change in changes:
            if change.rank == rank:
                what = change.message.partition("; ")[0]
                where = f" ({places.sdk_name(change.operation)})" if change.operation else ""
                lines.append(f"{word}: {what}{where}.")
    return lines


def next_version(version: str, rank: str) -> str:
    """The next version by semantic versioning; below 1.0 a breaking change raises the minor number.

    Args:
        version: Such as "0.1.0".
        rank: The gravest rank of the changes.
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    if rank == BREAKING and major:
        return f"{major + 1}.0.0"
    if rank == BREAKING or (rank == COMPATIBLE and major):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
