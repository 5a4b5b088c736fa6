"""The blocking iterator over what a flow emits, and what it shares with ``async_iterator``.

An iterator runs a flow and owns the event stream that it may open: closing, dropping or
interrupting it ends the connection. It decides nothing.

An iterator must never look finished when it was interrupted. An exception that the SDK did not
raise itself (Ctrl-C, an error of a hook) can come out of any line below. So the state is "busy"
before anything happens, "ready" only when an item is returned, "ended" only after the flow has
returned, and everything else counts as interrupted.
"""

from __future__ import annotations

import inspect
import os
import threading
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar
from weakref import WeakSet

from kataven._flow.effects import (
    AnyEffect,
    Emit,
    ReadStream,
    Sleep,
)
from kataven._http.connection import StreamConnection
from kataven._http.driver import Run
from kataven._http.usage import Usage, wrong_keyword
from kataven.errors import ConfigurationError, KatavenError, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven._flow.effects import Flow
    from kataven._http.driver import Driver

T = TypeVar("T")

READY: Final = 0
# Taking one of the items that arrived.
BUSY: Final = 1
# Running the flow for the next one.
RUNNING: Final = 4
ENDED: Final = 2
INTERRUPTED: Final = 3
# In a child process: its connection belongs to the parent.
FORKED: Final = 5

NOTHING: Final[Any] = object()
"""Stands for "no item", which None cannot: an item may be anything."""

# How long a blocking pause sleeps before it checks whether the iterator was closed meanwhile.
_NAP: Final = 0.25


class IteratorState(Generic[T]):
    """What both iterators share: the flow, the items that arrived, and the state."""

    def __init__(self, flow: Flow[Any]) -> None:
        self._flow = flow
        # Items that were emitted and not taken yet. They may be decoded only while they are taken.
        self._items: Iterator[Any] = iter(())
        # Whether the flow waits for its items to be taken.
        self._emitting = False
        self._state = READY
        self._closed = False
        # The thread that was last inside the flow.
        self._user = 0
        _iterators.add(self)

    def _leave_to_parent(self) -> None:
        """Give no more items: this is a child process, and the connection is the parent's."""
        self._state = FORKED

    @property
    def interrupted(self) -> bool:
        """Whether an exception that the SDK did not raise itself has closed this iterator."""
        return self._state == INTERRUPTED

    def _interrupted_error(self) -> KatavenError:
        """Return what the next request for an item raises after an interruption."""
        return StreamError(
            "this iterator was interrupted and is closed, so items may be missing after the last "
            "one; create a new iterator to continue"
        )

    def _refusal(self, end: type[Exception]) -> Exception:
        """Return what to raise where there is no next item to wait for."""
        if self._state == FORKED:
            return ConfigurationError(
                "this iterator was created before a fork: its connection belongs to the parent "
                "process; create a client and an iterator in the child process"
            )
        if self._state == BUSY or (self._state == RUNNING and self._user != threading.get_ident()):
            return RuntimeError(
                "another thread or task is waiting for the next item of this iterator; use one "
                "iterator for each"
            )
        if self._state == RUNNING:
            # This thread itself ran the flow, so it was interrupted before it could say so.
            self._state = INTERRUPTED
        return self._interrupted_error() if self._state == INTERRUPTED else end()

    def _resume(self, outcome: object, raised: BaseException | None) -> AnyEffect | None:
        """Run the flow up to its next effect; None at its end."""
        try:
            return self._flow.send(outcome) if raised is None else self._flow.throw(raised)
        except StopIteration:
            return None
        except Exception:
            # After close() in another thread, a broken connection is the end that was asked for.
            if self._closed:
                return None
            raise

    def _first(self, effect: Emit) -> Any:
        """Return the first of the emitted items, or NOTHING; keep the others."""
        items = iter(effect.items)
        for item in items:
            self._items = items
            self._emitting = True
            return item
        return NOTHING


def _leave_to_parent() -> None:
    """Mark every iterator as the parent's, in a child process; nothing is checked for each item."""
    for iterator in tuple(_iterators):
        # Private, so that editors do not offer it to users.
        iterator._leave_to_parent()  # noqa: SLF001


_iterators: WeakSet[IteratorState[Any]] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


