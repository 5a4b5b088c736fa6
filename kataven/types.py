"""The shapes of what the Hub answers, for annotations.

TypedDicts and status words generated from the specification, under public names. At run time every
answer is a plain ``dict``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kataven_hub.typed_dicts import (
    CallLimits,
    Campaign,
    CampaignList,
    CampaignSnapshot,
    CampaignStatus,
    CampaignTransition,
    Contact,
    ContactPage,
    ContactStatus,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CallLimits",
    "Campaign",
    "CampaignList",
    "CampaignSnapshot",
    "CampaignStatus",
    "CampaignTransition",
    "Contact",
    "ContactPage",
    "ContactStatus",
    "as_dict",
]


def as_dict(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same object, annotated as ``dict[str, Any]``.

    A TypedDict is not assignable to ``Dict[str, Any]``, which is what the contract prints; this is
    the way out for code annotated so.

    Args:
        answer: What a method of ``client.campaigns`` returned.

    Returns:
        The same object, not a copy.
    """
    return cast("dict[str, Any]", answer)
