"""Where a long list can be cut into chunks: at line ends outside quotes.

Counts quotes and reads no cells, so a stray quote can mislead it. The process that cleans a chunk
therefore says where its last complete record ends, and the next chunk starts there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kataven.bulk._source import Layout

__all__ = ["chunk_end", "line_start"]

_BACK: Final = 64 * 1024


def chunk_end(path: str, layout: Layout, size: int, start: int, wanted: int) -> int:
    """Return where a chunk of a file ends.

    Args:
        path: The file.
        layout: How it is read.
        size: Its size in bytes.
        start: Where the chunk starts: at the start of a record.
        wanted: The size of the chunk in bytes; it becomes longer if no line ends before.

    Returns:
        The end of a line which is probably the end of a record, or the end of the file.
    """
    line_end = _line_end(layout)
    data = b""
    with Path(path).open("rb") as file:
        file.seek(start)
        while start + len(data) + wanted < size and (more := file.read(wanted)):
            data += more
            if last := _rfind(data, line_end, len(data)):
                return start + _outside_quotes(data, last, layout)
            wanted = len(data)
    return size


def _outside_quotes(data: bytes, last: int, layout: Layout) -> int:
    """Return the last line end after an even number of quotes."""
    line_end = _line_end(layout)
    end = last
    quotes = _quotes(data, 0, end, layout)
    while quotes % 2:
        before = _rfind(data, line_end, end - 1)
        if not before or last - before > _BACK:
            # Probably not a cell with so many lines but a stray quote.
            return last
        quotes -= _quotes(data, before, end, layout)
        end = before
    return end


def _quotes(data: bytes, start: int, end: int, layout: Layout) -> int:
    quote = '"'.encode(layout.encoding)
    if len(quote) == 1:
        return data.count(quote, start, end)
    return data[start:end].decode(layout.encoding, "replace").count('"')


def _line_end(layout: Layout) -> bytes:
    return ("\r" if layout.old_mac else "\n").encode(layout.encoding)


def _rfind(data: bytes, line_end: bytes, end: int) -> int:
    """Find the end of the last complete line that ends at ``end`` or before, 0 if there is none."""
    width = len(line_end)
    found = data.rfind(line_end, 0, end)
    # In a wide encoding a match counts only on a character boundary.
    while found >= 0 and found % width:
        found = data.rfind(line_end, 0, found + width - 1)
    return found + width if found >= 0 else 0


def line_start(data: bytes, layout: Layout, lines: int) -> int:
    """Return where the last lines of a chunk start.

    Args:
        data: The chunk.
        layout: How it is read.
        lines: The number of line ends in the rest.

    Returns:
        The position after the line end before them, 0 if there is none.
    """
    line_end = _line_end(layout)
    end = len(data)
    for _ in range(lines):
        found = _rfind(data, line_end, end)
        if not found:
            return 0
        end = found - len(line_end)
    return _rfind(data, line_end, end)
