"""How a response is sent: status, headers, body, and connections that are broken on purpose.

Knows ASGI messages, and the one thing that ASGI cannot do: reset a connection. Must not know
operations, or why a response is what it is.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio

# ASGI defines these as dicts whose keys depend on "type".
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

JsonObject: TypeAlias = Mapping[str, object]

# Statuses whose responses cannot have a body.
WITHOUT_BODY: Final = frozenset({204, 304})


class Connection(Protocol):
    """What a fault can do to the connection of a request.

    Attributes:
        closed: Set when it is closed.
    """

    closed: asyncio.Event

    async def reset(self) -> None:
        """Send what is buffered, then reset the connection. Return when it is closed."""

    def write_raw(self, data: bytes) -> None:
        """Write bytes that bypass the HTTP layer."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    Args:
        status: The HTTP status.
        value: The JSON object of the body, or None for no JSON.
        text: The plain text of the body, or None for no text.
        headers: Additional headers.
    """

    status: int
    value: JsonObject | None = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> tuple[str, bytes]:
        """Return the content type (empty if there is no body) and the bytes."""
        if self.text is not None:
            return "text/plain; charset=utf-8", self.text.encode()
        if self.value is not None:
            return "application/json", encode_json(self.value)
        return "", b""


def encode_json(value: JsonObject) -> bytes:
    """Return a JSON object as compact UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class ResponseWriter:
    """Sends the response to one request.

    Args:
        scope: The request's ASGI scope.
        send: The request's ASGI send.
        time_scale: The value of ``X-Sandbox-Time-Scale``.
        on_status: Called with the status, before it is sent; None calls nothing.
    """

    def __init__(
        self, scope: Scope, send: Send, time_scale: str, on_status: Callable[[int], None] | None
    ) -> None:
        self._scope = scope
        self._send = send
        self._time_scale = time_scale
        self._on_status = on_status
        # The status that was sent; 0 while nothing was sent.
        self.status = 0

    @property
    def connection(self) -> Connection:
        """The connection of the request."""
        connection: Connection = self._scope["state"]["connection"]
        return connection

    async def send(self, response: Response, *, malformed: bool = False) -> None:
        """Send a response. A malformed one is truncated, with a matching Content-Length."""
        content_type, body = response.body()
        if malformed:
            body = body[: len(body) // 2]
        await self.send_head(response.status, content_type, len(body), response.headers)
        await self.send_chunk(body, last=True)

    async def send_half(self, response: Response) -> None:
        """Send half of a response, then reset the connection."""
        content_type, body = response.body()
        if body:
            await self.send_head(response.status, content_type, len(body), response.headers)
            await self.send_chunk(body[: len(body) // 2], last=False)
        else:
            self._report(response.status)
            self.connection.write_raw(b"HTTP/1.1 %d No Con" % response.status)
        await self.connection.reset()

    async def send_head(
        self, status: int, content_type: str, length: int | None, headers: dict[str, str]
    ) -> None:
        """Send status and headers.

        Args:
            status: The HTTP status.
            content_type: The Content-Type, or an empty string for no header.
            length: The length of the body in bytes, or None if it is not known in advance.
            headers: Additional headers.
        """
        self._report(status)
        named = {"X-Sandbox-Time-Scale": self._time_scale, **headers}
        if content_type:
            named.setdefault("Content-Type", content_type)
        if length is not None and status not in WITHOUT_BODY:
            named["Content-Length"] = str(length)
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in named.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    def _report(self, status: int) -> None:
        self.status = status
        if self._on_status is not None:
            self._on_status(status)

    async def send_chunk(self, body: bytes, *, last: bool) -> None:
        """Send a chunk of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
