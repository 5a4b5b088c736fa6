"""One way to send through both transports, so that each test is written once."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import httpx

from kataven._core.operation import Timeout
from kataven._core.tokens import TokenSource
from kataven._http.adapter import AsyncHttpxTransport, HttpxTransport
from kataven._http.async_transport import AsyncTransport
from kataven._http.message import Sending
from kataven._http.request import RequestWriter
from kataven._http.transport import Transport
from kataven.config import read_base_url

KEY = "sk_live_acme_0123456789abcdef"
PREFIX = "/api/v1"
TOKEN = TokenSource(KEY, None).current()


@dataclass
class Received:
    """A response that was read to its end."""

    status: int
    headers: list[tuple[bytes, bytes]]
    encoding: str
    body: bytes


def new_sending(
    timeout: float | Timeout = 10.0, remaining: float | None = None, **options: Any
) -> Sending:
    """An attempt whose timeouts are all the same."""
    if not isinstance(timeout, Timeout):
        timeout = Timeout(timeout, timeout, timeout, timeout)
    return Sending(timeout, remaining, **options)


class Side:
    """The blocking transport."""

    def __init__(self) -> None:
        self._transports: list[Any] = []
        self._clients: list[Any] = []

    def transport(self, url: str) -> Any:
        transport = Transport(read_base_url(url))
        self._transports.append(transport)
        return transport

    def adapter(self, url: str, **options: Any) -> Any:
        client = httpx.Client(**options)
        self._clients.append(client)
        return HttpxTransport(client, read_base_url(url))

    def send(
        self,
        transport: Any,
        url: str,
        sending: Sending | None = None,
        method: str = "GET",
        target: str = "/campaigns/c1",
        *,
        follow: float | None = None,
        read: bool = True,
        **options: Any,
    ) -> Received:
        """Send a request, read its response and close it."""
        request = RequestWriter(read_base_url(url)).write(method, target, TOKEN, **options)
        sending = sending or new_sending(own_connection=method != "GET")
        response = transport.open(request, sending)
        try:
            if follow is not None:
                response.follow(follow)
            body = b"".join(response) if read else b""
            return Received(
                response.status, list(response.headers), response.content_encoding, body
            )
        finally:
            response.close()

    def together(self, jobs: list[Any]) -> list[Any]:
        """Run at once; what is raised is returned."""
        results: list[Any] = [None] * len(jobs)

        def run(number: int) -> None:
            try:
                results[number] = jobs[number]()
            except BaseException as error:
                results[number] = error

        threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        return results

    def call(self, function: Any, *args: Any, **options: Any) -> Any:
        return function(*args, **options)

    def finish(self) -> None:
        for transport in self._transports:
            transport.close()
        for client in self._clients:
            client.close()


class AsyncSide(Side):
    """The async transport, all in one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()

    def transport(self, url: str) -> Any:
        transport = AsyncTransport(read_base_url(url))
        self._transports.append(transport)
        return transport

    def adapter(self, url: str, **options: Any) -> Any:
        client = httpx.AsyncClient(**options)
        self._clients.append(client)
        return AsyncHttpxTransport(client, read_base_url(url))

    def send(self, *args: Any, **options: Any) -> Received:
        return self.call(self.asend, *args, **options)

    async def asend(
        self,
        transport: Any,
        url: str,
        sending: Sending | None = None,
        method: str = "GET",
        target: str = "/campaigns/c1",
        *,
        follow: float | None = None,
        read: bool = True,
        **options: Any,
    ) -> Received:
        request = RequestWriter(read_base_url(url)).write(method, target, TOKEN, **options)
        sending = sending or new_sending(own_connection=method != "GET")
        response = await transport.open(request, sending)
        try:
            if follow is not None:
                response.follow(follow)
            body = b"".join([chunk async for chunk in response]) if read else b""
            return Received(
                response.status, list(response.headers), response.content_encoding, body
            )
        finally:
            await response.aclose()

    def together(self, jobs: list[Any]) -> list[Any]:
        """Not for jobs that block; see ``together_sent``."""
        raise TypeError

    def call(self, function: Any, *args: Any, **options: Any) -> Any:
        async def run() -> Any:
            result = function(*args, **options)
            return await result if hasattr(result, "__await__") else result

        return self.runner.run(run())

    def finish(self) -> None:
        for transport in self._transports:
            self.call(transport.aclose)
        for client in self._clients:
            self.call(client.aclose)
        self.runner.close()


def send_together(side: Side, count: int, *args: Any, sendings: Any, **options: Any) -> list[Any]:
    """Send many requests at once through either transport; what is raised is returned."""
    if isinstance(side, AsyncSide):

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(
                *(side.asend(*args, sendings(), **options) for _ in range(count)),
                return_exceptions=True,
            )

        return side.call(all_of_them)
    return side.together([lambda: side.send(*args, sendings(), **options)] * count)
