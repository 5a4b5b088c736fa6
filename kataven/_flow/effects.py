"""What a flow can ask of a driver.

Each effect names the type of its result: ``outcome = yield from Send(...)`` has the type
``Response | Failure``. ``AnyEffect`` is the closed list; both drivers handle every member and end
with ``assert_never``, so that a type checker finds a driver that misses one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar

from kataven._flow.operation import Attempt, Failure, Operation, Response, Timeout

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Effect(Generic[R_co]):
    """A request to the driver whose result has the type ``R_co``."""

    __slots__ = ()

    def __iter__(self) -> Generator[Self, Any, R_co]:
        """Yield the effect itself; ``yield from`` then returns what the driver sent back."""
        # The driver chooses what it sends by the effect's class; this line gives it its type.
        result: R_co = yield self
        return result


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rate limiter has no room before the deadline; it would have some in ``retry_in`` s."""

    retry_in: float


@dataclass(frozen=True, slots=True)
class Acquire(Effect[Rejected | None]):
    """Wait for the rate limiter and take a lease, which the driver holds and releases.

    The lease of a call is released after its response, that of a stream when its connection closes.

    Attributes:
        attempt: What is about to be sent.
        deadline: The moment, in seconds since the epoch, at which the wait ends; or None.
        on_wait: Called once with the expected seconds if there is a wait.
        stream: Whether the lease is for a stream.
    """

    attempt: Attempt
    deadline: float | None
    on_wait: Callable[[float], None]
    stream: bool = False


@dataclass(slots=True)
class Send(Effect[Response | Failure]):
    """Send the request once and read its response."""

    attempt: Attempt
    timeout: Timeout
    deadline: float | None


@dataclass(frozen=True, slots=True)
class PauseLimiter(Effect[None]):
    """Hold back every call of the rate limiter for ``seconds``, except control calls."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RefreshToken(Effect[None]):
    """Get a new token in place of the one with the number ``refused``.

    ``deadline`` (seconds since the epoch) bounds the wait in the async client. A blocking token
    provider cannot be abandoned, so the blocking client waits for it.
    """

    refused: int
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class RunInThread(Effect[T]):
    """Run a function that reads or writes files, and return its result.

    The async driver runs it in a thread, so that a slow disk does not block the event loop.
    """

    function: Callable[[], T]


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is open."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The task was cancelled during the wait, which ended the connection."""


@dataclass(frozen=True, slots=True)
class OpenStream(Effect[Opened | Response | Failure | Interrupted]):
    """Open an event stream; a Response is a refusal or something that is not a stream."""

    operation: Operation[None]
    timeout: Timeout
    idle_timeout: float
    last_event_id: str
    deadline: float | None


@dataclass(frozen=True, slots=True)
class ReadStream(Effect[bytes | Failure | Interrupted | None]):
    """Read the next chunk of the open stream; None at a clean close."""


@dataclass(frozen=True, slots=True)
class Emit(Effect[bool]):
    """Hand items to the caller one by one; returns whether there was any.

    The flow continues when the caller asks for more than these. An exception raised while iterating
    over ``items`` is thrown into the flow.
    """

    items: Iterable[object]


AnyEffect: TypeAlias = (
    Acquire
    | Send
    | PauseLimiter
    | Sleep
    | RefreshToken
    | RunInThread[Any]
    | OpenStream
    | ReadStream
    | Emit
)

Flow: TypeAlias = Generator[AnyEffect, Any, T]
"""A generator that yields effects, receives their results, and returns a ``T``."""


class StopFlow(Exception):  # noqa: N818 - not an error
    """Raised by a handler of `through` to close the inner flow; it passes through to the caller."""


def through(flow: Flow[T], handle: Callable[[AnyEffect], Flow[Any]]) -> Flow[T]:
    """Run a flow and let ``handle`` perform each of its effects.

    Args:
        flow: The inner flow.
        handle: Returns a flow that performs one effect and returns its result, for example by
            yielding it to the driver. What it raises is thrown into the inner flow, except
            `StopFlow`.

    Returns:
        What the inner flow returned.
    """
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
                outcome = yield from handle(effect)
            except StopFlow:
                raise
            except BaseException as error:  # noqa: BLE001 - the inner flow may know what to do
                raised = error
    finally:
        flow.close()
