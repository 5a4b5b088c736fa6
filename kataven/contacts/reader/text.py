"""Bytes in, blocks of complete lines out, decoded. The encoding is never guessed.

A byte order mark decides; without one the encoding that the caller named, else UTF-8. A wrong byte
becomes U+FFFD and is reported with its exact offset. Knows nothing of fields and rows.
"""

from __future__ import annotations

import codecs
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.contacts._rules import WIDE_MARKS
from kataven.contacts.source.open import ReadsBytes, read_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK", "Block", "TextBlocks", "UnknownEncodingError", "WrongByte", "check_encoding"]

# About 750 rows of 85 bytes: large enough to work on in bulk, and the cells stay in the CPU cache.
BLOCK: Final = 64 * 1024
_ASCII: Final = bytes(range(128))
_SEPARATOR_LINE: Final = re.compile(
    r'"?sep=(?P<mark>[,;\t|])"?[ ,;\t|]*(?:\r*\n|\r|\Z)', re.IGNORECASE
)
_QUOTED_CELL: Final = re.compile(r'(?<![^,;\t|\r\n])"[^"]*+(?:""[^"]*+)*+"')


class UnknownEncodingError(ValueError, LookupError):
    """There is no such text encoding.

    A ValueError because the argument is wrong, and the LookupError that Python's codecs raise.
    """


def check_encoding(encoding: str | None) -> None:
    """Refuse an unknown encoding before anything is read.

    Args:
        encoding: The ``encoding`` argument of a public function.

    Raises:
        UnknownEncodingError: There is no such text encoding; a ValueError and a LookupError.
        TypeError: It is not a ``str``.
    """
    if encoding is None:
        return
    given: object = encoding
    if not isinstance(given, str):
        raise TypeError(
            f"encoding must be the name of an encoding, such as 'cp1252', not {given!r:.80}"
        )
    try:
        # Decoding an empty text does not look the codec up; encoding it does.
        "".encode(given)
    except (LookupError, ValueError) as unknown:
        raise UnknownEncodingError(
            "encoding must name a text encoding that Python knows, such as 'cp1252' or "
            f"'utf-16-le', not {given[:80]!r}"
        ) from unknown


