"""Interruptions at chosen places of the SDK: at a line of ``kataven/``, or at an ``await``.

A trace function raises at the n-th line that the SDK executes in this thread, once, as Ctrl-C may
between any two of its steps. Knows nothing of what the tests prove.
"""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

import kataven
from kataven import RateLimits
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from types import CodeType, FrameType

    from tests.support.clients import Blocking
    from tests.support.server import LoopbackHub

PACKAGE = str(Path(kataven.__file__).parent)


class Interruption(KeyboardInterrupt):
    """Ctrl-C, and nothing else that a test could mistake for it."""


class Hanging(BaseException):
    """A call did not return."""


def without_hanging(function: Callable[[], Any]) -> Any:
    """Call a function in a thread, which a lock that stays taken would block for ever."""
    done: Future[Any] = Future()

    def call() -> None:
        try:
            done.set_result(function())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    try:
        return done.result(PATIENCE)
    except FutureTimeoutError:
        raise Hanging from None


class Tracer:
    """Counts the lines that the SDK executes, and raises at one of them.

    Attributes:
        at: The number of the line at which to raise, from 0; None never raises.
        lines: How many lines were executed.
        where: File, line and function where it raised, or None.
        lost: Whether the interpreter swallowed it, as it does in a finaliser.
        in_next: Whether it raised at a line of ``__next__`` itself. Before its first step the
            iterator cannot know of that, and may continue as if nothing had been called.
    """

    def __init__(self, at: int | None = None, packages: tuple[str, ...] = (PACKAGE,)) -> None:
        self.at = at
        self.lines = 0
        self.where: str | None = None
        self.lost = False
        self.in_next = False
        self._last: dict[CodeType, int] = {}
        self._packages = packages

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._packages) else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and not self._leaves_with(frame):
            number, self.lines = self.lines, self.lines + 1
            if number == self.at and not _in_finaliser(frame):
                code = frame.f_code
                self.in_next = code.co_name == "__next__"
                self.where = f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
                # Python takes the trace function away as it raises: this happens once.
                raise Interruption
        return self._line

    def _leaves_with(self, frame: FrameType) -> bool:
        """Whether the next step leaves a ``with`` block.

        CPython delivers a signal after a call and in a loop, never between the end of a block and
        the call that leaves it, where a trace function can raise: that would leave every lock.
        """
        line = frame.f_lineno
        code = frame.f_code
        before, self._last[code] = self._last.get(code, 0), line
        source = linecache.getline(code.co_filename, line).lstrip()
        return before > line and source.startswith(("with ", "async with "))

    def __enter__(self) -> Self:
        self._before = sys.gettrace(), sys.unraisablehook
        sys.unraisablehook = self._unraisable
        sys.settrace(self._call)
        return self

    def __exit__(self, *_exc: object) -> None:
        sys.settrace(self._before[0])
        self._last.clear()
        sys.unraisablehook = self._before[1]

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, Interruption):
            self.lost = True
        else:
            self._before[1](unraisable)


def _in_finaliser(frame: FrameType | None) -> bool:
    """Whether a finaliser runs, where the interpreter swallows whatever is raised."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def interrupt_at_every_line(
    scenario: Callable[[Tracer], None], *, stride: int = 1, packages: tuple[str, ...] = (PACKAGE,)
) -> int:
    """Run a scenario once for each line that it executes, interrupted there.

    A scenario makes what it needs, enters the tracer around the calls to interrupt, and asserts
    what holds afterwards. The failure names every line at which an assertion did not hold, up to
    twenty.

    Args:
        scenario: Called with a new tracer each time.
        stride: Only each ``stride``-th line; a prime number misses no loop.
        packages: The folders whose lines count.

    Returns:
        How many interruptions were raised.
    """
    count = Tracer(None, packages)
    scenario(count)
    assert count.lines > 0, "the scenario executes no line of the SDK"
    raised = 0
    failures: list[str] = []
    for at in range(0, count.lines, stride):
        tracer = Tracer(at, packages)
        try:
            scenario(tracer)
        except BaseException as error:
            reason = next(iter(str(error).splitlines()), "")
            failures.append(f"{tracer.where}: {type(error).__name__}: {reason}")
            if len(failures) == 20 or isinstance(error, Hanging):
                break
        raised += tracer.where is not None
    assert not failures, "interrupted at\n" + "\n".join(failures)
    return raised


# A part of the lines runs in every test run, more of them where slow tests run, and all of them as
# a proof.
strides = pytest.mark.parametrize(
    "stride",
    [
        pytest.param(61, id="some"),
        pytest.param(11, id="many", marks=pytest.mark.slow),
        pytest.param(1, id="every", marks=[pytest.mark.proof, pytest.mark.timeout(900)]),
    ],
)


@contextmanager
def unharmed_client(blocking: Blocking, hub: LoopbackHub) -> Iterator[Any]:
    """Make a client for one interruption, and check afterwards that it is unharmed.

    Every lease is released, the next call returns, and no connection outlives the client.
    """
    limits = RateLimits(per_minute=10_000, concurrent=3, headroom=0)
    # A call that waits for a lost lease ends in an error of its own.
    client = blocking.client(hub, rate_limits=limits, timeout=5, deadline=5)
    try:
        yield client
        assert client.rate_limits.concurrent == 3, "a lease was lost"
        assert without_hanging(lambda: client.campaigns.get("c1"))["id"] == "c1"
    finally:
        without_hanging(blocking.reset)
        if not hub.disconnected_within(0.05):
            # A socket that was interrupted inside httpcore before anything else knew of it is
            # closed when it is collected.
            gc.collect()
        hub.wait_until_disconnected()
        hub.requests.clear()


@contextmanager
def expect_interruption(tracer: Tracer) -> Iterator[list[BaseException]]:
    """Run calls that must raise the interruption where there is one; it is put in the list."""
    caught: list[BaseException] = []
    try:
        with tracer:
            yield caught
    except Interruption as error:
        caught.append(error)
    raised = tracer.where is not None and not tracer.lost
    assert bool(caught) is raised, "the interruption was swallowed"


def notes_of(error: BaseException | None) -> str:
    """The notes of an error and of the errors that it came from."""
    notes: list[str] = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    return "\n".join(notes)


class CancelAt:
    """Awaits a coroutine and cancels the running task at the n-th time that it waits.

    Attributes:
        waits: How often the coroutine waited.
        cancelled: Whether the task was cancelled.
    """

    def __init__(self, awaitable: Awaitable[Any], at: int | None) -> None:
        self.waits = 0
        self.cancelled = False
        self._awaitable = awaitable
        self._at = at

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._awaitable.__await__()
        raised: BaseException | None = None
        while True:
            try:
                waiting = steps.send(None) if raised is None else steps.throw(raised)
            except StopIteration as end:
                return end.value
            raised = None
            if self.waits == self._at:
                self.cancelled = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            self.waits += 1
            try:
                yield waiting
            except BaseException as error:
                raised = error


@contextmanager
def raise_at(source: str, error: BaseException) -> Iterator[None]:
    """Raise ``error``, once, at the first line of the SDK whose source contains ``source``.

    Fails where the SDK executes no such line, so that a test cannot pass because it was reworded.
    """
    raised = False

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal raised
        filename = frame.f_code.co_filename
        if not filename.startswith(PACKAGE):
            return None
        if event == "line" and source in linecache.getline(filename, frame.f_lineno):
            # Python takes the trace function away as it raises.
            raised = True
            raise error
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        assert raised, f"the SDK executes no line with {source!r}"
