"""A long list cut into parts that each fit one campaign.

Rules: records stay whole and in order, their bytes are copied as they stand, the header is
repeated. Nothing is mended or checked; quotes are read as the csv module reads them.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from numbers import Integral
from typing import Final

from kataven.contacts._files import OwnFile
from kataven.contacts._problems import refusal
from kataven.contacts._rules import MAX_BYTES
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.text import TextBlocks, known_encoding
from kataven.contacts.source.open import ContactsSource, base_name, open_source

__all__ = ["Part", "split"]

DEFAULT_BYTES: Final = 10_000_000


class Part(OwnFile):
    """A part of a list: a seekable binary file at its start, for `create(contacts=...)`.

    It lies in a temporary file that goes when it is closed or collected.

    Attributes:
        index: Its place among the parts, from 0.
        rows: The number of its records, the header and blank lines not counted.
    """

    def __init__(self, name: str, index: int) -> None:
        """Make an empty part."""
        super().__init__(name)
        self.index = index
        self.rows = 0


def split(
    source: ContactsSource,
    *,
    max_bytes: int = DEFAULT_BYTES,
    max_rows: int | None = None,
    encoding: str | None = None,
) -> Iterator[Part]:
    """Cut a list into parts that each fit one campaign.

    Each record's bytes are copied as they stand: the parts without their headers, joined, are
    the source behind its header, but for blank lines that fit into no part with a record. The
    source is read as the parts are taken, in constant memory.

    Args:
        source: A binary file (read from where it stands), a path, bytes, an iterable of
            mappings, or a table of pandas, polars or Arrow.
        max_bytes: The most bytes of a part, its header among them. The Hub takes "10 MB"
            (documented); the default stays below either reading of it.
        max_rows: The most records of a part, None for no limit of their own.
        encoding: Needed only where it does not contain ASCII and no byte order mark names it
            (`utf-16-le`).

    Returns:
        An iterator of the parts. None come of a list that has only a header.

    Raises:
        ValueError: `max_bytes` or `max_rows` is less than 1, or there is no such encoding.
        ContactsError: While it is read: the list is empty, or one record with the header is
            larger than `max_bytes`.
        FileNotFoundError: While it is read: there is no such path.
        LookupError: There is no such encoding (the same error).
        TypeError: It is no source at all, or a limit is no whole number.
    """
    for name, value in (("max_bytes", max_bytes), ("max_rows", max_rows)):
        given: object = value
        if given is None and name == "max_rows":
            continue
        if not isinstance(given, Integral):
            raise TypeError(f"{name} must be a whole number, at least 1, not {given!r:.80}")
        if given < 1:
            raise ValueError(f"{name} must be at least 1, not {given}")
    known_encoding(encoding)
    return _split(source, max_bytes, max_rows, encoding)


def _split(
    source: ContactsSource, max_bytes: int, max_rows: int | None, encoding: str | None
) -> Iterator[Part]:
    with ExitStack() as closing:
        file = open_source(source, closing)
        stem = base_name(file).removesuffix(".csv")
        records = _Records(TextBlocks(file, encoding, verbatim=True))
        header = records.header()
        part: Part | None = None
        size = 0
        blank = bytearray()
        row = records.row
        index = 0
        try:
            for data, rows, lines in records:
                row += lines
                if not rows:
                    # A part needs a record (the Hub takes no empty list), and one may not follow.
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
                        f"max_bytes ({max_bytes:,}): raise it, or shorten the row",
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
    """Cuts verbatim text into records as bytes: (bytes, 1 or 0 for a blank line, 1)."""

    def __init__(self, blocks: TextBlocks) -> None:
        self._blocks = blocks
        self._texts = iter(blocks)
        first = next(self._texts, None)
        if first is None:
            raise refusal("empty_file", "there is nothing in the list: export it again")
        self._stream = chain((first,), self._texts)
        mark = re.escape(delimiter_of(first.text))
        end = r"\r" if blocks.old_mac else r"\n"
        # A quote opens at the start of a cell only; what follows a closing one is plain text.
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|(?!"))[^{mark}{end}]*+'
        self._record = re.compile(rf"(?:{cell}{mark})*+{cell}(?:{end}|\Z)")
        self._line = re.compile(rf"[^{end}]*+(?:{end}|\Z)")
        self._all = self._each()
        self.row = 1

    def header(self) -> bytes:
        """Give mark and header, with blank lines before it."""
        found = [self._blocks.mark]
        for data, rows, _ in self._all:
            found.append(data)
            if rows:
                break
            self.row += 1
        return b"".join(found)

    def __iter__(self) -> Iterator[tuple[bytes, int, int]]:
        return self._all

    def _each(self) -> Iterator[tuple[bytes, int, int]]:
        encoding = self._blocks.encoding
        rest: list[str] = []
        waiting = 0
        patience = 0
        for block in self._stream:
            if block.wrong:
                place = block.wrong[0]
                raise refusal(
                    "bad_encoding",
                    f"byte {place.offset} (0x{place.byte:02x}) is not {encoding.upper()}: the "
                    "list cannot be cut without knowing its encoding, name it by encoding=",
                )
            rest.append(block.text)
            waiting += len(block.text)
            quiet = '"' not in block.text or waiting < patience
            if len(rest) > 1 and quiet and waiting < MAX_BYTES:
                continue
            text = "".join(rest)
            for record in self._whole(text, final=False):
                if record is None:
                    break
                yield record.encode(encoding), int(bool(record.strip("\r\n"))), 1
                waiting -= len(record)
            rest = [text[len(text) - waiting :]] if waiting else []
            # A record that is still open is looked at again when it has doubled.
            patience = 2 * waiting if waiting == len(text) else 0
        for record in self._whole("".join(rest), final=True):
            if record is not None:
                yield record.encode(encoding), int(bool(record.strip("\r\n"))), 1

    def _whole(self, text: str, *, final: bool) -> Iterator[str | None]:
        """Give the whole records; None before one that may go on."""
        at = 0
        while at < len(text):
            found = self._record.match(text, at)
            if found is None and not final and len(text) - at < MAX_BYTES:
                yield None
            # A quote that is never closed: its line is a record, as it is for `check`.
            found = found or self._line.match(text, at)
            end = found.end() if found else len(text)
            yield text[at:end]
            at = end
