"""What is odd about the text of cells: characters nobody sees, formulas.

Knows single cells, and how to tell at C speed that a whole block has nothing of the kind.
"""

import re
from typing import Final

__all__ = ["NUL_MESSAGE", "TextScan", "is_formula", "is_unprintable"]

NUL_MESSAGE: Final = (
    "there is a NUL character: export the list again; where there are many, it is UTF-16 without "
    "a byte order mark, and encoding='utf-16-le' reads it"
)

# Joiners and the no-break spaces of French and German text are no mistakes.
_FINE: Final = re.compile(r"[\t\n\r\u00a0\u2002-\u200a\u200c\u200d\u202f\u3000]+")
_PLAIN: Final = bytes({*range(0x20, 0x7F), 0x0A, 0x09} - {0x22})
_STARTS: Final = frozenset("=+-@\t\r\n")
# -12.50 and +44 20 7946 0018 calculate nothing.
_NUMERIC: Final = re.compile(r"[+-][0-9][0-9 .,()/-]*")
_REPLACED: Final = "\ufffd"


def is_unprintable(cell: str) -> bool:
    """Tell whether a cell holds characters that nobody sees or that stand for lost ones.

    Args:
        cell: The cell's text.

    Returns:
        True for control characters, zero-width ones but joiners, direction marks, U+FFFD;
        False for tabs, line ends and spaces of any width.
    """
    if cell.isprintable():
        return _REPLACED in cell
    return not _FINE.sub("", cell).isprintable() or _REPLACED in cell


def is_formula(cell: str) -> bool:
    """Tell whether a spreadsheet would calculate with a cell.

    Args:
        cell: The cell's text.

    Returns:
        True for text that starts with = + - @ TAB CR or LF; False for a plain number.
    """
    return cell[:1] in _STARTS and cell != "" and not _NUMERIC.fullmatch(cell)


class TextScan:
    """Tells whether a block of rows may hold odd text, without looking at its cells.

    Args:
        delimiter: The character between cells.
    """

    __slots__ = ("_starts",)

    def __init__(self, delimiter: str) -> None:
        """Make the table that turns starts of cells into commas, starts of formulas into dashes."""
        self._starts = bytes.maketrans(delimiter.encode() + b'\n"=@\t', b",,,---")

    def may_be_odd(self, utf8: bytes, rows: int) -> bool:
        """Search a block.

        Args:
            utf8: The text of whole rows.
            rows: How many of its cells are well-formed numbers, each with one plus at its start.

        Returns:
            False if no cell but the numbers starts like a formula and none is unprintable; True
            if one may.
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
    """Tell whether cells hold line ends, and so may start with one."""
    returns = rest.count(b"\r")
    ends = rows if utf8.endswith(b"\n") else rows - 1
    return utf8.count(b"\n") != ends or (returns > 0 and utf8.count(b"\r\n") != returns)


def _is_odd(rest: bytes) -> bool:
    """Judge the bytes of a block that are neither plain nor line ends, put together."""
    unseen = rest.translate(None, b'"\r')
    if not unseen:
        return False
    text = unseen.decode("utf-8", "replace")
    return _REPLACED in text or not (text.isprintable() or _FINE.sub("", text).isprintable())
