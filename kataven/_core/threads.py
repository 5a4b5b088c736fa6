"""How uploads are handed over, and what the async client does in threads.

Knows how pieces of a form are joined, how a function is handed to a thread and what becomes of its
result. It knows no operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# One piece handed from the reading thread to the event loop: large enough that the hop costs
# little, small enough to keep memory flat.
_UPLOAD_PIECE = 1024 * 1024


# Larger pieces are slower than httpx's own of this size.
_JOINED: Final = 64 * 1024


class JoinedUpload(httpx.SyncByteStream):
    """A multipart body whose small pieces go out together: httpx sends each line by itself."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self._body)
        while piece := _next_piece(pieces, _JOINED):
            yield piece


class ThreadedUpload(httpx.AsyncByteStream):
    """A multipart body whose file is read in a thread: a slow disk must not hold up the loop."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self._body)
        while piece := await run_in_thread(lambda: _next_piece(pieces, _UPLOAD_PIECE)):
            yield piece


def _next_piece(pieces: Iterator[bytes], size: int) -> bytes:
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            break
    return held[0] if len(held) == 1 else b"".join(held)


async def run_in_thread(function: Any) -> Any:
    """Run a function in a thread; what it opened is closed if the waiting is cancelled."""
    import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

    future = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_close_result)
        raise


def _close_result(future: Any) -> None:
    if not future.cancelled() and future.exception() is None:
        close = getattr(future.result(), "close", None)
        if close is not None:
            close()
