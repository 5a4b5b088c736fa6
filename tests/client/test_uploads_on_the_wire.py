"""The form of a create: its parts as a mail parser reads them, its file complete from its position."""

from __future__ import annotations

import gzip
import io
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clients import CSV, Blocking
from tests.support.http import Part, response
from tests.support.patience import PATIENCE
from tests.support.tables import table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import LoopbackHub

MIB = 1024 * 1024
CREATED = response(201, {"id": "c1"})


def _create(caller: Blocking, client: Any, contacts: Any, **options: Any) -> Any:
    return caller.call(client.campaigns.create, "Spring", "a1", "p1", contacts, **options)


def test_the_form_has_the_documented_fields_and_one_csv_file(
    caller: Blocking, hub: LoopbackHub
) -> None:
    _create(caller, caller.client(hub), io.BytesIO(CSV))
    assert hub.only.parts == [
        Part("name", None, "text/plain", b"Spring"),
        Part("agent_id", None, "text/plain", b"a1"),
        Part("phone_number_id", None, "text/plain", b"p1"),
        Part("contacts", "contacts.csv", "text/csv", CSV),
        Part("max_concurrent_calls", None, "text/plain", b"5"),
        Part("retries_per_contact", None, "text/plain", b"0"),
        Part("retry_delay_seconds", None, "text/plain", b"300"),
    ]
    assert hub.only.header("content-length") == str(len(hub.only.body))


def test_values_are_sent_as_given_because_the_hub_checks_them(
    caller: Blocking, hub: LoopbackHub
) -> None:
    _create(
        caller,
        caller.client(hub),
        io.BytesIO(CSV),
        max_concurrent_calls=10_000,
        retries_per_contact=-1,
        retry_delay_seconds=0,
    )
    form = hub.only.form
    assert form["max_concurrent_calls"] == "10000"
    assert form["retries_per_contact"] == "-1"
    assert form["retry_delay_seconds"] == "0"
    assert "scheduled_at" not in form


@table(
    "given",
    [
        "2030-01-31T09:00:00Z",
        "2030-01-31t09:00:00z",
        "2030-01-31T09:00:00.123456789+05:45",
        "2030-01-31T23:59:60-00:00",
        "1999-01-01T00:00:00Z",
    ],
)
def test_an_rfc_3339_time_is_sent_exactly_as_given(
    caller: Blocking, hub: LoopbackHub, given: str
) -> None:
    _create(caller, caller.client(hub), io.BytesIO(CSV), scheduled_at=given)
    assert hub.only.form["scheduled_at"] == given


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (datetime(2030, 1, 31, 9, tzinfo=UTC), "2030-01-31T09:00:00+00:00"),
        (
            datetime(2030, 1, 31, 9, 0, 0, 5000, timezone(timedelta(hours=-5, minutes=-30))),
            "2030-01-31T09:00:00.005000-05:30",
        ),
        (
            datetime(2030, 1, 31, 9, tzinfo=timezone(timedelta(minutes=19, seconds=32))),
            "2030-01-31T08:40:28+00:00",
        ),
    ],
)
def test_an_aware_datetime_is_sent_as_rfc_3339(
    caller: Blocking, hub: LoopbackHub, given: datetime, sent: str
) -> None:
    _create(caller, caller.client(hub), io.BytesIO(CSV), scheduled_at=given)
    assert hub.only.form["scheduled_at"] == sent


INJECTIONS = [
    b'\r\n--x\r\nContent-Disposition: form-data; name="agent_id"\r\n\r\nevil\r\n--x--\r\n',
    b'\r\n--boundary\r\nContent-Disposition: form-data; name="name"\r\n\r\nevil\r\n--boundary--\r\n',
    b'--===============1==\r\nContent-Disposition: form-data; name="max_concurrent_calls"\r\n\r\n100',
]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_a_csv_cannot_inject_a_field(caller: Blocking, hub: LoopbackHub, injection: bytes) -> None:
    _create(caller, caller.client(hub), io.BytesIO(CSV + injection))
    assert hub.only.file.content == CSV + injection
    assert len(hub.only.parts) == 7
    assert (hub.only.form["agent_id"], hub.only.form["name"]) == ("a1", "Spring")


def test_a_csv_that_holds_the_boundary_of_an_earlier_upload_cannot_inject_a_field(
    caller: Blocking, hub: LoopbackHub
) -> None:
    client = caller.client(hub)
    _create(caller, client, io.BytesIO(CSV))
    kind = hub.requests[0].header("content-type")
    assert kind is not None
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    assert len(boundary) >= 16
    evil = b'\r\n--%b\r\nContent-Disposition: form-data; name="agent_id"\r\n\r\nevil' % boundary
    _create(caller, client, io.BytesIO(CSV + evil))
    assert hub.requests[1].form["agent_id"] == "a1"
    assert hub.requests[1].file.content == CSV + evil


INJECTION = 'x\r\n--b\r\nContent-Disposition: form-data; name="evil"\r\n\r\n\xe9\x00'


def test_a_name_cannot_inject_another_field(caller: Blocking, hub: LoopbackHub) -> None:
    fields = {"name": INJECTION, "agent_id": "a", "phone_number_id": "p"}
    client = caller.client(hub)
    caller.call(client.campaigns.create, contacts=io.BytesIO(CSV), **fields)
    assert {name: hub.only.form[name] for name in fields} == fields
    assert len(hub.only.parts) == 7


