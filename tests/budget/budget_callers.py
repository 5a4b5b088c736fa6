"""The two clients behind one face, so that each test is written once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from budget_world import KEY

from kataven import AsyncKatavenClient, KatavenClient


class Blocking:
    """Calls of the blocking client."""

    awaited = False
    client_class: Any = KatavenClient

    def __init__(self) -> None:
        self._clients: list[Any] = []

    def client(self, hub: Any, **options: Any) -> Any:
        options.setdefault("api_key", getattr(hub, "api_key", KEY))
        client = self.client_class(base_url=hub.url, **options)
        self._clients.append(client)
        return client

    def call(self, function: Callable[[], Any]) -> Any:
        return function()

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """Run all at once; the results, or what was raised, in order."""
        with ThreadPoolExecutor(len(calls)) as pool:
            futures = [pool.submit(call) for call in calls]
            return [future.exception() or future.result() for future in futures]

    def first(self, iterator: Any) -> Any:
        return next(iterator)

    def items(self, iterator: Any) -> list[Any]:
        with iterator:
            return list(iterator)

    def close(self, thing: Any) -> None:
        thing.close()

    def finish(self) -> None:
        for client in reversed(self._clients):
            client.close()


class Awaited(Blocking):
    """Calls of the async client, all in one event loop."""

    awaited = True
    client_class = AsyncKatavenClient

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()

    def call(self, function: Callable[[], Any]) -> Any:
        async def main() -> Any:
            return await function()

        return self._runner.run(main())

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        async def main() -> list[Any]:
            return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

        return self._runner.run(main())

    def first(self, iterator: Any) -> Any:
        return self.call(iterator.__anext__)

    def items(self, iterator: Any) -> list[Any]:
        async def main() -> list[Any]:
            async with iterator:
                return [item async for item in iterator]

        return self._runner.run(main())

    def close(self, thing: Any) -> None:
        self.call(thing.aclose)

    def finish(self) -> None:
        for client in reversed(self._clients):
            self.close(client)
        self._runner.close()
