"""An interrupted wait for an item leaves the iteration whole, and so do two readers at once."""

from __future__ import annotations

import gc
import itertools
import json
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kataven._core.iteration import FlowIterator
from kataven._core.operation import Give, Interrupted, Read
from kataven.events.decoder import EventDecoder
from kataven.events.ports import BlockingPort
from tests.support.clients import DrivenClock
from tests.support.http import END, data, response
from tests.support.server import LoopbackHub, silence, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE, TWO = data({"n": 1}), data({"n": 2})


@contextmanager
def interrupt_once(asked: threading.Event) -> Iterator[None]:
    """Send Ctrl-C to this thread, a moment after the event."""
    reader = threading.get_ident()

    def interrupt() -> None:
        asked.wait(10)
        asked.clear()
        threading.Event().wait(0.05)
        signal.pthread_kill(reader, signal.SIGINT)

    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        interrupting.join(10)
        signal.signal(signal.SIGINT, kept)


def test_an_interrupted_pause_is_gone_on_with(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(response(503), stream(ONE, END))
    clock = DrivenClock(jitter=0.0)
    naps: list[float] = []

    def interrupt_the_second(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt

    clock.on_sleep = interrupt_the_second
    events = blocking.client(hub, clock=clock).campaigns.stream_events("c1")
    with pytest.raises(KeyboardInterrupt):
        next(events)
    assert len(hub.requests) == 1
    assert list(events) == [{"n": 1}, "event: end"]
    # The pause of half a second, whose second half was interrupted and then slept.
    assert clock.slept == [0.25, 0.25]


def test_an_interrupted_look_at_the_campaign_is_made_anew(hub: LoopbackHub, blocking: Any) -> None:
    asked = threading.Event()

    def say_nothing(connection: Any) -> None:
        asked.set()
        silence(connection)

    hub.events(response(404))
    hub.get(say_nothing, response(200, {"id": "c1", "status": "completed"}))
    progress = blocking.client(hub).campaigns.watch("c1")
    with interrupt_once(asked):
        next(progress)
    assert [seen.status for seen in progress] == ["completed"]
    assert hub.routes.count("GET /campaigns/c1") == 2


def test_an_interrupt_amid_the_items_of_a_piece_ends_the_connection(
    hub: LoopbackHub, blocking: Any
) -> None:
    """What else came in that piece is lost with it, so the flow must learn of it."""
    told: list[Any] = []

    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    def flow() -> Any:
        told.append((yield Give(items())))
        told.append((yield Read()))
        yield Give([2])

    driver = blocking.client(hub)._driver
    port = BlockingPort(driver)
    numbers = FlowIterator[int](driver, flow(), port)
    assert next(numbers) == 1
    with pytest.raises(KeyboardInterrupt):
        next(numbers)
    assert list(numbers) == [2]
    assert told == [True, Interrupted()]


def test_an_interrupted_page_is_given_whole(hub: LoopbackHub, blocking: Any) -> None:
    """Rows are at hand before they are given, so none is lost and none comes twice."""

    class Rows(list[int]):
        interrupted = False

        def __iter__(self) -> Iterator[int]:
            if not self.interrupted:
                self.interrupted = True
                raise KeyboardInterrupt
            return super().__iter__()

    def flow() -> Any:
        yield Give(Rows([1, 2]))
        yield Give(Rows([3]))

    driver = blocking.client(hub)._driver
    numbers = FlowIterator[int](driver, flow(), BlockingPort(driver))
    given: list[int] = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            given += numbers
        given += [next(numbers)]
    assert [*given, *numbers] == [1, 2, 3]


def test_what_items_raise_is_thrown_into_the_flow(hub: LoopbackHub, caller: Any) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    def flow() -> Any:
        try:
            yield Give(items())
        except ValueError as error:
            yield Give([str(error)])
        assert (yield Give(())) is False
        assert (yield Give((3,))) is True

    client = caller.client(hub)
    events = client.campaigns.stream_events("c1")
    events._flow = flow()
    assert caller.rest(events) == [1, "no more", 3]


def test_two_threads_that_share_a_stream_get_each_item_once(
    hub: LoopbackHub, blocking: Any
) -> None:
    frames = [data({"n": number, "more": [number] * 20}) for number in range(20_000)]
    piece = b"".join(frames)
    assert len(piece) > 100 * EventDecoder.in_place_from
    hub.events(stream(piece, END))
    events = blocking.client(hub).campaigns.stream_events("c1")
    items: list[list[Any]] = [[], []]
    errors: list[BaseException] = []

    def read(into: list[Any]) -> None:
        try:
            into.extend(events)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(into,)) for into in items]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert errors == []
    assert all(items)
    got = sorted(json.dumps(item) for part in items for item in part)
    assert got == sorted(
        [json.dumps({"n": number, "more": [number] * 20}) for number in range(20_000)]
        + [json.dumps("event: end")]
    )


def test_nobody_else_takes_an_item_before_the_first_of_a_piece_is_decoded(
    hub: LoopbackHub, blocking: Any
) -> None:
    others: list[Any] = []

    class Piece:
        """Counts who decodes at the same time, which a generator would refuse."""

        def __init__(self) -> None:
            self.left = [1, 2]
            self.inside = 0
            self.together = threading.Event()

        def __iter__(self) -> Piece:
            return self

        def __next__(self) -> int:
            if not self.left:
                raise StopIteration
            self.inside += 1
            if self.inside > 1:
                self.together.set()
            if len(self.left) == 2:
                other = threading.Thread(target=lambda: others.append(next(numbers)))
                other.start()
                threads.append(other)
                self.together.wait(0.2)
            self.inside -= 1
            return self.left.pop(0)

    piece = Piece()
    threads: list[threading.Thread] = []

    def flow() -> Any:
        yield Give(piece)

    driver = blocking.client(hub)._driver
    numbers = FlowIterator[int](driver, flow(), BlockingPort(driver))
    assert next(numbers) == 1
    threads[0].join(10)
    assert others == [2]
    assert not piece.together.is_set()


def test_interrupts_amid_decoding_never_leave_a_gap(hub: LoopbackHub, blocking: Any) -> None:
    """Of each connection come its first items, without a gap, up to where it was ended."""
    rounds, frames = 6, 10_000

    def snapshots(number: int) -> list[dict[str, Any]]:
        return [{"connection": number, "n": n, "more": [n] * 20} for n in range(frames)]

    # An interrupt may come between two items, which ends nothing, or amid an opening, which costs
    # a connection: there are some to spare.
    hub.events(
        *[
            stream(b"".join(map(data, snapshots(number))), end="unfinished")
            for number in range(3 * rounds)
        ]
    )
    client = blocking.client(hub, clock=DrivenClock(jitter=0.0))
    events = client.campaigns.stream_events("c1")
    items: list[Any] = []
    interrupts = 0
    # By a timer, and so amid whatever takes the time; and read in C, so that an interrupt can only
    # come while an item is asked for.
    kept = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    # An interrupt amid somebody's callback of the collector would be swallowed there.
    gc.disable()
    try:
        for _ in range(rounds):
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.02)
                items.extend(events)
            except KeyboardInterrupt:
                interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        gc.enable()
        signal.signal(signal.SIGVTALRM, kept)
    items.extend(itertools.islice(events, 100))
    events.close()
    # One that comes amid the iteration's own steps, not amid decoding, ends it.
    assert interrupts > 0
    for number in sorted({item["connection"] for item in items}):
        came = [item for item in items if item["connection"] == number]
        assert came == snapshots(number)[: len(came)]
