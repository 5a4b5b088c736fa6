"""What a response means: the result of a success, or the error for anything else.

Knows statuses, JSON and what the contract promises. Decides nothing about retries. A 2xx to a write
is a success regardless of its body: a started campaign that looks failed would be started again.
Only a create, whose result is the body, raises an error that says that the campaign was created.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from kataven._flow.operation import NOT_PROCESSED, OUTCOME_UNKNOWN
from kataven._flow.retry import limit_reason, read_retry_after
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
    from kataven._flow.operation import Failure, Operation, Response

logger = logging.getLogger("kataven")

SHOWN_BODY: Final = 64 * 1024
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
    """Return the text as one printable line, shortened.

    What a server sends must not control a terminal.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: longest * 2]).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def sentence(text: str) -> str:
    """Return a text with a full stop at its end, so that advice can follow the Hub's words."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def shown(value: object) -> str:
    """Return a value that was refused as an error may quote it: its repr, of 80 characters."""
    try:
        return one_line(repr(value), 80)
    # An int with thousands of digits, or an object that cannot be shown.
    except Exception:  # noqa: BLE001 - whatever it is, the refusal matters
        return f"a value of type {type(value).__name__}"


def read_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a body, or None if there is none that can be read."""
    try:
        value = json.loads(body)
    # A hostile body nests too deeply or holds an integer with too many digits.
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_object(response: Response) -> Any:
    """Return the JSON object of a read, unchanged.

    Raises:
        ResponseFormatError: If the body is not a JSON object.
    """
    document = read_object(response.body)
    if document is None:
        raise ResponseFormatError(
            f"the Hub responded {response.status} with something that is not a JSON object: "
            f"{_shown(response.shown_body)} (does the base URL lead to the Hub?)",
            status_code=response.status,
            body=response.shown_body[:SHOWN_BODY],
        )
    return document


def parse_created(response: Response) -> Any:
    """Return the campaign that a create made.

    Raises:
        ResponseFormatError: If it cannot be read; the campaign was created all the same.
    """
    document = read_object(response.body)
    if document is None:
        raise created_unreadable(
            response.status, response.shown_body, "its response is not a JSON object"
        )
    return document


def parse_created_truncated(status: int, failure: Failure) -> Any:
    """Raise the error of a create whose 2xx arrived without its body."""
    raise created_unreadable(status, b"", failure.phrase) from failure.cause


def created_unreadable(status: int, body: bytes, why: str) -> ResponseFormatError:
    """Return the error of a create that the Hub accepted and whose response cannot be read."""
    return ResponseFormatError(
        f"the Hub accepted the request ({status}), but {why}"
        f"{': ' + _shown(body) if body else ''}. The campaign was very likely created: find it "
        "with client.campaigns.list() and do not create it again.",
        status_code=status,
        body=body[:SHOWN_BODY],
        request_sent=True,
    )


def parse_transition(response: Response) -> Any:
    """Return the body of a transition; ``{}`` if it cannot be read, because it succeeded."""
    document = read_object(response.body)
    if document is None:
        if response.body:
            logger.warning(
                "the Hub accepted the transition (%d) with a body that is not a JSON object",
                response.status,
            )
        return {}
    return document


def parse_transition_truncated(status: int, failure: Failure) -> Any:
    """Return ``{}``: the transition succeeded, and its body did not arrive."""
    logger.warning("the Hub accepted the transition (%d); %s", status, failure.phrase)
    return {}


def parse_nothing(_response: Response) -> None:
    """Return None: a 2xx is all that is promised."""


def parse_nothing_truncated(status: int, failure: Failure) -> None:
    """Return None: the 2xx was all that is promised."""
    logger.warning("the Hub accepted the request (%d); %s", status, failure.phrase)


def _shown(body: bytes) -> str:
    return repr(one_line(body[:2400].decode("utf-8", "replace"), 200)) if body else "an empty body"


def status_error(
    operation: Operation[object], response: Response, now: float, hint: str
) -> APIStatusError:
    """Return the error for a response that is not a success.

    Args:
        operation: What was sent.
        response: What the Hub responded.
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.
        hint: What the message of a 404 adds, or an empty text.

    Returns:
        The error, of the class for its status.
    """
    status = response.status
    headers = response.headers
    text = response.body[:SHOWN_BODY].decode("utf-8", "replace")
    request_id = headers.get("x-request-id")
    cls = _CLASSES.get(status) or (ServerError if 500 <= status < 600 else APIStatusError)
    shown = one_line(text) or "(no text)"
    message = f"{status} to {operation.method} {operation.path}: {shown}"
    if request_id:
        message = f"[{one_line(request_id, 100)}] {message}"
    if 300 <= status < 400:
        message = sentence(message)
        location = _without_query(headers.get("location", ""))
        headers = {**headers, "location": location} if "location" in headers else headers
        message += (
            " Redirects are not followed, because they would carry the key to another address; "
            f"this one leads to {one_line(location) or 'nowhere'}. Is the base URL right?"
        )
    elif status == 404 and hint:
        message = f"{sentence(message)} {hint}"
    elif status >= 500 and operation.writes:
        message = f"{sentence(message)} {OUTCOME_UNKNOWN}"
    error = cls(message, status_code=status, body=text, request_id=request_id, headers=headers)
    if isinstance(error, RateLimitError):
        error.retry_after = read_retry_after(response.raw_headers, now)
        error.reason = limit_reason(response.body, error.retry_after)
    elif isinstance(error, ServerError) and operation.writes:
        error.request_sent = True
    return error


def add_reason(
    error: APIStatusError, retry_after: float | None, max_retry_wait: float, retries: int
) -> None:
    """Say in an error why its request was not retried, if it might have been.

    Args:
        error: The error that is about to be raised.
        retry_after: Seconds that the response asks for, or None.
        max_retry_wait: The longest time that the client waits, in seconds.
        retries: The number of retries that were made.
    """
    if isinstance(error, RateLimitError) and error.reason != "rate_limit":
        reason = (
            "This limits calls and not requests, so waiting a minute does not help; see "
            "client.call_limits()."
        )
    elif retry_after is not None and retry_after > max_retry_wait:
        reason = (
            f"The Hub asks to wait {retry_after:.0f} s, and the client waits {max_retry_wait:g} s "
            "at most (option max_retry_wait)."
        )
    elif isinstance(error, RateLimitError):
        wait = "" if retry_after is None else f"Wait {retry_after:.0f} s before the next request. "
        reason = f"{wait}The client gave up after {retries} retries (option max_retries)."
    else:
        return
    error.args = (f"{sentence(error.message)} {reason}",)


def _without_query(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""


def failure_error(operation: Operation[object], failure: Failure) -> APIConnectionError:
    """Return the error for a request without a complete response."""
    cls = APITimeoutError if failure.timed_out else APIConnectionError
    sent = failure.sent if operation.writes else None
    message = f"{operation.method} {operation.path}: {failure.phrase}."
    if failure.advice:
        message += f" {failure.advice}"
    if sent is not None:
        message += f" {OUTCOME_UNKNOWN if sent else NOT_PROCESSED}"
    error = cls(message, request_sent=sent)
    if isinstance(error, APITimeoutError):
        error.deadline_passed = failure.deadline_passed
    return error


def body_error(operation: Operation[object], failure: Failure) -> ResponseFormatError:
    """Return the error for a 2xx whose body is too large or cannot be decompressed."""
    return ResponseFormatError(
        f"{operation.method} {operation.path}: {failure.text}",
        status_code=failure.status or 0,
    )
