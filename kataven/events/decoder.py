"""From the bytes of an event stream to its items, exactly as the WHATWG rules cut them.

1. Bytes in, items out. The decoder knows no connection, no clock and no campaign; whoever reads the
   bytes feeds them in pieces of any size, and any cutting of the same bytes gives the same items.
2. Lines are cut as bytes and decoded one by one: CR and LF never occur inside a UTF-8 sequence,
   and in bytes, not in text, ``splitlines`` knows no line end but CR, LF and CRLF.
3. A frame of one ``data`` line with an object, as nearly all are, is parsed when its line comes
   and given when its blank line is; any other line is held or noted until its frame ends. Both
   ways give the same items, only the first is cheap.
4. Each byte is looked at a bounded number of times and held at most once: an unfinished line and
   the data lines of an unfinished frame wait in buffers that grow in place.
5. Nothing the other side sends raises, but a frame over the bound. What is not a JSON object comes
   out as its raw lines.
"""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

from kataven.events.marks import EventItem, is_end

DEFAULT_MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The bound on a frame where none is given: 64 MiB (our choice)."""

_LF: Final = 0x0A
_CR: Final = 0x0D
_COLON: Final = 0x3A
_BOM: Final = b"\xef\xbb\xbf"
_OBJECT_LINE: Final = b"data: {"
_OBJECT_LENGTH: Final = len(_OBJECT_LINE)
_OBJECT_AT: Final = len("data: ")
_JSON_SPACE: Final = " \t\n\r"

# A `retry` of more digits counts as this (some 31,000 years): nobody waits that long, and a float
# of seconds can still be made of it.
_RETRY_CEILING_MS: Final = 10**15

# What `raw_decode` calls, without its wrapper: that saves 3 % of a frame's time. A missing value
# raises StopIteration.
_scan: Final[Callable[[str, int], tuple[Any, int]]] = cast("Any", json.JSONDecoder()).scan_once


class FrameTooLargeError(ValueError):
    """A frame, or one comment line, was longer than the decoder's bound.

    Attributes:
        limit: The bound, in bytes.
        items: What the same ``feed`` had completed before the overflow, in order; whoever catches
            the error hands these on first.
    """

    def __init__(self, limit: int, items: list[EventItem]) -> None:
        """Keep the bound and the items that came before the overflow.

        Args:
            limit: The bound, in bytes.
            items: The items completed by the same ``feed``.
        """
        super().__init__(limit, items)
        self.limit = limit
        self.items = items

    def __str__(self) -> str:
        """Say what was too large, and what to do about it."""
        return (
            f"an event frame is larger than {self.limit} bytes, so the stream was not read on; "
            "open it again, or raise max_frame_bytes if frames of that size are expected"
        )


class EventDecoder:
    """Decodes one event stream; a reconnection needs a new decoder.

    A frame's size is the bytes of its lines without their ends. Comments are given at once and are
    no part of it; one comment line alone is under the same bound.

    Attributes:
        last_event_id: The id in force when the last frame ended, ``""`` until a frame had one. It
            stays until another comes, and an id that contains NUL is ignored (WHATWG).
        retry: The server's latest valid ``retry`` in milliseconds, at most 10**15, else None.
        ended: True once an end marker was yielded; the stream may go on nevertheless.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_event",
        "_failed",
        "_id",
        "_limit",
        "_line",
        "_size",
        "_special",
        "ended",
        "last_event_id",
        "retry",
    )

    def __init__(
        self, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES, last_event_id: str = ""
    ) -> None:
        """Start at the first byte of a stream.

        Args:
            max_frame_bytes: The most bytes that one frame may have; 64 MiB by default.
            last_event_id: The id in force from the connection before; none by default.

        Raises:
            ValueError: The bound is not positive.
        """
        if max_frame_bytes < 1:
            message = f"max_frame_bytes must be at least 1, not {max_frame_bytes}"
            raise ValueError(message)
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.ended = False
        self._limit = max_frame_bytes
        self._at_start = True
        self._after_cr = False
        self._failed = False
        # One flag for these three, so that `feed` tests only one.
        self._special = True
        # The start of a line that has not ended, and the data lines of the frame, each with an LF.
        self._line = bytearray()
        self._data = bytearray()
        # The bytes of the frame's finished field lines, its last `event` line, and the id that its
        # end will put in force.
        self._size = 0
        self._event = ""
        self._id = last_event_id

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished line or frame wait; the end of a stream discards them."""
        return bool(self._line) or self._size > 0

    # One long loop on purpose: a method call would be paid for each line.
    def feed(self, chunk: bytes) -> list[EventItem]:
        """Take the next bytes of the stream.

        Args:
            chunk: Bytes as they came, cut anywhere; empty is allowed.

        Returns:
            The items that these bytes completed, in order, often none: a dict for each data frame,
            comment lines, end markers, and the raw ``data`` lines, joined with LF, of a frame whose
            data is not a JSON object.

        Raises:
            FrameTooLargeError: A frame is larger than the bound. The error carries the items that
                were complete before it. The decoder is of no use after it: each further call raises
                the same, without items.
        """
        if self._special:
            chunk = self._without_remainders(chunk)
        items: list[EventItem] = []
        if not chunk:
            return items
        lines = chunk.splitlines()
        tail = b""
        # Whether a line, if it is next, opens a frame and surely fits.
        fits = len(chunk) <= self._limit
        if self._line or chunk[-1] != _LF:
            tail = self._mend(lines, chunk[-1])
            fits = fits and (not lines or len(lines[0]) <= self._limit)
        opens = fits and not self._size
        # A frame's first line and the object in it, until the frame shows no other field line.
        first = b""
        value: Any = None
        for line in lines:
            if not line:
                if first:
                    items.append(value)
                    first = b""
                else:
                    self._end_frame(items)
                opens = fits
            elif opens and line[:_OBJECT_LENGTH] == _OBJECT_LINE:
                opens = False
                end = -1
                try:
                    text = line.decode()
                    value, end = _scan(text, _OBJECT_AT)
                except (ValueError, StopIteration, RecursionError):
                    text = ""
                if end == len(text):
                    first = line
                else:
                    self._take(line, items)
            elif line[0] == _COLON:
                if len(line) > self._limit:
                    self._fail(items)
                items.append(line.decode(errors="replace"))
            else:
                opens = False
                if first:
                    self._take(first, items)
                    first = b""
                self._take(line, items)
        if first:
            self._take(first, items)
        if tail:
            self._line += tail
            size = len(self._line) + (0 if self._line[0] == _COLON else self._size)
            if size > self._limit:
                self._fail(items)
        return items

    def _mend(self, lines: list[bytes], last: int) -> bytes:
        """Give the first line what came of it before, and take off a last one without its end."""
        tail = b""
        if last == _CR:
            self._special = self._after_cr = True
        elif last != _LF:
            tail = lines.pop()
        if self._line and lines:
            self._line += lines[0]
            lines[0] = bytes(self._line)
            self._line.clear()
        return tail

    def _without_remainders(self, chunk: bytes) -> bytes:
        """Drop the stream's byte order mark, and the LF of a CRLF whose CR has ended its line."""
        if self._failed:
            raise FrameTooLargeError(self._limit, [])
        if not chunk:
            return chunk
        if self._at_start:
            chunk = bytes(self._line) + chunk
            self._line.clear()
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._line += chunk
                return b""
            self._at_start = False
            chunk = chunk.removeprefix(_BOM)
        elif self._after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
        self._special = self._after_cr = False
        return chunk

    def _take(self, line: bytes, items: list[EventItem]) -> None:
        """Note a field line of the frame; one without a colon has an empty value."""
        self._size += len(line)
        if self._size > self._limit:
            self._fail(items)
        name, _, rest = line.partition(b":")
        if name == b"data":
            self._data += line
            self._data.append(_LF)
        elif name == b"event":
            self._event = line.decode(errors="replace")
        elif name == b"id":
            if b"\0" not in rest:
                self._id = rest.removeprefix(b" ").decode(errors="replace")
        elif name == b"retry":
            digits = rest.removeprefix(b" ")
            if digits.isdigit():
                digits = digits.lstrip(b"0") or b"0"
                short = len(digits) <= len(str(_RETRY_CEILING_MS))
                self.retry = min(int(digits), _RETRY_CEILING_MS) if short else _RETRY_CEILING_MS

    def _end_frame(self, items: list[EventItem]) -> None:
        """Add what a frame yields when its blank line is in, and begin the next."""
        marker = self._event if is_end(self._event) else ""
        if self._data:
            raw = self._data[:-1].decode(errors="replace")
            self._data.clear()
            payload = _payload(raw)
            if not (marker and (not payload or payload.strip(_JSON_SPACE) == "null")):
                value = _json_object(payload)
                if value is None:
                    items.append(raw)
                elif value or not marker:
                    items.append(value)
        if marker:
            items.append(marker)
            self.ended = True
        self.last_event_id = self._id
        self._event = ""
        self._size = 0

    def _fail(self, items: list[EventItem]) -> NoReturn:
        """Give up on the stream, and let go of what is held of it."""
        self._failed = self._special = True
        self._line.clear()
        self._data.clear()
        self._size = 0
        raise FrameTooLargeError(self._limit, items)


def _payload(raw: str) -> str:
    """Take the field name, the colon and one space off each of a frame's data lines."""
    if "\n" not in raw:
        return raw[5:].removeprefix(" ")
    # CR cannot occur in a line, so it can stand for a line start that was dealt with. This needs no
    # list of lines, which for short ones would take many times the memory of the text.
    marked = f"\n{raw}".replace("\ndata: ", "\r").replace("\ndata:", "\r").replace("\ndata", "\r")
    return marked[1:].replace("\r", "\n")


def _json_object(payload: str) -> dict[str, object] | None:
    """Read a JSON object as ``json.loads`` does; None for all else."""
    # An array can be long too, and would be parsed for nothing.
    if not payload.lstrip(_JSON_SPACE).startswith("{"):
        return None
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):  # no JSON or an over-long integer; nested too deeply
        return None
    return value if isinstance(value, dict) else None
