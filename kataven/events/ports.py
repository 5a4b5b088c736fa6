"""The open end of an event stream: one response, and how it is ended from anywhere.

Knows httpx's streaming responses and the socket under them. It decides nothing: whether to open
again is the feed's.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import httpx

from kataven._core import pool
from kataven._core.body import BodyError
from kataven._core.bounds import Bound, bound
from kataven._core.operation import Attempt, Failure, Interrupted, Open, Opened, Reply
from kataven._core.wire import (
    SEND_ERRORS,
    TRANSPORT_ERRORS,
    BodyReader,
    awaited_pieces,
    broken,
    packed_as,
    pieces,
)
from kataven.events.sockets import ConnectionTrace, StreamSocket, take_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kataven._core.senders import AsyncDriver, BlockingDriver
    from kataven._core.tokens import Token
    from kataven._core.wire import Wire

_STREAM_HEADERS = {
    "accept": "text/event-stream",
    "accept-encoding": "identity",
    "cache-control": "no-cache",
}
# What a header's value may be made of; browsers send an id as UTF-8, and so do we.
_HEADER_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]+")


def _request(wire: Wire, token: Token, effect: Open, trace: Any) -> httpx.Request:
    headers = wire.headers(token).copy()
    headers.update(_STREAM_HEADERS)
    last_event_id = effect.last_event_id.encode("utf-8", "replace").strip(b" \t")
    if _HEADER_VALUE.fullmatch(last_event_id):
        headers = httpx.Headers([*headers.raw, (b"last-event-id", last_event_id)])
    operation = effect.operation
    return httpx.Request(
        operation.method,
        wire.url(operation.target),
        headers=headers,
        extensions={"timeout": pool.timeouts(effect.timeout), "trace": trace},
    )


def _is_stream(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return (
        200 <= response.status_code < 300
        and kind.partition(";")[0].strip().lower() == "text/event-stream"
    )


def _packed(response: httpx.Response) -> BodyError | None:
    encoding = packed_as(response).strip().lower()
    if encoding in {"", "identity"}:
        return None
    return BodyError(f"the event stream is packed as {encoding!r:.40}, unasked", final=True)


def _set_idle(request: httpx.Request, seconds: float) -> None:
    # The transport reads its timeout when the body begins, from this very dict.
    request.extensions["timeout"]["read"] = seconds


class BlockingPort:
    """One stream's connection, blocking."""

    def __init__(self, driver: BlockingDriver) -> None:
        self._driver = driver
        self._response: httpx.Response | None = None
        self._pieces: Any = None
        self._socket = StreamSocket()
        self._timer: threading.Timer | None = None
        self._lease: Any = None
        self._over = False

    def hold(self, lease: Any) -> None:
        """Keep the budget's lease as long as the connection."""
        self._lease = lease

    def open(self, effect: Open) -> Opened | Reply | Failure | Interrupted:
        """Open the stream."""
        self._socket = end = StreamSocket()
        # Asked for behind the line above: whoever shuts the port sees that socket, or is seen here.
        if self._over:
            return Interrupted()
        self._driver.ports.add(self)
        left: float | None = None
        if effect.limit is not None:
            left = max(0.0, effect.limit - self._driver.clock.now())
            self._timer = threading.Timer(left, end.shut)
            self._timer.daemon = True
            self._timer.start()
        opened = False
        bounded = bound.set(Bound(effect.timeout.read, left))
        try:
            outcome = self._open(effect, end)
            opened = isinstance(outcome, Opened)
            return outcome
        finally:
            bound.reset(bounded)
            if not opened:
                self.close()

    def _open(self, effect: Open, end: StreamSocket) -> Opened | Reply | Failure:
        driver = self._driver
        client = driver.pool(streams=True)
        token = driver.tokens.current()
        request = _request(driver.wire, token, effect, ConnectionTrace(end))
        quiet = pool.sending.set(True)
        try:
            response = client.send(request, stream=True, auth=pool.NO_AUTH, follow_redirects=False)
        except SEND_ERRORS as error:
            return driver.wire.unanswered(error, Attempt(token=token), None)
        finally:
            pool.sending.reset(quiet)
        self._response = response
        take_connection(end, response)
        if _is_stream(response):
            packed = _packed(response)
            if packed is not None:
                return broken(response, packed)
            _set_idle(request, effect.idle_timeout)
            self._pieces = pieces(response)
            return Opened()
        try:
            reader = BodyReader(response, effect.timeout, effect.limit, driver.clock, token)
            for piece in pieces(response):
                reader.feed(piece)
            end.let_go()
            return reader.reply()
        except (*TRANSPORT_ERRORS, BodyError, TimeoutError):
            # The status is what decides here, not its text.
            return Reply(response.status_code, response.headers.raw, b"", token.number)

    def read(self) -> bytes | Failure | Interrupted | None:
        """Read on."""
        response = self._response
        if response is None:
            return Interrupted()
        try:
            self._driver.keep(self._lease)
            piece: bytes | None = next(self._pieces, None)
        except TRANSPORT_ERRORS as error:
            self.close()
            return broken(response, error)
        except BaseException:
            self.close()
            raise
        if piece is None:
            cut = self._socket.shut_down
            self._socket.let_go()
            self.close()
            if cut:
                # A body without a length ends where its connection does, and this one was ours to
                # end, for its time was over.
                return broken(response, TimeoutError())
        return piece

    def wake(self) -> None:
        """End the connection at hand, from any thread; whether there is another one is open."""
        self._socket.shut()

    def shut(self) -> None:
        """End it for good, from any thread, without touching what the reading thread holds."""
        self._over = True
        self._socket.shut()

    def close(self) -> None:
        """End the connection, from the thread that reads."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        response, self._response, self._pieces = self._response, None, None
        lease, self._lease = self._lease, None
        try:
            if response is not None:
                self._socket.shut()
                response.close()
        finally:
            self._driver.release(lease)


def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    # Where nobody has read it yet, httpx's own generator: one around it would be closed later.
    return awaited_pieces(response) if response.is_stream_consumed else response.aiter_raw()


class AsyncPort:
    """One stream's connection, awaited."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver
        self._response: httpx.Response | None = None
        self._pieces: Any = None
        self._socket = StreamSocket()
        self._limit: float | None = None
        self._lease: Any = None
        self._over = False

    def hold(self, lease: Any) -> None:
        """Keep the budget's lease as long as the connection."""
        self._lease = lease

    def _bound(self) -> Any:
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        if self._limit is None:
            return asyncio.timeout(None)
        return asyncio.timeout(max(0.0, self._limit - self._driver.clock.now()))

    def take_lease(self) -> Any:
        """The lease, which is the caller's to give back."""
        lease, self._lease = self._lease, None
        return lease

    async def open(self, effect: Open) -> Opened | Reply | Failure | Interrupted:
        """Open the stream."""
        self._socket = end = StreamSocket()
        if self._over:
            return Interrupted()
        self._limit = effect.limit
        opened = False
        # What is left of the limit is kept by asyncio.
        bounded = bound.set(Bound(effect.timeout.read, None))
        whole = self._bound()
        try:
            async with whole:
                outcome = await self._open(effect, end)
            opened = isinstance(outcome, Opened)
            return outcome
        except TimeoutError as error:
            if not whole.expired():
                # The caller's own, of the function that gives the key or of a hook.
                raise
            return Failure(error, "no answer within the time", sent=True, timed_out=True)
        finally:
            bound.reset(bounded)
            if not opened:
                await self.close()

    async def _open(self, effect: Open, end: StreamSocket) -> Opened | Reply | Failure:
        driver = self._driver
        client = driver.pool(streams=True)
        token = await driver.tokens.current()
        request = _request(driver.wire, token, effect, ConnectionTrace(end).awaited)
        quiet = pool.sending.set(True)
        try:
            response = await client.send(
                request, stream=True, auth=pool.NO_AUTH, follow_redirects=False
            )
        except SEND_ERRORS as error:
            return driver.wire.unanswered(error, Attempt(token=token), None)
        finally:
            pool.sending.reset(quiet)
        self._response = response
        take_connection(end, response)
        if _is_stream(response):
            packed = _packed(response)
            if packed is not None:
                return broken(response, packed)
            _set_idle(request, effect.idle_timeout)
            self._pieces = _raw(response)
            return Opened()
        try:
            reader = BodyReader(response, effect.timeout, effect.limit, driver.clock, token)
            async for piece in awaited_pieces(response):
                reader.feed(piece)
            end.let_go()
            return reader.reply()
        except (*TRANSPORT_ERRORS, BodyError, TimeoutError):
            # The status is what decides here, not its text.
            return Reply(response.status_code, response.headers.raw, b"", token.number)

    async def read(self) -> bytes | Failure | Interrupted | None:
        """Read on."""
        response = self._response
        if response is None:
            return Interrupted()
        try:
            await self._driver.keep(self._lease)
            if self._limit is None:
                piece: bytes | None = await anext(self._pieces, None)
            else:
                async with self._bound():
                    piece = await anext(self._pieces, None)
        except (*TRANSPORT_ERRORS, TimeoutError) as error:
            await self.close()
            return broken(response, error)
        except BaseException:
            await self.close()
            raise
        if piece is None:
            self._socket.let_go()
            await self.close()
        return piece

    def shut(self) -> None:
        """End it for good and at once, without awaiting anything."""
        self._over = True
        self._socket.shut()

    async def close(self) -> None:
        """End the connection, from the task that reads."""
        response, self._response, pieces, self._pieces = self._response, None, self._pieces, None
        lease, self._lease = self._lease, None
        try:
            if response is not None:
                self._socket.shut()
                if pieces is not None:
                    await pieces.aclose()
                await response.aclose()
        finally:
            await self._driver.release(lease)
