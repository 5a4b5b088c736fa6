"""Contains some shared types for properties"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO, Generic, Literal, TypeVar
from urllib.parse import quote


class Unset:
    def __bool__(self) -> Literal[False]:
        return False


UNSET: Unset = Unset()

# The types that `httpx.Client(files=)` can accept, copied from that library.
FileContent = IO[bytes] | bytes | str
FileTypes = (
    # (filename, file (or bytes), content_type)
    tuple[str | None, FileContent, str | None]
    # (filename, file (or bytes), content_type, headers)
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
RequestFiles = list[tuple[str, FileTypes]]


@dataclass(slots=True)
class File:
    """Contains information for file uploads"""

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """Return a tuple representation that httpx will accept for multipart/form-data"""
        return self.file_name, self.payload, self.mime_type


T = TypeVar("T")


@dataclass(slots=True)
class Response(Generic[T]):
    """A response from an endpoint"""

    status_code: int
    content: bytes
    headers: MutableMapping[str, str]
    parsed: T | None


def path_segment(name: str, value: object) -> str:
    """Quote a value as one segment of a path; reject what would lead to another path"""
    segment = str(value)
    if segment in {"", ".", ".."}:
        raise ValueError(
            f"{name} is {segment!r}, which would lead to another path, so no request is made"
        )
    return quote(segment, safe="")


class Timestamp(datetime):
    """A time that keeps the text it was read from, which may have more digits than a datetime"""

    text: str | None = None

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Copy and pickle the text too"""
        reduced: Any = super().__reduce_ex__(protocol)
        return (*reduced[:2], {"text": self.text})


def parse_time(text: str) -> Timestamp:
    """Read a time with a UTC offset; raise ValueError for any other text"""
    # Imported late, so that building a request does not import it.
    from dateutil.parser import isoparse

    try:
        moment = isoparse(text)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    timestamp = Timestamp.combine(moment.date(), moment.timetz())
    timestamp.text = text
    return timestamp


def time_text(moment: datetime) -> str:
    """Write a time as the text it was read from, or, if it was not read, in RFC 3339"""
    text = getattr(moment, "text", None)
    return text if isinstance(text, str) else moment.isoformat()


__all__ = [
    "UNSET",
    "File",
    "FileTypes",
    "RequestFiles",
    "Response",
    "Timestamp",
    "Unset",
    "parse_time",
    "path_segment",
    "time_text",
]
