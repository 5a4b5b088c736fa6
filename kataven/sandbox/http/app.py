"""The ASGI app: what happens to a request, in order.

Knows the order: host, mount, token, limits, path, faults, operation, response. Must not know how an
operation works (operations, model) or how bytes travel (server). Everything runs in one event loop,
and the engine is only ever called from that loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from kataven.sandbox.http import control, routes
from kataven.sandbox.http.auth import Caller, identify
from kataven.sandbox.http.control import Control, ControlledHub
from kataven.sandbox.http.operations import Operations
from kataven.sandbox.http.refusals import HttpRefused, response_to
from kataven.sandbox.http.requests import Request
from kataven.sandbox.http.responses import (
    WITHOUT_BODY,
    Receive,
    Response,
    ResponseWriter,
    Scope,
    Send,
)
from kataven.sandbox.http.streaming import serve_stream
from kataven.sandbox.model.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.sandbox.http.faults import Fault, Faults
    from kataven.sandbox.http.request_log import Record, RequestLog
    from kataven.sandbox.http.routes import Operation
    from kataven.sandbox.model.advance import Advance
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds
    from kataven.sandbox.model.limits import Exceeded

logger: Final = logging.getLogger("kataven.sandbox")

_CLOCK_IS_MANUAL: Final = (
    "; waiting does not help, because the clock of this Hub is manual: move it with advance(), "
    "or set limits=None"
)


class Site(Protocol):
    """What the app needs of the page for people."""

    def owns(self, path: str) -> bool:
        """Return whether a path is one of the page."""
        ...

    async def serve(self, request: Request, writer: ResponseWriter) -> None:
        """Serve one request. It is not recorded, and no limit and no fault applies."""


class App:
    """The Hub as an ASGI app.

    Args:
        engine: The Hub.
        feeds: Its open streams.
        advance: Moves its clock, if it is manual.
        faults: Its scripted faults.
        timeout: Maximum real seconds until the body of a request has arrived.
        requests: Records the requests.
        on_work: Called when new events may be due.
    """

    def __init__(
        self,
        engine: Engine,
        feeds: Feeds,
        advance: Advance,
        faults: Faults,
        timeout: float,
        requests: RequestLog,
        on_work: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._feeds = feeds
        self._faults = faults
        self._timeout = timeout
        self._requests = requests
        # Whether clients wait on the Hub's clock, so that Retry-After is in Hub time.
        self.hub_time_is_waited_for = False
        self._clock = engine.time.clock
        self.operations = Operations(engine, feeds, on_work)
        self.control = Control(ControlledHub(engine, feeds, advance, faults, requests))
        # The page for people, if there is one.
        self.site: Site | None = None
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive, self._timeout)
        site = self.site is not None and self.site.owns(request.path)
        if site or request.path.startswith(control.PREFIX):
            writer = ResponseWriter(scope, send, self._clock.label, None)
            await self._respond(request, writer, None)
            return
        log = self._requests
        now = self._engine.time.now()
        record = log.begin(now, request.method, request.path, scope["query_string"])
        writer = ResponseWriter(
            scope, send, self._clock.label, lambda status: log.end(record, status)
        )
        try:
            await self._respond(request, writer, record)
        finally:
            log.end(record, None)

    def stop(self) -> None:
        """End the wait of scripted latencies, because the Hub stops."""
        self._stopping.set()

    async def _respond(
        self, request: Request, writer: ResponseWriter, record: Record | None
    ) -> None:
        try:
            try:
                request.check_head()
                if self.site is not None and self.site.owns(request.path):
                    await self.site.serve(request, writer)
                elif record is None:
                    await writer.send(await self.control.handle(request))
                else:
                    await self._handle(request, writer, record)
            except Refused as refused:
                await writer.send(response_to(refused))
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            if not writer.status:
                text = "internal error; see the log of kataven.sandbox"
                await writer.send(Response(500, text=text))

    async def _handle(self, request: Request, writer: ResponseWriter, record: Record) -> None:
        path = routes.below_mount(request.path)
        caller = identify(self._engine.accounts, request.headers)
        record.account = caller.account.name
        began = self._acquire(caller)
        counted = True
        try:
            operation = routes.operation(request.method, path)
            fault = self._faults.take(request.method, path, operation.name)
            counted = fault is None or fault.reset != "before"
            if fault is None:
                await self._serve(request, writer, caller, operation, None)
            else:
                await self._serve_with_fault(request, writer, caller, operation, fault)
        except Refused as refused:
            # Sent here, while the request still holds its slot.
            await writer.send(response_to(refused))
        finally:
            counted = counted and writer.status not in {401, 429}
            for limiter in caller.limiters():
                limiter.release(began, counted=counted)

    def _acquire(self, caller: Caller) -> int:
        """Pass the request limits, and return the time at which the request began."""
        now = self._engine.time.now()
        limiters = caller.limiters()
        for limiter in limiters:
            exceeded = limiter.exceeded(now)
            if exceeded is not None:
                raise self._over_limit(exceeded)
        for limiter in limiters:
            limiter.acquire(now)
        return now

    def _over_limit(self, exceeded: Exceeded) -> HttpRefused:
        retry_after = self._clock.retry_after
        if self.hub_time_is_waited_for and (exceeded.is_window or retry_after is not None):
            retry_after = 60
        if retry_after is not None:
            return HttpRefused(429, exceeded.text, retry_after=retry_after)
        # A client waits in real time, which frees a slot but does not move a manual clock.
        if not exceeded.is_window:
            return HttpRefused(429, exceeded.text, retry_after=1)
        return HttpRefused(429, exceeded.text + _CLOCK_IS_MANUAL)

    async def _serve_with_fault(
        self,
        request: Request,
        writer: ResponseWriter,
        caller: Caller,
        operation: Operation,
        fault: Fault,
    ) -> None:
        if fault.latency:
            await self._delay(fault.latency)
        if fault.reset == "before" or self._stopping.is_set():
            await writer.connection.reset()
            return
        if fault.status is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            text = fault.body
            if text is None and fault.status not in WITHOUT_BODY:
                text = f"{fault.status} by a scripted fault"
            await writer.send(Response(fault.status, text=text, headers=headers))
            return
        await self._serve(request, writer, caller, operation, fault)

    async def _delay(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _serve(
        self,
        request: Request,
        writer: ResponseWriter,
        caller: Caller,
        operation: Operation,
        fault: Fault | None,
    ) -> None:
        if operation.name == "events":
            campaign = self._engine.find(caller.account, operation.campaign_id)
            await serve_stream(self._engine, self._feeds, campaign, request.receive, writer, fault)
            return
        try:
            response = await self.operations.run(request, caller, operation)
        except Refused as refused:
            response = response_to(refused)
        if fault is None:
            await writer.send(response)
        elif fault.reset == "after":
            await writer.connection.reset()
        elif fault.reset == "middle":
            await writer.send_half(response)
        elif response.value is None:
            await writer.send(response)
        else:
            altered = Response(response.status, fault.alter(response.value))
            await writer.send(altered, malformed=fault.malformed)
