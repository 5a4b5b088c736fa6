"""An interruption anywhere in the SDK ends reading page by page, and says at which page to continue.

Each proof raises at every line of ``kataven/`` that its calls execute, over a real socket. The
tests marked ``slow`` raise at all of them, the others at a part.
"""

from __future__ import annotations

import csv
import functools
import io
from typing import TYPE_CHECKING, Any

import pytest

from kataven import KatavenError
from tests.support.interrupting import (
    Tracer,
    expect_interruption,
    interrupt_at_every_line,
    strides,
    unharmed_client,
)
from tests.support.paged import contact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clients import Blocking
    from tests.support.paged import PagedHub

SIZE = 3


@pytest.fixture
def hub(hub: PagedHub) -> PagedHub:
    """A Hub with three pages of three contacts each."""
    hub.contacts = [contact(number) for number in range(3 * SIZE)]
    hub.page = lambda page: {"contacts": hub.contacts[page * SIZE :][:SIZE]}
    hub.max_requests = 10**9
    return hub


@pytest.fixture
def fresh(blocking: Blocking, hub: PagedHub) -> Any:
    """Make a client for each interruption."""
    return functools.partial(unharmed_client, blocking, hub)


def numbers(table: bytes) -> list[str]:
    return [row["phone_number"] for row in csv.DictReader(io.StringIO(table.decode(), newline=""))]


def everyone(hub: PagedHub) -> list[str]:
    return [row["phone_number"] for row in hub.contacts]


@strides
def test_an_interrupted_iteration_raises_and_its_page_is_where_to_continue(
    fresh: Any, hub: PagedHub, stride: int
) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            contacts = client.campaigns.iter_contacts("c1")
            given: list[Any] = []
            with expect_interruption(tracer) as caught:
                while (row := next(contacts, None)) is not None:
                    given.append(row)
            assert given == hub.contacts[: len(given)], "a row was lost or came twice"
            if not caught:
                assert given == hub.contacts
                return
            if len(given) == len(hub.contacts):
                return
            if tracer.in_next and not contacts.interrupted:
                assert given + list(contacts) == hub.contacts
                return
            assert contacts.page * SIZE <= len(given), "a page counts that was not given"
            for _ in range(2):
                with pytest.raises(KatavenError) as raised:
                    next(contacts)
                page = raised.value.page
                assert page is not None
                assert page == contacts.page
            rest = list(client.campaigns.iter_contacts("c1", start_page=page))
            assert given[: page * SIZE] + rest == hub.contacts

    assert interrupt_at_every_line(scenario, stride=stride) > 10


@pytest.mark.slow
@strides
def test_an_interrupted_export_never_returns_and_the_next_one_is_complete(
    fresh: Any, hub: PagedHub, tmp_path: Path, stride: int
) -> None:
    target = tmp_path / "contacts.csv"

    def scenario(tracer: Tracer) -> None:
        with fresh() as client:
            with expect_interruption(tracer) as caught:
                client.campaigns.export_contacts("c1", target)
            if caught and target.exists():
                assert numbers(target.read_bytes()) == everyone(hub), "a partial table was left"
            client.campaigns.export_contacts("c1", target)
            assert numbers(target.read_bytes()) == everyone(hub)
            target.unlink()

    assert interrupt_at_every_line(scenario, stride=stride) > 10
    assert list(tmp_path.iterdir()) == []


@strides
@pytest.mark.slow
def test_an_interrupted_retry_list_never_returns(fresh: Any, hub: PagedHub, stride: int) -> None:
    def scenario(tracer: Tracer) -> None:
        with fresh() as client, expect_interruption(tracer):
            with client.campaigns.retry_list("c1") as file:
                table = file.read()
            assert numbers(table) == everyone(hub)

    assert interrupt_at_every_line(scenario, stride=stride) > 10
