"""Arguments refused before anything is sent: the Hub sees no connection."""

from __future__ import annotations

import io
import multiprocessing
import os
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import CSV, OPERATIONS, Blocking
from tests.support.patience import PATIENCE
from tests.support.tables import table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import LoopbackHub


MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _nothing_is_sent(hub: LoopbackHub) -> Any:
    yield
    assert hub.connections == 0


def _create(caller: Blocking, client: Any, contacts: Any = None, **options: Any) -> Any:
    given = {"name": "n", "agent_id": "a", "phone_number_id": "p", **options}
    contacts = io.BytesIO(CSV) if contacts is None else contacts
    return caller.call(client.campaigns.create, contacts=contacts, **given)


# Arguments of the methods.


@table(
    "operation",
    ["get", "start", "pause", "resume", "stop", "delete", "list_contacts", "stream_events"],
)
@table(
    "given, error",
    [
        ("", ValueError),
        (".", ValueError),
        ("..", ValueError),
        (None, TypeError),
        (7, TypeError),
        (b"c1", TypeError),
        (["c1"], TypeError),
        ("\ud800", ValueError),
        ("a" * 70_000, ValueError),
        ("a b\r\nX: y", ValueError),
        ("c1\n", ValueError),
        ("c1\r", ValueError),
        ("c\x001", ValueError),
        ("c\x1b[31m1", ValueError),
        ("c\x851", ValueError),
        ("c\u20281", ValueError),
        (" c1", ValueError),
        ("c1\t", ValueError),
        ("\u00a0c1", ValueError),
        (" ", ValueError),
    ],
)
def test_an_id_that_is_not_text_or_would_change_the_path_is_refused(
    caller: Blocking, hub: LoopbackHub, operation: str, given: Any, error: type[Exception]
) -> None:
    client = caller.client(hub)
    with pytest.raises(error) as caught:
        if operation == "stream_events":
            caller.items(client.campaigns.stream_events(given))
        else:
            caller.call(getattr(client.campaigns, operation), given)
    assert type(caught.value).__module__ == "builtins"
    assert len(str(caught.value)) < 240


@pytest.mark.parametrize("given", ["", ".", "..", None])
def test_a_stream_refuses_a_wrong_id_when_it_is_created(
    caller: Blocking, hub: LoopbackHub, given: Any
) -> None:
    with pytest.raises((ValueError, TypeError)):
        caller.client(hub).campaigns.stream_events(given)


@table(
    "arguments, name",
    [
        ({"page": "0"}, "page"),
        ({"page": 1.0}, "page"),
        ({"page": True}, "page"),
        ({"page": None}, "page"),
        ({"status": 7}, "status"),
        ({"status": b"failed"}, "status"),
        ({"status": ["failed"]}, "status"),
    ],
)
def test_a_page_or_status_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=name):
        caller.call(caller.client(hub).campaigns.list_contacts, "c1", **arguments)


@table("field", ["name", "agent_id", "phone_number_id"])
@table("value", [None, 7, b"x", ["x"]])
def test_a_text_of_a_create_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, field: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=field):
        _create(caller, caller.client(hub), **{field: value})


@table("field", ["max_concurrent_calls", "retries_per_contact", "retry_delay_seconds"])
@table("value", [None, "5", 5.0, True])
def test_a_number_of_a_create_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, field: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=field):
        _create(caller, caller.client(hub), **{field: value})


@table(
    "value, error",
    [
        (datetime(2030, 1, 31, 9), ValueError),
        ("2030-01-31T09:00:00", ValueError),
        ("2030-01-31", ValueError),
        ("2030-W05-4T09:00:00Z", ValueError),
        ("20300131T090000Z", ValueError),
        ("2030-01-31 09:00:00Z", ValueError),
        ("2030-01-31T09:00Z", ValueError),
        ("2030-01-31T24:00:00Z", ValueError),
        ("2030-13-01T09:00:00Z", ValueError),
        ("2030-01-32T09:00:00Z", ValueError),
        ("2030-01-31T09:00:00+0100", ValueError),
        ("2030-01-31T09:00:00+25:00", ValueError),
        ("2030-01-31T09:00:00,5Z", ValueError),
        ("2030-01-31T09:00:00.Z", ValueError),
        ("2030-01-31T09:00:00Z\n", ValueError),
        (" 2030-01-31T09:00:00Z", ValueError),
        ("٢٠٣٠-01-31T09:00:00Z", ValueError),
        ("tomorrow", ValueError),
        ("", ValueError),
        (date(2030, 1, 31), TypeError),
        (1_900_000_000, TypeError),
        (b"2030-01-31T09:00:00Z", TypeError),
    ],
)
def test_a_time_that_is_naive_or_not_rfc_3339_is_refused(
    caller: Blocking, hub: LoopbackHub, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="scheduled_at"):
        _create(caller, caller.client(hub), scheduled_at=value)


