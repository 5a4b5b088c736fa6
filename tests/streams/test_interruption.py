"""An interruption anywhere in the SDK ends a stream, a watch, a wait or a run, and says so.

Each proof raises at every line of ``kataven/`` that its calls execute, over a real socket. The
tests marked ``slow`` raise at all of them, the others at a part.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from kataven import RateLimits, StreamError
from tests.support.clients import CSV, MAY_HAVE_PROCESSED, WRITES
from tests.support.http import END, HEARTBEAT, data, response
from tests.support.interrupting import (
    PACKAGE,
    CancelAt,
    Tracer,
    expect_interruption,
    interrupt_at_every_line,
    notes_of,
    strides,
    unharmed_client,
)
from tests.support.patience import PATIENCE
from tests.support.server import stream

if TYPE_CHECKING:
    from tests.support.clients import Awaited, Blocking
    from tests.support.server import LoopbackHub

RUNNING = data({"status": "running", "total": 2, "completed": 1})
COMPLETED = data({"status": "completed", "total": 2, "completed": 2})
ITEMS = [{"n": 1}, ": heartbeat", {"n": 2}, {"n": 3}, "event: end"]


@pytest.fixture
def hub(hub: LoopbackHub) -> LoopbackHub:
    """A Hub on which everything goes well."""
    hub.always = response(200, {"id": "c1", "status": "completed"})
    hub.on("POST /campaigns", response(201, {"id": "c1", "status": "draft"}))
    hub.on("POST /campaigns/c1/start", response(200, {"id": "c1", "status": "running"}))
    hub.events(stream(RUNNING, COMPLETED, END))
    hub.events(
        stream(data({"n": 1}) + HEARTBEAT, data({"n": 2}), data({"n": 3}), END), campaign="c2"
    )
    return hub


@pytest.fixture
def fresh(blocking: Blocking, hub: LoopbackHub) -> Any:
    """Make a client for each interruption."""
    return functools.partial(unharmed_client, blocking, hub)


@strides
def test_an_interrupted_stream_raises_stream_error_and_never_looks_complete(
    fresh: Any, stride: int
) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            events = client.campaigns.stream_events("c2")
            items: list[Any] = []
            with expect_interruption(tracer) as caught:
                while (item := next(events, None)) is not None:
                    items.append(item)
            assert items == ITEMS[: len(items)], "an item was lost or came twice"
            if not caught:
                assert items == ITEMS
            elif len(items) == len(ITEMS):
                pass
            elif tracer.in_next and not events.interrupted:
                assert items + list(events) == ITEMS
            else:
                for _ in range(2):
                    with pytest.raises(StreamError):
                        next(events)
            events.close()

    assert interrupt_at_every_line(scenario, stride=stride) > 10


@strides
def test_an_interrupted_watch_raises_stream_error_and_never_ends_as_running(
    fresh: Any, stride: int
) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            watch = client.campaigns.watch("c1")
            seen: list[str] = []
            with expect_interruption(tracer) as caught:
                while (progress := next(watch, None)) is not None:
                    seen.append(progress.status)
            if not caught:
                assert seen == ["running", "completed"]
            elif seen[-1:] == ["completed"]:
                pass
            elif tracer.in_next and not watch.interrupted:
                assert seen + [progress.status for progress in watch] == ["running", "completed"]
            else:
                with pytest.raises(StreamError):
                    next(watch)
            watch.close()

    assert interrupt_at_every_line(scenario, stride=stride) > 10


@strides
def test_an_interrupted_wait_never_returns(fresh: Any, stride: int) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client, expect_interruption(tracer):
            assert client.campaigns.wait("c1")["status"] == "completed"

    assert interrupt_at_every_line(scenario, stride=stride) > 10


@pytest.mark.slow
@strides
def test_an_interrupted_run_never_returns_and_names_its_campaign(
    fresh: Any, hub: LoopbackHub, stride: int
) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            with expect_interruption(tracer) as caught:
                final = client.campaigns.run("Spring", "a1", "p1", CSV)
                assert final["status"] == "completed"
            made = "POST /campaigns" in hub.routes
            started = "POST /campaigns/c1/start" in hub.routes
            if caught:
                (error,) = caught
                named = getattr(error, "campaign_id", None) == "c1"
                assert not named or made
                assert named or not started
                if made:
                    assert named or MAY_HAVE_PROCESSED in notes_of(error)
            assert hub.routes.count("POST /campaigns") <= 1
            assert hub.routes.count("POST /campaigns/c1/start") <= 1

    assert interrupt_at_every_line(scenario, stride=stride) > 10


@strides
@pytest.mark.parametrize("operation", WRITES)
def test_an_interrupted_write_says_whether_the_hub_may_have_acted(
    fresh: Any, hub: LoopbackHub, operation: str, stride: int
) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            with expect_interruption(tracer) as caught:
                WRITES[operation](client)
            assert len(hub.requests) <= 1
            if caught and hub.requests:
                assert MAY_HAVE_PROCESSED in notes_of(caught[0])

    assert interrupt_at_every_line(scenario, stride=stride) > 10


def test_a_second_thread_inside_next_gets_runtime_error_and_harms_nothing(
    hub: LoopbackHub, blocking: Blocking
) -> None:
    waiting, release = threading.Event(), threading.Event()
    steps = (lambda _connection: waiting.set(), release, data({"n": 1}), END)
    hub.events(stream(*steps))
    events = blocking.client(hub).campaigns.stream_events("c1")
    items: list[Any] = []
    reader = threading.Thread(target=lambda: items.extend(events))
    reader.start()
    assert waiting.wait(PATIENCE)
    with pytest.raises(RuntimeError):
        next(events)
    release.set()
    reader.join(PATIENCE)
    assert items == [{"n": 1}, "event: end"]


def test_a_second_thread_while_one_decodes_gets_runtime_error_and_harms_nothing(
    hub: LoopbackHub, blocking: Blocking
) -> None:
    """The second one ran the iterator before, and did not stop it."""
    # So many that each is decoded only when it is requested.
    hub.events(stream(b"".join(data({"n": n}) for n in range(1, 9001)), END))
    events = blocking.client(hub).campaigns.stream_events("c1")
    assert next(events) == {"n": 1}
    decoding, resume = threading.Event(), threading.Event()
    items: list[Any] = []

    def pause(frame: Any, _event: str, _argument: Any) -> None:
        if frame.f_code.co_filename.endswith("decoder.py"):
            sys.settrace(None)
            decoding.set()
            resume.wait(PATIENCE)

    def decode() -> None:
        sys.settrace(pause)
        items.append(next(events))

    reader = threading.Thread(target=decode)
    reader.start()
    assert decoding.wait(PATIENCE)
    with pytest.raises(RuntimeError):
        next(events)
    assert not events.interrupted
    resume.set()
    reader.join(PATIENCE)
    assert [*items, *events] == [*({"n": n} for n in range(2, 9001)), "event: end"]


# A socket that was interrupted inside httpcore before anything else knew of it is collected open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@strides
def test_a_client_works_after_an_interruption_anywhere_in_httpcore(fresh: Any, stride: int) -> None:
    """What is interrupted inside its locks leaves them taken for ever."""

    def scenario(tracer: Tracer) -> None:
        with fresh() as client, expect_interruption(tracer):
            client.campaigns.get("c1")

    packages = (PACKAGE, str(Path(httpcore.__file__).parent))
    assert interrupt_at_every_line(scenario, stride=stride, packages=packages) > 10


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_cancelled_at_any_await_says_whether_the_hub_may_have_acted(
    awaited: Awaited, hub: LoopbackHub, operation: str
) -> None:
    async def cancelled_at(at: int | None) -> int:
        limits = RateLimits(per_minute=10_000, concurrent=3, headroom=0)
        client = awaited.client(hub, rate_limits=limits, timeout=5, deadline=5)
        call = CancelAt(WRITES[operation](client), at)
        error: BaseException | None = None
        try:
            await call
        except asyncio.CancelledError as cancelled:
            error = cancelled
        assert (error is not None) is call.cancelled, "the cancellation was swallowed"
        while client.rate_limits.concurrent != 3:
            await asyncio.sleep(0.002)
        assert (await client.campaigns.get("c1"))["id"] == "c1"
        writes = [request for request in hub.requests if request.method != "GET"]
        assert len(writes) <= 1
        if error is not None and writes:
            assert MAY_HAVE_PROCESSED in notes_of(error), f"cancelled at wait {at}"
        return call.waits

    def run(at: int | None) -> int:
        waits: int = awaited.call(lambda: asyncio.wait_for(cancelled_at(at), PATIENCE))
        awaited.reset()
        hub.wait_until_disconnected()
        hub.requests.clear()
        return waits

    waits = run(None)
    assert waits > 1
    for at in range(waits):
        run(at)
