"""Timestamps as a Go server reads and prints them: RFC 3339 with nanoseconds.

Knows the text format only. Must not know what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from kataven.sandbox.model.clock import NANOSECONDS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PATTERN: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
# SQLite and the packed contact state hold times as signed 64-bit integers.
_LATEST: Final = 2**63 - 1


def write(when: int) -> str:
    """Return a time as Go prints it in JSON: UTC, up to nine digits, trailing zeros dropped.

    Args:
        when: Nanoseconds since 1970.
    """
    seconds, fraction = divmod(when, NANOSECONDS)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def to_datetime(when: int) -> datetime:
    """Return a time as an aware datetime in UTC, truncated to microseconds.

    Args:
        when: Nanoseconds since 1970.
    """
    return _EPOCH + timedelta(microseconds=when // 1000)


def read(text: str) -> tuple[int, str]:
    """Parse an RFC 3339 timestamp.

    Args:
        text: The timestamp, with ``Z`` or an offset.

    Returns:
        Nanoseconds since 1970, and the text as Go would print it, with its offset.

    Raises:
        ValueError: The text is not an RFC 3339 timestamp, or is outside 1970 to 2262.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339")
    day, clock, fraction, sign, hours, minutes = match.groups()
    offset = 0
    if sign is not None:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError("the offset is out of range")
        offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
    local = datetime.strptime(f"{day} {clock}+0000", "%Y-%m-%d %H:%M:%S%z")
    seconds = round((local - _EPOCH).total_seconds()) - offset * 60
    when = seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))
    if not 0 <= when <= _LATEST:
        raise ValueError("the year is out of range")
    digits = (fraction or "").rstrip("0")
    zone = "Z" if offset == 0 else f"{sign}{hours}:{minutes}"
    return when, f"{day}T{clock}" + (f".{digits}" if digits else "") + zone