class FlowIterator(IteratorState[T], Usage):
    """What a flow emits, as an iterator.

    Lazy: nothing is sent before the first item is requested. Use it as a context manager, or close
    it; dropping it closes it too. One thread uses it: a second one that asks for an item at the
    same time gets a ``RuntimeError``. It may be closed from another thread while this one waits for
    an item (on Windows the waiting thread may notice only at the next byte).

    After an exception that the SDK did not raise itself, such as ``KeyboardInterrupt``, the
    iterator is closed, and the next request for an item raises an error that says so.
    """

    def __init__(self, driver: Driver, flow: Flow[Any]) -> None:
        super().__init__(flow)
        self._driver = driver
        self._connection = StreamConnection(driver)
        self._run = Run(driver, self._connection)
        # Held while the flow runs, so that close() in another thread leaves the cleaning up to it.
        # Reentrant, so that cleaning up that was interrupted can be done again.
        self._turn = threading.RLock()

    def __iter__(self) -> Self:
        return self

    if not TYPE_CHECKING:

        def __aiter__(self) -> NoReturn:
            wrong_keyword(self, "for", "async for")

    def __next__(self) -> T:
        """Return the next item.

        Raises:
            StopIteration: The flow has ended, or the iterator was closed.
            KatavenError: As documented by the method that returned the iterator.
            RuntimeError: Another thread is waiting for an item.
        """
        refusal: Exception | None = None
        try:
            # No other thread runs between these two steps: CPython switches threads at calls and
            # loops only. A lock for each item would cost more than the rest of this method.
            if self._state != READY:
                refusal = self._refusal(StopIteration)
                raise refusal  # noqa: TRY301 - every line of this method must be guarded
            self._state = BUSY
            # Nearly every item is here already. A `for` asks for it without a Python call.
            for item in self._items:
                self._state = READY
                return item  # type: ignore[no-any-return]
            return self._advance(None)
        except BaseException as error:
            if error is refusal:
                raise
            return self._recover(error)

    def _recover(self, error: BaseException) -> T:
        """Let the flow handle what its items raised; after anything else, close the iterator."""
        try:
            if self._state == BUSY and isinstance(error, Exception):
                return self._advance(error)
        except BaseException as raised:
            self._fail(raised)
            raise
        self._fail(error)
        raise error

    def _advance(self, raised: Exception | None) -> T:
        """Run the flow until it emits an item or ends."""
        self._state = RUNNING
        self._user = threading.get_ident()
        with self._turn:
            item = self._step(raised)
        if item is NOTHING or self._closed:
            self._clean_up()
            if self._state == INTERRUPTED:
                # Another thread was interrupted while it asked for an item.
                raise self._interrupted_error()
            raise StopIteration
        self._state = READY
        return item  # type: ignore[no-any-return]

    def _step(self, raised: BaseException | None) -> Any:
        outcome: Any = True if self._emitting else None
        self._emitting = False
        while not self._closed:
            effect = self._resume(outcome, raised)
            outcome, raised = None, None
            if effect is None:
                break
            try:
                if isinstance(effect, ReadStream):
                    outcome = self._connection.read()
                elif isinstance(effect, Emit):
                    item = self._first(effect)
                    if item is not NOTHING:
                        return item
                    outcome = False
                elif isinstance(effect, Sleep):
                    self._sleep(effect.seconds)
                else:
                    outcome = self._run.perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow may know what to do
                raised = error
        return NOTHING

    def _sleep(self, seconds: float) -> None:
        """Sleep in short steps, to notice that the iterator was closed."""
        while seconds > 0 and not self._closed:
            self._run.perform(Sleep(min(seconds, _NAP)))
            seconds -= _NAP

    def _fail(self, error: BaseException) -> None:
        """Close the iterator after an exception; only an orderly one leaves it "ended"."""
        # First of all, so that nothing below can leave it looking finished.
        self._state = INTERRUPTED
        orderly = isinstance(error, StopIteration | KatavenError)
        if not orderly:
            self._run.interrupted(error)
        self._clean_up()
        if orderly:
            self._state = ENDED

    def _clean_up(self) -> None:
        """End the flow and its connection, unless another thread is in the flow and does it."""
        self._closed = True
        # The flow itself runs where a signal handler or a finaliser of this thread calls close().
        running = inspect.getgeneratorstate(self._flow) == inspect.GEN_RUNNING
        if not running and self._turn.acquire(blocking=False):
            try:
                self._items = iter(())
                self._flow.close()
            finally:
                try:
                    self._run.end()
                finally:
                    self._turn.release()

    def close(self) -> None:
        """End the iteration and the connection at once; nothing is reopened."""
        self._closed = True
        self._connection.shut()
        if self._state == FORKED:
            return
        self._clean_up()
        if self._state == READY:
            self._state = ENDED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        # An iterator whose __init__ failed has nothing to close.
        if not getattr(self, "_closed", True):
            self.close()
