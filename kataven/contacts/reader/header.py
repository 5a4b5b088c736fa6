"""The names in the first record of a list, from its bytes.

Knows byte order marks, quoting and line ends. Reads no other rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import Final

__all__ = ["WIDE_MARKS", "header_names"]

WIDE_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks of encodings that the Hub does not accept, the longer ones first."""

_QUOTE: Final = ord('"')
_QUOTED_OR_END: Final = re.compile(rb'"[^"]*+(?:"|\Z)|[\r\n]')


def header_names(data: bytes) -> list[str]:
    """Read the names in the first record of a list.

    Args:
        data: The complete list, in UTF-8 with or without a byte order mark.

    Returns:
        The names, neither trimmed nor case-folded. Empty for an empty record.
    """
    ends = (
        found.start() for found in _QUOTED_OR_END.finditer(data) if data[found.start()] != _QUOTE
    )
    end = next(ends, len(data))
    # A quoted name longer than the csv module's limit can only be a quote that is never closed.
    # Cut the bytes first: a character takes at most four, and a record may have 10 MiB.
    limit = csv.field_size_limit()
    start = data[: min(end, 4 * limit + len(codecs.BOM_UTF8))].removeprefix(codecs.BOM_UTF8)
    text = start.decode("utf-8", "replace")[:limit]
    # Not splitlines, which also splits at characters that do not end a line of CSV (U+2028, VT).
    return next(csv.reader(io.StringIO(text, newline="")), [])
