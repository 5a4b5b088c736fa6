"""The exit codes of the command, and which error has which.

Knows the exceptions of the SDK. Must not know a command, and prints nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from kataven.cli.wording import as_commands
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    BulkError,
    CampaignRunError,
    ConfigurationError,
    ConflictError,
    ContactsError,
    KatavenError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Exit", "Failure", "failure_of", "first_failure"]


class Exit(IntEnum):
    """What a finished ``kataven`` process tells its caller."""

    DONE = 0
    CAMPAIGN_FAILED = 1
    USAGE = 2
    CONTACTS = 3
    KEY = 4
    NOT_FOUND = 5
    CONFLICT = 6
    LIMIT = 7
    HUB = 8
    UNKNOWN = 9
    LOCAL = 10
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a user of the command sees it.

    Attributes:
        code: The exit code.
        what: One sentence: what happened, in the Hub's words where there are some.
        advice: What to do about it; empty if ``what`` says it.
    """

    code: Exit
    what: str
    advice: str = ""


_LOOK_FIRST = (
    "the Hub may have processed it: look with 'kataven campaigns list' or "
    "'kataven campaigns get ID' before you try again"
)
_BY_CLASS: tuple[tuple[type[BaseException], Exit, str], ...] = (
    (BulkError, Exit.LOCAL, ""),
    (
        ContactsError,
        Exit.CONTACTS,
        "'kataven contacts check FILE --jsonl' prints the problems of a contact list",
    ),
    (ConfigurationError, Exit.KEY, "'kataven doctor' checks the key and the URL"),
    (AuthenticationError, Exit.KEY, "'kataven doctor' shows which key is in use"),
    (PermissionDeniedError, Exit.KEY, "use a key that may do this; 'kataven doctor' shows yours"),
    (
        NotFoundError,
        Exit.NOT_FOUND,
        "'kataven campaigns list' shows what this account has; 'kataven doctor' checks the URL",
    ),
    (ConflictError, Exit.CONFLICT, "'kataven campaigns get ID' shows the state of the campaign"),
    (RateLimitError, Exit.LIMIT, "'kataven limits' shows the limits of this account"),
    (BadRequestError, Exit.USAGE, "correct what the Hub names, and try again"),
    (WaitTimeoutError, Exit.HUB, "the campaign continues: 'kataven campaigns watch ID' follows it"),
    (ServerError, Exit.HUB, "try again later; 'kataven doctor' checks the way to the Hub"),
    (APIStatusError, Exit.HUB, "'kataven doctor' checks the way to the Hub"),
    (ResponseFormatError, Exit.HUB, "check the URL: 'kataven doctor' shows who responds there"),
    (APIConnectionError, Exit.HUB, "'kataven doctor' checks the way to the Hub"),
    (KatavenError, Exit.HUB, "try again; 'kataven doctor' checks the way to the Hub"),
)


def failure_of(error: BaseException) -> Failure | None:
    """Describe an error that a command is expected to meet.

    Args:
        error: The error.

    Returns:
        What to print and the exit code; None for an internal error.
    """
    found = _failure_of(error)
    return None if found is None else replace(found, what=as_commands(found.what))


def _failure_of(error: BaseException) -> Failure | None:
    if isinstance(error, CampaignRunError):
        cause = _failure_of(error.__cause__) if error.__cause__ is not None else None
        code = cause.code if cause is not None else Exit.HUB
        return Failure(
            code,
            str(error),
            f"the campaign exists: 'kataven campaigns get {error.campaign_id}' shows its state",
        )
    if getattr(error, "request_sent", None) is True:
        return Failure(Exit.UNKNOWN, str(error), _LOOK_FIRST)
    for kind, code, advice in _BY_CLASS:
        if isinstance(error, kind):
            # The losses of a list are lines of a report; an error is one line.
            lines = str(error).split("\n") if isinstance(error, ContactsError) else [str(error)]
            return Failure(code, "; ".join(lines), advice)
    # By its module: sqlite3 is loaded only where the rate limiter uses it.
    if type(error).__module__ == "sqlite3":
        return Failure(Exit.LOCAL, f"the file of the rate limiter cannot be used: {error}")
    if isinstance(error, OSError):
        return Failure(Exit.LOCAL, _os_error(error))
    if isinstance(error, ImportError):
        return Failure(Exit.LOCAL, str(error))
    # The SDK refuses an argument, such as an unknown region or encoding.
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        return Failure(Exit.USAGE, str(error), "'--help' shows what the command takes")
    return None


def first_failure(codes: Iterable[int]) -> Exit:
    """Return the exit code of several campaigns: the first that is not 0, in the order given."""
    return next((Exit(code) for code in codes if code), Exit.DONE)


def _os_error(error: OSError) -> str:
    if error.filename is None or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}"
