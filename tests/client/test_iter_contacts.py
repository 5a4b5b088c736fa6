"""``iter_contacts``: every contact, page by page, whatever envelope the Hub uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.http import Request, response
from tests.support.server import LoopbackHub, reset
from tests.support.tables import table

if TYPE_CHECKING:
    from tests.support.clients import Awaited, Blocking, DrivenClock


def _row(number: int) -> dict[str, Any]:
    return {"id": f"k{number}", "phone_number": f"+1555010{number:04}"}


def _page_of(request: Request) -> int:
    return int(dict(request.query)["page"])


def _serve(hub: LoopbackHub, total: int, size: int = 100) -> None:
    rows = [_row(number) for number in range(total)]

    def decide(request: Request) -> bytes:
        page = _page_of(request)
        return response(200, {"contacts": rows[page * size : (page + 1) * size], "page": page})

    hub.on_request = decide


def _pages(hub: LoopbackHub) -> list[int]:
    return [_page_of(request) for request in hub.requests]


def _all(caller: Blocking, client: Any, *args: Any, **options: Any) -> list[Any]:
    return caller.items(client.campaigns.iter_contacts("c1", *args, **options))


@pytest.mark.parametrize(
    ("total", "pages"), [(0, [0]), (1, [0, 1]), (100, [0, 1]), (250, [0, 1, 2, 3])]
)
def test_every_contact_is_yielded_once_and_in_order(
    caller: Blocking, hub: LoopbackHub, total: int, pages: list[int]
) -> None:
    _serve(hub, total)
    assert _all(caller, caller.client(hub)) == [_row(number) for number in range(total)]
    # An empty page is the end; a short page may come from a Hub with smaller pages.
    assert _pages(hub) == pages


def test_nothing_is_sent_before_the_first_contact_is_requested(
    caller: Blocking, hub: LoopbackHub
) -> None:
    _serve(hub, 3)
    iterator = caller.client(hub).campaigns.iter_contacts("c1")
    assert hub.connections == 0
    assert iterator.page == 0
    caller.items(iterator)


def test_pages_are_read_as_they_are_needed(blocking: Blocking, hub: LoopbackHub) -> None:
    _serve(hub, 1000)
    with blocking.client(hub).campaigns.iter_contacts("c1") as iterator:
        for _ in range(100):
            next(iterator)
        assert _pages(hub) == [0]
        assert iterator.page == 1
        next(iterator)
        assert _pages(hub) == [0, 1]
        assert iterator.page == 2


def test_pages_are_read_as_they_are_needed_in_the_async_client_too(
    awaited: Awaited, hub: LoopbackHub
) -> None:
    _serve(hub, 1000)
    client = awaited.client(hub)

    async def main() -> None:
        async with client.campaigns.iter_contacts("c1") as iterator:
            for _ in range(100):
                await anext(iterator)
            assert _pages(hub) == [0]
            await anext(iterator)
            assert _pages(hub) == [0, 1]

    awaited.run(main())


def test_status_and_start_page_are_passed_on(caller: Blocking, hub: LoopbackHub) -> None:
    _serve(hub, 250)
    rows = _all(caller, caller.client(hub), "failed", start_page=2)
    assert rows == [_row(number) for number in range(200, 250)]
    assert [sorted(request.query) for request in hub.requests] == [
        [("page", "2"), ("status", "failed")],
        [("page", "3"), ("status", "failed")],
    ]


@pytest.mark.parametrize(
    "fault",
    [response(429, "rate_limited: x", [("Retry-After", "60")]), (reset,), response(503, "x")],
)
def test_a_fault_retries_only_its_own_page(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, fault: Any
) -> None:
    pages = [response(200, {"contacts": [_row(n)]}) for n in range(3)]
    hub.respond(pages[0], pages[1], fault, pages[2], response(200, {"contacts": []}))
    assert _all(caller, caller.client(hub, clock=clock)) == [_row(0), _row(1), _row(2)]
    assert _pages(hub) == [0, 1, 2, 2, 3]


def test_an_error_names_the_page_and_reading_can_go_on_there(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(
        response(200, {"contacts": [_row(0)]}),
        response(200, {"contacts": [_row(1)]}),
        response(403, "revoked"),
        response(200, {"contacts": [_row(2)]}),
        response(200, {"contacts": []}),
    )
    client = caller.client(hub, clock=clock)
    seen: list[Any] = []
    iterator = client.campaigns.iter_contacts("c1")

    def read() -> None:
        seen.extend(iterator)

    async def read_awaited() -> None:
        async for row in iterator:
            seen.append(row)

    with pytest.raises(kataven.PermissionDeniedError) as caught:
        caller.call(read if caller.name == "sync" else read_awaited)
    assert seen == [_row(0), _row(1)]
    assert caught.value.page == 2
    assert iterator.page == 2
    assert _all(caller, client, start_page=caught.value.page) == [_row(2)]


@table(
    "page",
    [
        {"contacts": [_row(0), _row(1)]},
        {"contacts": [{"phone_number": "+15550100001"}]},
        {"contacts": ["just", "text"]},
        {"contacts": [{"id": None, "x": 1}]},
        {"contacts": [{"id": ["odd"]}]},
    ],
)
def test_a_hub_that_ignores_the_page_does_not_loop_forever(
    caller: Blocking, hub: LoopbackHub, page: dict[str, Any]
) -> None:
    hub.always = response(200, page)
    assert _all(caller, caller.client(hub)) == page["contacts"]
    assert _pages(hub) == [0, 1]


def test_a_page_with_the_same_ids_and_newer_fields_is_the_same_page(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.on_request = lambda request: response(
        200, {"contacts": [{**_row(0), "attempts": _page_of(request)}]}
    )
    assert len(_all(caller, caller.client(hub))) == 1
    assert _pages(hub) == [0, 1]


def test_pages_of_rows_without_ids_that_differ_are_different_pages(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.respond(
        response(200, {"contacts": [{"n": 1}]}),
        response(200, {"contacts": [{"n": 2}]}),
        response(200, {"contacts": []}),
    )
    assert _all(caller, caller.client(hub)) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    "envelope",
    [
        {"contacts": [_row(0)], "tags": ["a"]},
        {"items": [_row(0)], "page": 0},
        {"data": [_row(0)], "meta": {"list": []}},
    ],
)
def test_the_rows_are_contacts_or_the_only_list(
    caller: Blocking, hub: LoopbackHub, envelope: dict[str, Any]
) -> None:
    hub.respond(response(200, envelope), response(200, {next(iter(envelope)): []}))
    assert _all(caller, caller.client(hub)) == [_row(0)]


@pytest.mark.parametrize("envelope", [{"contacts": None}, {"contacts": [], "tags": ["a"]}])
def test_null_and_an_empty_list_mean_no_contacts(
    caller: Blocking, hub: LoopbackHub, envelope: dict[str, Any]
) -> None:
    hub.always = response(200, envelope)
    assert _all(caller, caller.client(hub)) == []
    assert _pages(hub) == [0]


@pytest.mark.parametrize(
    "body", [{}, {"a": [], "b": []}, {"contacts": "x", "page": 1}, {"contacts": {}}]
)
def test_an_ambiguous_envelope_is_a_format_error_with_its_page(
    caller: Blocking, hub: LoopbackHub, body: dict[str, Any]
) -> None:
    hub.respond(response(200, {"contacts": [_row(0)]}), response(200, body))
    with pytest.raises(kataven.ResponseFormatError) as caught:
        _all(caller, caller.client(hub))
    assert caught.value.page == 1
    assert _pages(hub) == [0, 1]


@table(
    "arguments, options, error",
    [
        (("",), {}, ValueError),
        (("..",), {}, ValueError),
        ((None,), {}, TypeError),
        (("c1", 7), {}, TypeError),
        (("c1",), {"start_page": -1}, ValueError),
        (("c1",), {"start_page": "0"}, TypeError),
        (("c1",), {"start_page": True}, TypeError),
    ],
)
def test_wrong_arguments_are_refused_by_the_call_itself(
    caller: Blocking, hub: LoopbackHub, arguments: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        caller.client(hub).campaigns.iter_contacts(*arguments, **options)
    assert hub.connections == 0


def test_each_page_has_a_deadline_of_its_own(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    _serve(hub, 500)
    serve = hub.on_request

    def slowly(request: Request) -> bytes:
        clock.advance(4)
        return serve(request)

    hub.on_request = slowly
    assert len(_all(caller, caller.client(hub, clock=clock, deadline=5))) == 500
