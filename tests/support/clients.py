"""Both clients through one interface, so that each proof is written once, and a driven clock.

Knows how a call or an iterator of each client is run to its end. Asserts nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

from kataven import AsyncKatavenClient, KatavenClient
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.server import LoopbackHub

KEY = "sk_live_acme_0123456789abcdef"
START = 1_800_000_000.0
CSV = b"phone_number,first_name\n+15550100001,Ada\n"

# The two phrases by which an error or a note says what is known of a write.
MAY_HAVE_PROCESSED = "may have processed"
NOT_PROCESSED = "did not process"

# Each operation that gives one response, as a function of a client.
READS: dict[str, Callable[[Any], Any]] = {
    "list": lambda client: client.campaigns.list(),
    "get": lambda client: client.campaigns.get("c1"),
    "list_contacts": lambda client: client.campaigns.list_contacts("c1"),
    "call_limits": lambda client: client.call_limits(),
}
TRANSITIONS: dict[str, Callable[[Any], Any]] = {
    "start": lambda client: client.campaigns.start("c1"),
    "pause": lambda client: client.campaigns.pause("c1"),
    "resume": lambda client: client.campaigns.resume("c1"),
    "stop": lambda client: client.campaigns.stop("c1"),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "create": lambda client: client.campaigns.create("Spring", "a1", "p1", io.BytesIO(CSV)),
    **TRANSITIONS,
    "delete": lambda client: client.campaigns.delete("c1"),
}
OPERATIONS = {**READS, **WRITES}


class DrivenClock:
    """A clock that moves only when slept on or advanced; a sleep takes no time.

    Attributes:
        slept: How long each sleep was, in seconds.
        on_sleep: Called with the seconds of each sleep before the clock moves; an awaitable
            result is awaited, on a clock of the async client.
        fixed_jitter: What ``jitter`` returns.
        read: How often ``now`` was called.
    """

    def __init__(self, jitter: float = 0.5) -> None:
        self._jitter = jitter
        self._condition = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Start again from the beginning."""
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], Any] | None = None
        self.fixed_jitter = self._jitter
        self.read = 0
        self._now = START

    def now(self) -> float:
        with self._condition:
            self.read += 1
            self._condition.notify_all()
            return self._now

    def jitter(self) -> float:
        return self.fixed_jitter

    def sleep(self, seconds: float, /) -> Any:
        meanwhile = None if self.on_sleep is None else self.on_sleep(seconds)
        if inspect.isawaitable(meanwhile):
            return self._sleep_after(meanwhile, seconds)
        self._sleep(seconds)
        return None

    def advance(self, seconds: float) -> None:
        with self._condition:
            self._now += seconds

    def wait_until_read(self, times: int) -> None:
        """Wait until ``now`` was called so often in all."""
        with self._condition:
            assert self._condition.wait_for(lambda: self.read >= times, PATIENCE)

    def _sleep(self, seconds: float) -> None:
        with self._condition:
            self.slept.append(seconds)
            self._now += seconds

    async def _sleep_after(self, meanwhile: Any, seconds: float) -> None:
        await meanwhile
        self._sleep(seconds)


class Blocking:
    """The blocking client."""

    name = "sync"
    client_class: Any = KatavenClient
    http_class: Any = httpx.Client

    def __init__(self) -> None:
        self._open: list[Any] = []

    def client(self, hub: Any = None, **options: Any) -> Any:
        """A client of a Hub (or of a URL), closed at the end of the test."""
        options.setdefault("api_key", getattr(hub, "api_key", KEY))
        if hub is not None:
            options.setdefault("base_url", getattr(hub, "url", hub))
        client = self.client_class(**options)
        self._open.append(client)
        return client

    def http_client(self, **options: Any) -> Any:
        """An httpx client of the same kind, closed at the end of the test."""
        client = self.http_class(**options)
        self._open.append(client)
        return client

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of a client and wait for its result."""
        return function(*args, **kwargs)

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """Run all calls at once; the results, or what was raised, in order."""
        with ThreadPoolExecutor(len(calls)) as pool:
            futures = [pool.submit(call) for call in calls]
            return [future.exception() or future.result() for future in futures]

    def next(self, iterator: Any) -> Any:
        """The next item."""
        return next(iterator)

    def rest(self, iterator: Any) -> list[Any]:
        """The items up to the end; the iterator is left open."""
        return list(iterator)

    def items(self, iterator: Any) -> list[Any]:
        """All items, within the iterator's context manager."""
        with iterator:
            return list(iterator)

    def close(self, closeable: Any) -> None:
        """Close a client or an iterator."""
        closeable.close()

    def enter(self, client: Any) -> Any:
        """Enter and leave a client's context manager; what it gave."""
        with client as entered:
            return entered

    def provider(self, function: Callable[[], str]) -> Any:
        """A token provider of this client's kind."""
        return function

    def reset(self) -> None:
        """Close every client that was made."""
        while self._open:
            self.close(self._open.pop())

    def finish(self) -> None:
        """End the test: close what is open."""
        self.reset()


class Awaited(Blocking):
    """The async client, all in one event loop."""

    name = "async"
    client_class = AsyncKatavenClient
    http_class = httpx.AsyncClient

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()

    def run(self, awaitable: Any) -> Any:
        """Run an awaitable in the caller's event loop."""

        async def main() -> Any:
            return await awaitable

        return self._runner.run(main())

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await function(*args, **kwargs)

        return self._runner.run(main())

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        async def main() -> list[Any]:
            return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

        return self._runner.run(main())

    def next(self, iterator: Any) -> Any:
        return self.call(iterator.__anext__)

    def rest(self, iterator: Any) -> list[Any]:
        async def main() -> list[Any]:
            return [item async for item in iterator]

        return self._runner.run(main())

    def items(self, iterator: Any) -> list[Any]:
        async def main() -> list[Any]:
            async with iterator:
                return [item async for item in iterator]

        return self._runner.run(main())

    def close(self, closeable: Any) -> None:
        self.call(closeable.aclose)

    def enter(self, client: Any) -> Any:
        async def main() -> Any:
            async with client as entered:
                return entered

        return self._runner.run(main())

    def provider(self, function: Callable[[], str]) -> Any:
        async def provide() -> str:
            return function()

        return provide

    def finish(self) -> None:
        self.reset()
        self._runner.close()


async def cancelled_when_silent(
    hub: LoopbackHub, started: Awaitable[Any]
) -> asyncio.CancelledError:
    """Cancel something when its request gets no response, and return the CancelledError."""
    task = asyncio.ensure_future(started)
    await asyncio.to_thread(hub.wait_until_silent)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        return error
    raise AssertionError("it was not cancelled")
