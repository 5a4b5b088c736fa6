"""An event stream, from bytes to frames, each with the time at which it arrived.

Knows the format of ``text/event-stream``. Must not know what a frame means. It shares no code with
the SDK's decoder, because it keeps what that one drops: comments, names and unfinished frames.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
# A frame that never ends must not fill the memory.
_LONGEST: Final = 8 * 1024 * 1024

Frame = dict[str, Any]


class FrameReader:
    """Splits a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes, at: float) -> list[Frame]:
        """Return the frames that are complete now.

        Args:
            chunk: The next bytes.
            at: When they arrived, in seconds.
        """
        self._buffer += chunk
        found = []
        while (end := _BLANK_LINE.search(self._buffer)) is not None:
            if block := bytes(self._buffer[: end.start()]):
                found.append(_frame(block, at))
            del self._buffer[: end.end()]
        if len(self._buffer) > _LONGEST:
            del self._buffer[:]
        return found

    def rest(self, at: float) -> list[Frame]:
        """Return the unfinished frame at the end of a stream, if there is one."""
        block = bytes(self._buffer).strip(b"\r\n")
        self._buffer.clear()
        return [{**_frame(block, at), "unfinished": True}] if block else []


def _frame(block: bytes, at: float) -> Frame:
    fields: dict[str, list[str]] = {}
    for line in re.split("\r\n|\n|\r", block.decode("utf-8", "replace")):
        name, colon, value = line.partition(":")
        fields.setdefault(name if name or not colon else "comment", []).append(
            value.removeprefix(" ")
        )
    frame: Frame = {"at": round(at, 3)}
    for name, values in fields.items():
        text = "\n".join(values)
        frame[name if name != "at" else "at_field"] = _json(text) if name == "data" else text
    return frame


def _json(text: str) -> Any:
    """Return the value of a text that is JSON, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
