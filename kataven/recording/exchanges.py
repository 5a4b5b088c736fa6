"""What is known of an exchange while it takes place, and how it becomes a line of the recording.

Knows which headers and bodies are kept. Must not know sockets. What is not kept is not written
anywhere, and nothing is written before it is scrubbed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from kataven.recording import masks
from kataven.recording.file import Exchange, RecordedResponse, RecordingWriter, encode
from kataven.recording.forms import parse
from kataven.recording.frames import Frame, FrameReader
from kataven.recording.scrubbing import Scrubber, mask_type, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

# The headers that a client acts on, besides those about rate limits.
KEPT_HEADERS: Final = frozenset(
    {
        "content-type",
        "retry-after",
        "allow",
        "location",
        "link",
        "www-authenticate",
        "cache-control",
        "content-encoding",
        "x-sandbox-time-scale",
    }
)
_HARMLESS: Final = frozenset({"content-type", "retry-after", "allow", "x-sandbox-time-scale"})
_MAX_KEPT: Final = 64 * 1024 * 1024


def is_rate_limit(name: str) -> bool:
    """Whether a header, in lower case, is about rate limits."""
    return name.startswith(("ratelimit", "x-ratelimit", "x-rate-limit"))


@dataclass(slots=True)
class Took:
    """An exchange in progress. It holds personal data, and is never written as it is.

    Attributes:
        frames: The frames of an event stream, scrubbed already.
    """

    number: int
    began: float
    start: float
    method: str
    path: str
    query: str
    below_mount: bool
    scrubber: Scrubber = field(repr=False)
    credential: str = "key"
    content_type: str = ""
    request: bytes = b""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    frames: list[Frame] = field(default_factory=list)
    reader: FrameReader | None = None
    end: str = "complete"
    refused: str | None = None
    failure: str | None = None
    # When the last byte was passed on; None if none was.
    ended: float | None = None

    def now(self) -> float:
        """Seconds since the recording began."""
        return time.monotonic() - self.start

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Keep the head of the response."""
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            self.reader = FrameReader()

    def chunk(self, chunk: bytes) -> None:
        """Keep a chunk of the body of the response."""
        if self.reader is not None:
            self.frames += map(self._scrubbed, self.reader.feed(chunk, self.now() - self.began))
        elif len(self.body) <= _MAX_KEPT:
            self.body += chunk

    def finish(self) -> None:
        """Keep what is left of an event stream."""
        if self.reader is not None:
            self.frames += map(self._scrubbed, self.reader.rest(self.now() - self.began))

    def fail(self, error: Exception) -> None:
        """Keep why there is no response, or no complete one."""
        text = self.scrubber.text(str(error))
        self.failure = (
            f"the Hub did not respond ({type(error).__name__}{': ' if text else ''}{text})"
        )
        if self.status is not None:
            self.failure = (
                f"the response was cut ({type(error).__name__}{': ' if text else ''}{text})"
            )

    def _scrubbed(self, frame: Frame) -> Frame:
        found: Frame = {}
        for name, value in frame.items():
            if name in {"at", "unfinished"}:
                found[name] = value
            elif name == "data" and not isinstance(value, str):
                found[name] = self.scrubber.json(value)
            elif name == "event" and masks.WORD.fullmatch(str(value)):
                found[name] = value
            elif masks.is_name(name):
                found[name] = self.scrubber.text(str(value))
            else:
                found[masks.mask(name)] = masks.mask(str(value))
        return found


