"""How an operation is written as an HTTP request, and what a broken answer means.

Knows httpx's request and error types. It sends nothing and decides nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import httpx

from kataven._core.body import Body, BodyError
from kataven._core.bounds import end_if_more_came
from kataven._core.operation import Failure, Reply
from kataven._core.pool import SendTrace, describe, read_url, timeouts, was_sent
from kataven._version import __version__
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from kataven._core.operation import Attempt, Send, Timeout
    from kataven._core.tokens import Token
    from kataven.clock import Clock
    from kataven.config import BaseUrl

USER_AGENT = f"kataven-python/{__version__} python/{sys.version_info[0]}.{sys.version_info[1]}"


TRANSPORT_ERRORS = (httpx.TransportError, httpx.StreamError, httpx.DecodingError)
"""What the transport raises, before the answer's head and behind it."""

SEND_ERRORS = (*TRANSPORT_ERRORS, httpx.InvalidURL)
"""What sending raises before the answer's head is handed over."""

# What httpx raises where the Location of a redirect makes no URL.
_REDIRECT_ERRORS = (httpx.InvalidURL, httpx.RemoteProtocolError)


class Wire:
    """Writes requests for one base URL.

    Args:
        base: Where the Hub is.
        clock: Bounds how long a body may take.

    Raises:
        ConfigurationError: If httpx cannot use the base URL.
    """

    def __init__(self, base: BaseUrl, clock: Clock) -> None:
        try:
            read_url(base.url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"the base URL {base.url} cannot be used: {error}") from None
        self.base = base
        self.clock = clock
        self.closed = False
        self._pid = os.getpid()
        self._headers: tuple[int, httpx.Headers] | None = None

    def check_usable(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: If the client is closed, or was made before a fork.
        """
        if self.closed:
            raise ConfigurationError("this client is closed; make a new one")
        if self._pid != os.getpid():
            raise ConfigurationError(
                "this client was made before a fork: its connections belong to the parent process, "
                "and two processes on one connection mix their answers up; make a client in the "
                "child process"
            )

    def headers(self, token: Token) -> httpx.Headers:
        """The headers of every call with this token."""
        cached = self._headers
        if cached is None or cached[0] != token.number:
            cached = (
                token.number,
                httpx.Headers(
                    [
                        *token.headers,
                        (b"accept", b"application/json"),
                        (b"accept-encoding", b"gzip"),
                        (b"user-agent", USER_AGENT.encode("ascii")),
                    ]
                ),
            )
            self._headers = cached
        return cached[1]

    def request(self, send: Send, token: Token) -> tuple[httpx.Request, SendTrace | None]:
        """The request for one attempt, and the watch on it where one is needed."""
        operation = send.operation
        parts = timeouts(send.timeout)
        extensions: dict[str, Any] = {"timeout": parts}
        trace: SendTrace | None = None
        if operation.writes or send.limit is not None:
            trace = SendTrace(send.attempt, parts, self._left(send.limit))
            extensions["trace"] = trace
        request = httpx.Request(
            operation.method,
            self.url(operation.target),
            headers=self.headers(token),
            files=operation.files,
            extensions=extensions,
        )
        return request, trace

    def url(self, target: str) -> httpx.URL:
        """The whole URL of an operation.

        Raises:
            ValueError: If an argument makes it longer than a URL can be.
        """
        try:
            return read_url(self.base.url + target)
        except httpx.InvalidURL as error:
            raise ValueError(
                f"an argument of {target[:60]}... makes no usable URL: {error}"
            ) from None

    def _left(self, limit: float | None) -> Any:
        if limit is None:
            return None
        now = self.clock.now
        return lambda: limit - now()

    def unanswered(
        self, error: Exception, attempt: Attempt, trace: SendTrace | None
    ) -> Reply | Failure:
        """What became of a request whose sending raised one of `SEND_ERRORS`.

        Raises:
            httpx.InvalidURL: It is about another URL than where a redirect leads.
        """
        if isinstance(error, _REDIRECT_ERRORS):
            refused = _refused_redirect(error, attempt)
            if refused is not None:
                return refused
            if isinstance(error, httpx.InvalidURL):
                raise error
        return Failure(
            cause=error,
            text=describe(error),
            sent=was_sent(error, attempt, trace),
            timed_out=isinstance(error, httpx.TimeoutException),
        )


def packed_as(response: httpx.Response) -> str:
    """How the pieces of an answer are packed; one that was read by a caller's hook is unpacked."""
    if response.is_stream_consumed:
        return ""
    encodings: str = response.headers.get("content-encoding", "")
    return encodings


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """The pieces of an answer as they come off the wire, or what a caller's hook has read."""
    if response.is_stream_consumed:
        yield response.content
        return
    if response.is_closed:
        raise httpx.StreamClosed
    # httpx's own iter_raw() gives the connection back before it can be looked at.
    stream: Any = response.stream
    yield from stream
    end_if_more_came(response)


async def awaited_pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The same, awaited."""
    if response.is_stream_consumed:
        yield response.content
        return
    if response.is_closed:
        raise httpx.StreamClosed
    stream: Any = response.stream
    async for piece in stream:
        yield piece
    end_if_more_came(response)


class BodyReader:
    """Reads one answer's body within its bounds of size and time."""

    __slots__ = ("_body", "_clock", "_response", "_token", "_until")

    def __init__(
        self,
        response: httpx.Response,
        timeout: Timeout,
        limit: float | None,
        clock: Clock,
        token: Token,
    ) -> None:
        # A server that trickles a byte a second never meets httpx's own timeout, which starts anew
        # with each.
        self._until = clock.now() + timeout.read
        if limit is not None:
            self._until = min(self._until, limit)
        self._clock = clock
        self._response = response
        self._token = token
        self._body = Body(packed_as(response))

    def feed(self, piece: bytes) -> None:
        """Take a piece; raises BodyError over a bound and TimeoutError past the time."""
        self._body.feed(piece)
        if self._clock.now() > self._until:
            raise TimeoutError

    def reply(self) -> Reply:
        """The answer, read whole."""
        response = self._response
        body = self._body.whole()
        raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
        if response.status_code >= 300 or not body.lstrip().startswith(b"{"):
            # It becomes an error's text: a page that echoes the request must not show the key.
            body, raw_headers = self._token.hidden_in(body, raw_headers)
            return Reply(response.status_code, raw_headers, body, self._token.number)
        # It may still be no JSON; where it is, the caller gets it untouched.
        without_key, _ = self._token.hidden_in(body, ())
        return Reply(response.status_code, raw_headers, body, self._token.number, without_key)


def _refused_redirect(error: Exception, attempt: Attempt) -> Reply | None:
    """The answer behind an error that httpx raises about where a redirect leads, else None.

    httpx looks at each redirect's Location, followed or not, and raises where that makes no URL.
    The status was heard all the same. The error does not hold the answer, but it was raised where
    the answer was looked at.
    """
    step = error.__traceback__
    while step is not None:
        response = step.tb_frame.f_locals.get("response")
        if isinstance(response, httpx.Response) and response.has_redirect_location:
            attempt.sent = True
            token = attempt.token
            raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
            if token is None:
                return Reply(response.status_code, raw_headers, b"")
            raw_headers = token.hidden_in(b"", raw_headers)[1]
            return Reply(response.status_code, raw_headers, b"", token.number)
        step = step.tb_next
    return None


def late_key() -> Failure:
    """What became of a request whose key came only after the deadline."""
    return Failure(
        TimeoutError(),
        "the deadline passed before api_key= gave a key",
        sent=False,
        timed_out=True,
        deadline_passed=True,
    )


def cut(attempt: Attempt, error: Exception) -> Failure:
    """What became of a request that the deadline cut off."""
    status, raw_headers = attempt.head or (None, ())
    token = attempt.token
    if token is not None:
        raw_headers = token.hidden_in(b"", raw_headers)[1]
    return Failure(
        error,
        "no whole answer within the deadline",
        attempt.may_have_been_sent,
        timed_out=True,
        status=status,
        raw_headers=raw_headers,
        token=0 if token is None else token.number,
        deadline_passed=True,
    )


def broken(response: httpx.Response, error: Exception, token: Token | None = None) -> Failure:
    """What became of an answer whose head came and whose body did not come whole."""
    final = False
    raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
    if token is not None:
        raw_headers = token.hidden_in(b"", raw_headers)[1]
    timed_out = isinstance(error, (TimeoutError, httpx.TimeoutException))
    if isinstance(error, BodyError):
        text = str(error)
        final = error.final
    elif timed_out:
        text = f"the answer ({response.status_code}) was not whole within the timeout"
    else:
        text = f"the answer ({response.status_code}) broke off ({error})"
    return Failure(
        cause=error,
        text=text,
        sent=True,
        timed_out=timed_out,
        status=response.status_code,
        raw_headers=raw_headers,
        final=final,
        token=0 if token is None else token.number,
    )
