"""Bytes in, blocks of whole lines out, decoded; no guess about the encoding.

Rules: a byte order mark decides; else the encoding that was named; else strict UTF-8. A wrong
byte becomes U+FFFD in the text and is reported with its exact offset; what stands before it is
decoded first, so that its row can be told. Knows nothing of fields and rows.
"""

import codecs
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from kataven.contacts.reader.header import WIDE_MARKS
from kataven.contacts.source.open import read_piece

__all__ = ["BLOCK", "Block", "TextBlocks", "UnknownEncodingError", "WrongByte", "known_encoding"]

# Some 750 rows of 85 bytes: enough for work at C speed, and the cells stay in the cache.
BLOCK: Final = 64 * 1024
_ASCII: Final = bytes(range(128))
_QUOTED_CELL: Final = re.compile(r'(?<![^,;\t|\r\n])"[^"]*+(?:""[^"]*+)*+"')


class UnknownEncodingError(ValueError, LookupError):
    """There is no such text encoding: a wrong value, and what Python's own codecs raise."""


def known_encoding(encoding: str | None) -> None:
    """Refuse an encoding that does not exist, before anything is read.

    Args:
        encoding: What was given as `encoding`, None for none.

    Raises:
        UnknownEncodingError: There is no such text encoding; a ValueError and a LookupError.
        TypeError: It is no text.
    """
    if encoding is None:
        return
    given: object = encoding
    if not isinstance(given, str):
        raise TypeError(
            f"encoding must be the name of an encoding, such as 'cp1252', not {given!r:.80}"
        )
    try:
        # Decoding nothing asks for no codec; this does.
        "".encode(given)
    except (LookupError, ValueError) as unknown:
        raise UnknownEncodingError(
            "encoding must name a text encoding that Python knows, such as 'cp1252' or "
            f"'utf-16-le', not {given[:80]!r}"
        ) from unknown


@dataclass(frozen=True, slots=True)
class WrongByte:
    """A place where the bytes are not what the encoding allows.

    Args:
        at: Its position in the block's text, in characters.
        offset: Its position in the list, in bytes from the start.
        byte: The byte's value.
    """

    at: int
    offset: int
    byte: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines.

    Args:
        text: Their text.
        utf8: The same in UTF-8; for verbatim text, the bytes as they stand.
        wrong: The first wrong byte of each line that has any, in order.
    """

    text: str
    utf8: bytes
    wrong: tuple[WrongByte, ...]


class TextBlocks:
    """Reads a binary file once, block by block.

    Args:
        file: The file, read from where it stands.
        encoding: The encoding to read it in where no byte order mark says otherwise; None for
            UTF-8.
        verbatim: For text that is written again as it stands: line ends stay, and an encoding
            that contains ASCII is read as Latin-1, which gives every byte a character.

    Attributes:
        encoding: The name of the encoding it is read in, as Python calls it.
        mark: The byte order mark, empty if there is none.
        size: The number of bytes read so far, in the end those of the whole list.
        old_mac: Whether lines end with a bare CR; they are handed out with LF, if not verbatim.
        foreign: Whether bytes have been read that are not the same in UTF-8.
    """

    def __init__(
        self, file: BinaryIO, encoding: str | None = None, *, verbatim: bool = False
    ) -> None:
        """Read the beginning and settle encoding and line ends.

        Raises:
            UnknownEncodingError: There is no such text encoding.
            TypeError: The encoding is no text.
        """
        known_encoding(encoding)
        self._file = file
        self._ended = False
        self.size = 0
        self.foreign = False
        start = self._fill(BLOCK)
        self.mark, self.encoding = _settled(start, encoding)
        self._verbatim = verbatim
        if verbatim and _ASCII.decode(self.encoding, "replace") == _ASCII.decode("ascii"):
            self.encoding = "latin-1"
        self._start = start[len(self.mark) :]
        head = self._start.decode(self.encoding, "replace")
        outside = _QUOTED_CELL.sub("", head)
        self.old_mac = "\r" in outside.removesuffix("\r") and "\n" not in outside
        self._line_end = ("\r" if self.old_mac else "\n").encode(self.encoding)

    def __iter__(self) -> Iterator[Block]:
        """Read on.

        Yields:
            Blocks that end with a line end, but for the last one, which ends where the list does.
        """
        pending = [self._start]
        self._start = b""
        offset = len(self.mark)
        while not self._ended:
            end = self._cut(pending[-1], sum(map(len, pending[:-1])))
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
        """Read to the end and hand nothing out: only the size is wanted."""
        while not self._ended:
            self._fill(BLOCK)

    def _fill(self, wanted: int) -> bytes:
        pieces: list[bytes] = []
        got = 0
        while got < wanted:
            piece = read_piece(self._file, wanted - got)
            if not piece:
                self._ended = True
                break
            pieces.append(piece)
            got += len(piece)
        self.size += got
        return b"".join(pieces)

    def _cut(self, piece: bytes, before: int) -> int:
        """Find the end of the last whole line in a piece that has `before` bytes before it."""
        end = piece.rfind(self._line_end)
        width = len(self._line_end)
        while end >= 0 and (before + end) % width:
            end = piece.rfind(self._line_end, 0, end + width - 1)
        return end + width if end >= 0 else 0

    def _block(self, raw: bytes, offset: int) -> Block:
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError:
            text, wrong = _decoded(raw, self.encoding, offset)
        else:
            wrong = ()
            if self._verbatim or (self.encoding == "utf-8" and not self.old_mac):
                return Block(text, raw, wrong)
        utf8 = text.encode("utf-8", "surrogatepass")
        self.foreign = self.foreign or (self.encoding != "utf-8" and utf8 != raw)
        if self.old_mac:
            text, utf8 = text.replace("\r", "\n"), utf8.replace(b"\r", b"\n")
        return Block(text, utf8, wrong)


def _settled(start: bytes, encoding: str | None) -> tuple[bytes, str]:
    if start.startswith(codecs.BOM_UTF8):
        return codecs.BOM_UTF8, "utf-8"
    for mark, marked in WIDE_MARKS:
        if start.startswith(mark):
            return mark, marked
    name = codecs.lookup(encoding or "utf-8").name
    # These names mean "look at the mark"; there is none.
    without_mark = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    return b"", without_mark.get(name, name)


class _Notes(threading.local):
    """Where the decoding that is under way in a thread met wrong bytes: (start, end) of each."""

    def __init__(self) -> None:
        self.places: list[tuple[int, int]] = []


_notes = _Notes()


def _noted(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _notes.places.append((error.start, error.end))
    return "\ufffd", error.end


_NOTED: Final = "kataven.contacts.noted"
codecs.register_error(_NOTED, _noted)


def _decoded(raw: bytes, encoding: str, offset: int) -> tuple[str, tuple[WrongByte, ...]]:
    # All wrong bytes in one go: to decode the rest anew behind each is quadratic.
    _notes.places = []
    raw.decode(encoding, _NOTED)
    places, _notes.places = _notes.places, []
    parts: list[str] = []
    wrong: list[WrongByte] = []
    length = 0
    behind = 0
    for start, end in places:
        part = raw[behind:start].decode(encoding, "replace")
        parts += (part, "\ufffd")
        length += len(part) + 1
        if not wrong or "\n" in part or "\r" in part:
            wrong.append(WrongByte(length - 1, offset + start, raw[start]))
        behind = end
    parts.append(raw[behind:].decode(encoding, "replace"))
    return "".join(parts), tuple(wrong)
