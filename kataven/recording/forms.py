"""Multipart forms, from bytes to parts and back.

Knows the multipart format, and keeps what a Hub may judge: order, duplicates, which part is a file.
Must not know what the fields mean, or which of them are personal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from collections.abc import Iterable

_BOUNDARY: Final = "kataven-recording-c0ffee5eed"
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(slots=True)
class Part:
    """A part of a form.

    Attributes:
        name: Its field name.
        filename: The file name, or None if it is not a file.
        content_type: Its own Content-Type, or an empty string.
        data: Its bytes.
    """

    name: str
    filename: str | None
    content_type: str
    data: bytes


@dataclass(slots=True)
class _Raw:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)


def parse(content_type: str, body: bytes) -> list[Part]:
    """Return the parts of a multipart body.

    Args:
        content_type: The Content-Type of the request.
        body: The complete body.

    Raises:
        ValueError: It is not a complete multipart form whose parts have names.
    """
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise ValueError("the body is not multipart/form-data with a boundary")
    raw: list[_Raw] = []
    name, value = bytearray(), bytearray()
    ended: list[bool] = []

    def end_header() -> None:
        raw[-1].headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: raw.append(_Raw()),
                "on_header_field": lambda data, start, end: name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: value.extend(data[start:end]),
                "on_header_end": end_header,
                "on_part_data": lambda data, start, end: raw[-1].data.extend(data[start:end]),
                "on_end": lambda: ended.append(True),
            },
        )
        parser.write(body)
    except FormParserError as error:
        msg = f"the multipart body cannot be read: {error}"
        raise ValueError(msg) from error
    if not ended:
        raise ValueError("the multipart body ends before its closing boundary")
    return [_part(one) for one in raw]


def _part(raw: _Raw) -> Part:
    _, options = parse_options_header(raw.headers.get(b"content-disposition"))
    name = options.get(b"name")
    if name is None:
        raise ValueError("a part of the multipart body has no name")
    filename = options.get(b"filename")
    return Part(
        name.decode("utf-8", "replace"),
        None if filename is None else filename.decode("utf-8", "replace"),
        raw.headers.get(b"content-type", b"").decode("latin-1"),
        bytes(raw.data),
    )


def build(parts: Iterable[Part]) -> tuple[str, bytes]:
    """Return the Content-Type and the bytes of a form."""
    body = bytearray()
    for part in parts:
        disposition = f'form-data; name="{_quoted(part.name)}"'
        if part.filename is not None:
            disposition += f'; filename="{_quoted(part.filename)}"'
        body += f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\n".encode()
        if part.content_type:
            body += f"Content-Type: {part.content_type}\r\n".encode("latin-1")
        body += b"\r\n" + part.data + b"\r\n"
    body += f"--{_BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={_BOUNDARY}", bytes(body)


def _quoted(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)
