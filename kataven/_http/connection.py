"""One open event stream: its response, its lease, and how it is closed from anywhere.

Knows the transport's responses. Decides nothing: whether to reconnect is the flow's decision.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from kataven._flow.effects import Interrupted, Opened
from kataven._flow.operation import Failure, Response
from kataven._http.body import Body, BodyError, known
from kataven._http.outcomes import (
    failure_from_body_error,
    failure_from_send_error,
    response_from,
)
from kataven._http.sending import Sending
from kataven._http.transport_error import TransportError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator
    from weakref import WeakSet

    from kataven._flow.effects import OpenStream
    from kataven._flow.operation import RawHeaders
    from kataven._http.credentials import AsyncCredentials, Credentials, Token
    from kataven._http.message import (
        AsyncIncomingResponse,
        BlockingTransport,
        IncomingResponse,
        NonBlockingTransport,
        Request,
    )
    from kataven._http.request import RequestWriter
    from kataven.clock import Clock

_STREAM_HEADERS: Final = (
    (b"accept", b"text/event-stream"),
    (b"accept-encoding", b"identity"),
    (b"cache-control", b"no-cache"),
)
# What the value of a header may consist of. Browsers send an id as UTF-8, and so do we.
_HEADER_VALUE: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]+")


class StreamHost(Protocol):
    """What a stream needs of the driver that runs it."""

    @property
    def clock(self) -> Clock:
        """Where now comes from."""
        ...

    @property
    def credentials(self) -> Credentials:
        """The token to send."""
        ...

    @property
    def writer(self) -> RequestWriter:
        """Writes the request."""
        ...

    @property
    def transport(self) -> BlockingTransport:
        """Sends it."""
        ...

    @property
    def connections(self) -> WeakSet[StreamConnection]:
        """The event streams that may be open."""
        ...

    def check_usable(self) -> None:
        """Raise if the client is closed."""
        ...

    def renew(self, lease: str | None) -> None:
        """Renew a lease that is held for long."""
        ...

    def release(self, lease: str | None) -> None:
        """Release a lease."""
        ...


class AsyncStreamHost(Protocol):
    """What an async stream needs of the driver that runs it."""

    @property
    def clock(self) -> Clock:
        """Where now comes from."""
        ...

    @property
    def credentials(self) -> AsyncCredentials:
        """The token to send."""
        ...

    @property
    def writer(self) -> RequestWriter:
        """Writes the request."""
        ...

    @property
    def transport(self) -> NonBlockingTransport:
        """Sends it."""
        ...

    def check_usable(self) -> None:
        """Raise if the client is closed."""
        ...

    async def renew(self, lease: str | None) -> None:
        """Renew a lease that is held for long."""
        ...

    async def release(self, lease: str | None) -> None:
        """Release a lease."""
        ...

    def drop(self, lease: str | None) -> None:
        """Release a lease where nothing can be awaited any more."""
        ...


def _request(writer: RequestWriter, token: Token, effect: OpenStream) -> Request:
    extra: RawHeaders = _STREAM_HEADERS
    last_event_id = effect.last_event_id.encode("utf-8", "replace").strip(b" \t")
    if _HEADER_VALUE.fullmatch(last_event_id):
        extra = (*_STREAM_HEADERS, (b"last-event-id", last_event_id))
    operation = effect.operation
    return writer.write(operation.method, operation.target, token, extra=extra)


def _is_stream(status: int, raw_headers: RawHeaders) -> bool:
    kind = next((value for name, value in raw_headers if name.lower() == b"content-type"), b"")
    return 200 <= status < 300 and kind.partition(b";")[0].strip().lower() == b"text/event-stream"


def _compressed(content_encoding: str) -> BodyError | None:
    encoding = content_encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    return BodyError(
        f"the event stream is compressed ({known(encoding)}), which was not requested", final=True
    )


class StreamConnection:
    """The connection of one stream; each reconnect uses a new one in the same object.

    Attributes:
        lease: The lease of the rate limiter, released when the connection closes.
    """

    def __init__(self, driver: StreamHost) -> None:
        self._driver = driver
        self.lease: str | None = None
        self._response: IncomingResponse | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._sending: Sending | None = None
        self._token: Token | None = None
        self._shut = False

    def open(self, effect: OpenStream) -> Opened | Response | Failure | Interrupted:
        """Open the stream."""
        driver = self._driver
        driver.check_usable()
        token = self._token = driver.credentials.current()
        remaining = None
        if effect.deadline is not None:
            remaining = max(0.0, effect.deadline - driver.clock.now())
        request = _request(driver.writer, token, effect)
        sending = self._sending = Sending(effect.timeout, remaining, own_connection=True)
        # After the line above: shut() in another thread sees this object, or is seen here.
        if self._shut:
            return Interrupted()
        driver.connections.add(self)
        opened = False
        try:
            outcome = self._open(request, sending, token, effect.idle_timeout)
            opened = isinstance(outcome, Opened)
            return outcome
        finally:
            if not opened:
                self.close()

    def _open(
        self, request: Request, sending: Sending, token: Token, idle_timeout: float
    ) -> Opened | Response | Failure:
        try:
            response = self._driver.transport.open(request, sending)
        except TransportError as error:
            return failure_from_send_error(error, sending, token)
        self._response = response
        if _is_stream(response.status, response.headers):
            compressed = _compressed(response.content_encoding)
            if compressed is not None:
                return failure_from_body_error(compressed, response.status, (), token)
            response.follow(idle_timeout)
            self._chunks = iter(response)
            return Opened()
        try:
            body = Body(response.content_encoding)
            for chunk in response:
                body.feed(chunk)
            return response_from(response.status, response.headers, body.complete(), token)
        except (TransportError, BodyError):
            # Here the status decides, not the text.
            return response_from(response.status, response.headers, b"", token)

    def read(self) -> bytes | Failure | Interrupted | None:
        """Read the next chunk; None at a clean close, Interrupted if nothing is open."""
        response, token = self._response, self._token
        if response is None or token is None:
            return Interrupted()
        try:
            self._driver.renew(self.lease)
            chunk = next(self._chunks, None)
        except TransportError as error:
            self.close()
            return failure_from_body_error(error, response.status, response.headers, token)
        if chunk is None:
            cut = self._sending is not None and self._sending.shut_down
            self.close()
            if cut:
                # A body without a length ends where its connection does, and this connection was
                # ended by us, because its time was over or the iterator was closed.
                shut = TransportError("the connection was closed", timed_out=True)
                return failure_from_body_error(shut, response.status, response.headers, token)
        return chunk

    def wake(self) -> None:
        """End the present connection, from any thread; the flow may open another one."""
        if self._sending is not None:
            self._sending.shut()

    def shut(self) -> None:
        """End the connection for good, from any thread, without touching what a reader holds."""
        self._shut = True
        self.wake()

    def close(self) -> None:
        """End the connection, from the thread that reads."""
        response, self._response = self._response, None
        self._chunks = iter(())
        try:
            if response is not None:
                response.close()
        finally:
            lease = self.lease
            if lease is not None:
                self._driver.release(lease)
                self.lease = None


class AsyncStreamConnection:
    """The connection of one stream, awaited; each reconnect uses a new one in the same object.

    Attributes:
        lease: The lease of the rate limiter, released when the connection closes.
    """

    def __init__(self, driver: AsyncStreamHost) -> None:
        self._driver = driver
        self.lease: str | None = None
        self._response: AsyncIncomingResponse | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._sending: Sending | None = None
        self._token: Token | None = None
        self._deadline: float | None = None
        self._shut = False

    def _limit(self) -> asyncio.Timeout:
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        if self._deadline is None:
            return asyncio.timeout(None)
        return asyncio.timeout(max(0.0, self._deadline - self._driver.clock.now()))

    async def open(self, effect: OpenStream) -> Opened | Response | Failure | Interrupted:
        """Open the stream."""
        self._deadline = effect.deadline
        sending = self._sending = Sending(effect.timeout, None, own_connection=True)
        if self._shut:
            return Interrupted()
        opened = False
        limit = self._limit()
        try:
            async with limit:
                outcome = await self._open(effect, sending)
            opened = isinstance(outcome, Opened)
            return outcome
        except TimeoutError as error:
            if not limit.expired():
                # The caller's own, from the token provider or a hook.
                raise
            return Failure(error, "no response in time", sent=True, timed_out=True)
        finally:
            if not opened:
                await self.close()

    async def _open(self, effect: OpenStream, sending: Sending) -> Opened | Response | Failure:
        driver = self._driver
        driver.check_usable()
        token = self._token = await driver.credentials.current()
        request = _request(driver.writer, token, effect)
        try:
            response = await driver.transport.open(request, sending)
        except TransportError as error:
            return failure_from_send_error(error, sending, token)
        self._response = response
        if _is_stream(response.status, response.headers):
            compressed = _compressed(response.content_encoding)
            if compressed is not None:
                return failure_from_body_error(compressed, response.status, (), token)
            response.follow(effect.idle_timeout)
            self._chunks = aiter(response)
            return Opened()
        try:
            body = Body(response.content_encoding)
            async for chunk in response:
                body.feed(chunk)
            return response_from(response.status, response.headers, body.complete(), token)
        except (TransportError, BodyError):
            # Here the status decides, not the text.
            return response_from(response.status, response.headers, b"", token)

    async def read(self) -> bytes | Failure | Interrupted | None:
        """Read the next chunk; None at a clean close, Interrupted after a cancelled read."""
        response, token, chunks = self._response, self._token, self._chunks
        if response is None or token is None or chunks is None:
            return Interrupted()
        try:
            await self._driver.renew(self.lease)
            if self._deadline is None:
                chunk = await anext(chunks, None)
            else:
                async with self._limit():
                    chunk = await anext(chunks, None)
        except (TransportError, TimeoutError) as error:
            await self.close()
            if isinstance(error, TimeoutError):
                error = TransportError("the time limit expired", timed_out=True)
            return failure_from_body_error(error, response.status, response.headers, token)
        except BaseException:
            await self.close()
            raise
        if chunk is None:
            await self.close()
        return chunk

    def shut(self) -> None:
        """End the connection for good and at once, without awaiting anything."""
        self._shut = True
        if self._sending is not None:
            self._sending.shut()

    async def close(self) -> None:
        """End the connection, from the task that reads."""
        response, self._response = self._response, None
        self._chunks = None
        try:
            if response is not None:
                await response.aclose()
        finally:
            lease, self.lease = self.lease, None
            if lease is not None:
                await self._driver.release(lease)

    def drop(self) -> None:
        """End the connection where nothing can be awaited any more; its response is left."""
        self.shut()
        lease, self.lease = self.lease, None
        if lease is not None:
            self._driver.drop(lease)
