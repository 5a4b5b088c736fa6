"""The two drivers: they run any flow, one blocking, one awaited.

A driver carries out what a flow yields and hands back what came of it. It decides nothing: whether
to repeat, to wait or to give up is the flow's. What a consumer throws at a given item is the
consumer's and never reaches the flow as an outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from kataven._core import pool
from kataven._core.bounds import Bound, bound
from kataven._core.operation import (
    Admit,
    Denied,
    Pause,
    Renew,
    Reply,
    Send,
    Sleep,
    Work,
)
from kataven._core.pool import NO_AUTH
from kataven._core.threads import JoinedUpload, ThreadedUpload, run_in_thread
from kataven._core.wire import (
    SEND_ERRORS,
    TRANSPORT_ERRORS,
    BodyReader,
    Wire,
    awaited_pieces,
    broken,
    cut,
    late_key,
    pieces,
)

if TYPE_CHECKING:
    import httpx

    from kataven._core.gate import AsyncGate, Gate
    from kataven._core.operation import Failure, Flow
    from kataven._core.tokens import AsyncTokenSource, TokenSource
    from kataven.clock import Clock
    from kataven.config import BaseUrl

T = TypeVar("T")


class BlockingDriver:
    """Runs flows in the calling thread.

    Args:
        base: Where the Hub is.
        tokens: What to send as the token.
        clock: How to wait.
        http_client: A pool of the caller's, which stays open, or None for one of our own.
        gate: The budget, or None.
    """

    def __init__(
        self,
        base: BaseUrl,
        tokens: TokenSource,
        clock: Clock,
        http_client: httpx.Client | None,
        gate: Gate | None,
    ) -> None:
        self.wire = Wire(base, clock)
        self.tokens = tokens
        self.clock = clock
        self.gate = gate
        self._given = http_client
        self._pools = pool.BlockingPools(base)
        # Where event streams are open.
        self.ports: WeakSet[Any] = WeakSet()

    def pool(self, *, streams: bool = False) -> httpx.Client:
        """The pool for calls, or the one for event streams; made at first use."""
        self.wire.check_usable()
        return self._given or self._pools.get(streams=streams)

    def close(self) -> None:
        """Close the pools of our own."""
        self.wire.closed = True
        # Whoever waits for an item in another thread is woken, and told that the client is closed.
        for port in tuple(self.ports):
            port.wake()
        self._pools.close()
        if self.gate is not None:
            self.gate.store.close()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow that gives nothing in between to its end."""
        lease: Any = None
        outcome: Any = None
        raised: BaseException | None = None
        try:
            while True:
                try:
                    effect = flow.send(outcome) if raised is None else flow.throw(raised)
                except StopIteration as end:
                    result: T = end.value
                    return result
                outcome, raised = None, None
                try:
                    if type(effect) is Send:
                        try:
                            outcome = self._send(effect)
                        finally:
                            self.release(lease)
                            lease = None
                    elif type(effect) is Admit:
                        outcome = lease = self.admit(effect)
                        if type(outcome) is Denied:
                            lease = None
                    else:
                        outcome = self.once(effect)
                except BaseException as error:  # noqa: BLE001 - the flow adds what it knows
                    raised = error
        finally:
            self.release(lease)
            flow.close()

    def admit(self, effect: Admit) -> Any:
        """A lease from the budget, or Denied; None where there is no budget."""
        # Before the budget: its store belongs to the process that made it.
        self.wire.check_usable()
        return None if self.gate is None else self.gate.admit(effect)

    def release(self, lease: Any) -> None:
        """Give a lease back."""
        if lease is not None and self.gate is not None:
            self.gate.release(lease)

    def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        if lease is not None and self.gate is not None:
            self.gate.keep(lease)

    def once(self, effect: Any) -> Any:
        """Carry out one effect that is neither an admission nor a stream's."""
        if type(effect) is Send:
            return self._send(effect)
        if type(effect) is Sleep:
            return self.clock.sleep(effect.seconds)
        if type(effect) is Work:
            return effect.function()
        if type(effect) is Renew:
            return self.tokens.renew(effect.token)
        if type(effect) is Pause:
            return None if self.gate is None else self.gate.pause(effect)
        raise TypeError(f"a flow yielded {effect!r}, which no driver knows")

    def _send(self, send: Send) -> Reply | Failure:
        client = self.pool()
        token = send.attempt.token = self.tokens.current()
        if send.limit is not None and self.clock.now() >= send.limit:
            return late_key()
        request, trace = self.wire.request(send, token)
        if send.operation.files is not None:
            request.stream = JoinedUpload(request.stream)
        left = None if send.limit is None else max(0.0, send.limit - self.clock.now())
        bounded = bound.set(Bound(send.timeout.read, left))
        quiet = pool.sending.set(True)
        send.attempt.handed_over = self._given is not None
        try:
            try:
                response = client.send(request, stream=True, auth=NO_AUTH, follow_redirects=False)
            except SEND_ERRORS as error:
                return self.wire.unanswered(error, send.attempt, trace)
            send.attempt.sent = True
            send.attempt.head = (response.status_code, response.headers.raw)
            try:
                reader = BodyReader(response, send.timeout, send.limit, self.clock, token)
                for piece in pieces(response):
                    reader.feed(piece)
                return reader.reply()
            except (*TRANSPORT_ERRORS, ValueError, TimeoutError) as error:
                return broken(response, error, token)
            finally:
                response.close()
        finally:
            pool.sending.reset(quiet)
            bound.reset(bounded)


