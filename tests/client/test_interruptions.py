"""Ctrl-C and cancellation during a write are passed on, with a note of what is known."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clients import (
    MAY_HAVE_PROCESSED,
    NOT_PROCESSED,
    OPERATIONS,
    WRITES,
    Awaited,
    Blocking,
    DrivenClock,
    cancelled_when_silent,
)
from tests.support.http import response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, silence, wait_for
from tests.support.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _ctrl_c_works() -> Iterator[None]:
    """A process that a shell started in its background inherits SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _press_ctrl_c(_request: Any) -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _notes(error: BaseException | None) -> str:
    """The notes of an error and of what it came from."""
    notes: list[str] = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    return "\n".join(notes)


@table("operation", WRITES)
def test_ctrl_c_while_a_write_waits_for_its_response_says_that_it_may_have_acted(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    hub.respond((silence,))
    hub.on_request = _press_ctrl_c
    client = caller.client(hub)
    with pytest.raises(KeyboardInterrupt) as caught:
        caller.call(WRITES[operation], client)
    assert MAY_HAVE_PROCESSED in _notes(caught.value)
    assert hub.only.path.removeprefix("/api/v1") in _notes(caught.value)
    assert hub.only.method in _notes(caught.value)
    # The client still works.
    hub.on_request = None
    assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
    assert hub.arrived(2) == 2


@pytest.mark.parametrize("operation", ["get", "list"])
def test_ctrl_c_in_a_read_is_passed_on_without_a_note(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    hub.respond((silence,))
    hub.on_request = _press_ctrl_c
    with pytest.raises(KeyboardInterrupt) as caught:
        caller.call(OPERATIONS[operation], caller.client(hub))
    assert _notes(caught.value) == ""


@pytest.mark.parametrize("operation", ["create", "start", "delete"])
def test_ctrl_c_while_a_write_waits_for_its_retry_says_that_nothing_was_done(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    clock.on_sleep = interrupt
    hub.always = response(429, "rate_limited: x", [("Retry-After", "60")])
    with pytest.raises(KeyboardInterrupt) as caught:
        caller.call(WRITES[operation], caller.client(hub, clock=clock))
    assert NOT_PROCESSED in _notes(caught.value)
    assert MAY_HAVE_PROCESSED not in _notes(caught.value)
    assert hub.arrived(1) == 1


def test_ctrl_c_before_the_first_byte_of_a_write_says_that_nothing_was_done(
    blocking: Blocking, hub: LoopbackHub
) -> None:
    def ask() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        blocking.client(hub, api_key=ask).campaigns.start("c1")
    assert NOT_PROCESSED in _notes(caught.value)
    assert MAY_HAVE_PROCESSED not in _notes(caught.value)
    assert hub.connections == 0


@table("operation", WRITES)
def test_a_cancelled_write_says_that_it_may_have_acted_and_ends_its_connection(
    awaited: Awaited, hub: LoopbackHub, operation: str
) -> None:
    hub.respond((silence,))
    client = awaited.client(hub)
    error = awaited.run(cancelled_when_silent(hub, WRITES[operation](client)))
    assert MAY_HAVE_PROCESSED in _notes(error)
    assert hub.arrived(1) == 1
    assert awaited.call(client.campaigns.get, "c1") == {"id": "c1"}


def test_a_write_under_asyncios_own_timeout_says_the_same(
    awaited: Awaited, hub: LoopbackHub, brief: Any
) -> None:
    hub.respond((silence,))
    client = awaited.client(hub)

    async def main() -> None:
        async with asyncio.timeout(brief(0.3)):
            await client.campaigns.stop("c1")

    with pytest.raises(TimeoutError) as caught:
        awaited.run(main())
    assert MAY_HAVE_PROCESSED in _notes(caught.value)


def test_a_write_cancelled_while_it_waits_for_its_retry_was_not_acted_upon(
    awaited: Awaited, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(429, "rate_limited: x", [("Retry-After", "60")])
    waiting = asyncio.Event()

    async def wait(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    clock.on_sleep = wait
    client = awaited.client(hub, clock=clock)

    async def main() -> asyncio.CancelledError:
        task = asyncio.ensure_future(client.campaigns.start("c1"))
        await asyncio.wait_for(waiting.wait(), PATIENCE)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        raise AssertionError("it was not cancelled")

    error = awaited.run(main())
    assert NOT_PROCESSED in _notes(error)
    assert MAY_HAVE_PROCESSED not in _notes(error)
    assert hub.arrived(1) == 1


def test_a_cancelled_read_carries_no_note_and_leaves_no_connection(
    awaited: Awaited, hub: LoopbackHub
) -> None:
    hub.respond((silence,))
    client = awaited.client(hub)
    error = awaited.run(cancelled_when_silent(hub, client.campaigns.get("c1")))
    assert _notes(error) == ""
    # The Hub sees the connection end although the client stays open.
    wait_for(lambda: hub.open_connections == 0)
