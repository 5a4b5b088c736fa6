"""The paths below ``/_sandbox/``: the journal, the faults and the clock, for other processes.

Knows these paths and their JSON. Must not know the documented operations. Each needs an API key of
this Hub, and none counts against a limit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.http import faults
from kataven.sandbox.http.auth import identify
from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.http.responses import JsonObject, Response
from kataven.sandbox.model import rfc3339

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kataven.sandbox.http.faults import Faults
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.journal import JournalRow

PREFIX: Final = "/_sandbox/"
_MAX_BODY: Final = 64 * 1024
_MAX_ENTRIES: Final = 10_000
_METHODS: Final = {
    "/_sandbox/journal": ("GET",),
    "/_sandbox/faults": ("POST", "DELETE"),
    "/_sandbox/advance": ("POST",),
}


class Control:
    """Handles the requests below ``/_sandbox/``.

    Args:
        engine: The Hub.
        faults: Its scripted faults.
        advance: Moves a manual clock by some seconds, and returns the Hub's time.
    """

    def __init__(
        self, engine: Engine, faults: Faults, advance: Callable[[float], Awaitable[int]]
    ) -> None:
        self._engine = engine
        self._faults = faults
        self._advance = advance

    async def handle(self, request: Request) -> Response:
        """Handle one request.

        Raises:
            HttpRefused: 400, 401, 404, 405 or 409.
        """
        caller = identify(self._engine.accounts, request.headers)
        if caller.key is None:
            raise HttpRefused(401, "send an API key of this Hub, not a JWT")
        methods = _METHODS.get(request.path)
        if methods is None:
            raise HttpRefused(404, f"unknown path; the paths are {', '.join(_METHODS)}")
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise HttpRefused(
                405, f"{request.method} is not allowed here; allowed: {allowed}", allow=allowed
            )
        if request.path == "/_sandbox/journal":
            return self._journal(request)
        if request.path == "/_sandbox/advance":
            return await self._move_clock(request)
        if request.method == "DELETE":
            self._faults.clear()
            return Response(204)
        return await self._add_fault(request)

    def _journal(self, request: Request) -> Response:
        after = request.number("after", 0)
        # One more than is sent, to know whether there are more.
        rows = self._engine.journal(after, _MAX_ENTRIES + 1)
        entries = [_entry(number, row) for number, row in rows[:_MAX_ENTRIES]]
        last = rows[_MAX_ENTRIES - 1][0] if len(rows) > _MAX_ENTRIES else None
        return Response(200, {"entries": entries, "next": last})

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
            self._faults.add(**faults.from_json(await _json(request)))
        except (TypeError, ValueError) as error:
            raise HttpRefused(400, f"bad fault: {error}") from error
        return Response(201, {"added": True})


def _entry(number: int, row: JournalRow) -> JsonObject:
    return {
        "entry": number,
        "time": rfc3339.write(row.time),
        "action": row.action,
        "account": row.account,
        "campaign": row.campaign,
        "number": row.number,
        "attempt": row.attempt,
        "outcome": row.outcome,
    }


async def _json(request: Request) -> Any:
    body = await request.body(_MAX_BODY)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpRefused(400, "the body is not JSON") from error
