"""The recording: a file of JSON lines that a person can read.

Knows its format and checks it. Must not know how an exchange was made or what it means. The first
line describes the recording, each other line is one exchange, and the last line has the number of
exchanges and a checksum, so that a file that was cut or edited is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
_ENDS: Final = frozenset({"complete", "cut", "client", "stopped"})
_CREDENTIALS: Final = frozenset({"key", "none", "invalid"})


class RecordingError(Exception):
    """A recording cannot be read. The text names the file, the line and the problem."""


@dataclass(slots=True)
class RecordedResponse:
    """A response of the real Hub.

    Attributes:
        status: Its status.
        headers: The headers that matter, by name in lower case.
        other_headers: The names of the other headers.
        body: What its body is: ``json``, ``text``, ``frames``, ``unreadable`` or ``empty``.
        value: The JSON value, the text, or the list of frames; the reason if it is unreadable.
    """

    status: int
    headers: dict[str, str]
    other_headers: list[str]
    body: str
    value: Any = None


@dataclass(slots=True)
class Exchange:
    """A request and what came of it.

    Attributes:
        number: Its number, in the order in which requests began, from 1.
        began, ended: Seconds since the recording began.
        method: Its method.
        path: Its path below the mount, or the complete path if it is not below the mount.
        below_mount: Whether it is below the mount.
        query: Its query, an empty string if it has none.
        credential: ``key``, ``none`` or ``invalid``.
        content_type: The Content-Type of the request, without its boundary.
        body: What the body of the request is: ``form``, ``json``, ``text``, ``unreadable`` or
            ``empty``.
        value: The parts of the form, the JSON value or the text; the reason if it is unreadable.
        response: The response, or None if there was none.
        end: How it ended: ``complete``; ``cut`` by the network or the Hub; ``client``, which
            disconnected; ``stopped`` with the recorder.
        refused: Why it was not forwarded, or None if it was.
        failure: What failed on the way to the Hub, or None.
    """

    number: int
    began: float
    ended: float
    method: str
    path: str
    below_mount: bool
    query: str
    credential: str
    content_type: str
    body: str
    value: Any = None
    response: RecordedResponse | None = None
    end: str = "complete"
    refused: str | None = None
    failure: str | None = None

    @property
    def title(self) -> str:
        """The request in one line: ``#3 GET /campaigns?page=1``."""
        query = f"?{self.query}" if self.query else ""
        return f"#{self.number} {self.method} {self.path}{query}"


@dataclass(slots=True)
class Recording:
    """A complete recording.

    Attributes:
        upstream: The URL of the real Hub.
        started: When it began, in RFC 3339.
        exchanges: The exchanges, in the order in which they began.
    """

    upstream: str
    started: str
    exchanges: list[Exchange] = field(default_factory=list)


