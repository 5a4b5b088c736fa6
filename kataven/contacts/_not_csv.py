"""Recognises files that are not CSV by their first characters.

Knows how Excel files, archives, PDF, Parquet, HTML and JSON begin. Reads no files.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["other_format"]

# The first bytes as text: as UTF-8 with U+FFFD for bytes that are not UTF-8, and as Latin-1 or
# cp1252.
_FORMATS: Final = (
    (re.compile("PK\x03\x04"), "a zip archive, as Excel files (.xlsx) are"),
    (re.compile("\x1f[\ufffd\x8b\u2039]\x08"), "a gzip file"),
    (re.compile("(?:\ufffd\ufffd|\xd0\xcf)\x11"), "an old Excel file (.xls)"),
    (re.compile("%PDF-"), "a PDF file"),
    (re.compile("PAR1[\0-\x1f]"), "a Parquet file"),
    (re.compile(r"\s*<[!?A-Za-z]"), "HTML or XML"),
    (re.compile(r"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*(?:[\[{\"\]]|\Z))"), "JSON"),
)


def other_format(text: str) -> str | None:
    """Recognise a file that is not CSV.

    A column may be called ``<b>`` or ``[id]``: ask only if no phone number column was found.

    Args:
        text: The beginning of the list, or the first name in it.

    Returns:
        A sentence that says what it seems to be and what to do; None if it may be a CSV list.
    """
    for start, name in _FORMATS:
        if start.match(text):
            return f"the list seems to be {name}, not CSV: save it as CSV (UTF-8)"
    return None
