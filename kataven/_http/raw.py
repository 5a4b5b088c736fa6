"""What the generated client sends through: the SDK's transport, credentials and URL rule.

Two small objects with the part of httpx's interface that the generated modules call. A request goes
to the client's own base URL and nowhere else. There are no retries and no redirects.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, cast

import httpx
import kataven_hub

from kataven._http.body import Body
from kataven._http.message import Request
from kataven._http.sending import Sending
from kataven._http.transport_error import TransportError
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kataven._flow.operation import Timeout
    from kataven._http.async_driver import AsyncDriver
    from kataven._http.credentials import Token
    from kataven._http.driver import Driver
    from kataven._http.message import AsyncIncomingResponse, IncomingResponse
    from kataven._http.request import RequestWriter
    from kataven.config import BaseUrl

_ENCODED: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


def _check_path(path: str) -> None:
    segments = path.partition("?")[0].lower().replace("%2e", ".").split("/")
    if (
        not path.startswith("/")
        or path.startswith("//")
        or "#" in path
        or not {".", ".."}.isdisjoint(segments)
    ):
        raise ValueError(
            f"{path!r} is not a path below the base URL, like '/campaigns'; a request with the key "
            "is sent nowhere else"
        )


def _request(
    writer: RequestWriter, token: Token, method: str, url: str, options: dict[str, Any]
) -> httpx.Request:
    path = str(url)
    _check_path(path)
    own = httpx.Headers(options.pop("headers", None))
    origin = writer.origin
    request = httpx.Request(
        method,
        f"{origin.scheme}://{origin.host_header}{origin.path}{path}",
        headers=own,
        **options,
    )
    for name, value in writer.headers(token):
        # The generated module chooses Accept, as for an event stream. The SDK sets the rest.
        if name != b"accept" or "accept" not in own:
            request.headers[name.decode("ascii")] = value.decode("ascii")
    return request


def _ours(writer: RequestWriter, request: httpx.Request) -> Request:
    target = request.url.raw_path.decode("ascii").removeprefix(writer.origin.path)
    if not isinstance(request.stream, httpx.SyncByteStream):
        raise TypeError("the body of a request through client.raw must be in memory or in files")
    return Request(request.method, target, request.headers.raw, request.stream)


def _sending(method: str, timeout: Timeout, *, streams: bool) -> Sending:
    # As everywhere: only reads share connections.
    return Sending(timeout, own_connection=streams or method.upper() != "GET")


def _decoded(
    incoming: IncomingResponse | AsyncIncomingResponse, body: Body, request: httpx.Request
) -> httpx.Response:
    content = body.complete()
    headers = [(name, value) for name, value in incoming.headers if name.lower() not in _ENCODED]
    return httpx.Response(incoming.status, headers=headers, content=content, request=request)


def _open_headers(
    incoming: IncomingResponse | AsyncIncomingResponse,
) -> list[tuple[bytes, bytes]]:
    if incoming.content_encoding:
        return list(incoming.headers)
    # A caller's hook has decoded the body: httpx must not do it again.
    return [header for header in incoming.headers if header[0].lower() != b"content-encoding"]


def _raise_as_httpx(error: TransportError, request: httpx.Request) -> NoReturn:
    """Raise the exception of httpx that the generated client documents."""
    cause = error.__cause__
    if isinstance(cause, httpx.HTTPError):
        raise cause
    # Both libraries give the same names to the same errors.
    kind = getattr(httpx, type(cause).__name__, httpx.TransportError)
    if not (isinstance(kind, type) and issubclass(kind, httpx.TransportError)):
        kind = httpx.TransportError
    raise kind(error.text, request=request) from error


class _Chunks(httpx.SyncByteStream):
    """The body of an open response, as httpx reads it."""

    def __init__(self, incoming: IncomingResponse, request: httpx.Request) -> None:
        self._incoming = incoming
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._incoming
        except TransportError as error:
            _raise_as_httpx(error, self._request)


class _AsyncChunks(httpx.AsyncByteStream):
    """The same, awaited."""

    def __init__(self, incoming: AsyncIncomingResponse, request: httpx.Request) -> None:
        self._incoming = aiter(incoming)
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._incoming)
        except TransportError as error:
            _raise_as_httpx(error, self._request)


class _Limited:
    """What both objects refuse: changes of a pool that belongs to the SDK's client."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"client.raw sends through the SDK's own transport, which has no {name!r} to use or "
            "change: set headers, timeouts and the like on the KatavenClient, or pass an httpx "
            "client as http_client="
        )


class OtherKind(_Limited):
    """Takes the place of the blocking object in an async client, and the other way round.

    Args:
        wanted: The class to use instead, for the error.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def request(self, *_args: Any, **_options: Any) -> Any:
        """Refuse to send.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"this client.raw cannot send that way; use client.raw of {self._wanted}"
        )

    stream = request


def raw_client(driver: Driver, base: BaseUrl, timeout: Timeout) -> kataven_hub.Client:
    """Return the generated client over the connections of a blocking client."""
    raw = kataven_hub.Client(base_url=base.url)
    http = RawHttp(driver, timeout)
    raw.set_async_httpx_client(cast("httpx.AsyncClient", OtherKind("an AsyncKatavenClient")))
    return raw.set_httpx_client(cast("httpx.Client", http))


