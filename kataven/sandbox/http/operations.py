"""The documented operations, but for the event stream: from a request to a response.

Knows which method of the engine an operation is, and the parts of a request that it reads. Must not
know tokens, limits or faults (app), or what an operation does (model/engine).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from kataven.sandbox.http.csv_reader import CsvError, read_contacts
from kataven.sandbox.http.form import FormReader
from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.http.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.sandbox.http.auth import Caller
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.http.routes import Operation
    from kataven.sandbox.model.contacts import ContactList
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds
    from kataven.sandbox.model.states import Action


class Operations:
    """Runs operations.

    Args:
        engine: The Hub.
        feeds: Its open streams.
        on_work: Called after an operation that may have made new events due.
    """

    def __init__(self, engine: Engine, feeds: Feeds, on_work: Callable[[], None]) -> None:
        self._engine = engine
        self._feeds = feeds
        self._on_work = on_work

    async def run(self, request: Request, caller: Caller, operation: Operation) -> Response:
        """Run one operation.

        Raises:
            Refused: The Hub refuses the request.
        """
        engine, account, campaign_id = self._engine, caller.account, operation.campaign_id
        name = operation.name
        if name == "create":
            return await self._create(request, caller)
        if name == "delete":
            self._feeds.deleted(engine.delete(account, campaign_id))
            return Response(204)
        if name in {"start", "pause", "resume", "stop"}:
            campaign = engine.act(account, campaign_id, cast("Action", name))
            self._on_work()
            return Response(200, campaign.fields())
        engine.catch_up()
        if name == "call_limits":
            return Response(200, engine.accounts.call_limits)
        if name == "list":
            return Response(200, {"campaigns": [c.fields() for c in account.campaigns.values()]})
        campaign = engine.find(account, campaign_id)
        if name == "get":
            return Response(200, campaign.fields())
        if name == "contacts":
            page = engine.pages.read(campaign, request.contact_status(), request.page())
            return Response(200, page)
        msg = f"routes.py has an operation {name!r}, but Operations.run does not: add it here"
        raise LookupError(msg)

    async def _create(self, request: Request, caller: Caller) -> Response:
        reader = FormReader(request.headers.get(b"content-type", b""))
        async for chunk in request.chunks():
            reader.feed(chunk)
        settings, data = reader.finish()
        # In a thread, so that a large file does not block other requests.
        contacts = await asyncio.to_thread(_read, data)
        campaign = self._engine.create(caller.account, caller.created_by, settings, contacts)
        self._on_work()
        return Response(201, campaign.fields())


def _read(data: bytearray) -> ContactList:
    try:
        return read_contacts(data)
    except CsvError as error:
        raise HttpRefused(400, str(error)) from error
