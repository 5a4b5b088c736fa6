"""What an answer means: the result of a success, or the error of anything else.

Knows statuses, JSON and the contract's promises. It decides nothing about repeating, and a 2xx to
a write is a success whatever its body: a started campaign that looks failed is started again.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from kataven._core.retry import limit_reason, read_retry_after
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
)

if TYPE_CHECKING:
    from kataven._core.operation import Failure, Operation, Reply

logger = logging.getLogger("kataven")

SHOWN_BODY: Final = 64 * 1024
OUTCOME_UNKNOWN: Final = (
    "The Hub may have acted on it: look with client.campaigns.list() or get() before you try again."
)
NOTHING_DONE: Final = "The Hub did not act on it."
_SHOWN_TEXT: Final = 600

_CLASSES: Final[dict[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}


def one_line(text: str, longest: int = _SHOWN_TEXT) -> str:
    """The text as one printable line, shortened: a server's words must not steer a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: longest * 2]).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None where there is none that can be read."""
    try:
        value = json.loads(body)
    # A hostile body nests too deep or holds an integer of too many digits.
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_answer(reply: Reply) -> Any:
    """The JSON object of a read, untouched.

    Raises:
        ResponseFormatError: If the body is no JSON object.
    """
    answer = read_object(reply.body)
    if answer is None:
        raise ResponseFormatError(
            f"the Hub answered {reply.status} with something that is not a JSON object: "
            f"{_shown(reply.shown)} (does the base URL lead to the Hub?)",
            status_code=reply.status,
            body=reply.shown[:SHOWN_BODY],
        )
    return answer


def created_answer(reply: Reply) -> Any:
    """The campaign that a create made.

    Raises:
        ResponseFormatError: If it cannot be read; the campaign was made all the same.
    """
    answer = read_object(reply.body)
    if answer is None:
        raise accepted_unread(reply.status, reply.shown, "its answer is not a JSON object")
    return answer


def broken_created_answer(status: int, failure: Failure) -> Any:
    """What a create says whose answer broke off after a 2xx head."""
    raise accepted_unread(status, b"", failure.text) from failure.cause


def accepted_unread(status: int, body: bytes, why: str) -> ResponseFormatError:
    """The error of a create that the Hub accepted and whose answer cannot be read."""
    return ResponseFormatError(
        f"the Hub accepted the request ({status}), but {why}"
        f"{': ' + _shown(body) if body else ''}. The campaign was very likely made: find it with "
        "client.campaigns.list() and do not create it again.",
        status_code=status,
        body=body[:SHOWN_BODY],
        request_sent=True,
    )


def transition_answer(reply: Reply) -> Any:
    """What a transition answered; ``{}`` where that cannot be read, for it succeeded."""
    answer = read_object(reply.body)
    if answer is None:
        if reply.body:
            logger.warning(
                "the Hub accepted the transition (%d) with a body that is no JSON object",
                reply.status,
            )
        return {}
    return answer


def broken_transition_answer(status: int, failure: Failure) -> Any:
    """The same for an answer that broke off after a 2xx head."""
    logger.warning("the Hub accepted the transition (%d); %s", status, failure.text)
    return {}


def no_answer(_reply: Reply) -> None:
    """Nothing: a 2xx is all that is promised."""


def broken_no_answer(status: int, failure: Failure) -> None:
    """Nothing: the 2xx head was all that is promised."""
    logger.warning("the Hub accepted the request (%d); %s", status, failure.text)


def _shown(body: bytes) -> str:
    return repr(one_line(body[:2400].decode("utf-8", "replace"), 200)) if body else "an empty body"


def status_error(operation: Operation[Any], reply: Reply, now: float, hint: str) -> APIStatusError:
    """The error of an answer that is no success.

    Args:
        operation: What was sent.
        reply: What the Hub answered.
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.
        hint: What a 404 says in addition, or an empty text.

    Returns:
        The error, of the class that its status names.
    """
    status = reply.status
    headers = reply.headers
    text = reply.body[:SHOWN_BODY].decode("utf-8", "replace")
    request_id = headers.get("x-request-id")
    cls = _CLASSES.get(status) or (ServerError if 500 <= status < 600 else APIStatusError)
    said = one_line(text) or "(no text)"
    message = f"{status} to {operation.method} {operation.path}: {said}"
    if request_id:
        message = f"[{one_line(request_id, 100)}] {message}"
    if 300 <= status < 400:
        location = _without_query(headers.get("location", ""))
        headers = {**headers, "location": location} if "location" in headers else headers
        message += (
            f" Redirects are not followed, for they would carry the key elsewhere; this one leads "
            f"to {one_line(location) or 'nowhere'}. Is the base URL right?"
        )
    elif status == 404 and hint:
        message += f" {hint}"
    elif status >= 500 and operation.writes:
        message += f" {OUTCOME_UNKNOWN}"
    error = cls(message, status_code=status, body=text, request_id=request_id, headers=headers)
    if isinstance(error, RateLimitError):
        error.retry_after = read_retry_after(reply.raw_headers, now)
        error.reason = limit_reason(reply.body, error.retry_after)
    elif isinstance(error, ServerError) and operation.writes:
        error.request_sent = True
    return error


def _without_query(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""


def failure_error(operation: Operation[Any], failure: Failure) -> APIConnectionError:
    """The error of a request that got no whole answer; its cause is the library's."""
    cls = APITimeoutError if failure.timed_out else APIConnectionError
    sent = failure.sent if operation.writes else None
    text = failure.text
    if failure.deadline_passed:
        text = text.replace("within the timeout", "within the call's deadline")
    message = f"{operation.method} {operation.path}: {text}."
    if sent is not None:
        message += f" {OUTCOME_UNKNOWN if sent else NOTHING_DONE}"
    error = cls(message, request_sent=sent)
    if isinstance(error, APITimeoutError):
        error.deadline_passed = failure.deadline_passed
    return error


def unreadable(operation: Operation[Any], failure: Failure) -> ResponseFormatError:
    """The error of a read that succeeded with a body that must not or cannot be unpacked."""
    return ResponseFormatError(
        f"{operation.method} {operation.path}: {failure.text}",
        status_code=failure.status or 0,
    )
