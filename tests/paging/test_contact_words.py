"""Which contacts are selected: statuses go to the Hub, last errors are filtered, misuse is loud."""

import asyncio
import csv
import io
import warnings
from typing import Any

import pytest

from kataven import AsyncKatavenClient, ContactsWarning, KatavenClient
from tests.support.clients import KEY, Blocking
from tests.support.paged import PagedHub, contact
from tests.support.tables import table

CALLS: dict[str, Any] = {
    "iter_contacts": lambda client, **options: list(client.iter_contacts("c1", **options)),
    "export_contacts": lambda client, **options: client.export_contacts(
        "c1", io.BytesIO(), **options
    ),
    "retry_list": lambda client, **options: client.retry_list("c1", **options),
}


async def awaited(client: Any, name: str, **options: Any) -> Any:
    """Make the same calls with the async client, from a line of this file."""
    if name == "iter_contacts":
        return [found async for found in client.iter_contacts("c1", **options)]
    if name == "export_contacts":
        return await client.export_contacts("c1", io.BytesIO(), **options)
    return await client.retry_list("c1", **options)


def made(hub: PagedHub, name: str, *, use_async: bool, **options: Any) -> Any:
    async def main() -> Any:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            return await awaited(client.campaigns, name, **options)

    if use_async:
        return asyncio.run(main())
    with KatavenClient(KEY, base_url=hub.url) as client:
        return CALLS[name](client.campaigns, **options)


@table("name", CALLS)
@table("use_async", [False, True])
@table(
    "status, word",
    [
        ("no_answer", "no_answer"),
        ("busy", "busy"),
        ("voicemail", "voicemail"),
        ("No Answer", "no_answer"),
        ("no-answer", "no_answer"),
        ("NOANSWER", "no_answer"),
        ("voice_mail", "voicemail"),
    ],
)
def test_a_last_error_as_the_status_is_refused_before_anything_is_sent(
    hub: PagedHub, name: str, use_async: bool, status: str, word: str
) -> None:
    with pytest.raises(ValueError, match=f"not a status.* pass last_error='{word}'"):
        made(hub, name, use_async=use_async, status=status)
    assert hub.lines == []


def test_list_contacts_sends_any_word(caller: Blocking, hub: PagedHub) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        caller.call(caller.client(hub).campaigns.list_contacts, "c1", "no_answer")
    assert hub.lines == ["GET /campaigns/c1/contacts?status=no_answer&page=0"]


@pytest.mark.parametrize("use_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_status_is_sent_and_warns_if_nothing_comes_back(
    hub: PagedHub, name: str, use_async: bool
) -> None:
    hub.contacts = []
    with pytest.warns(ContactsWarning) as caught:
        made(hub, name, use_async=use_async, status="reached")
    assert "GET /campaigns/c1/contacts?status=reached&page=0" in hub.lines
    (warning,) = caught
    assert str(warning.message) == (
        "no contact of campaign c1 has status='reached'; known statuses are pending, in_progress, "
        "completed, failed, cancelled"
    )
    # It points at the line of the caller, not at one of the library.
    assert warning.filename == __file__


@pytest.mark.parametrize("name", CALLS)
def test_a_status_that_brings_contacts_or_is_known_does_not_warn(hub: PagedHub, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(hub, name, use_async=False, status="archived")
        hub.contacts = []
        made(hub, name, use_async=False, status="cancelled", last_error="busy")
        made(hub, name, use_async=False, status="failed")


def test_no_warning_where_reading_begins_after_the_end(caller: Blocking, hub: PagedHub) -> None:
    client = caller.client(hub)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert caller.items(client.campaigns.iter_contacts("c1", "odd", start_page=9)) == []


# Last errors, which the SDK filters.


def some_errors(hub: PagedHub) -> None:
    words: list[Any] = ["busy", "no_answer", None, "voicemail", {"odd": 1}]
    hub.contacts = [contact(n, last_error=words[n % 5]) for n in range(250)]


@table(
    "last_error, kept",
    [("busy", {0}), ({"busy", "no_answer"}, {0, 1}), (["voicemail"], {3}), (("busy",), {0})],
)
@pytest.mark.parametrize("name", CALLS)
def test_contacts_are_filtered_by_their_last_error(
    hub: PagedHub, name: str, last_error: Any, kept: set[int]
) -> None:
    some_errors(hub)
    expected = [row["phone_number"] for n, row in enumerate(hub.contacts) if n % 5 in kept]
    with KatavenClient(KEY, base_url=hub.url) as client:
        if name == "iter_contacts":
            found = client.campaigns.iter_contacts("c1", last_error=last_error)
            assert [row["phone_number"] for row in found] == expected
            return
        if name == "export_contacts":
            file: Any = io.BytesIO()
            summary = client.campaigns.export_contacts("c1", file, last_error=last_error)
            assert (summary.rows, summary.counts) == (len(expected), {"failed": len(expected)})
            file.seek(0)
        else:
            file = client.campaigns.retry_list("c1", last_error=last_error)
        with file:
            table = list(csv.DictReader(io.StringIO(file.read().decode(), newline="")))
        assert [row["phone_number"] for row in table] == expected
    assert hub.pages == [0, 1, 2, 3]


def test_pages_without_a_wanted_contact_do_not_end_the_iteration(
    caller: Blocking, hub: PagedHub
) -> None:
    hub.contacts[220]["last_error"] = "busy"
    contacts = caller.client(hub).campaigns.iter_contacts("c1", last_error="busy")
    assert caller.next(contacts) == hub.contacts[220]
    assert contacts.page == 3
    assert caller.items(contacts) == []


@table(
    "last_error, error",
    [
        ("", ValueError),
        (set(), ValueError),
        (["busy", ""], ValueError),
        (7, TypeError),
        (["busy", 7], TypeError),
        (b"busy", TypeError),
        ({"busy": 1}, TypeError),
    ],
)
@table("name", CALLS)
def test_a_last_error_that_names_nothing_is_refused(
    hub: PagedHub, name: str, last_error: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="last_error"):
        made(hub, name, use_async=False, last_error=last_error)
    assert hub.lines == []


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_last_error_that_no_contact_has_warns(hub: PagedHub, name: str) -> None:
    some_errors(hub)
    with pytest.warns(ContactsWarning, match="known last errors are no_answer, voicemail, busy"):
        made(hub, name, use_async=False, last_error={"busi", "no answer"})
