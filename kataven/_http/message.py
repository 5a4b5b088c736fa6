"""What a driver and a transport exchange: a request and its response.

Knows neither httpx nor httpcore, so that a driver can be read, typed and tested without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from kataven._http.sending import Sending


@dataclass(slots=True, eq=False, repr=False)
class Request:
    """One request below the base URL, as it is sent.

    Attributes:
        method: The HTTP method.
        target: Path and query below the base URL, percent-encoded.
        headers: All headers, ``host`` and ``content-length`` included.
        body: The chunks of the body, the same in each iteration, or None.
    """

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: Iterable[bytes] | None = None

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