class ExchangeLog:
    """Numbers the exchanges and writes them when they end.

    Args:
        writer: The file.
        scrubber: Replaces personal data.
    """

    def __init__(self, writer: RecordingWriter, scrubber: Scrubber) -> None:
        self._writer = writer
        self._scrubber = scrubber
        self._start = time.monotonic()
        self._begun = 0
        self.recorded = self.refused = self.failed = self.frames = 0
        # Set when the file cannot be written any more.
        self.broken = threading.Event()
        self.error: OSError | None = None

    def begin(self, method: str, path: str, query: str, *, below_mount: bool) -> Took:
        """Return a new exchange."""
        self._begun += 1
        now = time.monotonic()
        return Took(
            self._begun,
            now - self._start,
            self._start,
            method,
            path,
            query,
            below_mount,
            self._scrubber,
        )

    def finish(self, took: Took) -> None:
        """Scrub and write an exchange that has ended."""
        took.finish()
        if took.refused is not None:
            self.refused += 1
        elif took.status is None or took.end == "cut" or took.failure is not None:
            self.failed += 1
        else:
            self.recorded += 1
        self.frames += len(took.frames)
        if self.error is not None:
            return
        line = encode(self._exchange(took))
        if self._scrubber.leaks(line):
            line = encode(_withheld(took))
        try:
            self._writer.write(line)
        except OSError as error:
            self.error = error
            self.broken.set()

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: It cannot be written.
        """
        if self.error is None:
            self._writer.close()

    def _exchange(self, took: Took) -> Exchange:
        scrubber = self._scrubber
        # The request first: its list names what is personal in the response.
        body, value = self._request(took)
        response = None
        if took.status is not None:
            kept = {
                name: self._header(name, text)
                for name, text in took.headers.items()
                if name in KEPT_HEADERS or is_rate_limit(name)
            }
            others = [scrubber.text(name) for name in took.headers if name not in kept]
            response = RecordedResponse(took.status, kept, others, *self._response(took))
        return Exchange(
            took.number,
            took.began,
            took.now() if took.ended is None else took.ended,
            took.method[:20],
            scrubber.path(took.path),
            took.below_mount,
            scrubber.query(took.query),
            took.credential,
            mask_type(took.content_type),
            body,
            value,
            response,
            took.end,
            took.refused,
            took.failure,
        )

    def _request(self, took: Took) -> tuple[str, Any]:
        data = took.request
        if not data:
            return "empty", None
        kind = took.content_type.partition(";")[0].strip().lower()
        try:
            if kind == "multipart/form-data":
                return "form", self._scrubber.form(parse(took.content_type, data))
            if kind == "application/json":
                return "json", self._scrubber.json(parse_json(data))
        except ValueError as error:
            return "unreadable", f"{self._scrubber.text(str(error))}; {len(data)} bytes"
        if kind == "application/x-www-form-urlencoded":
            pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
            return "text", self._scrubber.query(urlencode(pairs))
        return "unreadable", f"a body of another type; {len(data)} bytes"

    def _response(self, took: Took) -> tuple[str, Any]:
        if took.reader is not None:
            return "frames", took.frames
        data = bytes(took.body)
        if not data:
            return "empty", None
        kind = took.headers.get("content-type", "").partition(";")[0].strip().lower()
        if took.headers.get("content-encoding", "identity") != "identity":
            return "unreadable", f"compressed; {len(data)} bytes"
        if took.end != "complete":
            return "unreadable", f"incomplete; {len(data)} bytes arrived"
        if kind.endswith("json") or data.lstrip()[:1] in {b"{", b"["}:
            try:
                return "json", self._scrubber.json(parse_json(data))
            except ValueError:
                return "unreadable", f"it is not JSON; {len(data)} bytes"
        if kind.startswith("text/") or not kind:
            return "text", self._scrubber.text(data.decode("utf-8", "replace"))[:100_000]
        return "unreadable", f"a body of another type; {len(data)} bytes"

    def _header(self, name: str, text: str) -> str:
        if name == "content-type":
            return mask_type(text)
        if name in _HARMLESS or is_rate_limit(name):
            return self._scrubber.text(text)[:200]
        if name in {"location", "link"}:
            return self._scrubber.text(masks.mask(text))
        return self._scrubber.text(text)[:200]


def _withheld(took: Took) -> Exchange:
    """Return what may be said of an exchange whose line would have contained a token."""
    took = replace(took, request=b"", body=bytearray(), frames=[])
    return Exchange(
        took.number,
        took.began,
        took.now(),
        took.method[:20],
        "/[withheld]",
        took.below_mount,
        "",
        took.credential,
        "",
        "unreadable",
        "withheld: it contained a token",
        None,
        took.end,
        "it was forwarded, but its record contained a token and is withheld",
    )
