"""HTTP/1.1 as bytes: the requests a loopback Hub records and the responses it can send.

Knows nothing of kataven or httpx, so that what it records is what went over the wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "/api/v1"
REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Part:
    """One part of a multipart form, as the standard library's mail parser reads it."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One recorded request.

    Attributes:
        raw: Every byte that was read.
        body: The body without its chunk framing.
        complete: False where the Hub responded before it had read the body.
        received_at: When the head had arrived, by the Hub's clock.
        connection: The number of the connection, from 1.
    """

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool = True
    received_at: float = 0.0
    connection: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def line(self) -> str:
        """Method and target without the API prefix: ``GET /campaigns/c1/contacts?page=0``."""
        return f"{self.method} {self.target.removeprefix(PREFIX)}"

    @property
    def route(self) -> str:
        """Method and path without the API prefix: ``GET /campaigns/c1``."""
        return self.line.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True, strict_parsing=True)

    def header(self, name: str) -> str | None:
        """The only value of a header, or None; a header sent twice fails the test."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def parts(self) -> list[Part]:
        head = f"Content-Type: {self.header('content-type')}\r\nMIME-Version: 1.0\r\n\r\n"
        message = BytesParser(policy=policy.HTTP).parsebytes(head.encode("latin-1") + self.body)
        assert message.is_multipart()
        assert not message.defects
        return [
            Part(
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        ]

    @property
    def form(self) -> dict[str, str]:
        """The form fields without a file; each may occur once."""
        fields = [part for part in self.parts if part.filename is None]
        assert len({part.name for part in fields}) == len(fields)
        return {part.name: part.content.decode("utf-8") for part in fields}

    @property
    def file(self) -> Part:
        (file,) = [part for part in self.parts if part.filename is not None]
        return file


def response(
    status: int = 200,
    body: bytes | str | dict[str, Any] | list[Any] = b"",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    length: int | None = None,
) -> bytes:
    """Build a response with a Content-Length; ``length`` replaces it with another number."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    kind = "text/plain"
    if isinstance(body, dict | list):
        body, kind = json.dumps(body), "application/json"
    if isinstance(body, str):
        body = body.encode("utf-8")
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    names = {name.lower() for name, _ in pairs}
    if "content-type" not in names:
        lines.append(f"Content-Type: {kind}")
    if "content-length" not in names and "transfer-encoding" not in names and status != 204:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks: bytes, end: bool = True) -> bytes:
    """Frame a body in chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + (b"0\r\n\r\n" if end else b"")


HEARTBEAT = b": heartbeat\n\n"
END = b"event: end\n\n"


def data(value: Any) -> bytes:
    """Build one data frame of an event stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"
