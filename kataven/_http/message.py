"""What a driver and a transport exchange: a request, its progress, a response, an error.

Knows neither httpx nor httpcore, so that a driver can be read, typed and tested without them. It
does no I/O; the clock it reads is only for limits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from kataven._flow.operation import Timeout

# Both libraries give the same names to the same errors, so one table serves the SDK's transport and
# a caller's httpx client. The first name found among an error's base classes decides. Of each: what
# happened, and for a timeout which one, as `Timeout` calls it.
_TEXTS: Final = {
    "ConnectTimeout": ("no connection to the Hub{at}", "connect"),
    "PoolTimeout": ("no free connection in the client's pool", "pool"),
    "WriteTimeout": ("the request could not be sent", "write"),
    "TimeoutException": ("no response from the Hub{at}", "read"),
    "ConnectError": ("no connection to the Hub{at}", ""),
    "ProxyError": ("the proxy{proxy} did not make the connection to the Hub{hub}", ""),
    "SOCKSError": ("the proxy{proxy} did not make the connection to the Hub{hub}", ""),
}
_BROKEN: Final = ("the connection to the Hub{at} broke", "")
_NEVER_SENT: Final = frozenset(
    {
        "ConnectTimeout",
        "PoolTimeout",
        "ConnectError",
        "ProxyError",
        "SOCKSError",
        "UnsupportedProtocol",
    }
)
# What OpenSSL says of a server that sends something else than TLS.
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
# What h11 says of a server that sends an alert of TLS.
_TLS_RECORD: Final = "illegal request line"


class TransportError(Exception):
    """A request that did not get a response, or a response body that was truncated.

    Its ``__cause__`` is the library's exception: httpcore's on the SDK's transport, httpx's with
    ``http_client=``.

    Attributes:
        text: What happened, for a person.
        limit: Which timeout expired, with its value and its option; empty if none or if unknown.
        advice: A sentence that says what to look at, or an empty text.
        timed_out: Whether a timeout or the deadline ended it.
        never_sent: Whether errors of this kind come before the first byte of a request. False says
            nothing: see ``Sending.sent``.
    """

    def __init__(
        self,
        text: str,
        *,
        limit: str = "",
        advice: str = "",
        timed_out: bool = False,
        never_sent: bool = False,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.limit = limit
        self.advice = advice
        self.timed_out = timed_out
        self.never_sent = never_sent


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a transport connects to, as an error names it.

    Attributes:
        hub: Host and port of the Hub.
        tls: Whether the connection uses TLS.
        proxy: Host and port of the proxy, or an empty text.
    """

    hub: str
    tls: bool
    proxy: str = ""

    def fill(self, text: str) -> str:
        """Fill in what a text of ``_TEXTS`` leaves open."""
        hub, proxy = f" at {self.hub}" if self.hub else "", f" {self.proxy}" if self.proxy else ""
        return text.format(
            at=f"{hub} through the proxy{proxy}" if proxy else hub, hub=hub, proxy=proxy
        )


def transport_error(
    error: Exception, sending: Sending | None = None, peer: Peer | None = None
) -> TransportError:
    """Describe an exception of httpx or httpcore.

    Args:
        error: The exception. Its frames are dropped: they hold the headers, and so the key.
        sending: The request, which knows its timeouts, or None.
        peer: Whom it was sent to, or None.

    Returns:
        The error to raise from it.
    """
    names = [base.__name__ for base in type(error).__mro__]
    timed_out = "TimeoutException" in names
    text, phase = next((_TEXTS[name] for name in names if name in _TEXTS), _BROKEN)
    text = (peer or Peer("", tls=False)).fill(text)
    detail = without_frames(error)
    if detail and not timed_out:
        text = f"{text} ({detail})"
    never_sent = not _NEVER_SENT.isdisjoint(names)
    return TransportError(
        text,
        limit=sending.limit(phase) if timed_out and sending is not None else "",
        advice=""
        if peer is None or phase in {"pool", "write", "read"}
        else _advice(
            detail, peer, connecting=never_sent, received=sending is None or sending.received
        ),
        timed_out=timed_out,
        never_sent=never_sent,
    )


