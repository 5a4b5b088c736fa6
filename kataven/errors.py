"""The exception hierarchy.

Knows what each error means and what a caller needs to handle it. Must not know HTTP libraries,
clocks or the Hub's routes, and never holds a token.

::

    KatavenError                    .page: the next page of iter_contacts or an export, else None
      ConfigurationError            no key, bad URL, JWT without account, http:// to another machine
      ContactsError (ValueError)    .problems
      BulkError                     a plan or its parts cannot be made or used
      APIConnectionError            .request_sent: True, False, or None for a read
        APITimeoutError             .deadline_passed
      APIStatusError                .status_code .body .request_id .headers
        BadRequestError             400
        AuthenticationError         401
        PermissionDeniedError       403
        NotFoundError               404
        ConflictError               409
        RateLimitError              429 .retry_after .reason
        ServerError                 5xx .request_sent
      ResponseFormatError           a 2xx with an unexpected body; .request_sent
      StreamError                   an event stream that broke or was interrupted
      WaitTimeoutError (TimeoutError)  .campaign_id .progress
      CampaignRunError              .campaign_id .step .request_sent
    ContactsWarning (UserWarning)   contacts are probably not those you meant

Every error can be pickled and keeps its attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.campaigns.progress import CampaignProgress
    from kataven.contacts._problems import Problem

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BulkError",
    "CampaignRunError",
    "ConfigurationError",
    "ConflictError",
    "ContactsError",
    "ContactsWarning",
    "KatavenError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseFormatError",
    "ServerError",
    "StreamError",
    "WaitTimeoutError",
]


def _restore(cls: type[KatavenError], message: str, state: dict[str, Any]) -> KatavenError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class KatavenError(Exception):
    """Base class of every error that kataven raises on purpose.

    Attributes:
        page: The next page that ``iter_contacts`` or an export would have read, counted from 0, or
            None if no pages were being read.
    """

    page: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle text and attributes; subclasses have constructors of different shapes."""
        return _restore, (type(self), self.args[0], self.__dict__.copy())


class ConfigurationError(KatavenError):
    """The client cannot work with these settings; the text says what to change."""


class ContactsError(KatavenError, ValueError):
    """The contact list is invalid or cannot be read; nothing was sent and no campaign was created.

    Attributes:
        problems: The problems found, each with ``row``, ``column``, ``value``, ``kind``,
            ``severity`` and ``message``; ``row`` and ``column`` are None if the problem concerns
            the entire file.
    """

    problems: tuple[Problem, ...]

    def __init__(self, message: str, *, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ContactsWarning(UserWarning):
    """Contacts are probably not those you meant, for example because ``clean`` dropped many rows.

    Issued through ``warnings``, so it is shown by default, and
    ``warnings.simplefilter("error", ContactsWarning)`` makes it an error.
    """


class BulkError(KatavenError):
    """A plan of ``kataven.bulk`` cannot be made or used; the text says what to do."""


class APIConnectionError(KatavenError):
    """The Hub could not be reached, or its response was lost.

    If the HTTP library raised an exception, it is the ``__cause__``: httpcore's, or httpx's with
    ``http_client=``.

    Attributes:
        request_sent: Whether the Hub may have processed a write: True if it may have, False if it
            is known not to have, None for a read, where it does not matter.
    """

    request_sent: bool | None

    def __init__(self, message: str, *, request_sent: bool | None = None) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class APITimeoutError(APIConnectionError):
    """A timeout or the call's deadline expired before the response was complete.

    Attributes:
        deadline_passed: True if the ``deadline`` of the entire call, or the ``total_timeout`` of a
            stream, expired; False if it was the ``timeout`` of one phase of a request.
    """

    deadline_passed: bool = False


class APIStatusError(KatavenError):
    """The Hub responded with a status other than 2xx.

    Attributes:
        status_code: The HTTP status.
        body: The text of the response, truncated to 64 KiB.
        request_id: The response's ``X-Request-ID`` header, or None.
        headers: The response headers; names are in lower case.
    """

    status_code: int
    body: str
    request_id: str | None
    headers: Mapping[str, str]

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: str = "",
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.body = body
        self.request_id = request_id
        self.headers = dict(headers or {})


class BadRequestError(APIStatusError):
    """400: bad input, a missing ``X-Account-ID`` or a bad account name."""


class AuthenticationError(APIStatusError):
    """401: the token is missing, wrong or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: a reserved account, or a route for administrators only."""


class NotFoundError(APIStatusError):
    """404: not found in this account."""


class ConflictError(APIStatusError):
    """409: the campaign's state or the account's concurrency budget does not allow it."""


class RateLimitError(APIStatusError):
    """429: over a request limit, or over a cost cap of calls.

    Attributes:
        retry_after: Seconds to wait according to the Hub, or None if it sent no usable value.
        reason: ``"rate_limit"`` (waiting helps) or ``"cost_cap"`` (waiting a minute does not).
    """

    retry_after: float | None = None
    reason: Literal["rate_limit", "cost_cap"] = "cost_cap"


class ServerError(APIStatusError):
    """5xx: the Hub, or a proxy in front of it, failed.

    Attributes:
        request_sent: True for a write, because the Hub may have processed it anyway; None for a
            read.
    """

    request_sent: bool | None = None


class ResponseFormatError(KatavenError):
    """The Hub responded with 2xx, but the body is not what its API promises.

    Attributes:
        status_code: The HTTP status, a 2xx.
        body: The body as received, truncated to 64 KiB.
        request_sent: True for a ``create`` that the Hub accepted; None for a read.
    """

    status_code: int
    body: bytes
    request_sent: bool | None

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: bytes = b"",
        request_sent: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.body = body
        self.request_sent = request_sent


class StreamError(KatavenError):
    """An event stream broke and could not be reopened, or was interrupted by an exception."""


class WaitTimeoutError(KatavenError, TimeoutError):
    """The campaign did not finish before the timeout expired.

    Attributes:
        campaign_id: The campaign; it keeps running.
        progress: The last progress seen, or None.
    """

    campaign_id: str
    progress: CampaignProgress | None

    def __init__(
        self, message: str, *, campaign_id: str, progress: CampaignProgress | None = None
    ) -> None:
        super().__init__(message)
        self.campaign_id = campaign_id
        self.progress = progress


class CampaignRunError(KatavenError):
    """``run`` failed after it had created the campaign; the campaign still exists.

    Attributes:
        campaign_id: The campaign that was created.
        step: The step that failed, ``"start"`` or ``"watch"``. Its error is the ``__cause__``.
        request_sent: The ``request_sent`` of that error: whether the Hub may have processed the
            request, or None if the error does not say.
    """

    campaign_id: str
    step: Literal["start", "watch"]
    request_sent: bool | None

    def __init__(
        self,
        message: str,
        *,
        campaign_id: str,
        step: Literal["start", "watch"],
        request_sent: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.campaign_id = campaign_id
        self.step = step
        self.request_sent = request_sent
