"""Every contact of a campaign, page by page; blocking and async."""

import asyncio
import gc
import itertools
import pickle
from typing import Any

import pytest

from kataven import (
    AsyncKatavenClient,
    KatavenClient,
    KatavenError,
    RateLimits,
    ResponseFormatError,
    ServerError,
)
from tests.support.clients import KEY, Awaited, Blocking, DrivenClock
from tests.support.http import response
from tests.support.interrupting import Interruption, raise_at
from tests.support.paged import PagedHub, contact, json_response
from tests.support.patience import PATIENCE
from tests.support.server import hang_up, silence
from tests.support.tables import table

LIMITED = response(429, b"rate_limited: per-minute (60) exceeded", {"Retry-After": "60"})


def ids(contacts: list[Any]) -> list[str]:
    return [found["id"] for found in contacts]


def test_every_contact_is_yielded_once_and_an_empty_page_is_the_end(
    caller: Blocking, hub: PagedHub
) -> None:
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_contacts("c1")) == hub.contacts
    assert hub.pages == [0, 1, 2, 3]


@table("count", [0, 1, 99, 100, 101, 200])
def test_any_number_of_contacts_is_read(caller: Blocking, hub: PagedHub, count: int) -> None:
    hub.contacts = hub.contacts[:count]
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_contacts("c1")) == hub.contacts
    assert hub.pages == list(range(-(-count // 100) + 1))


def test_status_and_first_page_are_sent(caller: Blocking, hub: PagedHub) -> None:
    client = caller.client(hub)
    contacts = caller.items(client.campaigns.iter_contacts("c 1", "no answer&x", start_page=1))
    assert contacts == hub.contacts[100:]
    assert hub.lines[0] == "GET /campaigns/c%201/contacts?status=no%20answer%26x&page=1"


def test_nothing_is_sent_before_the_first_item_and_no_page_before_its_time(
    caller: Blocking, hub: PagedHub
) -> None:
    client = caller.client(hub)
    contacts = client.campaigns.iter_contacts("c1")
    assert hub.lines == []
    assert contacts.page == 0
    for _ in range(100):
        caller.next(contacts)
    assert hub.pages == [0]
    assert contacts.page == 1
    caller.next(contacts)
    assert hub.pages == [0, 1]
    assert contacts.page == 2
    caller.close(contacts)
    assert caller.items(contacts) == []
    assert hub.pages == [0, 1]


@table(
    "arguments, options, error",
    [
        (("",), {}, ValueError),
        (("..",), {}, ValueError),
        (("c1",), {"start_page": -1}, ValueError),
        (("c1",), {"start_page": True}, TypeError),
        (("c1",), {"start_page": "0"}, TypeError),
        ((7,), {}, TypeError),
    ],
)
def test_invalid_arguments_are_refused_by_the_call_itself(
    caller: Blocking, hub: PagedHub, arguments: Any, options: Any, error: type[Exception]
) -> None:
    client = caller.client(hub)
    with pytest.raises(error):
        client.campaigns.iter_contacts(*arguments, **options)
    assert hub.lines == []


# How the pages may end.


@pytest.mark.parametrize("with_ids", [True, False], ids=["ids", "no ids"])
def test_a_hub_that_ignores_the_page_is_read_once(
    caller: Blocking, hub: PagedHub, with_ids: bool
) -> None:
    rows = hub.contacts[:50]
    if not with_ids:
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    hub.page = lambda _page: {"contacts": rows}
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_contacts("c1")) == rows
    assert hub.pages == [0, 1]


def test_a_last_page_sent_again_and_again_is_read_once_though_its_contacts_change(
    caller: Blocking, hub: PagedHub
) -> None:
    attempts = itertools.count()

    def clamped(page: int) -> Any:
        rows = hub.contacts[min(page, 2) * 100 :][:100]
        return {"contacts": [{**row, "attempts": next(attempts)} for row in rows]}

    hub.page = clamped
    client = caller.client(hub)
    assert ids(caller.items(client.campaigns.iter_contacts("c1"))) == ids(hub.contacts)
    assert hub.pages == [0, 1, 2, 3]


def test_equal_pages_that_are_not_consecutive_do_not_end_it(
    caller: Blocking, hub: PagedHub
) -> None:
    pages = [[contact(1)], [contact(2)], [contact(1)], [contact(2), contact(1)], []]
    hub.page = lambda page: {"contacts": pages[page]}
    client = caller.client(hub)
    assert ids(caller.items(client.campaigns.iter_contacts("c1"))) == [
        "ct_1", "ct_2", "ct_1", "ct_2", "ct_1",
    ]  # fmt: skip


# Envelopes.


@pytest.mark.parametrize(
    "envelope",
    [
        lambda rows: {"contacts": rows, "links": []},
        lambda rows: {"items": rows, "total": 250, "next": None},
        lambda rows: {"contacts": {"of": "page"}, "data": rows},
        lambda rows: {"contacts": rows or None},
    ],
    ids=[
        "contacts beside another list",
        "the only list",
        "contacts is not a list",
        "null at the end",
    ],
)
def test_the_rows_are_found_in_any_envelope(caller: Blocking, hub: PagedHub, envelope: Any) -> None:
    hub.page = lambda page: envelope(hub.contacts[page * 100 :][:100])
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_contacts("c1")) == hub.contacts


@table(
    "envelope",
    [{}, {"total": 3}, {"items": [], "rows": []}, {"contacts": {}}, {"contacts": "none"}],
)
def test_an_unknown_envelope_is_an_error_and_not_the_end(
    caller: Blocking, hub: PagedHub, envelope: Any
) -> None:
    ordinary = hub.page
    hub.page = lambda page: ordinary(page) if page == 0 else envelope
    contacts = caller.client(hub).campaigns.iter_contacts("c1")
    for _ in range(100):
        caller.next(contacts)
    with pytest.raises(ResponseFormatError, match="'contacts'") as caught:
        caller.next(contacts)
    assert caught.value.page == 1
    assert hub.pages == [0, 1]


def test_rows_are_yielded_unchanged(caller: Blocking, hub: PagedHub) -> None:
    rows = ["+15550100001", None, 7, {"id": {"deep": []}}, {"id": None}, {"id": None}, [1]]
    hub.page = lambda page: {"contacts": rows if page == 0 else []}
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_contacts("c1")) == rows


