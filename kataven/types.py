"""Types for annotating the Hub's responses, and the way from a response's time to a datetime.

The TypedDicts and the statuses are generated from openapi.yaml. At run time every response is a
plain ``dict``. The fields of ``Contact`` are assumed: a type checker allows ``contact["id"]``,
``contact["phone_number"]`` and ``contact["status"]``, but if the Hub leaves one out, this raises
``KeyError``.
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

from kataven._words import ExportFormat, KnownLastError, LastError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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
    "ExportFormat",
    "KnownLastError",
    "LastError",
    "as_dict",
    "parse_time",
]


def as_dict(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same object, annotated as ``dict[str, Any]``.

    A type checker does not accept a TypedDict where ``dict[str, Any]`` is expected. This function
    is for code that is annotated that way.

    Args:
        answer: A response, such as ``client.campaigns.get(campaign_id)``.

    Returns:
        The same object, not a copy.
    """
    return cast("dict[str, Any]", answer)


def parse_time(text: str) -> datetime:
    """Convert a time of a response, such as ``campaign["created_at"]``, to a datetime.

    The Hub sends times in RFC 3339 with up to nine fractional digits (documented). A datetime holds
    six; further digits are cut off, not rounded.

    Args:
        text: The time. Its UTC offset is required; "t" and "z" may be lower-case.

    Returns:
        An aware datetime with the offset of the text.

    Raises:
        TypeError: ``text`` is not a str. A time that is not known yet is None in a response.
        ValueError: ``text`` is not a time, or has no UTC offset. The message quotes it.
    """
    # Imported late, so that importing kataven.types stays fast.
    from dateutil.parser import isoparse  # noqa: PLC0415

    # isoparse would also read bytes and files.
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, not {type(text).__name__}")
    try:
        moment = isoparse(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a valid time: {error}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset, so it does not identify a point in time")
    return moment
