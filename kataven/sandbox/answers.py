"""How an answer goes out: heads, bodies, and connections that break on purpose.

Knows ASGI messages and the one thing ASGI cannot do, resetting a connection. Must not know
operations or why an answer is what it is.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kataven.sandbox.refusals import Refused

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Connection(Protocol):
    """What a fault needs of the connection that a request came on."""

    async def reset(self) -> None:
        """Send what is buffered, then reset the connection; return when it is gone."""

    def write_raw(self, data: bytes) -> None:
        """Write bytes past the HTTP layer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Args:
        status: The HTTP status.
        value: The JSON value of the body, or None for no JSON.
        text: The plain text of the body, or None for no text.
        headers: Further headers.
    """

    status: int
    value: object = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> tuple[str, bytes]:
        """Return the content type (empty for no body) and the bytes."""
        if self.text is not None:
            return "text/plain; charset=utf-8", self.text.encode()
        if self.value is not None:
            text = json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))
            return "application/json", text.encode()
        return "", b""


def of_refusal(refused: Refused) -> Answer:
    """Return the answer of a refusal: plain text, with the headers that belong to it."""
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.allow is not None:
        headers["Allow"] = refused.allow
    return Answer(refused.status, text=refused.text, headers=headers)


class Reply:
    """The one reply to one request.

    Args:
        scope: The request's ASGI scope.
        send: The request's ASGI send.
        time_scale: What `X-Sandbox-Time-Scale` says.
    """

    def __init__(self, scope: Scope, send: Send, time_scale: str) -> None:
        self._scope = scope
        self._send = send
        self._time_scale = time_scale
        self.status = 0

    @property
    def connection(self) -> Connection:
        """The connection that the request came on."""
        connection: Connection = self._scope["state"]["connection"]
        return connection

    async def whole(self, answer: Answer, *, malformed: bool = False) -> None:
        """Send an answer; a malformed one breaks off inside its JSON, with a fitting length."""
        kind, body = answer.body()
        if malformed:
            body = body[: len(body) // 2]
        await self.head(answer.status, kind, len(body), answer.headers)
        await self.piece(body, last=True)

    async def half(self, answer: Answer) -> None:
        """Send half of an answer and reset the connection."""
        kind, body = answer.body()
        if body:
            await self.head(answer.status, kind, len(body), answer.headers)
            await self.piece(body[: len(body) // 2], last=False)
        else:
            self.status = answer.status
            self.connection.write_raw(b"HTTP/1.1 %d No Con" % answer.status)
        await self.connection.reset()

    async def head(
        self, status: int, kind: str, length: int | None, headers: dict[str, str]
    ) -> None:
        """Send status and headers; a length of None is for a body whose end is not known."""
        self.status = status
        named = {"X-Sandbox-Time-Scale": self._time_scale, **headers}
        if kind:
            named["Content-Type"] = kind
        if length is not None and status != 204:
            named["Content-Length"] = str(length)
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in named.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def piece(self, body: bytes, *, last: bool) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
