"""Text in, rows of cells out, strictly by RFC 4180, in bulk where the text allows it.

Outside quotes there may be neither a quote nor a lone CR; a closing quote is followed by a
delimiter or a line end; a quote that is opened is closed. A record that violates this is returned
as malformed, and reading continues with the next line. Blank lines are rows without cells. Knows
row numbers, and not what cells mean.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.contacts._rules import MAX_BYTES
from kataven.contacts.reader.text import BLOCK, Block, WrongByte

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Batch", "RecordReader"]

# A record longer than the largest upload is a quote that is never closed.
_LONGEST_RECORD: Final = MAX_BYTES
_LARGE: Final = 8 * BLOCK


@dataclass(slots=True)
class Batch:
    """Some consecutive rows.

    Attributes:
        first: The number of the first row, as a spreadsheet shows it.
        rows: The cells of each row: none for a blank line, one cell with the text of the record
            for a malformed record.
        utf8: The text of the rows in UTF-8, for searches.
        malformed: What is wrong with each malformed record, by its index in ``rows``.
        wrong: The first wrong byte of each row that has one, by its index in ``rows``.
    """

    first: int
    rows: list[list[str]]
    utf8: bytes
    malformed: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, WrongByte] = field(default_factory=dict)

    def split_first(self) -> tuple[Batch, Batch]:
        """Separate the header, so that the rows after it can be checked in bulk.

        Returns:
            The first row and the others; all rows and an empty batch if rows have flaws.
        """
        if self.malformed or self.wrong:
            return self, Batch(self.first + len(self.rows), [], b"")
        end = self.utf8.find(b"\n") + 1
        if not end or b'"' in self.utf8[:end]:
            # The end of the first row is unclear. Extra text in a search costs only time.
            end = 0
        first = Batch(self.first, self.rows[:1], self.utf8[:end])
        return first, Batch(self.first + 1, self.rows[1:], self.utf8[end:])


class RecordReader:
    """Divides blocks of lines into rows; the first row is row 1.

    Args:
        blocks: The blocks, in order.
        delimiter: The character between cells.
        lenient: Accept a quote inside an unquoted cell as text, and CR CR LF as a line end; for
            lists that are written again.
        final: Whether the list ends with the last block. If not, a record that may continue after
            it is left ``unread``.
    """

    def __init__(
        self,
        blocks: Iterable[Block],
        delimiter: str = ",",
        *,
        lenient: bool = False,
        final: bool = True,
    ) -> None:
        self._blocks = blocks
        self._final = final
        self._delimiter = delimiter
        mark = re.escape(delimiter)
        quoted = r'"[^"]*+(?:""[^"]*+)*+"'
        bare = rf"(?!\")[^{mark}\r\n]*+" if lenient else rf'[^"{mark}\r\n]*+'
        end = r"\r*\n" if lenient else r"\r?\n"
        self._field = re.compile(rf"({quoted}|{bare})({mark}|{end}|\Z)")
        self._blank = re.compile(end)
        self._bare_end = re.compile(r"\r(?!\r*\n)" if lenient else r'"|\r(?!\n)')
        self._valid = re.compile(rf"(?:(?:{quoted}|{bare})(?:{mark}|{end}|\Z))*+")
        self._row = 1
        self._rest: list[str] = []
        self._rest_wrong: list[WrongByte] = []
        self._rest_length = 0
        self._parse_again_at = 0
        self._requeued: deque[Block] = deque()

    @property
    def unread(self) -> str:
        """The text after the last row that was returned."""
        return "".join(self._rest)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches without gaps: each starts with the row after the previous batch."""
        blocks = iter(self._blocks)
        while True:
            block = self._requeued.popleft() if self._requeued else next(blocks, None)
            if block is None and not self._rest:
                return
            if block is not None and self._can_wait(block):
                self._keep(block)
                continue
            row = self._row
            yield from self._rows_of(block)
            if block is None and self._row == row:
                return

    def _rows_of(self, block: Block | None) -> Iterator[Batch]:
        # Keep no reference to a batch while the next one is read: twice the cells would not fit
        # into the CPU cache.
        batch = self._batch(block)
        if batch.rows:
            yield batch

    def _can_wait(self, block: Block) -> bool:
        """Tell whether the incomplete record cannot, or need not, be parsed again yet."""
        length = self._rest_length + len(block.text)
        if not self._rest or length >= _LONGEST_RECORD:
            return False
        return '"' not in block.text or length < self._parse_again_at

    def _keep(self, block: Block) -> None:
        self._rest.append(block.text)
        shift = self._rest_length
        self._rest_wrong += (WrongByte(w.at + shift, w.offset, w.byte) for w in block.wrong)
        self._rest_length += len(block.text)

    def _batch(self, block: Block | None) -> Batch:
        """Read the rest of the previous block and a block; None means the end of the list."""
        nothing_left = not self._rest
        if block is not None:
            self._keep(block)
        text = self._rest[0] if len(self._rest) == 1 else "".join(self._rest)
        wrong = self._rest_wrong
        self._rest, self._rest_wrong, self._rest_length, self._parse_again_at = [], [], 0, 0
        batch = Batch(self._row, [], b"")
        rest = text
        # If one record took many blocks, read it alone; the rest goes back into blocks.
        single = block is None or len(text) > _LARGE
        if not wrong and not single:
            batch.rows, rest = self._fast(text)
        if rest and not batch.rows:
            final = block is None and self._final
            start = self._slow(batch, rest, wrong, final=final, single=single)
            rest = rest[start:]
            wrong = [WrongByte(w.at - start, w.offset, w.byte) for w in wrong if w.at >= start]
        if block is not None and nothing_left and not rest:
            batch.utf8 = block.utf8
        elif batch.rows:
            batch.utf8 = text[: len(text) - len(rest)].encode("utf-8", "surrogatepass")
        if single and batch.rows:
            self._requeued.extendleft(reversed(_blocks_of(rest, wrong)))
        elif rest:
            self._keep(Block(rest, b"", tuple(wrong)))
            # Parse again only when the text has doubled: the work stays linear.
            self._parse_again_at = 0 if batch.rows else 2 * len(rest)
        self._row += len(batch.rows)
        return batch

    def _fast(self, text: str) -> tuple[list[list[str]], str]:
        """Read all complete records of a valid text, and none of any other text."""
        returns = text.count("\r")
        if returns and text.count("\r\n") != returns:
            return [], text
        if '"' in text:
            return self._quoted(text)
        if returns:
            text = text.replace("\r\n", "\n")
        mark = self._delimiter
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if not all(lines):
            return [line.split(mark) if line else [] for line in lines], ""
        if mark not in text:
            return [[line] for line in lines], ""
        return [line.split(mark) for line in lines], ""

    def _quoted(self, text: str) -> tuple[list[list[str]], str]:
        cut = _open_line(text) if text.count('"') % 2 else len(text)
        complete = text[:cut]
        lines = complete.split("\n")
        if not lines[-1]:
            lines.pop()
        try:
            rows = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
            if len(rows) != len(lines):
                # Cells contain line ends, which split() removed.
                kept = io.StringIO(complete, newline="")
                rows = list(csv.reader(kept, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return [], text
        # The csv module accepts a quote inside an unquoted cell.
        doubtful = '"' in "".join(map("".join, rows))
        if doubtful and not self._valid.fullmatch(complete):
            return [], text
        return rows, text[cut:]

    def _slow(
        self, batch: Batch, text: str, wrong: list[WrongByte], *, final: bool, single: bool
    ) -> int:
        """Read record by record; return the position of the first record that is incomplete."""
        starts: list[int] = []
        at = 0
        while at < len(text):
            cells, end, flaw = self._record(text, at, final=final)
            if flaw == _OPEN:
                break
            if flaw:
                batch.malformed[len(batch.rows)] = flaw
            batch.rows.append(cells)
            starts.append(at)
            at = end
            if single:
                break
        offset = len(batch.rows) - len(starts)
        for place in wrong:
            if place.at < at:
                index = bisect_right(starts, place.at) - 1 + offset
                batch.wrong.setdefault(index, place)
        return at

    def _record(self, text: str, at: int, *, final: bool) -> tuple[list[str], int, str]:
        cells: list[str] = []
        here = at
        if blank := self._blank.match(text, at):
            return cells, blank.end(), ""
        while True:
            found = self._field.match(text, here)
            if found is None:
                return self._flawed(text, at, here, final=final)
            cell, end = found.groups()
            if cell[:1] == '"':
                cell = cell[1:-1].replace('""', '"')
            cells.append(cell)
            here = found.end()
            if end != self._delimiter:
                return cells, here, ""

    def _flawed(self, text: str, at: int, here: int, *, final: bool) -> tuple[list[str], int, str]:
        line_end = _after_line(text, at)
        if text[here] == '"':
            closed = _QUOTED.match(text, here)
            if closed is None:
                if not final and len(text) - at < _LONGEST_RECORD:
                    return [], at, _OPEN
                return [text[at:line_end].rstrip("\r\n")], line_end, _UNCLOSED
            # If the closing quote is on a later line, the opening quote was the mistake.
            end = line_end if closed.end() > line_end else _after_line(text, closed.end())
            return [text[at:end].rstrip("\r\n")], end, _AFTER_QUOTE
        wrong = self._bare_end.search(text, here)
        flaw = _INSIDE if wrong and wrong.group() == '"' else _LONE_CR
        end = _after_line(text, wrong.start() if wrong else here)
        return [text[at:end].rstrip("\r\n")], end, flaw


_OPEN: Final = "open"
_UNCLOSED: Final = (
    'a quote is opened and never closed: close it, or write "" for a quote inside a cell'
)
_AFTER_QUOTE: Final = (
    'there is text after a closing quote: write "" for a quote inside a quoted cell'
)
_INSIDE: Final = 'there is a quote inside an unquoted cell: write "a ""b"" c" for a "b" c'
_LONE_CR: Final = "there is a carriage return without a line feed: end lines with LF or CRLF"

_QUOTED: Final = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')


def _blocks_of(text: str, wrong: list[WrongByte]) -> list[Block]:
    """Divide a text at line ends into blocks of the usual size."""
    blocks: list[Block] = []
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + BLOCK) + 1 or _after_line(text, start)
        here = tuple(
            WrongByte(w.at - start, w.offset, w.byte) for w in wrong if start <= w.at < end
        )
        part = text[start:end]
        blocks.append(Block(part, part.encode("utf-8", "surrogatepass"), here))
        start = end
    return blocks


def _after_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _open_line(text: str) -> int:
    """Find the start of the line with the quote that is still open at the end of a text."""
    end = len(text)
    while True:
        quote = text.rfind('"', 0, end)
        start = text.rfind("\n", 0, quote) + 1 if quote >= 0 else 0
        line_end = text.find("\n", quote) if quote >= 0 else end
        if start == 0 or text.count('"', start, line_end if line_end >= 0 else end) % 2:
            return start
        end = start
