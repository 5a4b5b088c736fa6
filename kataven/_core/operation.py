"""The values that travel between flows and drivers.

Knows what a Hub operation is and what a driver can be asked to do. It does no I/O, knows no HTTP
library and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from kataven._core.tokens import Token

T = TypeVar("T")

# Three years.
_LONGEST_TIME: Final = 1e8


def check_seconds(name: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is no length of time.

    Raises:
        TypeError: If the value is no number.
        ValueError: If it is negative, not a number, or 0 where that is not allowed.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not (value > 0 or (zero and value == 0)):
        raise ValueError(f"{name} must be more than 0 seconds, not {value}")
    # Beyond, the machine's own clocks and sockets overflow.
    if value > _LONGEST_TIME:
        raise ValueError(f"{name} must be at most {_LONGEST_TIME:.0f} seconds, not {value}")


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long each part of one request may take, in seconds.

    Args:
        connect: To make a connection (default 10).
        read: Between two pieces of an answer, and from the status line to the end of the body
            (default 30).
        write: To hand over a piece of the request (default 30).
        pool: To wait for a free connection of the client's pool (default 30).
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0
    pool: float = 30.0

    def within(self, seconds: float) -> Timeout:
        """The same timeouts, none longer than ``seconds``."""
        return Timeout(
            min(self.connect, seconds),
            min(self.read, seconds),
            min(self.write, seconds),
            min(self.pool, seconds),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was read whole.

    ``raw_headers`` are name and value as received; ``body`` is unpacked and within the bound;
    ``token`` is the number of the token that was sent, so that a renewal knows which one was
    refused. ``without_key`` is the body to show in an error where the body echoes the key.
    """

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    token: int = 0
    without_key: bytes | None = None

    @property
    def shown(self) -> bytes:
        """The body as an error may show it."""
        return self.body if self.without_key is None else self.without_key

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case; of a doubled one the last."""
        return {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self.raw_headers
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no whole answer.

    ``status`` and ``raw_headers`` are those of an answer whose body broke off, else None and empty.
    ``timed_out`` tells a timeout from a break, ``deadline_passed`` that it was the call's deadline.
    ``final`` marks what a repeat cannot mend (a body over the bound). ``token`` is that of a reply.
    """

    cause: Exception
    text: str
    sent: bool
    timed_out: bool = False
    status: int | None = None
    raw_headers: Sequence[tuple[bytes, bytes]] = ()
    final: bool = False
    token: int = 0
    deadline_passed: bool = False


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One Hub operation, ready to be sent, and how its answer is read.

    Attributes:
        name: The operationId of the specification.
        method: The HTTP method.
        target: Path and query below the version, percent-encoded.
        answer: Makes the result of a successful reply.
        broken_answer: Makes the result where a 2xx head was followed by a body that broke off, or
            None where that is a failure like any other.
        writes: Whether the Hub acts on it; then it is repeated only if it surely did not act.
        control: Whether it is a control call (pause, stop), for which the budget keeps headroom.
        files: The parts of a multipart form, or None.
    """

    name: str
    method: str
    target: str
    answer: Callable[[Reply], T]
    broken_answer: Callable[[int, Failure], T] | None = None
    writes: bool = False
    control: bool = False
    files: Sequence[tuple[str, Any]] | None = None

    @property
    def path(self) -> str:
        """The path without its query, for logs and hooks."""
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Attempt:
    """What is known of a request under way; the driver writes it down as it happens.

    ``sent`` becomes True as the first byte goes out, ``head`` status and headers as they are in.
    ``handed_over`` says that a transport of the caller's has it and has said nothing of it yet;
    many never do. ``token`` is what was sent as the token.
    """

    sent: bool = False
    handed_over: bool = False
    head: tuple[int, Sequence[tuple[bytes, bytes]]] | None = None
    token: Token | None = None

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the Hub may have seen something of it."""
        return self.sent or self.handed_over


@dataclass(frozen=True, slots=True)
class Admit:
    """Take a lease from the budget, waiting for it; hands back the lease, or Denied past ``limit``.

    A lease for a call is given back with its answer, one for a stream when the stream closes.
    ``told`` is called once with the seconds, where there is a wait.
    """

    control: bool
    limit: float | None
    told: Callable[[float], None]
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """The budget has no room within the limit; it would have some in ``wait`` seconds."""

    wait: float


@dataclass(frozen=True, slots=True)
class Send:
    """Send the operation once; hands back a Reply or a Failure.

    A lease that was taken for it is given back as soon as the answer has been read.
    """

    operation: Operation[Any]
    timeout: Timeout
    attempt: Attempt
    limit: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold back every call of the budget for so many seconds, but for control calls."""

    seconds: float
    control: bool


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many seconds; hands back None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Get a new token in place of the one with this number; hands back None.

    ``limit`` is the moment, in seconds since the epoch, past which nobody waits for it any more; a
    blocking function cannot be left alone, so there it binds nothing.
    """

    token: int
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """Run a function that reads or writes files; hands back its result.

    The async driver runs it in a thread, so that a slow disk does not hold up the event loop.
    """

    function: Callable[[], T]


@dataclass(frozen=True, slots=True)
class Open:
    """Open the stream; hands back Opened, or a Reply that is no stream, or a Failure."""

    operation: Operation[Any]
    timeout: Timeout
    idle_timeout: float
    last_event_id: str
    limit: float | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is open."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read on; hands back bytes, None at a clean close, Interrupted, or a Failure."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The reader was cancelled in the middle of a read, which ended the connection."""


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """Hand items to the caller, one by one; the flow goes on when more than these are asked for.

    Hands back whether there was any. What iterating them raises is thrown into the flow.
    """

    items: Iterable[T]


Effect: TypeAlias = Any
Flow: TypeAlias = Generator[Effect, Any, T]
