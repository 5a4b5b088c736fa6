"""From the bytes of an event stream to its items, exactly as the WHATWG rules cut them.

1. Bytes in, items out. The decoder knows no connection, no clock and no campaign; whoever reads the
   bytes feeds them in pieces of any size, and any cutting of the same bytes gives the same items.
2. Lines are cut as bytes and decoded one by one: CR and LF never occur inside a UTF-8 sequence,
   and in bytes, not in text, ``splitlines`` knows no line end but CR, LF and CRLF.
3. A frame of one ``data`` line with an object, as nearly all are, is parsed when its line comes
   and given when its blank line is; any other line is held or noted until its frame ends. In a
   large piece whole runs of such frames are parsed where they stand, each when it is asked for.
   All ways give the same items, the plainer the cheaper.
4. Each byte is looked at a bounded number of times and held at most once: an unfinished line and
   the data lines of an unfinished frame wait in buffers that grow in place.
5. Nothing the other side sends raises, but a frame over the bound. What is not a JSON object comes
   out as its raw lines.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, ClassVar, Final, NoReturn

from kataven.events.marks import EventItem, is_end
from kataven.events.payloads import JSON_SPACE, NO_VALUE, json_object, payload_of, scan

DEFAULT_MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The bound on a frame where none is given: 64 MiB (our choice)."""

_LF: Final = 0x0A
_CR: Final = 0x0D
_COLON: Final = 0x3A
_BOM: Final = b"\xef\xbb\xbf"
_OBJECT_LINE: Final = b"data: {"
_OBJECT_START: Final = _OBJECT_LINE.decode()
_OBJECT_LENGTH: Final = len(_OBJECT_LINE)
_OBJECT_AT: Final = len("data: ")

# A `retry` of more digits counts as this (some 31,000 years): nobody waits that long, and a float
# of seconds can still be made of it.
_RETRY_CEILING_MS: Final = 10**15


class FrameTooLargeError(ValueError):
    """A frame, or one comment line, was longer than the decoder's bound.

    Attributes:
        limit: The bound, in bytes.
    """

    def __init__(self, limit: int) -> None:
        """Keep the bound.

        Args:
            limit: The bound, in bytes.
        """
        super().__init__(limit)
        self.limit = limit

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
        in_place_from: A piece of at least so many bytes is decoded in place. Below that the way
            there costs more than it saves.
    """

    in_place_from: ClassVar[int] = 8 * 1024

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
    def feed(self, chunk: bytes, *, in_place: bool = True) -> Iterable[EventItem]:
        """Take the next bytes of the stream.

        The items of a large piece are decoded as they are taken, so take them all before the next
        piece is fed.

        Args:
            chunk: Bytes as they came, cut anywhere; empty is allowed.
            in_place: Whether a large piece may be decoded in place, which is the default.

        Returns:
            The items that these bytes completed, in order, often none, to be iterated once: a dict
            for each data frame, comment lines, end markers, and the raw ``data`` lines, joined with
            LF, of a frame whose data is not a JSON object. Where a frame is larger than the bound,
            the iteration raises FrameTooLargeError behind the items before it; the decoder is of no
            use after that, and each further piece raises the same.
        """
        if len(chunk) >= self.in_place_from and in_place and len(chunk) <= self._limit:
            return self._in_place(chunk)
        items: list[EventItem] = []
        try:
            if self._special:
                chunk = self._without_remainders(chunk)
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
            if (
                opens
                and not tail
                and len(lines) == 2
                and not lines[1]
                and lines[0][:_OBJECT_LENGTH] == _OBJECT_LINE
            ):
                # Perhaps one plain frame, as a live stream brings it: the loop, and so would
                # suppress(), costs a tenth more.
                try:
                    text = lines[0].decode()
                    alone, end = scan(text, _OBJECT_AT)
                    if end == len(text):
                        return (alone,)
                except NO_VALUE:
                    pass
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
                        value, end = scan(text, _OBJECT_AT)
                    except NO_VALUE:
                        text = ""
                    if end == len(text):
                        first = line
                    else:
                        self._take(line)
                elif line[0] == _COLON:
                    if len(line) > self._limit:
                        self._fail()
                    items.append(line.decode(errors="replace"))
                else:
                    opens = False
                    if first:
                        self._take(first)
                        first = b""
                    self._take(line)
            if first:
                self._take(first)
            if tail:
                self._line += tail
                size = len(self._line) + (0 if self._line[0] == _COLON else self._size)
                if size > self._limit:
                    self._fail()
        except FrameTooLargeError as error:
            return _then_raise(items, error)
        return items

    def _in_place(self, chunk: bytes) -> Iterator[EventItem]:
        """Decode a run of plain frames, one data line with an object each, without cutting lines.

        Line ends are made characters that JSON has no place for, so an object with two of them
        behind it stood on one line and is a frame. A frame that has begun before goes by lines, and
        so does all from the first that is not plain. Each object is parsed when it is asked for:
        its parts are then still in the processor's cache, and the memory of the last one is free.
        """
        returns = b"\r" in chunk
        blank = b"\r\n\r\n" if returns else b"\n\n"
        width = len(blank)
        begin = 0
        if self._special or self.pending:
            begin = chunk.find(blank) + width
            yield from self.feed(chunk[:begin], in_place=False)
        end = chunk.rfind(blank, begin) + width
        text = ""
        if b"\0" not in chunk and b"\1" not in chunk:
            marked = chunk.replace(b"\n", b"\0")
            if returns:
                marked = marked.replace(b"\r", b"\1")
            with suppress(UnicodeDecodeError):
                text = str(memoryview(marked)[begin:end], "utf-8")
        ends = "\1\0\1\0" if returns else "\0\0"
        opening = ends + _OBJECT_START
        length = len(opening)
        # Where the object begins that is not given yet, once one was.
        at = 0
        with suppress(*NO_VALUE):
            if text.startswith(_OBJECT_START):
                value, after = scan(text, _OBJECT_AT)
                while text[after : after + length] == opening:
                    at = after + length - 1
                    yield value
                    value, after = scan(text, at)
                if text.startswith(ends, after):
                    at = after + width + _OBJECT_AT
                    yield value
        if at:
            begin = end - len(text[at - _OBJECT_AT :].encode())
        yield from self.feed(chunk[begin:], in_place=False)

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
            raise FrameTooLargeError(self._limit)
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

    def _take(self, line: bytes) -> None:
        """Note a field line of the frame; one without a colon has an empty value."""
        self._size += len(line)
        if self._size > self._limit:
            self._fail()
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
            payload = payload_of(raw)
            if not (marker and (not payload or payload.strip(JSON_SPACE) == "null")):
                value = json_object(payload)
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

    def _fail(self) -> NoReturn:
        """Give up on the stream, and let go of what is held of it."""
        self._failed = self._special = True
        self._line.clear()
        self._data.clear()
        self._size = 0
        raise FrameTooLargeError(self._limit)


def _then_raise(items: list[EventItem], error: FrameTooLargeError) -> Iterator[EventItem]:
    yield from items
    raise error
