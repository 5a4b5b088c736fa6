"""The form of a new campaign: a multipart body, parsed as it arrives.

Knows the fields, their ranges and how a multipart body is parsed. Must not know responses or the
state of campaigns. Documented: the fields, their ranges and defaults, and ``contacts`` as a file of
at most 10 MB. Assumed: a duplicate field, an empty one and a ``contacts`` that is not a file are
refused, unknown fields are ignored, a text field has at most 1,000 characters, and
``retry_delay_seconds`` is at most 2,147,483,647.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kataven.sandbox.http.csv_reader import MAX_BYTES
from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.model import rfc3339
from kataven.sandbox.model.campaign import Settings

_MAX_PARTS: Final = 64
_MAX_FIELD: Final = 64 * 1024
_MAX_TEXT: Final = 1000
_REQUIRED: Final = ("name", "agent_id", "phone_number_id")
# Minimum, maximum and default.
_INTEGERS: Final = {
    "max_concurrent_calls": (1, 100, 5),
    "retries_per_contact": (0, 5, 0),
    "retry_delay_seconds": (60, 2_147_483_647, 300),
}
_KNOWN: Final = frozenset({*_REQUIRED, *_INTEGERS, "scheduled_at", "contacts"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False
    data: bytearray = field(default_factory=bytearray)


class FormReader:
    """Parses a multipart body as it arrives.

    Args:
        content_type: The request's Content-Type.

    Raises:
        HttpRefused: 400, the Content-Type is not multipart/form-data with a boundary.
    """

    def __init__(self, content_type: bytes) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise HttpRefused(400, "bad form: send multipart/form-data with a boundary")
        self.fields: dict[str, str] = {}
        self.contacts: bytearray | None = None
        self._part = _Part()
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise HttpRefused(400, f"bad form: {error}") from error

    def feed(self, chunk: bytes) -> None:
        """Parse the next chunk of the body.

        Raises:
            HttpRefused: 400, the body is malformed, or a part is too large.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise HttpRefused(400, f"bad form: {error}") from error

    def finish(self) -> tuple[Settings, bytearray]:
        """Check the complete form.

        Returns:
            The settings, and the bytes of the contacts file.

        Raises:
            HttpRefused: 400, naming the invalid field.
        """
        if not self._ended:
            raise HttpRefused(400, "bad form: the body ends before its closing boundary")
        settings = _settings(self.fields)
        if self.contacts is None:
            raise HttpRefused(400, "contacts is required: send the CSV as a file part")
        return settings, self.contacts

    def _begin_part(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise HttpRefused(400, f"bad form: more than {_MAX_PARTS} parts")

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        part = self._part
        kind, options = parse_options_header(part.headers.get(b"content-disposition"))
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise HttpRefused(
                400, "bad form: a part lacks Content-Disposition: form-data with a name"
            )
        if part.headers.get(b"content-transfer-encoding", b"binary").lower() not in {
            b"binary",
            b"8bit",
            b"7bit",
        }:
            raise HttpRefused(
                400, "bad form: Content-Transfer-Encoding is not supported; send plain bytes"
            )
        part.name = name.decode("utf-8", "replace")
        part.is_file = b"filename" in options
        if part.name in self.fields or (part.name == "contacts" and self.contacts is not None):
            raise HttpRefused(400, f"bad form: duplicate field {part.name!r}")
        if part.is_file and part.name in _KNOWN and part.name != "contacts":
            raise HttpRefused(400, f"{part.name} is a file; send it as a plain form value")
        if part.name == "contacts" and not part.is_file:
            raise HttpRefused(400, "contacts must be a file part with a filename")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.name not in _KNOWN:
            return
        at_most = MAX_BYTES if part.is_file else _MAX_FIELD
        if len(part.data) + end - start > at_most:
            if part.is_file:
                raise HttpRefused(
                    400, f"contacts: the file is larger than 10 MiB ({MAX_BYTES:,} bytes)"
                )
            raise HttpRefused(400, f"{part.name} is longer than {_MAX_FIELD:,} bytes")
        part.data += data[start:end]

    def _end_part(self) -> None:
        part = self._part
        if part.name not in _KNOWN:
            return
        if part.is_file:
            self.contacts = part.data
            return
        try:
            self.fields[part.name] = part.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise HttpRefused(400, f"{part.name} is not UTF-8") from error

    def _end(self) -> None:
        self._ended = True


def _settings(fields: dict[str, str]) -> Settings:
    for name in _REQUIRED:
        value = fields.get(name, "")
        if not value:
            raise HttpRefused(400, f"{name} is required and must not be empty")
        if len(value) > _MAX_TEXT:
            raise HttpRefused(400, f"{name} is longer than {_MAX_TEXT:,} characters")
    numbers = {name: _integer(name, fields.get(name)) for name in _INTEGERS}
    scheduled_at, scheduled_ns = None, None
    if "scheduled_at" in fields:
        try:
            scheduled_ns, scheduled_at = rfc3339.read(fields["scheduled_at"])
        except ValueError as error:
            raise HttpRefused(
                400, f"scheduled_at must be RFC 3339, such as 2030-01-31T09:00:00Z ({error})"
            ) from error
    return Settings(
        fields["name"],
        fields["agent_id"],
        fields["phone_number_id"],
        numbers["max_concurrent_calls"],
        numbers["retries_per_contact"],
        numbers["retry_delay_seconds"],
        scheduled_at,
        scheduled_ns,
    )


def _integer(name: str, text: str | None) -> int:
    least, most, default = _INTEGERS[name]
    if text is None:
        return default
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is None or not least <= value <= most:
        raise HttpRefused(400, f"{name} must be an integer from {least} to {most}")
    return value