# The contacts of a create.


@pytest.mark.parametrize(
    "contacts",
    [
        pytest.param(lambda: io.StringIO(CSV.decode()), id="text-mode"),
        pytest.param(lambda: io.BytesIO(b""), id="empty"),
        pytest.param(lambda: io.BytesIO(b"name,phone\nAda,+15550100001\n"), id="no phone_number"),
        pytest.param(lambda: io.BytesIO(b"phone_number2\n+15550100001\n"), id="a longer name"),
        pytest.param(lambda: io.BytesIO(b"Phone_Number\n+15550100001\n"), id="another case"),
        pytest.param(lambda: io.BytesIO(b" phone_number\n+15550100001\n"), id="a space"),
        pytest.param(lambda: io.BytesIO(b'"phone_number,name"\n1,2\n'), id="quoted as one"),
        pytest.param(lambda: io.BytesIO(b"phone_number;name\n1;2\n"), id="semicolons"),
        pytest.param(lambda: io.BytesIO(b"\nphone_number\n"), id="a blank first row"),
        pytest.param(lambda: io.BytesIO(b"x" * 200_000), id="no line end"),
        pytest.param(lambda: io.BytesIO(CSV + b"x" * (10 * MIB - len(CSV) + 1)), id="over 10 MiB"),
        pytest.param(lambda: _at_its_end(), id="at its end"),
    ],
)
def test_a_file_that_cannot_be_a_list_of_contacts_is_refused(
    caller: Blocking, hub: LoopbackHub, contacts: Any
) -> None:
    with pytest.raises(kataven.ContactsError) as caught:
        _create(caller, caller.client(hub), contacts())
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].message


def _at_its_end() -> io.BytesIO:
    file = io.BytesIO(CSV)
    file.seek(0, io.SEEK_END)
    return file


def test_a_text_mode_file_on_disk_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV)
    with path.open(encoding="utf-8") as file, pytest.raises(kataven.ContactsError, match="rb"):
        _create(caller, caller.client(hub), file)


def test_a_pipe_over_ten_mib_is_refused(blocking: Blocking, hub: LoopbackHub) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
            self.given += n
            assert self.given < 13 * MIB, "it is read on after the limit"
            return CSV[:n] if self.given == n else b"x" * n

    with pytest.raises(kataven.ContactsError, match=r"10[,.]?485[,.]?760|10 MiB"):
        _create(blocking, blocking.client(hub), Endless())


@pytest.mark.parametrize("contacts", [7, object(), {"phone_number": "+15550100001"}])
def test_contacts_of_a_wrong_type_are_refused(
    caller: Blocking, hub: LoopbackHub, contacts: Any
) -> None:
    with pytest.raises(TypeError, match="contacts"):
        _create(caller, caller.client(hub), contacts)


def test_a_closed_file_is_refused(caller: Blocking, hub: LoopbackHub) -> None:
    file = io.BytesIO(CSV)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        _create(caller, caller.client(hub), file)


def test_a_wrong_field_is_reported_before_the_file_is_read(
    caller: Blocking, hub: LoopbackHub
) -> None:
    class Untouched(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
            raise AssertionError("the file was read")

    with pytest.raises(TypeError, match="agent_id"):
        _create(caller, caller.client(hub), Untouched(), agent_id=None)


# Clients that can no longer be used.


@table("operation", [*OPERATIONS, "stream"])
def test_a_closed_client_says_so(caller: Blocking, hub: LoopbackHub, operation: str) -> None:
    client = caller.client(hub)
    campaigns = client.campaigns
    caller.close(client)
    caller.close(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        if operation == "stream":
            caller.items(campaigns.stream_events("c1"))
        else:
            caller.call(OPERATIONS[operation], client)


def test_leaving_the_context_manager_closes_the_client(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    assert caller.enter(client) is client
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(client.campaigns.list)


def test_a_view_of_a_closed_client_is_closed_too(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    view = client.with_options(max_retries=0)
    caller.close(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(view.campaigns.list)


def _use_after_fork(client: Any, name: str, results: Any) -> None:
    import asyncio

    async def awaited() -> None:
        await client.campaigns.get("c1")

    try:
        if name == "sync":
            client.campaigns.get("c1")
        else:
            asyncio.new_event_loop().run_until_complete(awaited())
        results.put("it was sent")
    except BaseException as error:
        results.put(f"{type(error).__name__}: {error}")
    finally:
        results.close()
        results.join_thread()
        os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_use_after_a_fork_is_a_clear_error(caller: Blocking, hub: LoopbackHub) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_use_after_fork, args=(caller.client(hub), caller.name, results))
    child.start()
    try:
        said = results.get(timeout=PATIENCE)
    finally:
        child.join(PATIENCE)
        results.close()
        results.join_thread()
    assert said.startswith("ConfigurationError")
    assert "fork" in said
