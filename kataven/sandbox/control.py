"""The paths below `/_sandbox/`: the journal, faults and the clock, for other processes.

Knows those paths and their JSON. Must not know the documented operations. Each needs an API key of
this Hub; none counts against a limit.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox import faults, journal, rfc3339
from kataven.sandbox.answers import Answer
from kataven.sandbox.refusals import Refused
from kataven.sandbox.requests import Request

if TYPE_CHECKING:
    from kataven.sandbox.app import App

_MAX_BODY: Final = 64 * 1024
_ENTRIES: Final = 10_000
_METHODS: Final = {
    "/_sandbox/journal": ("GET",),
    "/_sandbox/faults": ("POST", "DELETE"),
    "/_sandbox/advance": ("POST",),
}


class Control:
    """Answers what stands below `/_sandbox/`.

    Args:
        app: The app that it belongs to.
    """

    def __init__(self, app: "App") -> None:
        self._app = app

    async def answer(self, request: Request) -> Answer:
        """Answer one request.

        Raises:
            Refused: 400, 401, 404, 405 or 409.
        """
        caller = self._app.engine.accounts.identify(request.headers)
        if caller.key is None:
            raise Refused(401, "this needs an API key of this Hub, not a JWT")
        methods = _METHODS.get(request.path)
        if methods is None:
            raise Refused(404, f"no such path; there are {', '.join(_METHODS)}")
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise Refused(
                405, f"{request.method} is not allowed here; allowed: {allowed}", allow=allowed
            )
        if request.path == "/_sandbox/journal":
            return self._journal(request)
        if request.path == "/_sandbox/advance":
            return await self._advance(request)
        if request.method == "DELETE":
            self._app.faults.clear()
            return Answer(204)
        return await self._add_fault(request)

    def _journal(self, request: Request) -> Answer:
        after = request.number("after", 0)
        rows = self._app.engine.journal(after, _ENTRIES + 1)
        more = len(rows) > _ENTRIES
        entries = [{"entry": number, **journal.as_json(row)} for number, row in rows[:_ENTRIES]]
        last = rows[_ENTRIES - 1][0] if more else None
        return Answer(200, {"entries": entries, "next": last})

    async def _advance(self, request: Request) -> Answer:
        value = await _json(request)
        seconds = value.get("seconds") if isinstance(value, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Refused(400, 'send {"seconds": <number>}')
        try:
            now = await self._app.advance(seconds)
        except RuntimeError as error:
            raise Refused(409, str(error)) from error
        except ValueError as error:
            raise Refused(400, str(error)) from error
        return Answer(200, {"now": rfc3339.write(now)})

    async def _add_fault(self, request: Request) -> Answer:
        try:
            self._app.faults.add(**faults.from_json(await _json(request)))
        except (TypeError, ValueError) as error:
            raise Refused(400, f"bad fault: {error}") from error
        return Answer(201, {"added": True})


async def _json(request: Request) -> Any:
    body = await request.body(_MAX_BODY)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is not JSON") from error
