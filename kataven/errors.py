"""The tree of errors.

Knows what went wrong and what a person needs to act. It knows nothing of HTTP libraries, clocks or
the Hub's routes, and holds no token.

::

    KatavenError                    .page: where iter_contacts or an export stood, else None
      ConfigurationError            no key, bad URL, JWT without account, http:// to another machine
      ContactsError (ValueError)    .problems
      APIConnectionError            .request_sent: True, False, or None for a read
        APITimeoutError
      APIStatusError                .status_code .body .request_id .headers
        BadRequestError             400
        AuthenticationError         401
        PermissionDeniedError       403
        NotFoundError               404
        ConflictError               409
        RateLimitError              429 .retry_after .reason
        ServerError                 5xx .request_sent
      ResponseFormatError           a 2xx that is not what the contract promised; .request_sent
      StreamError                   an event stream that could not be read on
      WaitTimeoutError (TimeoutError)  .campaign_id .progress
      CampaignRunError              .campaign_id .step .request_sent

Every error pickles with all its attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.campaigns.progress import CampaignProgress
    from kataven.contacts.problems import Problem

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "CampaignRunError",
    "ConfigurationError",
    "ConflictError",
    "ContactsError",
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
    """Anything that kataven raises on purpose.

    Attributes:
        page: The page that ``iter_contacts`` or an export would read next, counted from 0, or None
            where no pages were being read.
    """

    page: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by text and attributes, whatever the constructor takes."""
        return _restore, (type(self), self.args[0], self.__dict__.copy())


class ConfigurationError(KatavenError):
    """The client cannot be used as it was set up; the text says what to change."""


class ContactsError(KatavenError, ValueError):
    """A list of contacts that must not be uploaded or cannot be read; no campaign was made.

    Nothing was sent, unless the list became unreadable in the middle of its upload: the Hub refuses
    a form that is not whole.

    Attributes:
        problems: What is wrong, each with ``row``, ``column``, ``value``, ``kind``, ``severity``
            and ``message``; ``row`` and ``column`` are None where the whole file is meant.
    """

    problems: tuple[Problem, ...]

    def __init__(self, message: str, *, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class APIConnectionError(KatavenError):
    """The Hub could not be reached, or its answer was lost.

    Attributes:
        request_sent: Whether the Hub may have acted: True if it may have, False if it surely did
            not, None for a read, where it does not matter.
    """

    request_sent: bool | None

    def __init__(self, message: str, *, request_sent: bool | None = None) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class APITimeoutError(APIConnectionError):
    """A timeout or the call's deadline passed before the Hub's answer was in.

    Attributes:
        deadline_passed: Whether it was the deadline of the whole call, or the time for following a
            stream, rather than the timeout of one part of a request.
    """

    deadline_passed: bool = False


class APIStatusError(KatavenError):
    """The Hub answered with a status that is no success.

    Attributes:
        status_code: The HTTP status.
        body: The answer's text as received, shortened to 64 KiB.
        request_id: What the answer's ``X-Request-ID`` names, or None.
        headers: The answer's headers, names in lower case.
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
    """404: not in this account."""


class ConflictError(APIStatusError):
    """409: the campaign's state or the account's concurrency budget does not allow it."""


class RateLimitError(APIStatusError):
    """429: over a request limit, or over a cost cap of calls.

    Attributes:
        retry_after: Seconds that the Hub asks to wait, or None where it named none that is usable.
        reason: ``"rate_limit"`` (waiting helps) or ``"cost_cap"`` (it does not, today).
    """

    retry_after: float | None = None
    reason: Literal["rate_limit", "cost_cap"] = "cost_cap"


class ServerError(APIStatusError):
    """5xx: the Hub or a proxy before it failed.

    Attributes:
        request_sent: True for a write, where the Hub may have acted all the same; None for a read.
    """

    request_sent: bool | None = None


class ResponseFormatError(KatavenError):
    """A success whose body is not what the contract promises.

    Attributes:
        status_code: The HTTP status, a 2xx.
        body: The body as received, shortened to 64 KiB.
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
    """An event stream broke and could not be read on."""


class WaitTimeoutError(KatavenError, TimeoutError):
    """The campaign was not over when the time to wait was.

    Attributes:
        campaign_id: The campaign; it goes on.
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
    """``run`` failed after the campaign was made; the campaign is still there.

    Attributes:
        campaign_id: The campaign that was created.
        step: ``"start"`` or ``"watch"``: what failed. Its error is the ``__cause__``.
        request_sent: Whether the request that failed may have reached the Hub: None where the error
            does not say.
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
