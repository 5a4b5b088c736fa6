"""A running Hub: a thread with an event loop, from opening the database to closing the last socket.

Knows how the model and HTTP are put together, and the order in which they stop. Must not know the
public API (sandbox). The engine is only used in this thread; other threads pass it functions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from kataven.sandbox.http.app import App
from kataven.sandbox.http.server import Listener, listen
from kataven.sandbox.model.accounts import Accounts
from kataven.sandbox.model.advance import Advance
from kataven.sandbox.model.clock import Clock, HubTime
from kataven.sandbox.model.engine import Engine
from kataven.sandbox.model.feeds import Feeds
from kataven.sandbox.model.refusals import NotStored
from kataven.sandbox.model.store import Store
from kataven.sandbox.page.site import Site
from kataven.sandbox.waiting import Sleepers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from os import PathLike

    from kataven.sandbox.http.faults import Faults
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.model.journal import JournalRow

logger: Final = logging.getLogger("kataven.sandbox")

T = TypeVar("T")

_STOPPED: Final = "this Sandbox was closed meanwhile: start it again, or make another one"
# Events that are due closer together than this are handled together, in real seconds.
_SHORTEST_WAIT: Final = 0.005


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The settings of a Hub. ``Sandbox`` documents each of them."""

    clock: Clock
    seed: int
    path: str | PathLike[str] | None
    limits: Mapping[str, int | None]
    call_limits: Mapping[str, int]
    port: int
    request_timeout: float


@dataclass(frozen=True, slots=True)
class RunningHub:
    """What other threads use of a running Hub."""

    engine: Engine
    app: App
    advance: Advance
    sleepers: Sleepers


@contextlib.contextmanager
def _caller_errors() -> Iterator[None]:
    """Raise in the caller's thread what its caller can understand."""
    try:
        yield
    except NotStored as error:
        raise OSError(error.text) from error
    except CancelledError:
        raise RuntimeError(_STOPPED) from None


class HubThread:
    """A Hub that runs in a thread of its own.

    Args:
        settings: Its settings.
        faults: Its scripted faults.
        requests: Records its requests.

    Raises:
        OSError: The port cannot be used, or the database cannot be written.
        RuntimeError: Another Hub uses the database.
        ValueError: The database cannot be used.
    """

    def __init__(self, settings: HubSettings, faults: Faults, requests: RequestLog) -> None:
        self._settings = settings
        self._faults = faults
        self._requests = requests
        self._socket = listen(settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.SelectorEventLoop()
        self._stop = asyncio.Event()
        self._work = asyncio.Event()
        self._ready: Future[RunningHub] = Future()
        self._lock = threading.RLock()
        self._closing = False
        self._not_stored: NotStored | None = None
        self._thread = threading.Thread(target=self._run, name="kataven-sandbox", daemon=True)
        self._thread.start()
        try:
            with _caller_errors():
                self._running = self._ready.result()
        except BaseException:
            # The loop is closed if the Hub could not start, and runs if the wait was interrupted.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            raise

    def call(self, function: Callable[[Engine], T]) -> T:
        """Call a function with the engine in the Hub's thread, and return its result."""

        async def call() -> T:
            result = function(self._running.engine)
            self._work.set()
            return result

        with _caller_errors():
            return self._submit(call).result()

    def run(self, function: Callable[[RunningHub], Awaitable[T]]) -> T:
        """Call an async function in the Hub's thread, and return its result."""
        with _caller_errors():
            return self._submit(lambda: function(self._running)).result()

    async def run_async(self, function: Callable[[RunningHub], Awaitable[T]]) -> T:
        """Like ``run``, but waits in the caller's event loop. A cancelled one ends early."""
        future = self._submit(lambda: function(self._running))
        try:
            with _caller_errors():
                return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closing and not (task is not None and task.cancelling()):
                raise RuntimeError(_STOPPED) from None
            raise

    def wait_in_hub_time(self) -> None:
        """Send the ``Retry-After`` of request limits in Hub time, because clients wait in it."""
        self._running.app.hub_time_is_waited_for = True

    def now(self) -> int:
        """Return the Hub's time in nanoseconds since 1970."""
        return self._running.engine.time.now()

    def close(self) -> None:
        """Stop the Hub and wait until its thread has ended.

        Raises:
            OSError: The database could not be written at the end.
        """
        with self._lock:
            if not self._closing:
                self._closing = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._not_stored is not None:
            error = self._not_stored
            msg = (
                f"{error.name} could not be written when the Hub stopped ({error.reason}): what it "
                "acknowledged is stored, and what was due since then happens when a Hub opens the "
                f"file again; {error.advice} first"
            )
            raise OSError(msg) from error

    def closed_journal(self) -> Callable[[int, int], list[tuple[int, JournalRow]]]:
        """Return what reads the journal when the Hub is closed, and keeps only the database."""
        return self._running.engine.store.journal

    def _submit(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        async def run() -> T:
            return await function()

        # What is submitted before the Hub stops is finished or cancelled by it. What came later
        # would wait forever.
        with self._lock:
            if self._closing:
                raise RuntimeError(_STOPPED)
            return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._socket.close()
            self._loop.close()

    async def _main(self) -> None:
        settings = self._settings
        store: Store | None = None
        try:
            store = Store(settings.path)
            last_seen = store.last_seen()
            start = time.time_ns() if last_seen is None else last_seen
            feeds = Feeds()
            engine = Engine(
                store,
                Accounts(settings.limits, settings.call_limits),
                HubTime(settings.clock, start),
                settings.seed,
                feeds.status_changed,
            )
            advance = Advance(engine, feeds)
            timeout = settings.request_timeout
            requests = self._requests
            app = App(engine, feeds, advance, self._faults, timeout, requests, self._work.set)
            app.site = Site(
                self.port, engine, feeds, self._faults, requests, app.operations, app.control
            )
            listener = Listener(app, self._socket, settings.clock.label, timeout)
            await listener.open()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that starts the Hub
            if store is not None:
                store.close()
            self._ready.set_exception(error)
            return
        pump = asyncio.create_task(self._pump(engine))
        self._ready.set_result(
            RunningHub(engine, app, advance, Sleepers(engine.time, advance, requests))
        )
        try:
            await self._stop.wait()
            app.stop()
            await listener.close()
            pump.cancel()
            # Calls from other threads that are still waiting end with the Hub.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            try:
                engine.catch_up_or_fail()
            except NotStored as error:
                self._not_stored = error
        finally:
            store.close()

    async def _pump(self, engine: Engine) -> None:
        """Handle events when they are due. Only ``advance`` moves a manual clock."""
        hub_time = engine.time
        if hub_time.clock.scale is None:
            return
        while True:
            try:
                engine.catch_up()
            except Exception:
                logger.exception("the dialler stopped")
                raise
            due = engine.dialler.next_time()
            wait = None
            if due is not None:
                wait = hub_time.real_seconds(due - hub_time.now())
                wait = max(_SHORTEST_WAIT, engine.retry_in, wait)
            try:
                async with asyncio.timeout(wait):
                    await self._work.wait()
            except TimeoutError:
                continue
            self._work.clear()
