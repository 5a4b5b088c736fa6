"""The body of a response, bounded while it is read.

Knows content encodings and the size limit: 250 bytes of zeros that were compressed twice must not
become 50 MB of memory. Bytes in, bytes out; it does no I/O.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_BODY: Final = 16 * 1024 * 1024
"""The size limit of a decoded body, in bytes."""

_WBITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_NAMED: Final = frozenset({*_WBITS, "br", "zstd", "compress", "x-compress"})
_GZIP_START: Final = b"\x1f"
_MOST_STAGES: Final = 3
_STEP: Final = 64 * 1024


def known(encoding: str) -> str:
    """Return a content encoding as an error may name it: a server may echo the key in its place."""
    return encoding if encoding in _NAMED else "one that is not known"


class BodyError(ValueError):
    """A body that is too large, truncated, or in an encoding that is not supported.

    Attributes:
        final: Whether a retry cannot help.
    """

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


class Body:
    """Collects and decodes the chunks of one body.

    Args:
        encodings: The value of ``Content-Encoding``, or an empty string.

    Raises:
        BodyError: If the encoding is not one that was asked for.
    """

    __slots__ = ("_first", "_joined", "_only", "_room", "_stages")

    def __init__(self, encodings: str = "") -> None:
        # Nearly every body arrives in one chunk, which is then returned without a copy.
        self._only = b""
        self._joined: bytearray | None = None
        self._room = LONGEST_BODY
        self._first: Callable[[bytes], None] = self._keep
        self._stages: list[_Stage] = []
        if encodings:
            for name in [part.strip().lower() for part in encodings.split(",")]:
                if name in {"", "identity"}:
                    continue
                if name not in _WBITS:
                    raise BodyError(
                        f"the response has an unsupported Content-Encoding ({known(name)})",
                        final=True,
                    )
                if len(self._stages) == _MOST_STAGES:
                    raise BodyError("the response has too many content encodings", final=True)
                # They are listed in the order in which they were applied: decode the last first.
                stage = _Stage(_WBITS[name], self._first)
                self._stages.append(stage)
                self._first = stage.feed

    def feed(self, chunk: bytes) -> None:
        """Add a chunk as it was received.

        Args:
            chunk: The bytes.

        Raises:
            BodyError: If the body exceeds the size limit or cannot be decoded.
        """
        try:
            self._first(chunk)
        except zlib.error as error:
            raise BodyError(f"the response body cannot be decoded ({error})", final=True) from None

    def complete(self) -> bytes:
        """Return the decoded body.

        Raises:
            BodyError: If the compressed data is truncated.
        """
        if any(stage.unfinished for stage in self._stages):
            raise BodyError("the compressed response body is truncated", final=False)
        return self._only if self._joined is None else bytes(self._joined)

    def _keep(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            raise BodyError(
                f"the response body is larger than {LONGEST_BODY // 1024 // 1024} MiB", final=True
            )
        if self._joined is not None:
            self._joined += chunk
        elif not self._only:
            self._only = chunk
        elif chunk:
            self._joined = bytearray(self._only)
            self._joined += chunk
            self._only = b""


class _Stage:
    """Decodes one content encoding, a bounded step at a time."""

    __slots__ = ("_forward", "_stream", "_wbits", "begun")

    def __init__(self, wbits: int, forward: Callable[[bytes], None]) -> None:
        self._wbits = wbits
        self._forward = forward
        self._stream = zlib.decompressobj(wbits)
        self.begun = False

    @property
    def unfinished(self) -> bool:
        return self.begun and not self._stream.eof

    def feed(self, chunk: bytes) -> None:
        while chunk:
            self.begun = True
            if self._stream.eof:
                # A gzip file may have several members. Anything else after the end is dropped: zlib
                # would keep all of it.
                if self._wbits != _WBITS["gzip"] or not chunk.startswith(_GZIP_START):
                    return
                self._stream = zlib.decompressobj(self._wbits)
            self._forward(self._stream.decompress(chunk, _STEP))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
