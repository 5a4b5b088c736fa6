"""The marker that ties a campaign to its part, and the campaigns that carry one.

Knows what a list of campaigns proves. A list that may be incomplete proves nothing: neither that a
campaign is absent nor that it is the only one.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven import _validate
from kataven.campaigns.listing import incomplete
from kataven.campaigns.pages import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.bulk._plan import BulkPlan, Part

__all__ = ["Marked", "campaign_id", "marked", "marker"]

_DIGITS: Final = 16
_MARKER: Final = re.compile(r"\[kv:([0-9a-f]{8,64})\]\s*\Z")


def marker(plan: BulkPlan, part: Part) -> str:
    """Return the marker of a part, which depends on nothing but the plan and its bytes."""
    digits = hashlib.sha256(f"{plan.id} {part.sha256}".encode()).hexdigest()[:_DIGITS]
    return f"[kv:{digits}]"


@dataclass(frozen=True, slots=True)
class Marked:
    """What a list of campaigns shows.

    Attributes:
        by_marker: The campaigns with each marker.
        by_id: The campaigns by their id.
        incomplete: How many there are, if that suggests that others are missing; else None.
    """

    by_marker: Mapping[str, list[Mapping[str, Any]]]
    by_id: Mapping[str, Mapping[str, Any]]
    incomplete: str | None


def marked(document: Mapping[str, Any]) -> Marked:
    """Read a list of campaigns."""
    rows = rows_of(document, "campaigns")
    by_marker: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    by_id: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if not isinstance(row, dict):
            continue
        found = campaign_id(row)
        if found is not None:
            by_id[found] = row
        name = row.get("name")
        match = _MARKER.search(name) if isinstance(name, str) else None
        if match is not None:
            by_marker[f"[kv:{match[1]}]"].append(row)
    return Marked(dict(by_marker), by_id, incomplete(rows, document.get("total")))


def campaign_id(campaign: Mapping[str, Any]) -> str | None:
    """Return the id of a campaign if requests can be made with it, else None."""
    found = campaign.get("id")
    return found if isinstance(found, str) and _validate.is_segment(found) else None
