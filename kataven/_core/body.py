"""An answer's body, bounded while it is read.

Knows content encodings and how much is too much: 250 bytes of doubly packed zeros must not become
50 MB of memory. Bytes in, bytes out; it does no I/O.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_BODY: Final = 16 * 1024 * 1024
_WBITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_GZIP_START: Final = b"\x1f"
_MOST_STAGES: Final = 3
_STEP: Final = 64 * 1024


class BodyError(ValueError):
    """A body over the bound, packed in an unknown way, or not whole; ``final`` if surely so."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


class Body:
    """Collects the pieces of one body as they come off the wire.

    Args:
        encodings: The value of ``Content-Encoding``, or an empty text.

    Raises:
        BodyError: If the body is packed in a way that was not asked for.
    """

    __slots__ = ("_first", "_joined", "_only", "_room", "_stages")

    def __init__(self, encodings: str = "") -> None:
        # Nearly every body comes in one piece, which is then handed on as it is.
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
                        f"the answer's body is packed as {name!r:.40}, unasked", final=True
                    )
                if len(self._stages) == _MOST_STAGES:
                    raise BodyError("the answer's body is packed too often", final=True)
                # Named in the order in which they were applied, so the last is undone first.
                stage = _Stage(_WBITS[name], self._first)
                self._stages.append(stage)
                self._first = stage.feed

    def feed(self, piece: bytes) -> None:
        """Take a piece as it came off the wire.

        Raises:
            BodyError: If the body grows over the bound or cannot be unpacked.
        """
        try:
            self._first(piece)
        except zlib.error as error:
            raise BodyError(f"the answer's body cannot be unpacked ({error})", final=True) from None

    def whole(self) -> bytes:
        """The unpacked body.

        Raises:
            BodyError: If the packed data ends early.
        """
        if any(stage.unfinished for stage in self._stages):
            raise BodyError("the answer's packed body ends early", final=False)
        return self._only if self._joined is None else bytes(self._joined)

    def _keep(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise BodyError(
                f"the answer's body is over {LONGEST_BODY // 1024 // 1024} MiB", final=True
            )
        if self._joined is not None:
            self._joined += piece
        elif not self._only:
            self._only = piece
        elif piece:
            self._joined = bytearray(self._only)
            self._joined += piece
            self._only = b""


class _Stage:
    """Undoes one content encoding, a bounded piece at a time."""

    __slots__ = ("_forward", "_stream", "_wbits", "begun")

    def __init__(self, wbits: int, forward: Callable[[bytes], None]) -> None:
        self._wbits = wbits
        self._forward = forward
        self._stream = zlib.decompressobj(wbits)
        self.begun = False

    @property
    def unfinished(self) -> bool:
        return self.begun and not self._stream.eof

    def feed(self, piece: bytes) -> None:
        while piece:
            self.begun = True
            if self._stream.eof:
                # A gzip file may have several members; anything else behind the end is dropped, for
                # zlib would keep it all.
                if self._wbits != _WBITS["gzip"] or not piece.startswith(_GZIP_START):
                    return
                self._stream = zlib.decompressobj(self._wbits)
            self._forward(self._stream.decompress(piece, _STEP))
            piece = self._stream.unconsumed_tail or self._stream.unused_data
