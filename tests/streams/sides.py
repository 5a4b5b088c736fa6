"""The two clients behind one face, so that each proof is written once, and a clock tests drive.

Knows how each client's iterators are asked, closed and dropped. It asserts nothing.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from kataven import AsyncKatavenClient, KatavenClient

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk_live_acme_0123456789abcdef"
START = 1_800_000_000.0


class DrivenClock:
    """A clock that stands still but for sleeps, which take no time.

    Attributes:
        slept: How long each wait was.
        on_sleep: Called with the seconds of each wait, before it begins.
    """

    def __init__(self, jitter: float = 0.0) -> None:
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], Any] | None = None
        self.fixed_jitter = jitter
        self._now = START
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def jitter(self) -> float:
        return self.fixed_jitter

    def sleep(self, seconds: float, /) -> Any:
        if self.on_sleep is not None:
            self.on_sleep(seconds)
        self.advance(seconds)
        with self._lock:
            self.slept.append(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


class Blocking:
    """The blocking client."""

    name = "sync"

    def __init__(self) -> None:
        self._open: list[Any] = []

    def client(self, hub: Any, **options: Any) -> Any:
        options.setdefault("api_key", KEY)
        client = KatavenClient(base_url=hub.url, **options)
        self._open.append(client)
        return client

    def next(self, stream: Any) -> Any:
        return next(stream)

    def rest(self, stream: Any) -> list[Any]:
        return list(stream)

    def close(self, stream: Any) -> None:
        stream.close()

    def call(self, function: Callable[[], Any]) -> Any:
        return function()

    def provider(self, function: Callable[[], str]) -> Any:
        return function

    def connections(self, client: Any) -> list[Any]:
        """The connections in the client's pool for streams."""
        return list(client._driver.pool(streams=True)._transport._pool.connections)

    def finish(self) -> None:
        for client in reversed(self._open):
            client.close()


class Awaited(Blocking):
    """The async client, all in one event loop."""

    name = "async"

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()

    def client(self, hub: Any, **options: Any) -> Any:
        options.setdefault("api_key", KEY)
        client = AsyncKatavenClient(base_url=hub.url, **options)
        self._open.append(client)
        return client

    def run(self, function: Callable[[], Any]) -> Any:
        async def main() -> Any:
            return await function()

        return self._runner.run(main())

    def next(self, stream: Any) -> Any:
        return self.run(lambda: anext(stream))

    def rest(self, stream: Any) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return [item async for item in stream]

        return self.run(all_of_them)

    def close(self, stream: Any) -> None:
        self.run(stream.aclose)

    def call(self, function: Callable[[], Any]) -> Any:
        return self.run(function)

    def provider(self, function: Callable[[], str]) -> Any:
        async def ask() -> str:
            return function()

        return ask

    def connections(self, client: Any) -> list[Any]:
        async def look() -> list[Any]:
            return list(client._driver.pool(streams=True)._transport._pool.connections)

        return self.run(look)

    def finish(self) -> None:
        for client in reversed(self._open):
            self.run(client.aclose)
        self._runner.close()
