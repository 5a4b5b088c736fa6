"""How a request is read: its headers, its query, its body; each bounded.

Knows ASGI messages. Must not know operations.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qsl

from kataven.sandbox.answers import Receive, Scope
from kataven.sandbox.refusals import Refused

MAX_HEAD: Final = 32 * 1024
_ONCE: Final = frozenset({b"authorization", b"x-account-id", b"content-type", b"host"})
_LOOPBACK = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?")
_PAGE = re.compile(r"[0-9]{1,1000}")


class Request:
    """One request.

    Args:
        scope: Its ASGI scope.
        receive: Its ASGI receive.
        patience: Seconds of the client's own time that its body may take.
    """

    def __init__(self, scope: Scope, receive: Receive, patience: float) -> None:
        self.method: str = scope["method"]
        self.path = scope["raw_path"].decode("latin-1")
        self._query: bytes = scope["query_string"]
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.headers = dict(self._headers)
        self.receive = receive
        self._patience = patience

    def check_head(self) -> None:
        """Refuse what would make the head ambiguous or come from elsewhere.

        Raises:
            Refused: 400, the head is too large, the `Host` is not loopback (a page in a browser may
                have been led here by its own name), or a header that must stand once stands twice.
        """
        size = len(self.path) + len(self._query)
        size += sum(len(name) + len(value) + 4 for name, value in self._headers)
        if size > MAX_HEAD:
            raise Refused(400, f"bad request: its head is larger than {MAX_HEAD:,} bytes")
        names = [name for name, _ in self._headers if name in _ONCE]
        if len(names) != len(set(names)):
            raise Refused(400, "bad request: a header stands twice that may stand once")
        host = self.headers.get(b"host", b"").decode("latin-1")
        if _LOOPBACK.fullmatch(host.lower()) is None:
            raise Refused(400, "bad Host: this Hub answers to loopback names only")

    def page(self) -> int:
        """Return the query's `page`, 0 if it has none.

        Raises:
            Refused: 400, it is no whole number from 0.
        """
        text = self._first("page")
        if text is None:
            return 0
        if _PAGE.fullmatch(text) is None:
            raise Refused(400, "page must be a whole number, counted from 0")
        return int(text)

    def contact_status(self) -> str | None:
        """Return the query's `status`; an empty one counts as none."""
        return self._first("status") or None

    def number(self, name: str, default: int) -> int:
        """Return a whole number of the query.

        Raises:
            Refused: 400, it is none.
        """
        text = self._first(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise Refused(400, f"{name} must be a whole number from 0")
        return int(text)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            Refused: 400 for a compressed body or a client that left, 408 for one that is too slow.
        """
        if self.headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refused(400, "a body with a Content-Encoding is not read; send it as it is")
        until = asyncio.get_running_loop().time() + self._patience
        more = True
        while more:
            try:
                async with asyncio.timeout_at(until):
                    message = await self.receive()
            except TimeoutError:
                raise Refused(
                    408, f"the body did not arrive within {self._patience:g} s; send it faster"
                ) from None
            if message["type"] == "http.disconnect":
                raise Refused(400, "the client left before its body was complete")
            more = message["more_body"]
            if message["body"]:
                yield message["body"]

    async def body(self, at_most: int) -> bytes:
        """Return the whole body.

        Raises:
            Refused: 400, it is longer than `at_most` bytes, or as `pieces` says.
        """
        data = bytearray()
        async for piece in self.pieces():
            data += piece
            if len(data) > at_most:
                raise Refused(400, f"the body is longer than {at_most:,} bytes")
        return bytes(data)

    def _first(self, name: str) -> str | None:
        try:
            pairs = parse_qsl(
                self._query.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=100,
                errors="strict",
            )
        except ValueError as error:
            raise Refused(400, "bad query: it is malformed or has more than 100 fields") from error
        return next((value for key, value in pairs if key == name), None)
