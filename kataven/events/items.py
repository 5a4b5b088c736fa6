"""What the strings among a stream's items mean.

1. A stream yields dicts (data frames) and strings. A string is a comment line (it starts with
   ``:``), an end marker (an ``event`` line that names ``end``), or raw data (it starts with
   ``data``). None can be mistaken for another, so nothing that is sent as data forges a marker.
2. This module knows only the text of items, not how they were read.
"""

from typing import Any, NamedTuple, TypeAlias

EventItem: TypeAlias = dict[str, Any] | str
"""One item of an event stream: a decoded frame, or a line as the Hub sent it."""


class NamedFrame(NamedTuple):
    """A frame with an event name other than ``end``, for a reader that needs the name.

    Attributes:
        name: The name.
        data: What a reader without names gets: the object, or the raw data lines.
    """

    name: str
    data: EventItem


# The name is compared exactly, and one space after the colon is optional: two spellings.
_END_LINES = frozenset({"event: end", "event:end"})


def is_end(item: EventItem) -> bool:
    """Return whether an item is the end marker of a campaign's event stream.

    The marker says that the campaign reached a terminal status (documented). The stream itself
    lasts until the Hub closes it.

    Args:
        item: One item of the stream.

    Returns:
        True for ``event: end`` (or ``event:end``); False for every dict, comment and raw data line.
    """
    return isinstance(item, str) and item in _END_LINES


def is_heartbeat(item: EventItem) -> bool:
    """Return whether an item is a comment line, which only says that the stream is alive.

    The Hub sends ``: heartbeat`` every 15 seconds (documented). That any other comment counts too
    is our choice: a comment has no other use in an event stream.

    Args:
        item: One item of the stream.

    Returns:
        True for a string that starts with ``:``; False for dicts, end markers and raw data lines.
    """
    return isinstance(item, str) and item.startswith(":")
