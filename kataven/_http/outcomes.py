"""The outcome of a request, as a value for the flow: a response or a failure.

Knows the transport's exceptions and the time limits of a request, and keeps the token out of what
an error may show. Decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven._flow.operation import Failure, Response
from kataven._http.body import BodyError
from kataven._http.transport_error import TransportError, without_frames

if TYPE_CHECKING:
    from kataven._flow.operation import RawHeaders
    from kataven._http.credentials import Token
    from kataven._http.sending import Sending


def response_from(status: int, raw_headers: RawHeaders, body: bytes, token: Token) -> Response:
    """Return a response that was read to its end, without the token where an error may show it."""
    if status >= 300 or not body.lstrip().startswith(b"{"):
        # It becomes the text of an error, and a page that echoes the request would show the key.
        body, raw_headers = token.hidden_in(body, raw_headers)
        return Response(status, raw_headers, body, token.number)
    # It may still not be JSON; if it is, the caller gets it unchanged.
    redacted, raw_headers = token.hidden_in(body, raw_headers)
    return Response(status, raw_headers, body, token.number, redacted)


def failure_from_send_error(error: TransportError, sending: Sending, token: Token) -> Failure:
    """Return the failure of a request whose response headers did not arrive."""
    text, cause = _shown(error.text, cause_of(error), token)
    return Failure(
        cause=cause,
        text=text,
        expired=error.expired,
        advice=error.advice,
        sent=sending.sent or (sending.foreign and not error.never_sent),
        timed_out=error.timed_out,
    )


def failure_from_body_error(
    error: Exception, status: int, raw_headers: RawHeaders, token: Token
) -> Failure:
    """Return the failure of a request whose response headers arrived, but not the body."""
    final = False
    timed_out = False
    expired = ""
    if isinstance(error, BodyError):
        text = str(error)
        final = error.final
    elif isinstance(error, TransportError) and error.timed_out:
        text = f"the response ({status}) was not complete"
        expired = error.expired
        timed_out = True
    else:
        text = f"the response ({status}) was truncated ({cause_of(error)})"
    text, cause = _shown(text, cause_of(error), token)
    return Failure(
        cause=cause,
        text=text,
        expired=expired,
        sent=True,
        timed_out=timed_out,
        status=status,
        raw_headers=token.hidden_in(b"", raw_headers)[1],
        final=final,
        token=token.number,
    )


def token_deadline_failure() -> Failure:
    """Return the failure of a request whose token arrived after the deadline."""
    return Failure(
        TimeoutError(),
        "api_key= returned no key",
        expired="deadline",
        sent=False,
        timed_out=True,
        deadline_passed=True,
    )


def deadline_failure(
    cause: Exception,
    *,
    sent: bool,
    head: tuple[int, RawHeaders] | None,
    token: Token | None,
) -> Failure:
    """Return the failure of a request that the deadline ended.

    Args:
        cause: The timeout.
        sent: Whether the Hub may have seen a byte of the request.
        head: Status and headers of the response, if they had arrived.
        token: The token that was sent, if there was one already.
    """
    status, raw_headers = head or (None, ())
    if token is not None:
        raw_headers = token.hidden_in(b"", raw_headers)[1]
    return Failure(
        cause,
        "no complete response",
        sent,
        expired="deadline",
        timed_out=True,
        status=status,
        raw_headers=raw_headers,
        token=0 if token is None else token.number,
        deadline_passed=True,
    )


def cause_of(error: Exception) -> Exception:
    """Return the HTTP library's exception that caused ours."""
    cause = error.__cause__
    return cause if isinstance(error, TransportError) and isinstance(cause, Exception) else error


def _shown(text: str, cause: Exception, token: Token) -> tuple[str, Exception]:
    """Return text and cause without the token: the library quotes what a server echoes."""
    without_frames(cause)
    redacted = token.hidden_in(text.encode("utf-8", "replace"), ())[0].decode("utf-8", "replace")
    if token.is_in(str(cause)):
        # Its own text would show the key, so it is not chained.
        cause = TransportError(redacted)
    return (redacted if token.is_in(text) else text), cause
