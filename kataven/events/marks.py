"""What the strings among a stream's items mean.

1. A stream yields dicts (data frames) and strings. A string is a comment line (it opens with
   ``:``), an end marker (an ``event`` line that names ``end``), or raw data (it opens with
   ``data``); none can be taken for another, so nothing that is sent as data forges a marker.
2. This module knows only the text of items. It must not know how they were read, or over what.
"""

from typing import Any, TypeAlias

EventItem: TypeAlias = dict[str, Any] | str
"""One item of an event stream: a decoded frame, or a line as the Hub sent it."""

# The name is compared exactly, and one space after the colon is no part of it: two spellings.
_END_LINES = frozenset({"event: end", "event:end"})


def is_end(item: EventItem) -> bool:
    """Say whether an item is the end marker of a campaign's event stream.

    The marker says that the campaign reached a terminal status (documented). The stream itself goes
    on until the Hub closes it.

    Args:
        item: One item of the stream.

    Returns:
        True for ``event: end`` (or ``event:end``); False for every dict, comment and raw data line.
    """
    return isinstance(item, str) and item in _END_LINES


def is_heartbeat(item: EventItem) -> bool:
    """Say whether an item is a comment line, which carries no news but that the stream lives.

    The Hub sends ``: heartbeat`` every 15 seconds (documented). That any other comment counts too
    is our choice: a comment has no other use in an event stream.

    Args:
        item: One item of the stream.

    Returns:
        True for a string that opens with ``:``; False for dicts, end markers and raw data lines.
    """
    return isinstance(item, str) and item.startswith(":")
