"""What the generated client sends through: our pool, auth and URL rule, without repeats.

Two small objects that offer the part of httpx's interface which the generated modules call. A
request leaves for the client's own base and nowhere else.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx

from kataven._core import pool
from kataven._core.body import Body
from kataven._core.threads import ThreadedUpload
from kataven._core.wire import awaited_pieces, packed_as, pieces
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kataven._core.operation import Timeout
    from kataven._core.senders import AsyncDriver, BlockingDriver
    from kataven._core.tokens import Token
    from kataven._core.wire import Wire


def _request(
    wire: Wire, token: Token, timeout: Timeout, method: str, url: str, options: dict[str, Any]
) -> httpx.Request:
    path = str(url)
    segments = path.partition("?")[0].lower().replace("%2e", ".").split("/")
    if (
        not path.startswith("/")
        or path.startswith("//")
        or "#" in path
        or not {".", ".."}.isdisjoint(segments)
    ):
        raise ValueError(
            f"{path!r} is no path below the Hub's version, like '/campaigns'; a request with the "
            "key goes nowhere else"
        )
    own = httpx.Headers(options.pop("headers", None))
    request = httpx.Request(
        method,
        wire.base.url + path,
        headers=own,
        extensions={"timeout": pool.timeouts(timeout)},
        **options,
    )
    for name, value in wire.headers(token).raw:
        # The Accept of an event stream is the generated module's; who calls is ours to say.
        if name != b"accept" or "accept" not in own:
            request.headers[name.decode("ascii")] = value.decode("ascii")
    return request


def _response(source: httpx.Response, body: Body) -> httpx.Response:
    unpacked = body.whole()
    hidden = {b"content-encoding", b"content-length", b"transfer-encoding"}
    headers = [(n, v) for n, v in source.headers.raw if n.lower() not in hidden]
    return httpx.Response(
        source.status_code, headers=headers, content=unpacked, request=source.request
    )


class _Bound:
    """What both halves refuse: changes of a pool that is not the generated client's to change."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"client.raw sends through the SDK's own pool, which has no {name!r} to use or change "
            "there: set headers, timeouts and the like on the KatavenClient, or bring an httpx "
            "client of your own as http_client="
        )


class OtherHalf(_Bound):
    """Stands where the other kind of client would be, for there is no key and no pool for it."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def request(self, *_args: Any, **_options: Any) -> Any:
        """Refuse: this client cannot send so.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"this client.raw cannot send that way; use the raw of {self._wanted}"
        )

    stream = request


class RawHttp(_Bound):
    """What ``kataven_hub`` calls in the blocking client."""

    def __init__(self, driver: BlockingDriver, timeout: Timeout) -> None:
        self._driver = driver
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close nothing: the pool is the KatavenClient's."""

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send once and read the answer, within the bound of its size.

        A 401 is handed over as it is; where the key is a function, it is asked for the key of the
        next request.
        """
        with self._open(method, url, options) as response:
            body = Body(packed_as(response))
            for piece in pieces(response):
                body.feed(piece)
            return _response(response, body)

    @contextmanager
    def stream(self, method: str, url: str, **options: Any) -> Iterator[httpx.Response]:
        """Send once and hand over the open answer."""
        with self._open(method, url, options, streams=True) as response:
            yield response

    @contextmanager
    def _open(
        self, method: str, url: str, options: dict[str, Any], *, streams: bool = False
    ) -> Iterator[httpx.Response]:
        driver = self._driver
        client = driver.pool(streams=streams)
        token = driver.tokens.current()
        request = _request(driver.wire, token, self._timeout, method, url, options)
        quiet = pool.sending.set(True)
        try:
            response = client.send(request, stream=True, auth=pool.NO_AUTH, follow_redirects=False)
        finally:
            pool.sending.reset(quiet)
        try:
            yield response
        finally:
            response.close()
        if response.status_code == 401:
            driver.tokens.renew(token.number)


class AsyncRawHttp(_Bound):
    """What ``kataven_hub`` calls in the async client."""

    def __init__(self, driver: AsyncDriver, timeout: Timeout) -> None:
        self._driver = driver
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Close nothing: the pool is the AsyncKatavenClient's."""

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send once and read the answer, within the bound of its size.

        A 401 is handed over as it is; where the key is a function, it is asked for the key of the
        next request.
        """
        async with self._open(method, url, options) as response:
            body = Body(packed_as(response))
            async for piece in awaited_pieces(response):
                body.feed(piece)
            return _response(response, body)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Send once and hand over the open answer."""
        async with self._open(method, url, options, streams=True) as response:
            yield response

    @asynccontextmanager
    async def _open(
        self, method: str, url: str, options: dict[str, Any], *, streams: bool = False
    ) -> AsyncIterator[httpx.Response]:
        driver = self._driver
        client = driver.pool(streams=streams)
        token = await driver.tokens.current()
        uploads = "files" in options
        request = _request(driver.wire, token, self._timeout, method, url, options)
        if uploads:
            request.stream = ThreadedUpload(request.stream)
        quiet = pool.sending.set(True)
        try:
            response = await client.send(
                request, stream=True, auth=pool.NO_AUTH, follow_redirects=False
            )
        finally:
            pool.sending.reset(quiet)
        try:
            yield response
        finally:
            await response.aclose()
        if response.status_code == 401:
            await driver.tokens.renew(token.number)