@pytest.mark.parametrize("field", ["agent_id", "phone_number_id"])
def test_an_id_with_line_ends_is_refused(caller: Blocking, hub: LoopbackHub, field: str) -> None:
    fields = {"name": "n", "agent_id": "a", "phone_number_id": "p", field: INJECTION}
    client = caller.client(hub)
    with pytest.raises(ValueError, match=f"{field} contains a line end or a control character"):
        caller.call(client.campaigns.create, contacts=io.BytesIO(CSV), **fields)
    assert hub.requests == []


class Named(io.BytesIO):
    """A file in memory that has a name."""

    def __init__(self, name: Any) -> None:
        super().__init__(CSV)
        self.name = name


@table(
    "name, filename",
    [
        ("spring.csv", "spring.csv"),
        ("/home/ada/lists/spring.csv", "spring.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\lists\\spring.csv", "spring.csv"),
        ("", "contacts.csv"),
        ("/lists/", "contacts.csv"),
        (7, "contacts.csv"),
        (b"spring.csv", "contacts.csv"),
        (None, "contacts.csv"),
    ],
)
def test_the_filename_is_the_base_name_of_the_files_name_when_that_is_a_string(
    caller: Blocking, hub: LoopbackHub, name: Any, filename: str
) -> None:
    _create(caller, caller.client(hub), Named(name))
    assert hub.only.file.filename == filename


def test_a_file_on_disk_is_sent_under_its_base_name(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = tmp_path / "spring list.csv"
    path.write_bytes(CSV)
    with path.open("rb") as file:
        _create(caller, caller.client(hub), file)
        assert not file.closed
    assert hub.only.file.filename == "spring list.csv"
    assert hub.only.file.content == CSV


@pytest.mark.parametrize(
    "name", ['x"; name="agent_id', "x\r\nX-Evil: 1\r\n\r\n.csv", "x\x00y;z=1.csv", "été 😀.csv"]
)
def test_a_filename_cannot_break_out_of_its_header(
    caller: Blocking, hub: LoopbackHub, name: str
) -> None:
    _create(caller, caller.client(hub), Named(name))
    assert len(hub.only.parts) == 7
    assert hub.only.form["agent_id"] == "a1"
    assert hub.only.file.name == "contacts"
    assert hub.only.file.content == CSV
    assert b"\r\nX-Evil" not in hub.only.body


def test_a_file_whose_name_is_not_utf_8_is_sent(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"liste-\xe9.csv")
    try:
        with open(path, "wb") as file:
            file.write(CSV)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    with open(os.fsdecode(path), "rb") as file:
        _create(caller, caller.client(hub), file)
    assert hub.only.file.content == CSV


def test_a_file_is_sent_from_its_position(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"# made by a CRM\n" + CSV)
    with path.open("rb") as file:
        file.readline()
        _create(caller, caller.client(hub), file)
    assert hub.only.file.content == CSV
    buffer = io.BytesIO(b"junk" + CSV)
    buffer.seek(4)
    _create(caller, caller.client(hub), buffer)
    assert hub.requests[1].file.content == CSV


def test_a_pipe_is_sent_completely(caller: Blocking, hub: LoopbackHub) -> None:
    content = CSV + b"+15550100002,Grace\n" * 20_000
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as file:
        _create(caller, caller.client(hub), file)
    thread.join(PATIENCE)
    assert hub.only.file.content == content
    assert hub.only.file.filename == "contacts.csv"


def test_a_gzip_object_is_sent_decompressed(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    content = CSV + b"+15550100002,Grace\n" * 5_000
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(content))
    with gzip.open(path, "rb") as file:
        _create(caller, caller.client(hub), file)
    assert hub.only.file.content == content
    assert hub.only.header("content-length") == str(len(hub.only.body))


@table("size", [1, 64 * 1024 - 1, 64 * 1024, MIB, MIB + 1, 3 * MIB + 7])
def test_a_file_of_any_size_arrives_byte_for_byte(
    caller: Blocking, hub: LoopbackHub, size: int
) -> None:
    content = CSV + os.urandom(size)
    _create(caller, caller.client(hub), io.BytesIO(content))
    assert hub.only.file.content == content


def test_a_file_of_exactly_ten_mib_is_sent(blocking: Blocking, hub: LoopbackHub) -> None:
    content = (CSV + b"+15550100002,Grace\n" * (10 * MIB // 19))[: 10 * MIB]
    _create(blocking, blocking.client(hub), io.BytesIO(content))
    assert hub.only.file.content == content


class Counted(io.RawIOBase):
    """A file that records how much was requested at once, and that cannot seek."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.largest = 0
        self.given = False

    def readable(self) -> bool:
        return True

    def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
        assert n is not None
        assert n > 0, "the entire file was read at once"
        self.largest = max(self.largest, n)
        if not self.given:
            self.given = True
            return CSV[:n]
        chunk = min(n, self.left)
        self.left -= chunk
        return b"x" * chunk


def test_a_file_is_read_in_chunks_of_at_most_one_mib(caller: Blocking, hub: LoopbackHub) -> None:
    file = Counted(5 * MIB)
    _create(caller, caller.client(hub), file)
    assert 0 < file.largest <= MIB
    assert len(hub.only.file.content) == len(CSV) + 5 * MIB
