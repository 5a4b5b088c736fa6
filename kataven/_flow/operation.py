"""The values that travel between flows and drivers.

Knows what one request to the Hub is, what can come of it, and the note for a caller whose write was
interrupted. Does no I/O, knows no HTTP library and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, Generic, Protocol, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Header names and values as received."""

_Content: TypeAlias = IO[bytes] | bytes | str
FormPart: TypeAlias = (
    tuple[str | None, _Content, str | None]
    | tuple[str | None, _Content, str | None, Mapping[str, str]]
)
"""One part of a multipart form: file name or None, content, content type, and its headers."""

OUTCOME_UNKNOWN: Final = (
    "The Hub may have processed it: check with client.campaigns.list() or get() before you try "
    "again."
)
NOT_PROCESSED: Final = "The Hub did not process it."


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long each phase of one request may take, in seconds.

    Args:
        connect: To establish a connection, over all addresses of the host (default 10).
        read: Between two chunks of a response, and from its first byte to its last (default 30).
        write: To send one chunk of the request (default 30).
        pool: To wait for a free connection of the client's pool (default 30).
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0
    pool: float = 30.0

    def within(self, seconds: float) -> Timeout:
        """Return the same timeouts, none longer than ``seconds``."""
        return Timeout(
            min(self.connect, seconds),
            min(self.read, seconds),
            min(self.write, seconds),
            min(self.pool, seconds),
        )


@dataclass(slots=True)
class Response:
    """A response that was read to its end.

    Attributes:
        status: The HTTP status.
        raw_headers: Header names and values as received.
        body: The decompressed body, within the size limit.
        token: The number of the token that was sent, so that a refresh knows which one was refused.
        redacted: The body without the API key, where the body echoes the key; else None.
    """

    status: int
    raw_headers: RawHeaders
    # It may echo the key, and it holds phone numbers.
    body: bytes = field(repr=False)
    token: int = 0
    redacted: bytes | None = field(default=None, repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def shown_body(self) -> bytes:
        """The body as an error may show it."""
        return self.body if self.redacted is None else self.redacted

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case; the last one wins where a name occurs twice."""
        return {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self.raw_headers
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a complete response.

    Attributes:
        cause: The exception of the HTTP library.
        text: What happened, as a phrase for an error message.
        sent: Whether the Hub may have seen a byte of the request.
        timed_out: Whether a timeout expired, rather than the connection breaking.
        status: The status, where headers arrived and the body did not; else None.
        raw_headers: The headers of that response, else empty.
        final: Whether a retry cannot help (a body over the size limit).
        token: The number of the token that was sent.
        deadline_passed: Whether the deadline of the call expired.
        expired: Which timeout or deadline expired, with its value and its option; empty if none.
        advice: A sentence that says what to look at, or an empty text.
    """

    cause: Exception
    text: str
    sent: bool
    timed_out: bool = False
    status: int | None = None
    raw_headers: RawHeaders = ()
    final: bool = False
    token: int = 0
    deadline_passed: bool = False
    expired: str = ""
    advice: str = ""

    @property
    def phrase(self) -> str:
        """What happened, with the timeout or deadline that expired."""
        return f"{self.text} within the {self.expired}" if self.expired else self.text

    @property
    def is_success(self) -> bool:
        """Whether the headers that did arrive had a 2xx status."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Operation(Generic[T_co]):
    """One operation of the Hub: the request to send and how its response is read.

    Attributes:
        name: The operationId in ``openapi.yaml``.
        method: The HTTP method.
        target: Path and query below the base URL, percent-encoded.
        parse: Returns the result of a successful response.
        parse_truncated: Returns the result where a 2xx arrived without its complete body, or None
            where that is a failure like any other.
        writes: Whether it changes something at the Hub. A write is retried only if the Hub is known
            not to have processed it.
        control: Whether it is a control call (pause, stop), for which the rate limiter keeps
            headroom.
        form: The parts of a multipart form by field name, or None.
    """

    name: str
    method: str
    target: str
    parse: Callable[[Response], T_co]
    parse_truncated: Callable[[int, Failure], T_co] | None = None
    writes: bool = False
    control: bool = False
    form: Sequence[tuple[str, FormPart]] | None = None

    @property
    def path(self) -> str:
        """The path without its query, for logs, hooks and error messages."""
        return self.target.partition("?")[0]


class Progress(Protocol):
    """What a transport knows of a request in progress."""

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the Hub may have seen a byte of it."""
        ...

    def abandon(self) -> None:
        """End its connection, if it has one; nothing continues on it."""
        ...


@dataclass(slots=True)
class Attempt:
    """One attempt of a call, and what is known of it while it is in progress.

    Attributes:
        operation: What is sent.
        number: Which attempt of its call this is, from 1.
        progress: Set by the driver when it begins to send. Reset by the flow once it knows that the
            Hub did not process the request.
    """

    operation: Operation[object]
    number: int = 1
    progress: Progress | None = None

    def interrupted_note(self) -> str | None:
        """Return what to tell a caller whose write was interrupted, or None for a read."""
        operation = self.operation
        if not operation.writes:
            return None
        sent = self.progress is not None and self.progress.may_have_been_sent
        return (
            f"{operation.method} {operation.path} was interrupted. "
            f"{OUTCOME_UNKNOWN if sent else NOT_PROCESSED}"
        )