class RecordingWriter:
    """Writes a recording, an exchange at a time.

    Args:
        path: The file; it must not exist. Only its owner may read it.
        head: What describes the recording.

    Raises:
        OSError: The file exists, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], head: Mapping[str, object]) -> None:
        self.path = Path(path)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: IO[str] = os.fdopen(descriptor, "w", encoding="ascii", newline="\n")
        self._digest = hashlib.sha256()
        self.count = 0
        self._line({"kataven_recording": FORMAT, **head})

    def write(self, line: str) -> None:
        """Write an exchange that ``encode`` returned."""
        self._raw(line)
        self.count += 1

    def close(self) -> None:
        """Write the last line, and close the file.

        Raises:
            OSError: The file cannot be written.
        """
        if self._file.closed:
            return
        try:
            self._line({"exchanges": self.count, "sha256": self._digest.hexdigest()})
        finally:
            self._file.close()

    def _line(self, value: Mapping[str, object]) -> None:
        self._raw(json.dumps(value))

    def _raw(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()
        self._digest.update(line.encode("ascii") + b"\n")


def encode(exchange: Exchange) -> str:
    """Return an exchange as a line; what is empty is left out."""
    response = exchange.response
    shown: dict[str, object] = {
        "number": exchange.number,
        "began": round(exchange.began, 3),
        "ended": round(exchange.ended, 3),
        "method": exchange.method,
        "path": exchange.path,
    }
    if not exchange.below_mount:
        shown["below_mount"] = False
    if exchange.query:
        shown["query"] = exchange.query
    shown["credential"] = exchange.credential
    if exchange.content_type:
        shown["content_type"] = exchange.content_type
    if exchange.body != "empty":
        shown[exchange.body] = exchange.value
    if response is not None:
        answered: dict[str, object] = {"status": response.status, "headers": response.headers}
        if response.other_headers:
            answered["other_headers"] = response.other_headers
        if response.body != "empty":
            answered[response.body] = response.value
        shown["response"] = answered
    if exchange.end != "complete":
        shown["end"] = exchange.end
    if exchange.refused is not None:
        shown["refused"] = exchange.refused
    if exchange.failure is not None:
        shown["failure"] = exchange.failure
    return json.dumps(shown)


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read and check a recording.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be read.
        RecordingError: It is not a recording, is incomplete, or was changed.
    """
    name = os.fspath(path)
    data = Path(path).read_bytes()
    lines = data.split(b"\n")
    values = [_value(name, number, line) for number, line in enumerate(lines[:-1], 1)]
    if not values or "kataven_recording" not in values[0]:
        msg = f"{name}, line 1: this is not a recording of 'kataven sandbox record'"
        raise RecordingError(msg)
    if values[0]["kataven_recording"] != FORMAT:
        msg = f"{name}, line 1: its format is another one than {FORMAT}; update kataven"
        raise RecordingError(msg)
    if lines[-1] or "sha256" not in values[-1]:
        msg = (
            f"{name}: it ends in line {len(lines) if lines[-1] else len(values)} without its last "
            "line, so it is incomplete: the recorder did not end normally, or the file was cut; "
            "record it again"
        )
        raise RecordingError(msg)
    exchanges = [
        _exchange(name, number, value) for number, value in enumerate(values[1:-1], start=2)
    ]
    whole = b"\n".join(lines[:-2]) + b"\n"
    last = values[-1]
    if last["sha256"] != hashlib.sha256(whole).hexdigest() or last["exchanges"] != len(exchanges):
        msg = (
            f"{name}: it was changed after it was recorded (its checksum differs), so it does not "
            "show what the Hub did; record it again"
        )
        raise RecordingError(msg)
    exchanges.sort(key=lambda exchange: exchange.number)
    head = values[0]
    return Recording(str(head.get("upstream", "")), str(head.get("started", "")), exchanges)


def _value(name: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        what = "it is not a JSON object, so the file was cut, edited, or is not a recording"
        msg = f"{name}, line {number}: {what}"
        raise RecordingError(msg)
    return value


def _exchange(name: str, number: int, value: dict[str, Any]) -> Exchange:
    def take(source: dict[str, Any], key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        found = source.get(key, default)
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            msg = f"{name}, line {number}: {key!r} is missing or has the wrong type"
            raise RecordingError(msg)
        return found

    def content(source: dict[str, Any], kinds: tuple[str, ...]) -> tuple[str, Any]:
        found = [kind for kind in kinds if kind in source]
        if not found:
            return "empty", None
        kind = found[0]
        if kind != "json":
            take(source, kind, list if kind in {"form", "frames"} else str, None)
        items = source[kind] if kind in {"form", "frames"} else []
        if len(found) > 1 or not all(isinstance(one, dict) for one in items):
            msg = f"{name}, line {number}: {kind!r} is not valid"
            raise RecordingError(msg)
        if kind == "form":
            for part in items:
                take(part, "name", str, None)
                take(part, "data", str, None)
        if kind == "frames":
            for frame in items:
                take(frame, "at", (int, float), None)
        return kind, source[kind]

    response = None
    if "response" in value:
        answered = take(value, "response", dict, None)
        status = take(answered, "status", int, None)
        headers = take(answered, "headers", dict, {})
        others = take(answered, "other_headers", list, [])
        response = RecordedResponse(
            status, headers, others, *content(answered, ("json", "text", "frames", "unreadable"))
        )
    end = take(value, "end", str, "complete")
    credential = take(value, "credential", str, None)
    if end not in _ENDS or credential not in _CREDENTIALS:
        msg = f"{name}, line {number}: 'end' or 'credential' is not one of the known words"
        raise RecordingError(msg)
    refused, failure = value.get("refused"), value.get("failure")
    body, inner = content(value, ("form", "json", "text", "unreadable"))
    exchange = Exchange(
        take(value, "number", int, None),
        take(value, "began", (int, float), None),
        take(value, "ended", (int, float), None),
        take(value, "method", str, None),
        take(value, "path", str, None),
        take(value, "below_mount", bool, default=True),
        take(value, "query", str, ""),
        credential,
        take(value, "content_type", str, ""),
        body,
        inner,
        response,
        end,
        None if refused is None else str(refused),
        None if failure is None else str(failure),
    )
    reason = exchange.refused or exchange.failure or (end if end != "complete" else None)
    if response is None and reason is None:
        msg = f"{name}, line {number}: it has neither a response nor the reason for none"
        raise RecordingError(msg)
    return exchange