@dataclass(frozen=True, slots=True)
class WrongByte:
    """A place where the bytes are not valid in the encoding.

    Attributes:
        at: The position in the text of the block, in characters.
        offset: The position in the list, in bytes from its start.
        byte: The value of the byte.
    """

    at: int
    offset: int
    byte: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some complete lines.

    Attributes:
        text: The text of the lines.
        utf8: The same text in UTF-8; for verbatim text, the original bytes.
        wrong: The first wrong byte of each line that has any, in order.
    """

    text: str
    utf8: bytes
    wrong: tuple[WrongByte, ...]


class TextBlocks:
    """Reads a binary file once, block by block.

    Args:
        file: The file, read from its current position.
        encoding: The encoding if there is no byte order mark; None for UTF-8.
        verbatim: For text that is written again unchanged: line ends stay as they are, and an
            encoding that contains ASCII is read as Latin-1, which has a character for every byte.
        old_mac: None at the beginning of a list. For lines from its middle, what was found at its
            beginning, as is ``encoding``: a byte order mark or a line ``sep=;`` is text there.

    Attributes:
        encoding: The encoding in use, by Python's name.
        mark: The byte order mark, empty if there is none.
        separator: The delimiter that a first line ``sep=;`` names for Excel, empty if there is no
            such line. The line is not part of the blocks.
        separator_line: The bytes of that line, with its line end.
        size: The number of bytes read so far; the size of the list when all blocks are read.
        old_mac: Whether lines end with a lone CR. It becomes LF unless the text is verbatim.
        foreign: Whether bytes were read that are different in UTF-8.
    """

    def __init__(
        self,
        file: ReadsBytes,
        encoding: str | None = None,
        *,
        verbatim: bool = False,
        old_mac: bool | None = None,
    ) -> None:
        """Read the beginning to determine the encoding and the line ends.

        Raises:
            UnknownEncodingError: There is no such text encoding.
            TypeError: The encoding is not a ``str``.
        """
        check_encoding(encoding)
        self._file = file
        self._ended = False
        self.size = 0
        self.foreign = False
        start = self._fill(BLOCK)
        self._verbatim = verbatim
        if old_mac is not None:
            self.mark, self.encoding = b"", codecs.lookup(encoding or "utf-8").name
            self._start, self.separator, self.separator_line = start, "", b""
            self._end_lines(old_mac=old_mac)
            return
        self.mark, self.encoding = _mark_and_encoding(start, encoding)
        if verbatim and _ASCII.decode(self.encoding, "replace") == _ASCII.decode("ascii"):
            self.encoding = "latin-1"
        self._start = start[len(self.mark) :]
        text = self._start.decode(self.encoding, "replace")
        found = _SEPARATOR_LINE.match(text)
        self.separator = found["mark"] if found else ""
        self.separator_line = found.group().encode(self.encoding) if found else b""
        self._start = self._start[len(self.separator_line) :]
        outside = _QUOTED_CELL.sub("", text)
        self._end_lines(old_mac="\r" in outside.removesuffix("\r") and "\n" not in outside)

    def _end_lines(self, *, old_mac: bool) -> None:
        self.old_mac = old_mac
        self._line_end = ("\r" if old_mac else "\n").encode(self.encoding)

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks. Each ends with a line end, except for the last one of some lists."""
        pending = [self._start]
        self._start = b""
        offset = len(self.mark) + len(self.separator_line)
        while not self._ended:
            end = self._last_line_end(pending[-1], sum(map(len, pending[:-1])))
            if end:
                rest = pending[-1][end:]
                raw = b"".join([*pending[:-1], pending[-1][:end]])
                yield self._block(raw, offset)
                offset += len(raw)
                pending = [rest]
            pending.append(self._fill(BLOCK))
        raw = b"".join(pending)
        if raw:
            yield self._block(raw, offset)

    def skip(self) -> None:
        """Read to the end without decoding, to know the size."""
        while not self._ended:
            self._fill(BLOCK)

    def _fill(self, wanted: int) -> bytes:
        chunks: list[bytes] = []
        got = 0
        while got < wanted:
            chunk = read_chunk(self._file, wanted - got)
            if not chunk:
                self._ended = True
                break
            chunks.append(chunk)
            got += len(chunk)
        self.size += got
        return b"".join(chunks)

    def _last_line_end(self, chunk: bytes, before: int) -> int:
        """Find the end of the last complete line in a chunk with ``before`` bytes before it."""
        end = chunk.rfind(self._line_end)
        width = len(self._line_end)
        # In a wide encoding a match counts only on a character boundary.
        while end >= 0 and (before + end) % width:
            end = chunk.rfind(self._line_end, 0, end + width - 1)
        return end + width if end >= 0 else 0

    def _block(self, raw: bytes, offset: int) -> Block:
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError:
            text, wrong = _decode_with_wrong_bytes(raw, self.encoding, offset)
        else:
            wrong = ()
            if self._verbatim or (self.encoding == "utf-8" and not self.old_mac):
                return Block(text, raw, wrong)
        utf8 = text.encode("utf-8", "surrogatepass")
        self.foreign = self.foreign or (self.encoding != "utf-8" and utf8 != raw)
        if self.old_mac:
            text, utf8 = text.replace("\r", "\n"), utf8.replace(b"\r", b"\n")
        return Block(text, utf8, wrong)


def _mark_and_encoding(start: bytes, encoding: str | None) -> tuple[bytes, str]:
    if start.startswith(codecs.BOM_UTF8):
        return codecs.BOM_UTF8, "utf-8"
    for mark, marked in WIDE_MARKS:
        if start.startswith(mark):
            return mark, marked
    name = codecs.lookup(encoding or "utf-8").name
    # These names mean "look at the byte order mark", and there is none.
    without_mark = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    return b"", without_mark.get(name, name)


class _WrongPlaces(threading.local):
    """Where the current thread's decoding met wrong bytes: (start, end) of each."""

    def __init__(self) -> None:
        self.places: list[tuple[int, int]] = []


_wrong = _WrongPlaces()


def _note_wrong_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _wrong.places.append((error.start, error.end))
    return "\ufffd", error.end


_NOTING: Final = "kataven.contacts.noting"
codecs.register_error(_NOTING, _note_wrong_bytes)


def _decode_with_wrong_bytes(
    raw: bytes, encoding: str, offset: int
) -> tuple[str, tuple[WrongByte, ...]]:
    # Find all wrong bytes in one pass: decoding the rest again after each one is quadratic.
    _wrong.places = []
    raw.decode(encoding, _NOTING)
    places, _wrong.places = _wrong.places, []
    parts: list[str] = []
    wrong: list[WrongByte] = []
    length = 0
    after = 0
    for start, end in places:
        part = raw[after:start].decode(encoding, "replace")
        parts += (part, "\ufffd")
        length += len(part) + 1
        if not wrong or "\n" in part or "\r" in part:
            wrong.append(WrongByte(length - 1, offset + start, raw[start]))
        after = end
    parts.append(raw[after:].decode(encoding, "replace"))
    return "".join(parts), tuple(wrong)
