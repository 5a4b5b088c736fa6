"""Why the Hub says no: a status and a sentence.

Knows the status codes of the Hub's text errors. Must not know how an answer is sent.
"""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """A request that the Hub refuses.

    Args:
        status: The HTTP status, 400 to 500.
        text: The plain text of the answer: what, where, and what to do.
        retry_after: Seconds for the `Retry-After` header, or None for no header.
        allow: The methods for the `Allow` header of a 405, or None.
    """

    def __init__(
        self, status: int, text: str, *, retry_after: int | None = None, allow: str | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_after = retry_after
        self.allow = allow
