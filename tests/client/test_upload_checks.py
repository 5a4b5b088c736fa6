"""What ``create`` refuses before it sends a list, and what it adds to a refusal of the Hub."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from kataven import BadRequestError, ContactsError
from tests.support.clients import CSV
from tests.support.http import response

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import LoopbackHub

TWICE = b"phone_number,n\n+15550100001,1\n+15550100002,2\n+15550100001,3\n+15550100002,4\n"
ADVICE = "run kataven.contacts.check (and clean) to see every row."


def create(caller: Any, hub: LoopbackHub, contacts: Any, **options: Any) -> Any:
    client = caller.client(hub)
    return caller.call(lambda: client.campaigns.create("n", "a", "p", contacts, **options))


def test_duplicates_are_sent_unless_they_are_checked(hub: LoopbackHub, caller: Any) -> None:
    hub.always = response(201, {"id": "c1"})
    create(caller, hub, TWICE)
    create(caller, hub, TWICE, check=True, allow_duplicates=True)
    assert [request.file.content for request in hub.requests] == [TWICE, TWICE]


def test_a_check_refuses_duplicates_and_names_their_rows(hub: LoopbackHub, caller: Any) -> None:
    with pytest.raises(
        ContactsError, match=r"^row 4, .*row 2.* \(and 1 more\).*allow_duplicates=True"
    ) as caught:
        create(caller, hub, TWICE, check=True)
    assert [(found.row, found.kind, found.value) for found in caught.value.problems] == [
        (4, "duplicate", "+15550100001"),
        (5, "duplicate", "+15550100002"),
    ]
    assert hub.requests == []


def test_a_check_names_errors_and_duplicates_together(hub: LoopbackHub, caller: Any) -> None:
    mixed = TWICE + b"12,5\n"
    with pytest.raises(ContactsError, match=r"and 2 more") as caught:
        create(caller, hub, mixed, check=True)
    assert [found.row for found in caught.value.problems] == [4, 5, 6]
    with pytest.raises(ContactsError) as caught:
        create(caller, hub, mixed, check=True, allow_duplicates=True)
    assert [found.row for found in caught.value.problems] == [6]
    assert "allow_duplicates" not in str(caught.value)
    assert hub.requests == []


def test_other_warnings_are_not_refused(hub: LoopbackHub, caller: Any) -> None:
    hub.always = response(201, {"id": "c1"})
    create(caller, hub, CSV + b"\n", check=True)
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("words", "shown"), [("bad row 3", "bad row 3. If"), ("bad row.", "bad row. If")]
)
def test_a_400_to_an_unchecked_list_advises_the_check(
    hub: LoopbackHub, caller: Any, words: str, shown: str
) -> None:
    hub.always = response(400, words)
    with pytest.raises(BadRequestError) as caught:
        create(caller, hub, CSV)
    assert shown in str(caught.value)
    assert str(caught.value).endswith(ADVICE)
    assert caught.value.body == words
    with pytest.raises(BadRequestError) as caught:
        create(caller, hub, CSV, check=True)
    assert "contacts.check" not in str(caught.value)


class Retries(io.BytesIO):
    """What ``retry_list`` returns, as far as an upload looks at it."""

    def __init__(self, rows: int) -> None:
        super().__init__(CSV if rows else b"phone_number\r\n")
        self.rows = rows


def test_a_retry_list_of_nobody_is_refused(hub: LoopbackHub, caller: Any) -> None:
    hub.always = response(201, {"id": "c1"})
    with pytest.raises(ContactsError, match="nobody to retry") as caught:
        create(caller, hub, Retries(0))
    assert [found.kind for found in caught.value.problems] == ["no_rows"]
    assert hub.requests == []
    create(caller, hub, Retries(1))
    assert len(hub.requests) == 1


SOURCES = {
    "bytes": lambda _path: CSV,
    "file": lambda path: path,
    "open file": lambda _path: io.BytesIO(CSV),
    "rows": lambda _path: [{"phone_number": "+15550100001", "n": "x" * 200}] * 1000,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_progress_counts_the_bytes_that_are_read(
    hub: LoopbackHub, caller: Any, tmp_path: Path, kind: str
) -> None:
    hub.always = response(201, {"id": "c1"})
    path = tmp_path / "list.csv"
    path.write_bytes(CSV)
    seen: list[tuple[int, int | None]] = []
    create(caller, hub, SOURCES[kind](path), on_progress=lambda *done: seen.append(done))
    size = len(hub.only.file.content)
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert len(seen) == (1 if kind != "rows" else size // (64 * 1024) + 1)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("error", [OSError("mine"), ZeroDivisionError("mine")])
def test_an_error_of_on_progress_is_passed_on_and_nothing_is_sent(
    hub: LoopbackHub, caller: Any, tmp_path: Path, kind: str, error: Exception
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(CSV)

    def stop(_done: int, _total: int | None) -> None:
        raise error

    with pytest.raises(type(error), match=r"^mine$") as caught:
        create(caller, hub, SOURCES[kind](path), on_progress=stop)
    assert caught.value is error
    assert hub.requests == []


async def _coroutine(_done: int, _total: int | None) -> None:
    raise AssertionError


@pytest.mark.parametrize("function", [5, _coroutine])
def test_an_on_progress_that_cannot_be_called_is_refused(
    hub: LoopbackHub, caller: Any, function: Any
) -> None:
    with pytest.raises(TypeError, match="on_progress must be a"):
        create(caller, hub, CSV, on_progress=function)
    assert hub.requests == []
