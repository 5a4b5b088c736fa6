"""What the two iterators over a flow share: the items at hand, the flow, and where it stands.

Knows flows, and how an interrupted one goes on. It carries out nothing and waits for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from kataven._core.operation import Admit, Denied, Interrupted, Open, Read, Sleep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kataven._core.operation import Flow
    from kataven.clock import Clock
    from kataven.events.ports import AsyncPort, BlockingPort

T = TypeVar("T")

NOTHING: Final[Any] = object()
"""Stands for "no item", which None cannot: an item may be anything."""

# How long a pause is slept through before it is asked whether the iterator was closed meanwhile.
_NAP = 0.25


class Steps(Generic[T]):
    """What both iterators share: the items at hand, the flow, and where it stands."""

    def __init__(self, flow: Flow[Any], port: BlockingPort | AsyncPort, *, resumes: bool) -> None:
        self._flow = flow
        self._port: Any = port
        # Whether an interrupted wait for an item leaves the iteration as it was. Where it does not,
        # the flow is told, and says what it knows.
        self._resumes = resumes
        # What was given and is not taken yet. It may be decoded only while it is taken.
        self._items: Iterator[T] = iter(())
        self._closed = False
        self._finished = False
        self._result: Any = None
        # An effect that was interrupted in the middle is carried out anew at the next item.
        self._effect: Any = None
        # What the flow is handed when it goes on, or what is thrown into it.
        self._outcome: Any = None
        self._raised: Exception | None = None
        # The pause under way: which, its end on the clock, and what is left of it.
        self._pause: tuple[Sleep | None, float, float] = (None, 0.0, 0.0)
        # The budget's lease for a call that the flow makes beside its stream.
        self._call_lease: Any = None
        # What that lease was asked for with, until the call has been answered.
        self._admission: Admit | None = None

    def _first(self, items: Iterable[T]) -> Any:
        """Begin with what was given; the flow learns whether it was anything."""
        given = iter(items)
        for item in given:
            # Other threads see it from here on, and an interruption can no longer give it anew.
            self._effect, self._outcome, self._items = None, True, given
            return item
        return NOTHING

    def _handed_over(self) -> tuple[Any, Exception | None]:
        """What the flow goes on with, once."""
        outcome, self._outcome = self._outcome, None
        raised, self._raised = self._raised, None
        return outcome, raised

    def _admitted(self, effect: Admit, lease: Any) -> Any:
        """Keep a lease with the stream's connection, or until its call has been answered."""
        if isinstance(lease, Denied):
            return lease
        if effect.stream:
            self._port.hold(lease)
        else:
            self._call_lease, self._admission = lease, effect
        return lease

    def _let_go(self) -> Any:
        lease, self._call_lease = self._call_lease, None
        return lease

    @property
    def result(self) -> Any:
        """What the flow returned, once the iteration has ended."""
        return self._result

    def _interrupted(self, effect: Any, interruption: BaseException) -> None:
        """Tell the flow, unless the iteration may go on; it only adds to what is raised."""
        if self._resumes:
            if type(effect) in {Open, Read}:
                # The connection is ended with the wait for it; the flow decides what comes next.
                self._effect, self._outcome = None, Interrupted()
            return
        self._finished = True
        try:
            self._flow.throw(interruption)
        except BaseException as error:
            if error is not interruption:
                raise

    def _naps(self, pause: Sleep, clock: Clock) -> Iterator[float]:
        """The pieces of a pause; one that goes on after an interruption ends when it would have."""
        if self._pause[0] is not pause:
            self._pause = (pause, clock.now() + pause.seconds, pause.seconds)
        while not self._closed:
            _, until, left = self._pause
            # By the clock, which may run on between two naps, or stand still in a test.
            left = min(left, until - clock.now())
            if left <= 0:
                return
            nap = min(left, _NAP)
            yield nap
            self._pause = (pause, until, left - nap)

    def _advance(self, outcome: Any, raised: BaseException | None) -> Any:
        """The flow's next effect, or None at its end."""
        try:
            if raised is not None:
                return self._flow.throw(raised)
            return self._flow.send(outcome)
        except StopIteration as end:
            self._finished = True
            self._result = end.value
            return None
        except BaseException:
            self._finished = True
            if self._closed:
                # Whatever a closed connection broke with is the end that was asked for.
                return None
            raise
