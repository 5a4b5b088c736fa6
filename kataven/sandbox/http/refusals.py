"""The error responses of the Hub, and what each reason of the model means in HTTP.

Knows status codes and the headers that belong to them. Must not know how a response is sent.
Documented: errors are plain text; 400, 401, 403, 404, 409 and 429 and their meanings. Assumed: 507
if the database cannot be written.
"""

from __future__ import annotations

from typing import Final

from kataven.sandbox.http.responses import Response
from kataven.sandbox.model.refusals import (
    BadInput,
    CapReached,
    Conflict,
    NotFound,
    NotStored,
    Refused,
)

_STATUS: Final[dict[type[Refused], int]] = {
    BadInput: 400,
    NotFound: 404,
    Conflict: 409,
    CapReached: 429,
    NotStored: 507,
}


class HttpRefused(Refused):
    """A request that is refused before it reaches the model.

    Args:
        status: The HTTP status, 400 to 499.
        text: The plain text of the response: what is wrong, where, and what to do.
        retry_after: Seconds for the ``Retry-After`` header, or None for no header.
        allow: The methods for the ``Allow`` header of a 405, or None.
    """

    def __init__(
        self, status: int, text: str, *, retry_after: int | None = None, allow: str | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after
        self.allow = allow


def response_to(refused: Refused) -> Response:
    """Return the response for a refusal: plain text, with the headers that belong to it."""
    if not isinstance(refused, HttpRefused):
        return Response(_STATUS[type(refused)], text=refused.text)
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.allow is not None:
        headers["Allow"] = refused.allow
    return Response(refused.status, text=refused.text, headers=headers)
