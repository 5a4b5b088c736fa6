"""Checks of what callers pass in: options, ids, numbers, times, functions.

Each check is written once, here, and raises before anything is sent. Knows no request; whether a
value makes sense to the Hub is the Hub's to judge.
"""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from kataven._flow.operation import Timeout
from kataven._flow.responses import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

# Three years. Beyond that, the machine's clocks and sockets overflow.
_LONGEST_TIME: Final = 1e8
# Control characters, and the line ends of Unicode.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 3339 by its grammar; datetime.fromisoformat takes week dates and rejects a lower-case "t".
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def seconds(name: str, value: float, *, zero: bool = False) -> float:
    """Return the value if it is a length of time.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is negative, not a number, longer than three years, or 0 where ``zero`` is
            False.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not (value > 0 or (zero and value == 0)):
        least = "0 or more" if zero else "more than 0"
        raise ValueError(f"{name} must be {least} seconds, not {shown(value)}")
    if value > _LONGEST_TIME:
        raise ValueError(f"{name} must be at most {_LONGEST_TIME:.0f} seconds, not {shown(value)}")
    return value


def optional_seconds(name: str, value: float | None, *, zero: bool = False) -> float | None:
    """Return the value if it is a length of time or None."""
    return None if value is None else seconds(name, value, zero=zero)


def timeout(value: float | Timeout) -> Timeout:
    """Return the timeouts of a request; one number applies to each phase."""
    if isinstance(value, Timeout):
        phases = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        phases = Timeout(value, value, value, value)
    else:
        raise TypeError(
            "timeout must be a number of seconds or a kataven.Timeout, not "
            f"{type(value).__name__}; a call without one can hang forever"
        )
    for phase in (phases.connect, phases.read, phases.write, phases.pool):
        seconds("timeout", phase)
    return phases


def whole_number(name: str, value: int) -> int:
    """Return the value as a plain ``int``.

    Raises:
        TypeError: If it is not an int; ``True`` calls at once would be a mistake.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    # A member of an enum that is an int would be written as its name.
    return int.__int__(value)


def count(name: str, value: int) -> int:
    """Return the value if it is a whole number that is not negative."""
    number = whole_number(name, value)
    if number < 0:
        raise ValueError(f"{name} must be 0 or more, not {shown(number)}")
    return number


def flag(name: str, value: bool) -> bool:  # noqa: FBT001 - the value that is checked
    """Return the value if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def text(name: str, value: str) -> str:
    """Return the value as a plain ``str``.

    Raises:
        TypeError: If it is not a str.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    # A member of a ``StrEnum`` would be shown as its name.
    return str.__str__(value)


def optional_text(name: str, value: str | None) -> str | None:
    """Return the value as a plain ``str``, or None."""
    return None if value is None else text(name, value)


def is_segment(value: str) -> bool:
    """Return whether the text can be an id: one segment of a path, as the Hub would write it.

    Dots would lead to another path. White space at an end, and line ends, come from a file or a
    terminal and not from the Hub.
    """
    return value not in {"", ".", ".."} and value == value.strip() and not _CONTROL.search(value)


def campaign_id(value: str) -> str:
    """Return the id if it can be one segment of a path; see ``identifier``."""
    plain_id = identifier("campaign_id", value)
    if not is_segment(plain_id):
        raise ValueError(
            f"{shown(plain_id)} is not a campaign id; it would lead to another path of the Hub"
        )
    return plain_id


def identifier(name: str, value: str) -> str:
    """Return the id as a plain ``str``.

    Raises:
        TypeError: If it is not a str.
        ValueError: If it contains a line end or a control character, or begins or ends with white
            space.
    """
    plain_id = text(name, value)
    if _CONTROL.search(plain_id):
        raise ValueError(
            f"{name} contains a line end or a control character: {shown(plain_id)}; remove it"
        )
    if plain_id != plain_id.strip():
        raise ValueError(f"{name} begins or ends with white space: {shown(plain_id)}; remove it")
    return plain_id


def choice(name: str, value: T, allowed: Collection[T]) -> T:
    """Return the value if it is one of those allowed."""
    if value not in allowed:
        words = " or ".join(repr(word) for word in allowed)
        raise ValueError(f"{name} must be {words}, not {shown(value)}")
    return value


def timestamp(name: str, value: str | datetime | None) -> str | None:
    """Return the time as RFC 3339 text; a text is returned as given.

    Raises:
        TypeError: If it is neither a str nor a datetime.
        ValueError: If it is a naive datetime, or not an RFC 3339 time with an offset.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        offset = value.utcoffset()
        if offset is None:
            raise ValueError(
                f"{name} is a naive datetime, {value.isoformat()}, which does not name a moment; "
                "give it a time zone, for example with .astimezone()"
            )
        if offset.seconds % 60 or offset.microseconds:
            # RFC 3339 writes offsets in minutes; some historic zones have seconds.
            value = value.astimezone(UTC)
        return value.isoformat()
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be an RFC 3339 str or an aware datetime, not {type(value).__name__}"
        )
    value = str.__str__(value)
    if not _RFC_3339.fullmatch(value):
        raise ValueError(
            f"{name}={shown(value)} must be an RFC 3339 timestamp with a UTC offset, like "
            "2030-01-31T09:00:00Z or 2030-01-31T10:00:00+01:00"
        )
    return value


def function(name: str, value: Callable[..., object] | None, takes: str) -> None:
    """Raise ``TypeError`` if the value is neither callable nor None.

    Args:
        name: The option.
        value: What was passed.
        takes: What the function receives, for the message.
    """
    if value is not None and not callable(value):
        raise TypeError(
            f"{name} must be a function that takes {takes}, or None, not {type(value).__name__}"
        )


def progress_function(value: Callable[..., object] | None, takes: str, *, awaited: bool) -> None:
    """Raise ``TypeError`` if ``on_progress`` cannot be called.

    Args:
        value: What was passed.
        takes: What the function receives, for the message.
        awaited: Whether it may be a coroutine function.
    """
    function("on_progress", value, takes)
    if not awaited and inspect.iscoroutinefunction(value):
        raise TypeError(
            "on_progress must be a plain function here; coroutine functions are for the async "
            "client"
        )
