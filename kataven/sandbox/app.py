"""The ASGI app: from a request to its answer.

Knows the order of things: Host, path, token, limits, faults, operation, answer. Must not know how
an operation works (engine) or how bytes travel (server). All of it runs in one event loop, and the
engine is only ever called from that loop's thread.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kataven.sandbox import answers, routes
from kataven.sandbox.accounts import Caller
from kataven.sandbox.answers import Answer, Receive, Reply, Scope, Send
from kataven.sandbox.clock import NANOSECONDS
from kataven.sandbox.control import Control
from kataven.sandbox.csv_reader import Contacts, CsvError, read_contacts
from kataven.sandbox.engine import Engine
from kataven.sandbox.faults import Fault, Faults
from kataven.sandbox.feeds import Feeds
from kataven.sandbox.form import FormReader
from kataven.sandbox.refusals import Refused
from kataven.sandbox.requests import Request
from kataven.sandbox.streaming import serve_stream

logger = logging.getLogger("kataven.sandbox")

_CONTROL: Final = "/_sandbox/"
_ADVANCE_LIMIT: Final = 400 * 86_400


class App:
    """The Hub as an ASGI app.

    Args:
        engine: What the Hub does.
        feeds: Its open streams.
        faults: Its scripted faults.
        patience: Seconds of the client's own time that a request may take to arrive.
        on_work: Called when something new may be due.
    """

    def __init__(
        self,
        engine: Engine,
        feeds: Feeds,
        faults: Faults,
        patience: float,
        on_work: Callable[[], None],
    ) -> None:
        self.engine = engine
        self.feeds = feeds
        self.faults = faults
        self._patience = patience
        self._on_work = on_work
        self._clock = engine.time.clock
        self._advancing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._control = Control(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        reply = Reply(scope, send, self._clock.label)
        request = Request(scope, receive, self._patience)
        try:
            try:
                await self._answer(request, reply)
            except Refused as refused:
                await reply.whole(answers.of_refusal(refused))
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            if not reply.status:
                await reply.whole(Answer(500, text="internal error; see the log kataven.sandbox"))

    async def advance(self, seconds: float) -> int:
        """Move a manual clock, and return the time when all that is due has happened and is stored.

        Args:
            seconds: How far, from 0 to 400 days.

        Raises:
            RuntimeError: The clock is not manual.
            ValueError: The span is negative or too long.
        """
        if self._clock.scale is not None:
            raise RuntimeError(
                "only a manual clock can be advanced: Sandbox(time_scale=Clock.manual())"
            )
        if not 0 <= seconds <= _ADVANCE_LIMIT:
            msg = f"seconds must be from 0 to {_ADVANCE_LIMIT:,}, not {seconds!r}"
            raise ValueError(msg)
        async with self._advancing:
            until = self.engine.time.now() + round(seconds * NANOSECONDS)
            while True:
                if self.engine.step(until):
                    break
                # Requests come in between: the clock stands at the last thing that happened.
                await asyncio.sleep(0)
            self.feeds.advanced(until)
            return until

    def stop(self) -> None:
        """End the waiting of scripted latencies: the Hub stops."""
        self._stopping.set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _answer(self, request: Request, reply: Reply) -> None:
        request.check_head()
        if request.path.startswith(_CONTROL):
            await reply.whole(await self._control.answer(request))
            return
        path = routes.below_mount(request.path)
        if path is None:
            mounts = ", ".join(routes.MOUNTS)
            raise Refused(404, f"nothing is mounted here; the mounts are {mounts}")
        caller = self.engine.accounts.identify(request.headers)
        began = self._admit(caller)
        counted = True
        try:
            fault = self.faults.take(request.method, path)
            counted = fault is None or fault.reset != "before"
            if fault is None:
                await self._serve(request, reply, caller, path, None)
            else:
                await self._serve_badly(request, reply, caller, path, fault)
        except Refused as refused:
            # Sent here, while the request still holds its slot.
            await reply.whole(answers.of_refusal(refused))
        finally:
            counted = counted and reply.status not in {401, 429}
            caller.account.requests.leave(began, counted=counted)
            if caller.key is not None and caller.key.windows is not None:
                caller.key.windows.leave(began, counted=counted)

    def _admit(self, caller: Caller) -> int:
        now = self.engine.time.now()
        windows = [caller.account.requests]
        if caller.key is not None and caller.key.windows is not None:
            windows.append(caller.key.windows)
        for window in windows:
            text = window.exceeded(now)
            if text is not None:
                raise Refused(429, text, retry_after=self._clock.retry_after)
        for window in windows:
            window.enter(now)
        return now

    async def _serve_badly(
        self, request: Request, reply: Reply, caller: Caller, path: str, fault: Fault
    ) -> None:
        if fault.latency:
            await self._pause(fault.latency)
        if fault.reset == "before" or self._stopping.is_set():
            await reply.connection.reset()
            return
        if fault.status is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            text = f"{fault.status} by a scripted fault" if fault.body is None else fault.body
            await reply.whole(Answer(fault.status, text=text, headers=headers))
            return
        await self._serve(request, reply, caller, path, fault)

    async def _serve(
        self, request: Request, reply: Reply, caller: Caller, path: str, fault: Fault | None
    ) -> None:
        operation = routes.operation(request.method, path)
        if operation.name == "events":
            campaign = self.engine.find(caller.account, operation.campaign_id)
            await serve_stream(self.engine, self.feeds, campaign, request.receive, reply, fault)
            return
        try:
            answer = await self._operate(request, caller, operation)
        except Refused as refused:
            answer = answers.of_refusal(refused)
        if fault is None:
            await reply.whole(answer)
        elif fault.reset == "after":
            await reply.connection.reset()
        elif fault.reset == "middle":
            await reply.half(answer)
        else:
            bent = Answer(answer.status, fault.bend(answer.value), answer.text, answer.headers)
            await reply.whole(bent, malformed=fault.malformed and answer.value is not None)

    async def _operate(
        self, request: Request, caller: Caller, operation: routes.Operation
    ) -> Answer:
        engine, account, campaign_id = self.engine, caller.account, operation.campaign_id
        name = operation.name
        if name == "create":
            return await self._create(request, caller)
        if name == "delete":
            self.feeds.deleted(engine.delete(account, campaign_id))
            return Answer(204)
        if name in {"start", "pause", "resume", "stop"}:
            campaign = engine.act(account, campaign_id, name)
            self._on_work()
            return Answer(200, campaign.as_json())
        engine.catch_up()
        if name == "call_limits":
            return Answer(200, dict(engine.accounts.call_limits))
        if name == "list":
            return Answer(200, {"campaigns": [c.as_json() for c in account.campaigns.values()]})
        campaign = engine.find(account, campaign_id)
        if name == "get":
            return Answer(200, campaign.as_json())
        return Answer(200, engine.contacts(campaign, request.contact_status(), request.page()))

    async def _create(self, request: Request, caller: Caller) -> Answer:
        reader = FormReader(request.headers.get(b"content-type", b""))
        async for piece in request.pieces():
            reader.feed(piece)
        settings, data = reader.finish()
        # A large file is read beside the event loop, so that other requests are answered.
        contacts = await asyncio.to_thread(_read, data)
        campaign = self.engine.create(caller, settings, contacts)
        self._on_work()
        return Answer(201, campaign.as_json())


def _read(data: bytearray) -> Contacts:
    try:
        return read_contacts(data)
    except CsvError as error:
        raise Refused(400, str(error)) from error
