"""What each action below ``/_sandbox/`` does: from a request to a response.

Knows which method of the Hub an action is, and what it reads of a request. Must not know who may do
it (control), or how the Hub does it (model, faults).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.http import faults as scripted
from kataven.sandbox.http.control import writing
from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.http.responses import Response
from kataven.sandbox.model import rfc3339

if TYPE_CHECKING:
    from kataven.sandbox.http.faults import Faults
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.model.advance import Advance
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds

_MAX_BODY: Final = 64 * 1024
_MAX_ENTRIES: Final = 10_000


class Actions:
    """Runs actions.

    Args:
        engine: The Hub.
        feeds: Its open streams.
        advance: Moves its clock, if it is manual.
        faults: Its scripted faults.
        requests: The requests that came.
    """

    def __init__(
        self, engine: Engine, feeds: Feeds, advance: Advance, faults: Faults, requests: RequestLog
    ) -> None:
        self._engine = engine
        self._feeds = feeds
        self._advance = advance
        self._faults = faults
        self._requests = requests

    async def run(self, action: str, name: str, request: Request) -> Response:
        """Run an action.

        Args:
            action: The action, a value of ``paths.PATHS``.
            name: What the path names; empty if it names nothing.
            request: The request.

        Raises:
            Refused: The Hub refuses the request.
        """
        match action:
            case "clock":
                return Response(200, writing.clock(self._engine.time))
            case "advance":
                return await self._move_clock(request)
            case "faults":
                return Response(200, {"faults": [writing.fault(one) for one in self._faults.all()]})
            case "add_fault":
                return await self._add_fault(request)
            case "clear_faults":
                self._faults.clear()
                return Response(204)
            case "campaigns":
                return self._campaigns(request)
            case "limits":
                return self._limits()
            case "journal":
                return self._journal(request)
        msg = f"paths.py has an action {action!r}, but Actions.run does not: add it here"
        raise LookupError(msg)

    async def _move_clock(self, request: Request) -> Response:
        value = await _json(request)
        seconds = value.get("seconds") if isinstance(value, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise HttpRefused(400, 'send {"seconds": <number>}')
        try:
            now = await self._advance(seconds)
        except RuntimeError as error:
            raise HttpRefused(409, str(error)) from error
        except ValueError as error:
            raise HttpRefused(400, str(error)) from error
        return Response(200, {"now": rfc3339.write(now)})

    async def _add_fault(self, request: Request) -> Response:
        try:
            self._faults.add(**scripted.from_json(await _json(request)))
        except (TypeError, ValueError) as error:
            raise HttpRefused(400, f"bad fault: {error}") from error
        return Response(201, {"added": True})

    def _campaigns(self, request: Request) -> Response:
        self._engine.catch_up()
        wanted = request.text("account")
        campaigns = [
            writing.campaign(campaign)
            for account in self._engine.accounts
            if wanted in {None, account.name}
            for campaign in account.campaigns.values()
        ]
        return Response(200, {"campaigns": campaigns})

    def _limits(self) -> Response:
        now = self._engine.catch_up()
        limits = self._engine.accounts.call_limits
        accounts = [writing.limits(one, limits, now) for one in self._engine.accounts]
        return Response(200, {"accounts": accounts})

    def _journal(self, request: Request) -> Response:
        after = request.number("after", 0)
        # One more than is sent, to know whether there are more.
        rows = self._engine.journal(after, _MAX_ENTRIES + 1)
        entries = [writing.journal_entry(number, row) for number, row in rows[:_MAX_ENTRIES]]
        last = rows[_MAX_ENTRIES - 1][0] if len(rows) > _MAX_ENTRIES else None
        return Response(200, {"entries": entries, "next": last})


async def _json(request: Request) -> Any:
    body = await request.body(_MAX_BODY)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpRefused(400, "the body is not JSON") from error
