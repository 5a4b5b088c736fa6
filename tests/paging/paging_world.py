"""A Hub that answers with pages of contacts and lists of campaigns, as a test scripts them.

Knows the documented routes and nothing of what the tests prove.
"""

import json
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from budget_world import CountingHub

if TYPE_CHECKING:
    from collections.abc import Callable

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json", "X-Request-ID": "req_7"}
# More would be a client that asks without end.
MOST_REQUESTS = 3000


def answer(value: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return status, dict(JSON), json.dumps(value).encode()


def contact(number: int, **fields: Any) -> dict[str, Any]:
    """One contact of a campaign."""
    return {
        "id": f"ct_{number}",
        "phone_number": f"+1555{number:07d}",
        "custom_fields": {"first_name": f"Person {number}"},
        "status": "failed",
        **fields,
    }


class LostError(Exception):
    """Raised by an answer: the connection is closed in place of one."""


class PagedHub(CountingHub):
    """A Hub of one campaign.

    Attributes:
        contacts: The contacts of the campaign.
        status: The campaign's status.
        page: Makes the answer to a page; by default 100 of the contacts.
        campaigns: What the list of campaigns shows; it is asked at each request.
        before: Answers (or functions that give one) for the next requests, in order; then the
            ordinary ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contacts = [contact(number) for number in range(250)]
        self.status = "completed"
        self.page: Callable[[int], Any] = self._page
        self.campaigns: Callable[[], list[Any]] = list
        self.before: deque[Any] = deque()
        self.answer = self._scripted

    @property
    def asked(self) -> list[str]:
        """What was asked for, in order: method and path below the version, with its query."""
        return [f"{method} {path.removeprefix('/api/v1')}" for _, method, path in self.arrivals]

    @property
    def pages_asked(self) -> list[int]:
        """The pages that were asked for, in order."""
        queries = [urlsplit(path).query for _, _, path in self.arrivals if "/contacts" in path]
        return [int(parse_qs(query).get("page", ["0"])[0]) for query in queries]

    def _page(self, page: int) -> Any:
        rows = self.contacts[page * 100 : page * 100 + 100]
        return {"contacts": rows, "page": page, "page_size": 100, "total": len(self.contacts)}

    def _scripted(self, method: str, path: str) -> Answer:
        if len(self.arrivals) > MOST_REQUESTS:
            return 418, {}, b"the client asks without end"
        if self.before:
            scripted = self.before.popleft()
            if callable(scripted):
                scripted = scripted()
            if scripted is not None:
                result: Answer = scripted
                return result
        parts = urlsplit(path)
        if parts.path.endswith("/contacts"):
            return answer(self.page(int(parse_qs(parts.query).get("page", ["0"])[0])))
        if parts.path.endswith("/campaigns") and method == "GET":
            return answer({"campaigns": self.campaigns()})
        return answer({"id": "c1", "status": self.status}, 201 if method == "POST" else 200)


def lost() -> Answer:
    """The connection is closed in place of an answer."""
    raise LostError
