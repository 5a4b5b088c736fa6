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


class BodyError(ValueError):
    """A body over the bound, packed in an unknown way, or not whole; ``final`` if surely so."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


class Body:
    """Collects the pieces of one body as they come off the wire.

    Args:
        encodings: The value of ``Content-Encoding``, or an empty text.
    """

    __slots__ = ("_finish", "_pieces", "_room", "_unpack")

    def __init__(self, encodings: str = "") -> None:
        self._pieces: list[bytes] = []
        self._room = LONGEST_BODY
        names = [name.strip().lower() for name in encodings.split(",")]
        stages = []
        for name in reversed([name for name in names if name not in {"", "identity"}]):
            if name not in _WBITS:
                raise BodyError(f"the answer's body is packed as {name!r:.40}, unasked", final=True)
            if len(stages) == 3:
                raise BodyError("the answer's body is packed more than three times", final=True)
            stages.append(zlib.decompressobj(_WBITS[name]))
        self._unpack: Callable[[bytes], None] = self._keep
        self._finish: list[Callable[[], bool]] = []
        for stage in reversed(stages):
            self._unpack = _unpacker(stage, self._unpack)
            self._finish.append(lambda stage=stage: stage.eof)  # type: ignore[misc]

    def feed(self, piece: bytes) -> None:
        """Take a piece as it came off the wire.

        Raises:
            BodyError: If the body grows over the bound or cannot be unpacked.
        """
        try:
            self._unpack(piece)
        except zlib.error as error:
            raise BodyError(f"the answer's body cannot be unpacked ({error})", final=True) from None

    def whole(self) -> bytes:
        """The unpacked body.

        Raises:
            BodyError: If the packed data ends early.
        """
        if not all(at_end() for at_end in self._finish) and self._pieces:
            raise BodyError("the answer's packed body ends early", final=False)
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _keep(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise BodyError(
                f"the answer's body is over {LONGEST_BODY // 1024 // 1024} MiB", final=True
            )
        self._pieces.append(piece)


def _unpacker(
    stage: zlib._Decompress, forward: Callable[[bytes], None], step: int = 64 * 1024
) -> Callable[[bytes], None]:
    def unpack(piece: bytes) -> None:
        while piece:
            forward(stage.decompress(piece, step))
            piece = stage.unconsumed_tail
        # What zlib still holds back after its input is used up comes with the next piece or, at
        # the end of the stream, has been handed out: max_length leaves it in unconsumed_tail.

    return unpack