def without_frames(error: BaseException) -> str:
    """Drop the frames of an exception and of what caused it; return what the system said first."""
    text = str(error)
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        if isinstance(link, OSError):
            text = str(link) or text
        link = link.__cause__ or link.__context__
    return text


def _advice(detail: str, peer: Peer, *, connecting: bool, received: bool) -> str:
    if peer.proxy and connecting:
        return "Are base_url and the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) right?"
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return (
            "Is base_url right? The certificate must be for that host and of an authority that is "
            "trusted (SSL_CERT_FILE)."
        )
    if any(sign in detail for sign in _NOT_TLS):
        return "Is base_url right? The server does not speak TLS there."
    if not (peer.tls or connecting) and (not received or _TLS_RECORD in detail):
        return "Is base_url right? If the server expects TLS, it must begin with https://."
    return "Is base_url right?" if connecting else ""


class Connection(Protocol):
    """A connection that can be ended from any thread."""

    def shut(self) -> None:
        """End it and wake a read that is blocked on it."""


class Sending:
    """One attempt of a request: how long it may take, and what is known of it so far.

    Args:
        timeout: The limits of each phase, in seconds.
        remaining: Seconds left for the entire request, or None without a deadline.
        own_connection: Use a connection that has carried nothing before and close it after the
            response.

    Attributes:
        timeout: As given.
        own_connection: As given.
        sent: Whether a byte of the request may have reached the Hub. Set before the first write;
            what is written to a proxy or for TLS does not count.
        foreign: Whether a caller's transport sends it. What that reports need not be all that it
            does: it may try one address after another.
        handed_over: Whether a caller's transport has the request and has reported nothing yet.
        received: Whether anything was received since the last write.
        shut_down: Whether ``shut`` was called.
        idle_timeout: Seconds that one read of a followed body may take, or None.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_response_deadline",
        "foreign",
        "handed_over",
        "idle_timeout",
        "own_connection",
        "received",
        "sent",
        "shut_down",
        "timeout",
    )

    def __init__(
        self, timeout: Timeout, remaining: float | None = None, *, own_connection: bool = False
    ) -> None:
        self.timeout = timeout
        self.own_connection = own_connection
        self.sent = False
        self.foreign = False
        self.handed_over = False
        self.received = False
        self.shut_down = False
        self.idle_timeout: float | None = None
        self._deadline = None if remaining is None else time.monotonic() + remaining
        self._response_deadline: float | None = None
        self._connection: Connection | None = None

    def limit(self, phase: str) -> str:
        """Return the name of a timeout with its value and its option, for an error."""
        if phase == "read" and self.idle_timeout is not None:
            return f"idle timeout of {self.idle_timeout:g} s (option idle_timeout)"
        return f"{phase} timeout of {getattr(self.timeout, phase):g} s (option timeout)"

    def left(self) -> float | None:
        """Return the seconds that the deadline leaves, at least 0, or None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the Hub may have seen a byte of the request."""
        return self.sent or self.handed_over

    def within(self, seconds: float) -> float:
        """Shorten a timeout to what the deadline leaves.

        Args:
            seconds: The timeout of one step.

        Returns:
            The seconds that the step may take.

        Raises:
            TimeoutError: If the deadline has passed.
        """
        if self._deadline is None:
            return seconds
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)

    def read_timeout(self) -> float:
        """Return the seconds that the next read may take.

        From the first byte of a response, ``timeout.read`` bounds all of it: a server that sends a
        byte a second would never exceed the timeout of a single read.

        Raises:
            TimeoutError: If none are left.
        """
        if self.idle_timeout is not None:
            return self.within(self.idle_timeout)
        if self._response_deadline is None:
            return self.within(self.timeout.read)
        left = self._response_deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return self.within(left)

    def note_write(self) -> None:
        """Note that bytes are about to be written: a response to them has not begun."""
        self.received = False
        self._response_deadline = None

    def note_read(self) -> None:
        """Note that bytes of a response arrived."""
        self.received = True
        if self._response_deadline is None:
            self._response_deadline = time.monotonic() + self.timeout.read

    def attach(self, connection: Connection) -> None:
        """Remember the connection in use, so that ``shut`` can end it.

        Args:
            connection: The connection. It is ended at once if ``shut`` was called before.
        """
        # Stored before the flag is read, where shut() sets the flag before it reads the connection:
        # whatever the order of two threads, one of them sees the other.
        self._connection = connection
        if self.shut_down:
            connection.shut()

    def detach(self) -> None:
        """Forget the connection: it may serve another request from now on."""
        self._connection = None

    def abandon(self) -> None:
        """End and close the connection, from the thread that used it; nothing continues on it."""
        connection = self._connection
        self.shut()
        close = getattr(connection, "close", None)
        if close is not None:
            close()

    def shut(self) -> None:
        """End the connection, from any thread; a read that is blocked on it returns.

        A connection that is made later is ended at once.
        """
        self.shut_down = True
        # Another thread may detach it just now and let another read have it. That read fails and is
        # retried; a write never has a connection that served another request.
        connection = self._connection
        if connection is not None:
            connection.shut()


class Request:
    """One request below the base URL, as it is sent.

    Attributes:
        method: The HTTP method.
        target: Path and query below the base URL, percent-encoded.
        headers: All headers, ``host`` and ``content-length`` included.
        body: The chunks of the body, the same in each iteration, or None.
    """

    __slots__ = ("body", "headers", "method", "target")

    def __init__(
        self,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: Iterable[bytes] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        # The headers hold the key, the body holds phone numbers.
        return f"<Request {self.method} {self.target}>"


class IncomingResponse(Protocol):
    """A response whose status and headers are in, and whose body can be read once.

    Attributes:
        status: The HTTP status code.
        headers: Name and value as received.
        content_encoding: The value of ``Content-Encoding``; empty if a caller's hook has read and
            decoded the body.
    """

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    @property
    def content_encoding(self) -> str: ...

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the chunks of the body as received.

        Raises:
            TransportError: If the body is truncated, or takes longer than it may.
        """
        ...

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on.

        Args:
            idle_timeout: Seconds that each read may take. The entire body is bounded
                only by the deadline.
        """

    def close(self) -> None:
        """End the response.

        The connection of a read whose body was read to the end returns to the pool; any other is
        closed.
        """


class AsyncIncomingResponse(Protocol):
    """``IncomingResponse`` for the event loop."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    @property
    def content_encoding(self) -> str: ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the chunks of the body as received.

        Raises:
            TransportError: If the body is truncated, or takes longer than it may.
        """
        ...

    def follow(self, idle_timeout: float) -> None:
        """Read the body as one without end from now on.

        Args:
            idle_timeout: Seconds that each read may take.
        """

    async def aclose(self) -> None:
        """End the response."""


class BlockingTransport(Protocol):
    """What the blocking driver sends through."""

    def open(self, request: Request, sending: Sending) -> IncomingResponse:
        """Send a request and wait for the status and headers of its response.

        Args:
            request: What to send.
            sending: How long it may take; what becomes known is written into it.

        Returns:
            The response; the caller closes it.

        Raises:
            TransportError: If there is no response.
            ConfigurationError: If proxies or certificates of the environment cannot be used.
        """
        ...

    def close(self) -> None:
        """Close all connections."""

    def forget(self) -> None:
        """Leave the pools as they are after an interruption; the next ``open`` makes new ones."""


class NonBlockingTransport(Protocol):
    """What the async driver sends through."""

    async def open(self, request: Request, sending: Sending) -> AsyncIncomingResponse:
        """Send a request and wait for the status and headers of its response.

        Args:
            request: What to send.
            sending: How long it may take; what becomes known is written into it.

        Returns:
            The response; the caller closes it.

        Raises:
            TransportError: If there is no response.
            ConfigurationError: If proxies or certificates of the environment cannot be used.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections of the running event loop."""
