"""The long tables of the page, 100 rows at a time: contacts, calls, journal and requests.

Knows columns and cells. Must not know HTML or HTTP. A cell is a text, or a text with a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.model import outcomes, oversight
from kataven.sandbox.model.pages import PAGE
from kataven.sandbox.page import formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.journal import JournalAction, JournalRow
    from kataven.sandbox.page.view import View

_ACTIONS: Final[dict[JournalAction, str]] = {
    "create": "created",
    "start": "started",
    "pause": "paused",
    "resume": "resumed",
    "stop": "stopped",
    "delete": "deleted",
    "fail": "failed",
    "complete": "completed",
    "scheduled_start": "started by its schedule",
    "call": "call begins",
    "call_ended": "call ends",
}
_BAD_STATUS: Final = 400


class Tables:
    """Reads tables of a Hub.

    Args:
        engine: The Hub.
        view: Its view.
        requests: The requests that came.
    """

    def __init__(self, engine: Engine, view: View, requests: RequestLog) -> None:
        self._engine = engine
        self._view = view
        self._requests = requests

    def contacts(
        self, campaign: Campaign, status: str | None, error: str | None, page: int
    ) -> dict[str, Any]:
        """Return a page of contacts, in the order of the list.

        Args:
            campaign: The campaign.
            status: Only contacts of this status, or None for all.
            error: Only contacts with this last error, or None for any.
            page: The page, counted from 0.
        """
        found = self._engine.pages.read(campaign, status, page, error)
        rows = []
        for one in found["contacts"]:
            last = one["last_attempt_at"]
            cells = [
                one["phone_number"],
                one["status"].replace("_", " "),
                f"{one['attempts']}",
                "–" if last is None else last[11:19],  # noqa: RUF001
                (one["last_error"] or "–").replace("_", " "),  # noqa: RUF001
                *(formats.short(value) for value in one["custom_fields"].values()),
            ]
            rows.append({"key": one["id"], "cells": cells, "tone": one["status"]})
        columns = ["Number", "Status", "Calls", "Last call", "Last error"]
        columns += [formats.short(name) for name in campaign.columns]
        return _table(columns, rows, page, found["total"], "contact")

    def calls(self, campaign: Campaign, page: int) -> dict[str, Any]:
        """Return a page of the calls of a campaign, the newest first."""
        calls = oversight.calls(self._engine, campaign.id)
        total = len(calls)
        until = max(0, total - page * PAGE)
        rows = []
        for place in reversed(range(max(0, until - PAGE), until)):
            call = calls[place]
            took = "in flight" if call.ended is None else formats.span(call.ended - call.started)
            cells = [
                formats.time_of_day(call.started),
                call.number,
                f"{call.attempt}",
                took,
                (call.outcome or "–").replace("_", " "),  # noqa: RUF001
            ]
            rows.append({"key": f"{place}", "cells": cells, "tone": _tone(call.outcome)})
        return _table(["Began", "Number", "Attempt", "Took", "Outcome"], rows, page, total, "call")

    def journal(self, page: int) -> dict[str, Any]:
        """Return a page of the journal, the newest entry first."""
        total = oversight.last_entry(self._engine)
        until = max(0, total - page * PAGE)
        after = max(0, until - PAGE)
        found = oversight.journal(self._engine, after, until - after)
        rows = [self._entry(number, row) for number, row in reversed(found)]
        columns = ["Time", "What", "Number", "Attempt", "Outcome", "Campaign", "Account"]
        return _table(columns, rows, page, total, "entry", "entries")

    def requests(self, page: int) -> dict[str, Any]:
        """Return a page of the requests, the newest first."""
        total = self._requests.last
        until = max(0, total - page * PAGE)
        after = max(0, until - PAGE)
        found = self._requests.page(after, until - after)
        rows = [
            {
                "key": f"{number}",
                "cells": [
                    formats.time_of_day(one.time),
                    one.method,
                    formats.short(f"{one.path}?{one.query}" if one.query else one.path),
                    "–" if one.status is None else f"{one.status}",  # noqa: RUF001
                    one.account or "–",  # noqa: RUF001
                ],
                "tone": "failed" if (one.status or _BAD_STATUS) >= _BAD_STATUS else "",
            }
            for number, one in reversed(found)
        ]
        return _table(["Time", "Method", "Path", "Status", "Account"], rows, page, total, "request")

    def _entry(self, number: int, row: JournalRow) -> dict[str, Any]:
        cells: list[str | list[str]] = [
            formats.time_of_day(row.time),
            _ACTIONS[row.action],
            row.number or "",
            "" if row.attempt is None else f"{row.attempt}",
            (row.outcome or "").replace("_", " "),
            [self._view.name_of(row.campaign), f"#/campaigns/{row.campaign}"],
            row.account,
        ]
        twice = self._view.was_called_twice(row.number)
        tone = "twice" if twice else _tone(row.outcome)
        return {"key": f"{number}", "cells": cells, "tone": tone}


def _tone(outcome: str | None) -> str:
    if not outcome:
        return ""
    return "completed" if outcomes.code_of(outcome) in outcomes.REACHED else "failed"


def _table(
    columns: Sequence[str],
    rows: list[dict[str, Any]],
    page: int,
    total: int,
    noun: str,
    nouns: str | None = None,
) -> dict[str, Any]:
    first = page * PAGE + 1
    text = formats.count(total, noun, nouns)
    if rows and total > len(rows):
        text = f"{first:,} to {first + len(rows) - 1:,} of {text}"
    return {
        "columns": list(columns),
        "rows": rows,
        "page": page,
        "pages": max(1, -(-total // PAGE)),
        "text": text,
    }
