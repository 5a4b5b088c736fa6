"""What a recording says about campaigns that are older than it, so that they can be made again.

Knows which responses show a campaign or its contacts. Must not know how a campaign is made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kataven.recording.masks import E164
from kataven.recording.meaning import (
    ACTIONS,
    campaign_of,
    first_status_of,
    json_of,
    objects_in,
    operation_of,
    status_of,
)
from kataven.recording.stage import Settings
from kataven.sandbox.model.states import TERMINAL

if TYPE_CHECKING:
    from kataven.recording.file import Exchange, Recording

_FORM_FIELDS: Final = (
    "name",
    "agent_id",
    "phone_number_id",
    "max_concurrent_calls",
    "retries_per_contact",
    "retry_delay_seconds",
)
_PAGE: Final = 100
_MOST_CONTACTS: Final = 100_000


class KnownCampaigns:
    """The campaigns of a recording.

    Args:
        recording: The recording.
    """

    def __init__(self, recording: Recording) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        # The campaigns that the real Hub had at some time.
        self._existing: set[str] = set()
        self._pages: dict[str, dict[int, list[dict[str, Any]]]] = {}
        self._totals: dict[str, int] = {}
        for exchange in recording.exchanges:
            self._learn(exchange)

    def has_total(self, campaign_id: str) -> bool:
        """Whether the number of its contacts is known."""
        return campaign_id in self._totals

    def settings(self, campaign_id: str) -> Settings:
        """Return a campaign that is older than the recording, as far as it is known."""
        known = self._known.get(campaign_id, {})
        fields = {
            name: str(known[name])
            for name in _FORM_FIELDS
            if isinstance(known.get(name), str | int) and str(known[name])
        }
        pages = self._pages.get(campaign_id, {})
        contacts = [one for page in sorted(pages) for one in pages[page]]
        rows = max(self._totals.get(campaign_id, 0), len(contacts), 1)
        if pages and campaign_id not in self._totals:
            rows = max(rows, max(pages) * _PAGE + len(pages[max(pages)]))
        columns: list[str] = []
        lines = []
        for row in range(min(rows, _MOST_CONTACTS)):
            page, place = divmod(row, _PAGE)
            on_page = pages.get(page, [])
            one = on_page[place] if place < len(on_page) else {}
            cells = one.get("custom_fields")
            cells = cells if isinstance(cells, dict) else {}
            columns += [name for name in cells if name not in columns and name != "phone_number"]
            number = next((str(cell) for cell in one.values() if _is_number(cell)), "")
            lines.append((number or f"+999{row:09d}", cells))
        rows_text = "".join(
            ",".join([number, *(_cell(cells.get(name, "")) for name in columns)]) + "\n"
            for number, cells in lines
        )
        header = ",".join(["phone_number", *map(_cell, columns)])
        return Settings(fields, f"{header}\n{rows_text}")

    def status_at(self, exchange: Exchange) -> str | None:
        """Return the status of a campaign at its first exchange; None if it did not exist.

        Args:
            exchange: The exchange.
        """
        response = exchange.response
        operation = operation_of(exchange)
        campaign_id = campaign_of(exchange)
        if response is None or campaign_id not in self._existing or response.status == 404:
            return None
        seen = status_of(exchange) if operation == "get" else first_status_of(exchange)
        known = self._known.get(campaign_id, {}).get("status")
        status = seen or (known if isinstance(known, str) else "")
        if operation in ACTIONS:
            # The status that was known afterwards says little about the one before.
            before = {"start": "draft", "pause": "running", "resume": "paused", "stop": "running"}
            status = before[operation] if response.status < 300 else status
        if operation == "delete" and response.status == 409:
            status = "running"
        return status if status in {"scheduled", "running", "paused", *TERMINAL} else "draft"

    def _learn(self, exchange: Exchange) -> None:
        """Keep what a response says about campaigns, to make those that are older."""
        value = json_of(exchange)
        operation = operation_of(exchange)
        response = exchange.response
        if response is not None and (response.status < 300 or response.status == 409):
            self._existing.add(campaign_of(exchange))
        if value is None or response is None or response.status >= 300:
            return
        if operation == "contacts":
            self._learn_page(exchange, value)
            return
        for campaign in (
            [value, *objects_in(value)] if isinstance(value, dict) else objects_in(value)
        ):
            campaign_id = campaign.get("id")
            if isinstance(campaign_id, str):
                self._known.setdefault(campaign_id, campaign)
                self._existing.add(campaign_id)

    def _learn_page(self, exchange: Exchange, value: Any) -> None:
        if "status=" in exchange.query:
            return
        found = re.search(r"(?:^|&)page=(\d{1,6})(?:&|$)", exchange.query)
        campaign_id = campaign_of(exchange)
        pages = self._pages.setdefault(campaign_id, {})
        pages.setdefault(int(found[1]) if found else 0, objects_in(value))
        total = value.get("total") if isinstance(value, dict) else None
        if isinstance(total, int):
            self._totals[campaign_id] = total


def settings_of(exchange: Exchange) -> Settings:
    """Return the campaign that a recorded create makes."""
    if exchange.body != "form":
        return Settings()
    fields = {part["name"]: part["data"] for part in exchange.value if part["name"] in _FORM_FIELDS}
    contacts = next((part["data"] for part in exchange.value if part["name"] == "contacts"), "")
    return Settings(fields, contacts) if contacts else Settings(fields)


def _is_number(cell: object) -> bool:
    return isinstance(cell, str) and E164.fullmatch(cell) is not None


def _cell(value: object) -> str:
    return '"' + str(value).replace('"', '""') + '"'