def async_raw_client(driver: AsyncDriver, base: BaseUrl, timeout: Timeout) -> kataven_hub.Client:
    """Return the generated client over the connections of an async client."""
    raw = kataven_hub.Client(base_url=base.url)
    http = AsyncRawHttp(driver, timeout)
    raw.set_httpx_client(cast("httpx.Client", OtherKind("a KatavenClient")))
    return raw.set_async_httpx_client(cast("httpx.AsyncClient", http))


class RawHttp(_Limited):
    """What the generated client calls in the blocking client.

    Args:
        driver: The driver of the client, with its transport and credentials.
        timeout: The limits of each request.
    """

    def __init__(self, driver: Driver, timeout: Timeout) -> None:
        self._driver = driver
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close nothing: the transport belongs to the KatavenClient."""

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send once and read the response, within the size limit of a body.

        A 401 is returned as it is; if the key is a function, it is called before the next request.

        Args:
            method: The HTTP method.
            url: The path below the base URL.
            options: As ``httpx.Request`` takes them.

        Returns:
            The response, its body decoded.

        Raises:
            ValueError: If the path leads elsewhere, or the body exceeds the size limit.
            httpx.TransportError: If there is no response.
        """
        with self._open(method, url, options, streams=False) as (incoming, request):
            body = Body(incoming.content_encoding)
            try:
                for chunk in incoming:
                    body.feed(chunk)
            except TransportError as error:
                _raise_as_httpx(error, request)
            return _decoded(incoming, body, request)

    @contextmanager
    def stream(self, method: str, url: str, **options: Any) -> Iterator[httpx.Response]:
        """Send once and yield the open response; leaving the block closes it.

        Args:
            method: The HTTP method.
            url: The path below the base URL.
            options: As ``httpx.Request`` takes them.
        """
        with self._open(method, url, options, streams=True) as (incoming, request):
            incoming.follow(self._timeout.read)
            yield httpx.Response(
                incoming.status,
                headers=_open_headers(incoming),
                stream=_Chunks(incoming, request),
                request=request,
            )

    @contextmanager
    def _open(
        self, method: str, url: str, options: dict[str, Any], *, streams: bool
    ) -> Iterator[tuple[IncomingResponse, httpx.Request]]:
        driver = self._driver
        driver.check_usable()
        token = driver.credentials.current()
        request = _request(driver.writer, token, method, url, options)
        try:
            incoming = driver.transport.open(
                _ours(driver.writer, request), _sending(method, self._timeout, streams=streams)
            )
        except TransportError as error:
            _raise_as_httpx(error, request)
        try:
            yield incoming, request
        finally:
            incoming.close()
        if incoming.status == 401:
            driver.credentials.refresh(token.number)


class AsyncRawHttp(_Limited):
    """What the generated client calls in the async client.

    Args:
        driver: The driver of the client, with its transport and credentials.
        timeout: The limits of each request.
    """

    def __init__(self, driver: AsyncDriver, timeout: Timeout) -> None:
        self._driver = driver
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Close nothing: the transport belongs to the AsyncKatavenClient."""

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send once and read the response, within the size limit of a body.

        A 401 is returned as it is; if the key is a function, it is called before the next request.

        Args:
            method: The HTTP method.
            url: The path below the base URL.
            options: As ``httpx.Request`` takes them.

        Returns:
            The response, its body decoded.

        Raises:
            ValueError: If the path leads elsewhere, or the body exceeds the size limit.
            httpx.TransportError: If there is no response.
        """
        async with self._open(method, url, options, streams=False) as (incoming, request):
            body = Body(incoming.content_encoding)
            try:
                async for chunk in incoming:
                    body.feed(chunk)
            except TransportError as error:
                _raise_as_httpx(error, request)
            return _decoded(incoming, body, request)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Send once and yield the open response; leaving the block closes it.

        Args:
            method: The HTTP method.
            url: The path below the base URL.
            options: As ``httpx.Request`` takes them.
        """
        async with self._open(method, url, options, streams=True) as (incoming, request):
            incoming.follow(self._timeout.read)
            yield httpx.Response(
                incoming.status,
                headers=_open_headers(incoming),
                stream=_AsyncChunks(incoming, request),
                request=request,
            )

    @asynccontextmanager
    async def _open(
        self, method: str, url: str, options: dict[str, Any], *, streams: bool
    ) -> AsyncIterator[tuple[AsyncIncomingResponse, httpx.Request]]:
        driver = self._driver
        driver.check_usable()
        token = await driver.credentials.current()
        request = _request(driver.writer, token, method, url, options)
        ours = _ours(driver.writer, request)
        if ours.body is not None and "files" in options:
            # In a thread: a slow disk must not hold up the event loop.
            ours.body = await asyncio.to_thread(list, ours.body)
        try:
            incoming = await driver.transport.open(
                ours, _sending(method, self._timeout, streams=streams)
            )
        except TransportError as error:
            _raise_as_httpx(error, request)
        try:
            yield incoming, request
        finally:
            await incoming.aclose()
        if incoming.status == 401:
            await driver.credentials.refresh(token.number)
