"""From the bytes of an event stream to its items, exactly as the WHATWG rules split them.

1. Bytes in, items out. The decoder knows no connection, no clock and no campaign. It is fed chunks
   of any size, and any split of the same bytes gives the same items.
2. Lines are split as bytes and decoded one by one. CR and LF never occur inside a UTF-8 sequence,
   and ``bytes.splitlines`` splits only at CR, LF and CRLF, unlike ``str.splitlines``.
3. A frame of one ``data`` line with an object, as nearly all are, is parsed when its line arrives
   and emitted when its blank line does; any other line is buffered or noted until its frame ends.
   In a large chunk, entire runs of such frames are parsed in place, each when it is requested. All
   ways give the same items; the simpler the frame, the cheaper.
4. Each byte is looked at a bounded number of times and buffered at most once: an unfinished line
   and the data lines of an unfinished frame are kept in buffers that grow in place.
5. Nothing that the other side sends raises, except a frame over the limit. What is not a JSON
   object is returned as its raw lines.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, ClassVar, Final, NoReturn

from kataven.events.data_lines import JSON_SPACE, NO_VALUE, json_object, payload_of, scan
from kataven.events.items import EventItem, NamedFrame, is_end

DEFAULT_MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The default limit of a frame: 64 MiB (our choice)."""

_LF: Final = 0x0A
_CR: Final = 0x0D
_COLON: Final = 0x3A
_BOM: Final = b"\xef\xbb\xbf"
_OBJECT_LINE: Final = b"data: {"
_OBJECT_START: Final = _OBJECT_LINE.decode()
_OBJECT_LENGTH: Final = len(_OBJECT_LINE)
_OBJECT_AT: Final = len("data: ")

# A longer `retry` counts as this (some 31,000 years), still a number of seconds that fits a float.
# How long a stream waits at most is decided in ``_flow/stream.py``.
_RETRY_CEILING_MS: Final = 10**15


class FrameTooLargeError(ValueError):
    """A frame, or one comment line, was longer than the decoder's limit.

    Attributes:
        limit: The limit, in bytes.
    """

    def __init__(self, limit: int) -> None:
        """Store the limit, in bytes."""
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        """Return what was too large, and what to do about it."""
        return (
            f"an event frame is larger than {self.limit} bytes, so the stream was not read "
            "further; reopen it, or raise max_frame_bytes if frames of that size are expected"
        )


