"""The Hub's own thread: its event loop, from the opening of the store to the last closed socket.

Knows how the parts are put together and in which order they stop. Must not know what users see of a
Hub (sandbox). Everything of the engine happens in this thread; others hand it functions to run.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from os import PathLike
from typing import Any, Final, TypeVar

from kataven.sandbox.accounts import Accounts
from kataven.sandbox.app import App
from kataven.sandbox.clock import Clock, HubTime
from kataven.sandbox.engine import Engine
from kataven.sandbox.faults import Faults
from kataven.sandbox.feeds import Feeds
from kataven.sandbox.server import Listener, listen
from kataven.sandbox.store import Store

logger = logging.getLogger("kataven.sandbox")

T = TypeVar("T")

# Things that are due closer together than this are handled together.
_LEAST_WAIT: Final = 0.005


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a Hub is made with; `Sandbox` says what each means."""

    clock: Clock
    seed: int
    path: str | PathLike[str] | None
    limits: Mapping[str, int | None]
    call_limits: Mapping[str, int]
    port: int
    patience: float


class HubThread:
    """A Hub that runs in a thread of its own.

    Args:
        settings: What it is made with.
        faults: Its scripted faults.

    Raises:
        OSError: The port is taken.
        RuntimeError: Another Hub holds the database.
        ValueError: The database cannot be read.
    """

    def __init__(self, settings: HubSettings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._socket = listen(settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.SelectorEventLoop()
        self._stop = asyncio.Event()
        self._work = asyncio.Event()
        self._ready: Future[App] = Future()
        self._thread = threading.Thread(target=self._run, name="kataven-sandbox", daemon=True)
        self._thread.start()
        try:
            self.app = self._ready.result()
        except Exception:
            self._thread.join()
            raise

    def call(self, function: Callable[[Engine], T]) -> T:
        """Run a function with the engine in the Hub's thread, and return what it returns."""

        async def run() -> T:
            result = function(self.app.engine)
            self._work.set()
            return result

        return self.wait(run())

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the Hub's loop, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the Hub and wait until its thread has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

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
            app = App(engine, feeds, self._faults, settings.patience, self._work.set)
            listener = Listener(app, self._socket, settings.clock.label, settings.patience)
            await listener.open()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that starts the Hub
            if store is not None:
                store.close()
            self._ready.set_exception(error)
            return
        pump = asyncio.create_task(self._pump(engine))
        self._ready.set_result(app)
        try:
            await self._stop.wait()
            app.stop()
            await listener.close()
            pump.cancel()
            # Calls from other threads that came too late end with the Hub.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            engine.catch_up()
        finally:
            store.close()

    async def _pump(self, engine: Engine) -> None:
        """Let happen what is due, when it is due; a manual clock is moved by `advance` alone."""
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
                wait = max(_LEAST_WAIT, hub_time.machine_seconds(due - hub_time.now()))
            try:
                async with asyncio.timeout(wait):
                    await self._work.wait()
            except TimeoutError:
                continue
            self._work.clear()
