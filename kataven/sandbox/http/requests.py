"""How a request is read: headers, query and body, each with a maximum size.

Knows ASGI messages. Must not know operations.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from kataven.sandbox.http.refusals import HttpRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kataven.sandbox.http.responses import Receive, Scope

MAX_HEAD: Final = 32 * 1024
_SINGLE: Final = frozenset({b"authorization", b"x-account-id", b"content-type", b"host"})
_LOOPBACK: Final = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?")
_PAGE: Final = re.compile(r"[0-9]{1,1000}")


class Request:
    """One request.

    Args:
        scope: Its ASGI scope.
        receive: Its ASGI receive.
        timeout: Maximum real seconds until its body has arrived.
    """

    def __init__(self, scope: Scope, receive: Receive, timeout: float) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1")
        self._query: bytes = scope["query_string"]
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.headers = dict(self._headers)
        self.receive = receive
        self._timeout = timeout

    def check_head(self) -> None:
        """Check the size of the head, its headers and its host.

        Raises:
            HttpRefused: 400, the head is too large, a header is duplicated that may appear only
                once, or the ``Host`` is not a loopback name (a web page could otherwise reach the
                Hub through a DNS name that resolves to 127.0.0.1).
        """
        size = len(self.path) + len(self._query)
        size += sum(len(name) + len(value) + 4 for name, value in self._headers)
        if size > MAX_HEAD:
            raise HttpRefused(400, f"bad request: its head is larger than {MAX_HEAD:,} bytes")
        names = [name for name, _ in self._headers if name in _SINGLE]
        if len(names) != len(set(names)):
            raise HttpRefused(
                400,
                "bad request: duplicate Authorization, X-Account-ID, Content-Type or Host header",
            )
        host = self.headers.get(b"host", b"").decode("latin-1")
        if _LOOPBACK.fullmatch(host.lower()) is None:
            raise HttpRefused(400, "bad Host: this Hub only accepts loopback names")

    def page(self) -> int:
        """Return the query's ``page``, 0 if it is missing.

        Raises:
            HttpRefused: 400, it is not an integer from 0.
        """
        text = self.text("page")
        if text is None:
            return 0
        if _PAGE.fullmatch(text) is None:
            raise HttpRefused(400, "page must be an integer, counted from 0")
        return int(text)

    def contact_status(self) -> str | None:
        """Return the query's ``status``; None if it is missing or empty."""
        return self.text("status") or None

    def number(self, name: str, default: int) -> int:
        """Return an integer of the query, or the default if it is missing.

        Raises:
            HttpRefused: 400, it is not an integer from 0.
        """
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise HttpRefused(400, f"{name} must be an integer from 0")
        return int(text)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in the chunks in which it arrives.

        Raises:
            HttpRefused: 400 for a compressed body or a client that disconnected, 408 if the body
                did not arrive in time.
        """
        if self.headers.get(b"content-encoding", b"identity") != b"identity":
            raise HttpRefused(
                400, "a body with a Content-Encoding is not supported; send it uncompressed"
            )
        deadline = asyncio.get_running_loop().time() + self._timeout
        more = True
        while more:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await self.receive()
            except TimeoutError:
                raise HttpRefused(
                    408, f"the body did not arrive within {self._timeout:g} s; send it faster"
                ) from None
            if message["type"] == "http.disconnect":
                raise HttpRefused(400, "the client disconnected before its body was complete")
            more = message["more_body"]
            if message["body"]:
                yield message["body"]

    async def body(self, at_most: int) -> bytes:
        """Return the complete body.

        Args:
            at_most: Maximum number of bytes.

        Raises:
            HttpRefused: 400, the body is too long, or as for ``chunks``.
        """
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            if len(data) > at_most:
                raise HttpRefused(400, f"the body is longer than {at_most:,} bytes")
        return bytes(data)

    def text(self, name: str) -> str | None:
        """Return the first value of a name in the query, or None if it is missing.

        Raises:
            HttpRefused: 400, the query is malformed.
        """
        return next((value for key, value in self._pairs() if key == name), None)

    def query_names(self) -> list[str]:
        """Return the names in the query.

        Raises:
            HttpRefused: 400, the query is malformed.
        """
        return [key for key, _ in self._pairs()]

    def _pairs(self) -> list[tuple[str, str]]:
        try:
            return parse_qsl(
                self._query.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=100,
                errors="strict",
            )
        except ValueError as error:
            raise HttpRefused(
                400, "bad query: it is malformed or has more than 100 fields"
            ) from error
