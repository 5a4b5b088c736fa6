"""A Hub of one campaign with pages of contacts, as a test scripts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http import response
from tests.support.server import LoopbackHub

if TYPE_CHECKING:
    from collections.abc import Callable


def json_response(value: Any, status: int = 200) -> bytes:
    """Build a JSON response with the request id ``req_7``."""
    return response(status, value, {"X-Request-ID": "req_7"})


def contact(number: int, **fields: Any) -> dict[str, Any]:
    """Build one contact of a campaign."""
    return {
        "id": f"ct_{number}",
        "phone_number": f"+1555{number:07d}",
        "custom_fields": {"first_name": f"Person {number}"},
        "status": "failed",
        **fields,
    }


class PagedHub(LoopbackHub):
    """A Hub of one campaign; what ``respond`` scripts comes before the documented routes.

    Attributes:
        contacts: The contacts of the campaign, 250 by default.
        status: The campaign's status.
        page: Makes the body of a page from its number; by default 100 of the contacts.
        campaigns: Called at each request for the list of campaigns; the list's rows.
    """

    def _begin(self) -> None:
        self.contacts = [contact(number) for number in range(250)]
        self.status = "completed"
        self.page: Callable[[int], Any] = self._page
        self.campaigns: Callable[[], list[Any]] = list
        super()._begin()

    @property
    def pages(self) -> list[int]:
        """The pages that were requested, in order."""
        queries = [urlsplit(line).query for line in self.lines if "/contacts" in line]
        return [int(parse_qs(query).get("page", ["0"])[0]) for query in queries]

    def plan(self, method: str, target: str) -> Any:
        scripted = self.scripted()
        if scripted is not None:
            return scripted
        parts = urlsplit(target)
        if parts.path.endswith("/contacts"):
            return json_response(self.page(int(parse_qs(parts.query).get("page", ["0"])[0])))
        if parts.path.endswith("/campaigns") and method == "GET":
            return json_response({"campaigns": self.campaigns()})
        return json_response({"id": "c1", "status": self.status}, 201 if method == "POST" else 200)

    def _page(self, page: int) -> Any:
        rows = self.contacts[page * 100 : page * 100 + 100]
        return {"contacts": rows, "page": page, "page_size": 100, "total": len(self.contacts)}