class AsyncDriver:
    """Runs flows in the running event loop.

    Args:
        base: Where the Hub is.
        tokens: What to send as the token.
        clock: How to wait.
        http_client: A pool of the caller's, which stays open, or None for one of our own.
        gate: The budget, or None.
    """

    def __init__(
        self,
        base: BaseUrl,
        tokens: AsyncTokenSource,
        clock: Clock,
        http_client: httpx.AsyncClient | None,
        gate: AsyncGate | None,
    ) -> None:
        self.wire = Wire(base, clock)
        self.tokens = tokens
        self.clock = clock
        self.gate = gate
        self._given = http_client
        self._pools = pool.AsyncPools(base)

    def pool(self, *, streams: bool = False) -> httpx.AsyncClient:
        """The pool for calls, or the one for event streams; made at first use in each loop."""
        self.wire.check_usable()
        return self._given or self._pools.get(streams=streams)

    async def aclose(self) -> None:
        """Close the pools of our own."""
        self.wire.closed = True
        await self._pools.aclose()
        if self.gate is not None:
            self.gate.store.close()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow that gives nothing in between to its end."""
        lease: Any = None
        outcome: Any = None
        raised: BaseException | None = None
        try:
            while True:
                try:
                    effect = flow.send(outcome) if raised is None else flow.throw(raised)
                except StopIteration as end:
                    result: T = end.value
                    return result
                outcome, raised = None, None
                try:
                    if type(effect) is Send:
                        try:
                            outcome = await self._send(effect)
                        finally:
                            await self.release(lease)
                            lease = None
                    elif type(effect) is Admit:
                        outcome = lease = await self.admit(effect)
                        if type(outcome) is Denied:
                            lease = None
                    else:
                        outcome = await self.once(effect)
                except BaseException as error:  # noqa: BLE001 - the flow adds what it knows
                    raised = error
        finally:
            await self.release(lease)
            flow.close()

    async def admit(self, effect: Admit) -> Any:
        """A lease from the budget, or Denied; None where there is no budget."""
        # Before the budget: its store belongs to the process that made it.
        self.wire.check_usable()
        return None if self.gate is None else await self.gate.admit(effect)

    async def release(self, lease: Any) -> None:
        """Give a lease back."""
        if lease is not None and self.gate is not None:
            await self.gate.release(lease)

    def drop(self, lease: Any) -> None:
        """Give a lease back where nothing can be awaited any more."""
        if lease is not None and self.gate is not None:
            self.gate.drop(lease)

    async def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        if lease is not None and self.gate is not None:
            await self.gate.keep(lease)

    async def once(self, effect: Any) -> Any:
        """Carry out one effect that is neither an admission nor a stream's."""
        if type(effect) is Send:
            return await self._send(effect)
        if type(effect) is Sleep:
            waiting: Any = self.clock.sleep(effect.seconds)
            return await waiting if hasattr(waiting, "__await__") else None
        if type(effect) is Work:
            return await run_in_thread(effect.function)
        if type(effect) is Renew:
            return await self._renew(effect)
        if type(effect) is Pause:
            return None if self.gate is None else await self.gate.pause(effect)
        raise TypeError(f"a flow yielded {effect!r}, which no driver knows")

    async def _renew(self, effect: Renew) -> None:
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        left = None if effect.limit is None else max(0.0, effect.limit - self.clock.now())
        whole = asyncio.timeout(left)
        try:
            async with whole:
                await self.tokens.renew(effect.token)
        except TimeoutError:
            # Past its limit; the flow looks at the time, and says so.
            if not whole.expired():
                raise

    async def _send(self, send: Send) -> Reply | Failure:
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        left = None if send.limit is None else max(0.0, send.limit - self.clock.now())
        whole = asyncio.timeout(left)
        try:
            async with whole:
                return await self._send_within(send, left)
        except TimeoutError as error:
            if not whole.expired():
                raise
            return cut(send.attempt, error)

    async def _send_within(self, send: Send, left: float | None) -> Reply | Failure:
        client = self.pool()
        token = send.attempt.token = await self.tokens.current()
        if send.limit is not None and self.clock.now() >= send.limit:
            return late_key()
        request, trace = self.wire.request(send, token)
        if trace is not None:
            request.extensions["trace"] = trace.awaited
        if send.operation.files is not None:
            request.stream = ThreadedUpload(request.stream)
        bounded = bound.set(Bound(send.timeout.read, left))
        quiet = pool.sending.set(True)
        send.attempt.handed_over = self._given is not None
        try:
            try:
                response = await client.send(
                    request, stream=True, auth=NO_AUTH, follow_redirects=False
                )
            except SEND_ERRORS as error:
                return self.wire.unanswered(error, send.attempt, trace)
            send.attempt.sent = True
            send.attempt.head = (response.status_code, response.headers.raw)
            try:
                reader = BodyReader(response, send.timeout, send.limit, self.clock, token)
                async for piece in awaited_pieces(response):
                    reader.feed(piece)
                return reader.reply()
            except (*TRANSPORT_ERRORS, ValueError, TimeoutError) as error:
                return broken(response, error, token)
            finally:
                await response.aclose()
        finally:
            pool.sending.reset(quiet)
            bound.reset(bounded)
