"""Why the Hub refuses a request.

Knows the reasons. Must not know HTTP: ``http/refusals.py`` maps each reason to a status code.
"""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - a response of the Hub, not an error in the program
    """A request that the Hub refuses.

    Args:
        text: The plain text of the response: what is wrong, where, and what to do.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadInput(Refused):
    """The request contains a value that the Hub does not accept."""


class NotFound(Refused):
    """The account has no such campaign."""


class Conflict(Refused):
    """The campaign's status or the account's concurrency budget does not allow the action."""


class CapReached(Refused):
    """The account has used up its calls or minutes of the day."""


class NotStored(Refused):
    """The database cannot be written, such as on a full disk. Nothing was changed.

    Args:
        name: The database.
        reason: The reason that SQLite gives.
        advice: What to do.
    """

    def __init__(self, name: str, reason: str, advice: str) -> None:
        super().__init__(
            f"{name} cannot be written ({reason}), so nothing was changed: {advice}, and try again"
        )
        self.name = name
        self.reason = reason
        self.advice = advice
