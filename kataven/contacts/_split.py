"""``split``: divides a long list into parts that each fit one campaign.

Records stay complete and in order, their bytes are copied unchanged, and the header is repeated.
Checks and changes nothing; reads quotes as the csv module does.
"""

from __future__ import annotations

import re
from itertools import chain
from numbers import Integral
from typing import TYPE_CHECKING

from kataven.contacts._files import TempFile
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import EMPTY_LIST, MAX_BYTES, MAX_ROWS, PART_BYTES
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.text import TextBlocks, check_encoding
from kataven.contacts.source.open import (
    ContactsSource,
    Progress,
    base_name,
    check_progress,
    open_source,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Part", "split"]


class Part(TempFile):
    """A part of a list: a seekable binary file at its start, for `create(contacts=...)`.

    It is a temporary file that is deleted when it is closed or garbage collected.

    Attributes:
        index: Its position among the parts, from 0.
        rows: The number of its records, without the header and blank lines.
    """

    def __init__(self, name: str, index: int) -> None:
        super().__init__(name)
        self.index = index
        self.rows = 0


def split(
    source: ContactsSource,
    *,
    max_bytes: int = PART_BYTES,
    max_rows: int | None = MAX_ROWS,
    encoding: str | None = None,
    on_progress: Progress | None = None,
) -> Iterator[Part]:
    """Divide a list into parts that each fit one campaign.

    The bytes of each record are copied unchanged: the parts without their headers, joined, are the
    source after its header, except for blank lines that fit into no part with a record. The source
    is read while the parts are consumed, in constant memory.

    Args:
        source: A binary file (read from its current position), a path, bytes, an iterable of
            mappings, or a pandas, polars or Arrow table.
        max_bytes: The maximum size of a part in bytes, including its header. The Hub documents
            "10 MB"; the default fits whether that means 10,000,000 bytes or 10 MiB.
        max_rows: The maximum number of records in a part, None for no limit. The Hub documents
            about 100,000.
        encoding: Needed only for an encoding that does not contain ASCII (``utf-16-le``) and
            without a byte order mark.
        on_progress: Called with the bytes of the source that were read and their total (None if
            unknown), after each chunk.

    Returns:
        An iterator of the parts. A list with only a header has none.

    Raises:
        ValueError: ``max_bytes`` or ``max_rows`` is less than 1, or there is no such encoding.
        ContactsError: While iterating: the list is empty, or one record with the header is larger
            than ``max_bytes``.
        FileNotFoundError: While iterating: the path does not exist.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source, or a limit is not a whole number.
    """
    for name, value in (("max_bytes", max_bytes), ("max_rows", max_rows)):
        given: object = value
        if given is None and name == "max_rows":
            continue
        if not isinstance(given, Integral):
            raise TypeError(f"{name} must be a whole number, at least 1, not {given!r:.80}")
        if given < 1:
            raise ValueError(f"{name} must be at least 1, not {given}")
    check_encoding(encoding)
    check_progress(on_progress)
    return _split(source, max_bytes, max_rows, encoding, on_progress)


def _split(
    source: ContactsSource,
    max_bytes: int,
    max_rows: int | None,
    encoding: str | None,
    on_progress: Progress | None,
) -> Iterator[Part]:
    with open_source(source, on_progress=on_progress) as file:
        stem = base_name(file).removesuffix(".csv")
        records = _Records(TextBlocks(file, encoding, verbatim=True))
        header = records.header()
        part: Part | None = None
        size = 0
        blank = bytearray()
        row = records.row
        index = 0
        try:
            for data, rows in records:
                row += 1
                if not rows:
                    # A part needs a record (the Hub refuses an empty list), and there may be none
                    # after the blank lines.
                    if part is not None and not blank and size + len(data) <= max_bytes:
                        size += part.write(data)
                    elif len(header) + len(blank) + len(data) <= max_bytes:
                        blank += data
                    continue
                if part is not None and (
                    blank
                    or size + len(data) > max_bytes
                    or (max_rows is not None and part.rows + rows > max_rows)
                ):
                    done, part = part, None
                    done.seek(0)
                    yield done
                if part is None:
                    part = Part(f"{stem}-{index + 1:03d}.csv", index)
                    index += 1
                    size = part.write(header)
                if size + len(data) > max_bytes:
                    raise refusal(
                        "too_large",
                        f"the row and the header have {size + len(data):,} bytes, more than "
                        f"max_bytes ({max_bytes:,}): increase max_bytes, or shorten the row",
                        row=row,
                    )
                if size + len(blank) + len(data) <= max_bytes:
                    size += part.write(blank)
                blank.clear()
                size += part.write(data)
                part.rows += rows
            if part is not None:
                done, part = part, None
                done.seek(0)
                yield done
        finally:
            if part is not None:
                part.close()


class _Records:
    """Divides verbatim text into records: the bytes, and 1 (or 0 for a blank line)."""

    def __init__(self, blocks: TextBlocks) -> None:
        self._blocks = blocks
        self._texts = iter(blocks)
        first = next(self._texts, None)
        if first is None:
            raise refusal("empty_file", EMPTY_LIST)
        self._stream = chain((first,), self._texts)
        mark = re.escape(blocks.separator or delimiter_of(first.text))
        end = r"\r" if blocks.old_mac else r"\n"
        # A quote opens only at the start of a cell; text after a closing quote is plain text.
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|(?!"))[^{mark}{end}]*+'
        self._record = re.compile(rf"(?:{cell}{mark})*+{cell}(?:{end}|\Z)")
        self._line = re.compile(rf"[^{end}]*+(?:{end}|\Z)")
        self._all = self._each()
        self.row = 1

    def header(self) -> bytes:
        """Return byte order mark, ``sep=`` line and header, with the blank lines before it."""
        found = [self._blocks.mark, self._blocks.separator_line]
        for data, rows in self._all:
            found.append(data)
            if rows:
                break
            self.row += 1
        return b"".join(found)

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return self._all

    def _each(self) -> Iterator[tuple[bytes, int]]:
        encoding = self._blocks.encoding
        rest: list[str] = []
        rest_length = 0
        parse_again_at = 0
        for block in self._stream:
            if block.wrong:
                place = block.wrong[0]
                raise refusal(
                    "bad_encoding",
                    f"byte {place.offset} (0x{place.byte:02x}) is not {encoding.upper()}: the "
                    "list cannot be split without its encoding, name it with encoding=",
                )
            rest.append(block.text)
            rest_length += len(block.text)
            quiet = '"' not in block.text or rest_length < parse_again_at
            if len(rest) > 1 and quiet and rest_length < MAX_BYTES:
                continue
            text = "".join(rest)
            for record in self._complete(text, final=False):
                if record is None:
                    break
                yield record.encode(encoding), int(bool(record.strip("\r\n")))
                rest_length -= len(record)
            rest = [text[len(text) - rest_length :]] if rest_length else []
            # Parse an incomplete record again only when the text has doubled.
            parse_again_at = 2 * rest_length if rest_length == len(text) else 0
        for record in self._complete("".join(rest), final=True):
            if record is not None:
                yield record.encode(encoding), int(bool(record.strip("\r\n")))

    def _complete(self, text: str, *, final: bool) -> Iterator[str | None]:
        """Yield the complete records; None before one that may continue."""
        at = 0
        while at < len(text):
            found = self._record.match(text, at)
            if found is None and not final and len(text) - at < MAX_BYTES:
                yield None
            # If a quote is never closed, its line is a record, as in `check`.
            found = found or self._line.match(text, at)
            end = found.end() if found else len(text)
            yield text[at:end]
            at = end
