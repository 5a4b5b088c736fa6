"""Odd text in cells: invisible characters and spreadsheet formulas.

Knows single cells, and how to rule out odd text in a block of rows without looking at its cells.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TextScan", "is_formula", "is_unprintable"]

# Joiners and the no-break spaces of French and German text are legitimate.
_FINE: Final = re.compile(r"[\t\n\r\u00a0\u2002-\u200a\u200c\u200d\u202f\u3000]+")
_PLAIN: Final = bytes({*range(0x20, 0x7F), 0x0A, 0x09} - {0x22})
_STARTS: Final = frozenset("=+-@\t\r\n")
# A spreadsheet shows -12.50 and +44 20 7946 0018 unchanged.
_NUMERIC: Final = re.compile(r"[+-][0-9][0-9 .,()/-]*")
_REPLACEMENT: Final = "\ufffd"


def is_unprintable(cell: str) -> bool:
    """Tell whether a cell contains invisible or replacement characters.

    Args:
        cell: The text of the cell.

    Returns:
        True for control characters, zero-width characters other than joiners, direction marks and
        U+FFFD; False for tabs, line ends and spaces of any width.
    """
    if cell.isprintable():
        return _REPLACEMENT in cell
    return not _FINE.sub("", cell).isprintable() or _REPLACEMENT in cell


def is_formula(cell: str) -> bool:
    """Tell whether a spreadsheet would evaluate a cell.

    Args:
        cell: The text of the cell.

    Returns:
        True for text that starts with ``=``, ``+``, ``-``, ``@``, TAB, CR or LF; False for a plain
        number.
    """
    return cell[:1] in _STARTS and cell != "" and not _NUMERIC.fullmatch(cell)


class TextScan:
    """Tells whether a block of rows may contain odd text, without looking at its cells.

    Args:
        delimiter: The character between cells.
    """

    __slots__ = ("_starts",)

    def __init__(self, delimiter: str) -> None:
        # Turns whatever comes before a cell into a comma, and the start of a formula into a dash.
        self._starts = bytes.maketrans(delimiter.encode() + b'\n"=@\t', b",,,---")

    def may_be_odd(self, utf8: bytes, rows: int) -> bool:
        """Search a block.

        Args:
            utf8: The text of complete rows.
            rows: The number of rows; each contains one well-formed phone number.

        Returns:
            False if no cell except the numbers starts like a formula and none is unprintable. True
            if one may; look at the cells to find out.
        """
        rest = utf8.translate(None, _PLAIN)
        if rest and (_is_odd(rest) or (b'"' in rest and _has_line_ends(utf8, rest, rows))):
            return True
        pluses = utf8.count(b"+")
        if pluses == rows and not any(mark in utf8 for mark in (b"=", b"-", b"@", b"\t")):
            return False
        starts = b"," + utf8.translate(self._starts)
        return b",-" in starts or (pluses != rows and starts.count(b",+") != rows)


def _has_line_ends(utf8: bytes, rest: bytes, rows: int) -> bool:
    """Tell whether cells contain line ends, and so may start with one."""
    returns = rest.count(b"\r")
    ends = rows if utf8.endswith(b"\n") else rows - 1
    return utf8.count(b"\n") != ends or (returns > 0 and utf8.count(b"\r\n") != returns)


def _is_odd(rest: bytes) -> bool:
    """Judge the bytes of a block that are left when plain ASCII is removed."""
    unusual = rest.translate(None, b'"\r')
    if not unusual:
        return False
    text = unusual.decode("utf-8", "replace")
    return _REPLACEMENT in text or not (text.isprintable() or _FINE.sub("", text).isprintable())
