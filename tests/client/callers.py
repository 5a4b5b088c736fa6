"""The two clients behind one face, so that each test is written once, and a clock that tests drive.

Knows how a call of each client is made and run to its end. It asserts nothing.
"""

from __future__ import annotations

import asyncio
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

from kataven import AsyncKatavenClient, KatavenClient

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk_live_acme_0123456789abcdef"
START = 1_800_000_000.0
CSV = b"phone_number,first_name\n+15550100001,Ada\n"

# Each operation that gives one answer, as a function of a client.
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
    """A clock that stands still but for sleeps, which take no time.

    Attributes:
        slept: How long each wait was.
        on_sleep: Called with the seconds of each wait, before it is over.
    """

    def __init__(self, jitter: float = 0.5) -> None:
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], Any] | None = None
        self.fixed_jitter = jitter
        self.asked = 0
        self._now = START
        self._condition = threading.Condition()

    def now(self) -> float:
        with self._condition:
            self.asked += 1
            self._condition.notify_all()
            return self._now

    def jitter(self) -> float:
        return self.fixed_jitter

    def sleep(self, seconds: float, /) -> Any:
        with self._condition:
            self.slept.append(seconds)
            self._now += seconds
        return self.on_sleep(seconds) if self.on_sleep is not None else None

    def advance(self, seconds: float) -> None:
        with self._condition:
            self._now += seconds

    def wait_until_asked(self, times: int) -> None:
        """Wait until ``now`` was called so often in all; ten seconds at most."""
        with self._condition:
            assert self._condition.wait_for(lambda: self.asked >= times, 10)


class Blocking:
    """Calls of the blocking client."""

    name = "sync"
    client_class = KatavenClient
    http_class = httpx.Client

    def __init__(self) -> None:
        self._open: list[Any] = []

    def client(self, hub: Any = None, **options: Any) -> Any:
        options.setdefault("api_key", KEY)
        if hub is not None:
            options.setdefault("base_url", getattr(hub, "url", hub))
        client = self.client_class(**options)
        self._open.append(client)
        return client

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """Run all at once; the results, or what was raised, in order."""
        with ThreadPoolExecutor(len(calls)) as pool:
            futures = [pool.submit(call) for call in calls]
            return [future.exception() or future.result() for future in futures]

    def items(self, stream: Any) -> list[Any]:
        with stream:
            return list(stream)

    def http_client(self, **options: Any) -> Any:
        client = self.http_class(**options)
        self._open.append(client)
        return client

    def close(self, client: Any) -> None:
        client.close()

    def within(self, client: Any) -> None:
        """Enter and leave the client's context manager."""
        with client as entered:
            assert entered is client

    def finish(self) -> None:
        for client in reversed(self._open):
            client.close()


class Awaited(Blocking):
    """Calls of the async client, all in one event loop."""

    name = "async"
    client_class = AsyncKatavenClient  # type: ignore[assignment]
    http_class = httpx.AsyncClient  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()

    def run(self, awaitable: Any) -> Any:
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

    def items(self, stream: Any) -> list[Any]:
        async def main() -> list[Any]:
            async with stream:
                return [item async for item in stream]

        return self._runner.run(main())

    def close(self, client: Any) -> None:
        self.run(client.aclose())

    def within(self, client: Any) -> None:
        async def main() -> None:
            async with client as entered:
                assert entered is client

        self._runner.run(main())

    def finish(self) -> None:
        for client in reversed(self._open):
            self.close(client)
        self._runner.close()