class EventDecoder:
    """Decodes one event stream; a reconnection needs a new decoder.

    A frame's size is the bytes of its lines without their line ends. Comments are emitted at once
    and do not count; a single comment line has the same limit.

    Attributes:
        last_event_id: The id in force when the last frame ended, ``""`` until a frame had one. It
            lasts until the next one, and an id that contains NUL is ignored (WHATWG).
        retry: The server's latest valid ``retry`` in milliseconds, at most 10**15, else None.
        ended: True once an end marker was emitted; the stream may continue nevertheless.
        in_place_from: A chunk of at least so many bytes is decoded in place. For a smaller one the
            preparation costs more than it saves.
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
        "_names",
        "_size",
        "_special",
        "ended",
        "last_event_id",
        "retry",
    )

    def __init__(
        self,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        last_event_id: str = "",
        *,
        names: bool = False,
    ) -> None:
        """Begin at the first byte of a stream.

        Args:
            max_frame_bytes: Maximum bytes of one frame; 64 MiB by default.
            last_event_id: The id in force from the previous connection; none by default.
            names: Whether the items of frames with a name other than ``end`` are wrapped in a
                `NamedFrame`.

        Raises:
            ValueError: The limit is not positive.
        """
        if max_frame_bytes < 1:
            message = f"max_frame_bytes must be at least 1, not {max_frame_bytes}"
            raise ValueError(message)
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.ended = False
        self._limit = max_frame_bytes
        self._names = names
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
        """Whether bytes of an unfinished line or frame are buffered; the end discards them."""
        return bool(self._line) or self._size > 0

    # One long loop on purpose: a method call per line would cost too much.
    def feed(self, chunk: bytes, *, in_place: bool = True) -> Iterable[EventItem | NamedFrame]:
        """Take the next bytes of the stream.

        The items of a large chunk are decoded while they are taken, so take them all before the
        next chunk is fed.

        Args:
            chunk: Bytes as they arrived, split anywhere; may be empty.
            in_place: Whether a large chunk may be decoded in place, which is the default.

        Returns:
            The items that these bytes completed, in order, often none, to be iterated once: a dict
            for each data frame, comment lines, end markers, and the raw ``data`` lines, joined with
            LF, of a frame whose data is not a JSON object. If a frame is larger than the limit, the
            iteration raises FrameTooLargeError after the items before it; the decoder is unusable
            after that, and each further chunk raises the same error.
        """
        if len(chunk) >= self.in_place_from and in_place and len(chunk) <= self._limit:
            return self._in_place(chunk)
        items: list[EventItem | NamedFrame] = []
        try:
            if self._special:
                chunk = self._without_remainders(chunk)
            if not chunk:
                return items
            lines = chunk.splitlines()
            tail = b""
            # Whether the next line, if it opens a frame, is certain to fit.
            fits = len(chunk) <= self._limit
            if self._line or chunk[-1] != _LF:
                tail = self._join(lines, chunk[-1])
                fits = fits and (not lines or len(lines[0]) <= self._limit)
            opens = fits and not self._size
            if (
                opens
                and not tail
                and len(lines) == 2
                and not lines[1]
                and lines[0][:_OBJECT_LENGTH] == _OBJECT_LINE
            ):
                # Perhaps one plain frame, as a live stream brings it. The loop would cost a tenth
                # more, and so would suppress().
                try:
                    text = lines[0].decode()
                    alone, end = scan(text, _OBJECT_AT)
                    if end == len(text):
                        return (alone,)
                except NO_VALUE:
                    pass
            # A frame's first line and the object in it, as long as it is the only field line.
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

    def _in_place(self, chunk: bytes) -> Iterator[EventItem | NamedFrame]:
        """Decode a run of plain frames, one data line with an object each, without splitting lines.

        Line ends become characters that JSON does not allow anywhere, so an object followed by two
        of them was on one line and is a frame. A frame that began in an earlier chunk is decoded
        line by line, and so is everything from the first frame that is not plain. Each object is
        parsed when it is requested: its parts are then still in the processor's cache, and the
        memory of the previous one is free.
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
        # Where the first object begins that was not emitted yet, once one was.
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

    def _join(self, lines: list[bytes], last: int) -> bytes:
        """Prefix the first line with its earlier bytes, and return a last one without its end."""
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
        """Drop the byte order mark of the stream, and the LF of a CRLF whose CR ended its line."""
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
        """Record a field line of the frame; one without a colon has an empty value."""
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

    def _end_frame(self, items: list[EventItem | NamedFrame]) -> None:
        """Add what a frame emits when its blank line has arrived, and begin the next."""
        marker = self._event if is_end(self._event) else ""
        if self._data:
            raw = self._data[:-1].decode(errors="replace")
            self._data.clear()
            payload = payload_of(raw)
            if not (marker and (not payload or payload.strip(JSON_SPACE) == "null")):
                value = json_object(payload)
                name = ""
                if self._names and not marker:
                    name = self._event.partition(":")[2].removeprefix(" ")
                if value is None:
                    items.append(NamedFrame(name, raw) if name else raw)
                elif value or not marker:
                    items.append(NamedFrame(name, value) if name else value)
        if marker:
            items.append(marker)
            self.ended = True
        self.last_event_id = self._id
        self._event = ""
        self._size = 0

    def _fail(self) -> NoReturn:
        """Give up on the stream, and free what is buffered of it."""
        self._failed = self._special = True
        self._line.clear()
        self._data.clear()
        self._size = 0
        raise FrameTooLargeError(self._limit)


def _then_raise(
    items: list[EventItem | NamedFrame], error: FrameTooLargeError
) -> Iterator[EventItem | NamedFrame]:
    yield from items
    raise error