# Faults.


def test_a_429_retries_only_its_own_page(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(None, LIMITED, response(503, b""), hang_up, None, LIMITED)
    clock = DrivenClock()
    client = caller.client(hub, clock=clock)
    assert caller.items(client.campaigns.iter_contacts("c1")) == hub.contacts
    assert hub.pages == [0, 1, 1, 1, 1, 2, 2, 3]


def test_an_error_names_the_page_to_resume_at(caller: Blocking, hub: PagedHub) -> None:
    clock = DrivenClock()
    client = caller.client(hub, clock=clock, max_retries=1)
    hub.respond(None, None, response(500, b"database"), response(500, b"database"))
    contacts = client.campaigns.iter_contacts("c1")
    read = [caller.next(contacts) for _ in range(200)]
    with pytest.raises(ServerError) as caught:
        caller.next(contacts)
    assert caught.value.page == contacts.page == 2
    assert pickle.loads(pickle.dumps(caught.value)).page == 2
    # The iterator is exhausted; a new one continues.
    assert caller.items(contacts) == []
    rest = caller.items(client.campaigns.iter_contacts("c1", start_page=caught.value.page))
    assert read + rest == hub.contacts


def test_other_errors_have_no_page(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(response(404, b"no such campaign"))
    client = caller.client(hub)
    with pytest.raises(KatavenError) as caught:
        caller.call(lambda: client.campaigns.list_contacts("c1"))
    assert caught.value.page is None


def test_a_deadline_applies_to_each_page_separately(caller: Blocking, hub: PagedHub) -> None:
    clock = DrivenClock()
    client = caller.client(hub, clock=clock, deadline=70)
    hub.respond(LIMITED, None, LIMITED, None, LIMITED, None)
    assert caller.items(client.campaigns.iter_contacts("c1")) == hub.contacts
    assert sum(clock.slept) == pytest.approx(3 * 63)


# Interruptions.


def test_a_cancelled_wait_for_an_item_requests_its_page_again(hub: PagedHub) -> None:
    import threading

    release = threading.Event()
    hub.respond(None, (release, json_response({"contacts": []})))

    async def main() -> None:
        limits = RateLimits(per_hour=50, concurrent=1, headroom=0)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            contacts = client.campaigns.iter_contacts("c1")
            read = [await anext(contacts) for _ in range(100)]
            waiting = asyncio.ensure_future(anext(contacts))
            await asyncio.to_thread(hub.arrived, 2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            release.set()
            left = client.rate_limits
            assert left is not None
            assert left.concurrent == 1
            assert contacts.page == 1
            read += [found async for found in contacts]
            assert read == hub.contacts
            left = client.rate_limits
            assert left is not None
            # Each request was admitted, the retried one too.
            assert len(hub.requests) == 5
            assert left.per_hour == 50 - 5
            assert left.concurrent == 1

    asyncio.run(main())
    assert hub.pages == [0, 1, 1, 2, 3]


def test_two_cancelled_waits_in_a_row_lose_no_contact(hub: PagedHub) -> None:
    """The first while the request is sent, the second while its retry waits for a lease."""
    hub.respond(None, (silence,), (silence,))

    async def main() -> None:
        waits = asyncio.Event()
        client = AsyncKatavenClient(
            KEY,
            base_url=hub.url,
            rate_limits=RateLimits(concurrent=1),
            on_wait=lambda _event: waits.set(),
        )
        async with client:
            contacts = client.campaigns.iter_contacts("c1")
            read = [await anext(contacts) for _ in range(100)]
            sent = asyncio.ensure_future(anext(contacts))
            await asyncio.to_thread(hub.wait_until_silent)
            sent.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sent
            other = asyncio.ensure_future(client.campaigns.get("other"))
            await asyncio.to_thread(hub.wait_until_silent)
            waiting = asyncio.ensure_future(anext(contacts))
            async with asyncio.timeout(PATIENCE):
                await waits.wait()
            waiting.cancel()
            other.cancel()
            results = await asyncio.gather(waiting, other, return_exceptions=True)
            assert [type(result) for result in results] == [asyncio.CancelledError] * 2
            read += [contact async for contact in contacts]
            assert read == hub.contacts

    asyncio.run(main())
    assert hub.pages == [0, 1, 1, 2, 3]


def test_ctrl_c_as_an_async_iterator_returns_a_contact_is_not_the_end(
    hub: PagedHub, awaited: Awaited
) -> None:
    contacts = awaited.client(hub).campaigns.iter_contacts("c1")
    assert awaited.next(contacts) == hub.contacts[0]
    with pytest.raises(Interruption), raise_at("return item", Interruption()):
        awaited.next(contacts)
    assert contacts.interrupted
    for _ in range(2):
        with pytest.raises(KatavenError, match="start_page=0"):
            awaited.next(contacts)
    assert hub.pages == [0]


def test_closing_from_another_thread_ends_the_iteration(hub: PagedHub) -> None:
    import threading

    with KatavenClient(KEY, base_url=hub.url) as client:
        contacts = client.campaigns.iter_contacts("c1")
        next(contacts)
        thread = threading.Thread(target=contacts.close)
        thread.start()
        thread.join(PATIENCE)
        assert list(contacts) == []


# Memory.


def count_contacts() -> int:
    """Count the contacts in the memory of this process."""
    gc.collect()
    return sum(
        1
        for found in gc.get_objects()
        if type(found) is dict and found.get("phone_number") and "id" in found
    )


@pytest.mark.slow
def test_no_more_than_a_page_or_two_is_ever_in_memory(caller: Blocking, hub: PagedHub) -> None:
    hub.contacts = [contact(number) for number in range(1500)]
    contacts = caller.client(hub).campaigns.iter_contacts("c1")
    # The Hub's own, and what other tests of this process have left.
    before = count_contacts()
    most = read = 0

    def look() -> None:
        nonlocal most, read
        if read % 500 == 150:
            most = max(most, count_contacts() - before)
        read += 1

    async def awaited() -> None:
        async for _ in contacts:
            look()

    if caller.name == "async":
        caller.call(awaited)
    else:
        for _ in contacts:
            look()
    assert read == 1500
    assert 100 <= most <= 201
