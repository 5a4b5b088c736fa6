"""One way to send through both transports, so that each test is written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kataven._flow.operation import Timeout
from kataven._http.adapter import AsyncHttpxTransport, HttpxTransport
from kataven._http.async_transport import AsyncTransport
from kataven._http.credentials import Credentials
from kataven._http.request import RequestWriter
from kataven._http.sending import Sending
from kataven._http.transport import Transport
from kataven.config import read_base_url
from tests.support.clients import KEY, Awaited, Blocking

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = Credentials(KEY, None).current()


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


def exchange(
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
        return Received(response.status, list(response.headers), response.content_encoding, body)
    finally:
        response.close()


async def exchange_awaited(
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
    """The same through the async transport."""
    request = RequestWriter(read_base_url(url)).write(method, target, TOKEN, **options)
    sending = sending or new_sending(own_connection=method != "GET")
    response = await transport.open(request, sending)
    try:
        if follow is not None:
            response.follow(follow)
        body = b"".join([chunk async for chunk in response]) if read else b""
        return Received(response.status, list(response.headers), response.content_encoding, body)
    finally:
        await response.aclose()


class Sender(Blocking):
    """The blocking transport."""

    transport_class: Any = Transport
    adapter_class: Any = HttpxTransport
    exchange: Callable[..., Any] = staticmethod(exchange)

    def transport(self, url: str) -> Any:
        """A transport to a URL, closed at the end of the test."""
        transport = self.transport_class(read_base_url(url))
        self._open.append(transport)
        return transport

    def adapter(self, url: str, **options: Any) -> Any:
        """The transport over a caller's httpx client, which is closed at the end of the test."""
        return self.adapter_class(self.http_client(**options), read_base_url(url))

    def either(self, url: str, *, own: bool) -> Any:
        """The SDK's own transport, or the one over a caller's httpx client."""
        return self.transport(url) if own else self.adapter(url)

    def send(self, *args: Any, **options: Any) -> Received:
        """Send a request, read its response and close it."""
        return self.call(self.exchange, *args, **options)  # type: ignore[no-any-return]

    def send_together(
        self, count: int, *args: Any, sendings: Callable[[], Sending], **options: Any
    ) -> list[Any]:
        """Send many requests at once; the responses, or what was raised."""
        return self.together([lambda: self.exchange(*args, sendings(), **options)] * count)


class AwaitedSender(Sender, Awaited):
    """The async transport, all in one event loop."""

    transport_class = AsyncTransport
    adapter_class = AsyncHttpxTransport
    exchange = staticmethod(exchange_awaited)
