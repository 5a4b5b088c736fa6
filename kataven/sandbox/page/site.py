"""The paths of the page: the page at ``/``, its files, and its data and actions.

Knows paths and which code of the Hub each of them calls. Must not know how the page looks (view,
markup), who may use it (admission), or how an action is done: the documented operations and the
handler of ``/_sandbox/`` do it, without the request limits, faults and request log of an account.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from kataven.sandbox.http.auth import Caller
from kataven.sandbox.http.refusals import HttpRefused, response_to
from kataven.sandbox.http.responses import Response, ResponseWriter
from kataven.sandbox.http.routes import Operation
from kataven.sandbox.http.streaming import serve_stream
from kataven.sandbox.model import outcomes
from kataven.sandbox.model.contacts import CONTACT_STATUSES
from kataven.sandbox.model.refusals import NotFound, Refused
from kataven.sandbox.page import admission, first_page
from kataven.sandbox.page.admission import Admission
from kataven.sandbox.page.files import TYPES, files
from kataven.sandbox.page.tables import Tables
from kataven.sandbox.page.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.sandbox.http.control import Control
    from kataven.sandbox.http.faults import Faults
    from kataven.sandbox.http.operations import Operations
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.model.accounts import Account
    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds

_FILES: Final = "/_page/"
_API: Final = "/_page/api/"
_HTML: Final = "text/html; charset=utf-8"
# Real seconds that a request for the state may spend on a journal that was never read.
_READING: Final = 0.1
_ACTIONS: Final = frozenset({"start", "pause", "resume", "stop"})


class Site:
    """Serves the page of one Hub.

    Args:
        port: The Hub's port.
        engine: The Hub.
        feeds: Its open streams.
        faults: Its scripted faults.
        requests: The requests that came.
        operations: Runs the documented operations.
        control: Handles what is below ``/_sandbox/``.
    """

    def __init__(
        self,
        port: int,
        engine: Engine,
        feeds: Feeds,
        faults: Faults,
        requests: RequestLog,
        operations: Operations,
        control: Control,
    ) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._admission = Admission(port)
        self._engine = engine
        self._feeds = feeds
        self._operations = operations
        self._control = control
        self._view = View(engine, faults, requests)
        self._tables = Tables(engine, self._view, requests)

    @staticmethod
    def owns(path: str) -> bool:
        """Return whether a path is one of the page."""
        return path == "/" or path.startswith(_FILES)

    async def serve(self, request: Request, writer: ResponseWriter) -> None:
        """Serve one request. A refusal is plain text."""
        try:
            if request.path.startswith(_API):
                self._admission.check_action(request)
                await self._serve_api(request, writer, request.path.removeprefix(_API))
                return
            self._admission.check_file(request)
            if request.method != "GET":
                raise HttpRefused(405, f"{request.method} is not allowed here", allow="GET")
            if request.path == "/":
                await self._read_history(_READING)
                account = request.text("account")
                page = first_page.render(self._view, self._url, self._admission.token, account)
                await _send(writer, 200, _HTML, page)
                return
            name = request.path.removeprefix(_FILES)
            body = files().get(name)
            if body is None:
                raise HttpRefused(404, "the page has no such file")
            await _send(writer, 200, TYPES[name.rpartition(".")[2]], body)
        except Refused as refused:
            await _answer(writer, response_to(refused))

    async def _serve_api(self, request: Request, writer: ResponseWriter, path: str) -> None:
        parts = [unquote(part) for part in path.split("/")]
        if parts[0] == "sandbox":
            below = path.removeprefix("sandbox").removeprefix("/")
            await _answer(writer, await self._control.act(request, below))
            return
        match (request.method, *parts):
            case ("GET", "state"):
                await self._read_history(_READING)
                state = self._view.state(request.text("account"), request.text("campaign"))
                await _answer(writer, Response(200, state))
            case ("GET", "journal"):
                await _answer(writer, Response(200, self._tables.journal(request.page())))
            case ("GET", "requests"):
                await _answer(writer, Response(200, self._tables.requests(request.page())))
            case ("POST", "campaigns"):
                await self._operate(request, writer, self._account(request), "create", "")
            case ("DELETE", "campaigns", campaign_id):
                account = self._account_of(campaign_id)
                await self._operate(request, writer, account, "delete", campaign_id)
            case ("POST", "campaigns", campaign_id, action) if action in _ACTIONS:
                account = self._account_of(campaign_id)
                await self._operate(request, writer, account, action, campaign_id)
            case ("GET", "campaigns", campaign_id, "contacts"):
                table = self._contacts(request, self._campaign(campaign_id))
                await _answer(writer, Response(200, table))
            case ("GET", "campaigns", campaign_id, "calls"):
                await self._read_history()
                table = self._tables.calls(self._campaign(campaign_id), request.page())
                await _answer(writer, Response(200, table))
            case ("GET", "campaigns", campaign_id, "events"):
                campaign = self._campaign(campaign_id)
                await serve_stream(
                    self._engine, self._feeds, campaign, request.receive, writer, None
                )
            case _:
                raise HttpRefused(404, f"the page has no {request.method} of this path")

    async def _read_history(self, at_most: float = math.inf) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + at_most
        more = True
        while more and loop.time() < until:
            more = self._engine.history.read_some()
            # Other requests get their turn while a long journal is read for the first time.
            await asyncio.sleep(0)
        self._view.all_calls_known = not more

    async def _operate(
        self, request: Request, writer: ResponseWriter, account: Account, name: str, id_: str
    ) -> None:
        key = next((key for key in self._view.valid_keys() if key.account == account.name), None)
        operation = Operation(name, id_)
        response = await self._operations.run(request, Caller(account, key), operation)
        await _answer(writer, response)

    def _contacts(self, request: Request, campaign: Campaign) -> Mapping[str, object]:
        self._engine.catch_up()
        status, error = request.contact_status(), request.text("error") or None
        if status is not None and status not in CONTACT_STATUSES:
            raise HttpRefused(400, f"status must be one of {', '.join(CONTACT_STATUSES)}")
        if error is not None and error not in outcomes.WORDS:
            raise HttpRefused(400, f"error must be one of {', '.join(outcomes.WORDS)}")
        return self._tables.contacts(campaign, status, error, request.page())

    def _account(self, request: Request) -> Account:
        names = self._view.account_names()
        name = request.text("account") or names[0]
        if name not in names:
            raise HttpRefused(400, f"unknown account; the accounts are {', '.join(names)}")
        return self._engine.accounts.get(name)

    def _account_of(self, campaign_id: str) -> Account:
        return self._engine.accounts.get(self._campaign(campaign_id).account)

    def _campaign(self, campaign_id: str) -> Campaign:
        try:
            return self._engine.find_anywhere(campaign_id)
        except LookupError:
            raise NotFound("no such campaign in this Hub: it may have been deleted") from None


async def _answer(writer: ResponseWriter, response: Response) -> None:
    content_type, body = response.body()
    await _send(writer, response.status, content_type, body, response.headers)


async def _send(
    writer: ResponseWriter,
    status: int,
    content_type: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    named = {**admission.HEADERS, **(headers or {})}
    await writer.send_head(status, content_type, len(body), named)
    await writer.send_chunk(body, last=True)
