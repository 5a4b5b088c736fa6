"""Interrupted exports and retry lists never mix campaigns and never hold a row twice."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kataven.contacts.export import ExportWriter
from tests.support.clients import Blocking
from tests.support.paged import PagedHub, contact
from tests.support.tables import table


class StoppedError(Exception):
    """Raised by a caller's own function, like the end of a killed process."""


def stop(_progress: Any) -> None:
    raise StoppedError


def export(caller: Blocking, hub: PagedHub, target: Path, **options: Any) -> None:
    given = {name: options.pop(name) for name in ("api_key", "account_id") if name in options}
    client = caller.client(hub, **given)
    caller.call(lambda: client.campaigns.export_contacts("c1", target, **options))


def numbers(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["phone_number"] for row in csv.DictReader(file)]


@pytest.fixture
def other() -> Iterator[PagedHub]:
    """Another Hub with another campaign of the same id."""
    with PagedHub() as hub:
        hub.contacts = [contact(number) for number in range(7000, 7150)]
        yield hub


def test_a_hub_that_ignores_the_page_duplicates_nothing_after_an_interruption(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    hub.page = lambda _page: {"contacts": hub.contacts[:30]}
    target = tmp_path / "contacts.csv"
    with pytest.raises(StoppedError):
        export(caller, hub, target, on_progress=stop)
    export(caller, hub, target)
    assert numbers(target) == [row["phone_number"] for row in hub.contacts[:30]]


@pytest.mark.parametrize("what", ["hub", "account"])
def test_an_export_of_another_hub_or_account_is_not_resumed(
    caller: Blocking, hub: PagedHub, other: PagedHub, tmp_path: Path, what: str
) -> None:
    target = tmp_path / "contacts.csv"
    with pytest.raises(StoppedError):
        export(caller, hub, target, account_id="acme", on_progress=stop)
    if what == "hub":
        export(caller, other, target, account_id="acme")
        assert numbers(target) == [row["phone_number"] for row in other.contacts]
    else:
        export(caller, hub, target, account_id="emca")
        assert hub.pages == [0, 0, 1, 2, 3]
    # Another key of the same account resumes it.
    export(caller, hub, target, account_id="acme", api_key="sk_live_acme_2")
    assert hub.pages[-3:] == [1, 2, 3]
    assert numbers(target) == [row["phone_number"] for row in hub.contacts]


def test_pages_belong_to_one_origin(tmp_path: Path) -> None:
    with ExportWriter("c1", tmp_path / "a.csv", origin="https://a acme") as writer:
        writer.add_page(0, [contact(1)])
    for origin in ("", "https://a", "https://b acme"):
        with ExportWriter("c1", tmp_path / "a.csv", origin=origin) as writer:
            assert (writer.next_page, writer.take_last_page()) == (0, [])
    with ExportWriter("c1", tmp_path / "a.csv", origin="https://a acme") as writer:
        assert (writer.next_page, writer.take_last_page()) == (1, [contact(1)])
    for spool in tmp_path.iterdir():
        assert b"acme" not in spool.read_bytes()


def test_pages_of_unknown_origin_are_not_resumed(tmp_path: Path) -> None:
    with ExportWriter("c1", tmp_path / "a.csv", origin="https://a"):
        (spool,) = tmp_path.iterdir()
    spool.write_bytes(b'[1,"c1",null]\n[0,[{"id":"1"}]]\n')
    with ExportWriter("c1", tmp_path / "a.csv", origin="https://a") as writer:
        assert writer.next_page == 0


@table("status", ["in_progress", "IN_PROGRESS", "in-progress", "", None])
def test_contacts_being_called_are_refused_as_a_retry_list(
    caller: Blocking, hub: PagedHub, status: Any
) -> None:
    client = caller.client(hub)
    with pytest.raises(ValueError, match=r"status|in_progress|phone"):
        caller.call(lambda: client.campaigns.retry_list("c1", status=status))
    assert hub.lines == []
