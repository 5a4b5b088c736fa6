"""Every kind of source: what is accepted, how it is read, and what is refused before sending."""

import bz2
import gzip
import io
import os
import pickle
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kataven import contacts
from kataven.contacts._rules import MAX_BYTES
from kataven.contacts.source.upload import read_upload
from kataven.errors import ContactsError
from tests.support.patience import PATIENCE

# Not installed where only an archive is tested.
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

LIST = b"phone_number,name\n+14155550100,Ana\n"
MIB = 1024 * 1024


class Recorded:
    """A file of an unknown kind that records how it is read."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.asked: list[int] = []

    def read(self, n: int = -1, /) -> bytes:
        self.asked.append(n)
        return self._file.read(n)


def sent(source: Any) -> bytes:
    """Return the bytes that an upload of a source sends."""
    upload = read_upload(source)
    assert upload.file.tell() == 0
    return upload.file.read()


def refusal_of(source: Any) -> tuple[str, int | None, str | None]:
    """Return kind, row and column of the single problem for which a source is refused."""
    with pytest.raises(ContactsError) as caught:
        read_upload(source)
    (problem,) = caught.value.problems
    assert problem.message in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    return problem.kind, problem.row, problem.column


def test_a_path_is_opened_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    for source in (path, str(path)):
        # An open file would be a ResourceWarning, and warnings are errors here.
        upload = read_upload(source)
        assert (upload.filename, upload.file.getvalue()) == ("list.csv", LIST)


def test_a_str_is_a_path_and_never_csv_text() -> None:
    with pytest.raises(FileNotFoundError):
        read_upload("phone_number")
    with pytest.raises(IsADirectoryError):
        read_upload("/")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_accepted(kind: type) -> None:
    assert sent(kind(LIST)) == LIST


def test_bytes_that_change_later_do_not_change_the_upload() -> None:
    data = bytearray(LIST)
    upload = read_upload(data)
    data[:4] = b"junk"
    assert upload.file.read() == LIST


def test_a_file_is_read_from_its_position_left_at_its_end_and_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"junk" + LIST)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        for passed in (file, raw, io.BytesIO(b"junk" + LIST)):
            passed.seek(4)
            assert sent(passed) == LIST
            assert not passed.closed
            assert passed.tell() == 4 + len(LIST)
            with pytest.raises(ContactsError, match="the file is at its end"):
                read_upload(passed)


def test_temporary_and_compressed_files_are_accepted(tmp_path: Path) -> None:
    packed = tmp_path / "list.csv.gz"
    packed.write_bytes(gzip.compress(LIST))
    archive = tmp_path / "list.zip"
    with zipfile.ZipFile(archive, "w") as new:
        new.writestr("list.csv", LIST)
    with (
        gzip.open(packed) as unzipped,
        bz2.open(io.BytesIO(bz2.compress(LIST))) as unbz,
        zipfile.ZipFile(archive) as opened,
        opened.open("list.csv") as member,
        tempfile.SpooledTemporaryFile() as spooled,
        tempfile.NamedTemporaryFile() as named,
        tempfile.TemporaryFile() as plain,
    ):
        for file in (spooled, named, plain):
            file.write(LIST)
            file.seek(0)
        for file in (unzipped, unbz, member, spooled, named, plain):
            assert sent(file) == LIST
            assert not file.closed


def test_a_pipe_is_read_to_its_end(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    def write() -> None:
        with os.fdopen(os.dup(writing), "wb") as file:
            file.write(LIST)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(os.dup(reading), "rb") as file:
        assert sent(file) == LIST
    writer.join(PATIENCE)


def test_a_file_is_read_in_chunks_of_at_most_1_mib_and_not_past_the_limit() -> None:
    data = LIST + b"+14155550100,x\n" * 300_000
    file = Recorded(data)
    assert sent(file) == data
    assert max(file.asked) == MIB
    assert min(file.asked) > 0
    endless = Recorded(LIST + b"\n" * (2 * MAX_BYTES))
    assert refusal_of(endless) == ("too_large", None, None)
    assert sum(endless.asked) == MAX_BYTES + 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/data/spring.csv", "spring.csv"),
        ("C:\\data\\spring.csv", "spring.csv"),
        (5, "contacts.csv"),
        ("", "contacts.csv"),
        (None, "contacts.csv"),
    ],
)
def test_the_filename_is_the_base_name_of_a_name_that_is_a_str(name: object, expected: str) -> None:
    file = io.BytesIO(LIST)
    file.name = name  # type: ignore[attr-defined]
    assert read_upload(file).filename == expected


def test_10_mib_are_accepted_and_not_one_byte_more() -> None:
    data = LIST.ljust(MAX_BYTES, b"\n")
    for make in (bytes, bytearray, io.BytesIO, Recorded):
        assert len(sent(make(data))) == MAX_BYTES
        assert refusal_of(make(data + b"\n")) == ("too_large", None, None)


REFUSED = [
    (io.StringIO("phone_number\n"), ("bad_encoding", None, None)),
    (b"", ("empty_file", None, None)),
    (Recorded(b""), ("empty_file", None, None)),
    (b"name,phone\n", ("missing_header", 1, None)),
    (b"Phone_Number\n", ("missing_header", 1, None)),
    (b" phone_number\n", ("missing_header", 1, None)),
    (b"\nphone_number\n", ("missing_header", 1, None)),
    (b"phone_number;name\n", ("missing_header", 1, None)),
    (b"name\nphone_number\n", ("missing_header", 1, None)),
    (b'"' + b"x" * MIB, ("missing_header", 1, None)),
    ("\ufeffphone_number\n".encode("utf-16-le"), ("bad_encoding", None, None)),
    ([], ("no_rows", None, None)),
    ([{"name": "a"}], ("missing_header", 1, None)),
    ([{"phone_number": 14155550100}], ("spreadsheet_number", 2, "phone_number")),
    (
        [{"phone_number": "+1"}, {"phone_number": 1.5}],
        ("spreadsheet_number", 3, "phone_number"),
    ),
    ([{"phone_number": np.int64(1)}], ("spreadsheet_number", 2, "phone_number")),
    ([{"phone_number": Decimal(1)}], ("spreadsheet_number", 2, "phone_number")),
    ([{"phone_number": "+1"}, {"name": "x"}], ("ragged_row", 3, "name")),
    ([{"phone_number": "+1\ud800"}], ("bad_encoding", 2, None)),
    (
        pd.DataFrame({"phone_number": [14155550100]}),
        ("spreadsheet_number", None, "phone_number"),
    ),
    (pd.DataFrame({"phone_number": [1.5, None]}), ("spreadsheet_number", None, "phone_number")),
    (pl.DataFrame({"phone_number": [1]}), ("spreadsheet_number", None, "phone_number")),
    (pa.table({"phone_number": [1]}), ("spreadsheet_number", None, "phone_number")),
    (pl.DataFrame({"phone": ["+1"]}), ("missing_header", 1, None)),
    (
        pl.DataFrame({"phone_number": []}, schema={"phone_number": pl.String}),
        ("no_rows", None, None),
    ),
    (
        pd.DataFrame([["+1", "+2"]], columns=["phone_number", "phone_number"]),
        ("doubled_header", None, None),
    ),
]


def test_a_list_the_hub_would_refuse_by_its_header_or_size_is_refused() -> None:
    for source, expected in REFUSED:
        assert refusal_of(source) == expected


def test_the_header_may_have_a_byte_order_mark_and_quotes() -> None:
    for name in (b"phone_number", b'"phone_number"'):
        for mark in (b"", b"\xef\xbb\xbf"):
            for end in (b"\n", b"\r\n", b"\r", b""):
                data = mark + b'"a\nb",' + name + end
                assert sent(data) == data


@pytest.mark.parametrize(
    "source",
    [
        5,
        None,
        1.5,
        object(),
        {"phone_number": "+1"},
        [1],
        ["+1"],
        [{1: "+1", "phone_number": "+1"}],
        pl.DataFrame({"phone_number": ["+1"]}).lazy(),
        pl.Series(["+1"]),
    ],
)
def test_an_object_that_is_not_a_source_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError):
        read_upload(source)


def test_a_closed_file_is_a_value_error(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    file = path.open("rb")
    file.close()
    closed = io.BytesIO(LIST)
    closed.close()
    for source in (file, closed):
        with pytest.raises(ValueError, match="closed"):
            read_upload(source)


def test_an_error_while_reading_says_what_could_not_be_read() -> None:
    class Broken(Recorded):
        name = "/data/spring.csv"

        def read(self, n: int = -1, /) -> bytes:
            raise OSError(5, "the disk is gone")

    class NotReady(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return None

    def rows() -> Iterator[dict[str, str]]:
        yield {"phone_number": "+14155550100"}
        raise ConnectionResetError("the database is gone")

    for source, match in (
        (Broken(b""), r"could not be read \(spring.csv\): .*the disk is gone; nothing was sent"),
        (NotReady(b""), r"could not be read \(contacts.csv\): .*no data yet"),
        (rows(), "the database is gone"),
    ):
        with pytest.raises(ContactsError, match=match) as caught:
            read_upload(source)
        assert isinstance(caught.value.__cause__, OSError)


def test_a_file_whose_read_does_not_return_bytes_is_refused() -> None:
    class Textual(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return "phone_number\n"

    class Number(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return 5

    assert refusal_of(Textual(b""))[0] == "bad_encoding"
    with pytest.raises(TypeError, match="must return bytes"):
        read_upload(Number(b""))


def test_rows_are_written_as_csv() -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield {"phone_number": "+14155550100", "name": 'A "B", c', "n": 1, "x": True}
        yield {"name": "two\nlines", "phone_number": "+14155550101"}
        yield {"phone_number": None, "name": None, "n": float("nan"), "x": ["a", {"b": 1}]}

    assert sent(rows()) == (
        b"phone_number,name,n,x\r\n"
        b'+14155550100,"A ""B"", c",1,true\r\n'
        b'+14155550101,"two\nlines",,\r\n'
        b',,,"[""a"",{""b"":1}]"\r\n'
    )


def test_rows_are_not_read_past_the_limit() -> None:
    taken = 0

    def rows() -> Iterator[dict[str, str]]:
        nonlocal taken
        while True:
            taken += 1
            yield {"phone_number": "+14155550100", "note": "x" * 10_000}

    assert refusal_of(rows()) == ("too_large", None, None)
    assert taken == MAX_BYTES // 10_015 + 1


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"phone_number": ["+14155550100", None], "n": [1.5, float("nan")]}),
        pd.DataFrame({"phone_number": ["+14155550100", pd.NA], "n": [1.5, None]}, dtype=object),
        pl.DataFrame({"phone_number": ["+14155550100", None], "n": [1.5, None]}),
        pa.table({"phone_number": ["+14155550100", None], "n": [1.5, None]}),
        pa.table({"phone_number": ["+14155550100", None], "n": [1.5, None]}).to_reader(),
        pa.RecordBatch.from_pydict({"phone_number": ["+14155550100", None], "n": [1.5, None]}),
    ],
    ids=["pandas", "pandas objects", "polars", "arrow", "arrow reader", "arrow batch"],
)
def test_tables_are_written_as_csv(table: Any) -> None:
    assert sent(table) == b"phone_number,n\r\n+14155550100,1.5\r\n,\r\n"


def test_dates_in_tables_are_written_in_iso_8601() -> None:
    table = pl.DataFrame({"phone_number": ["+14155550100"], "d": ["2026-01-02"]})
    table = table.with_columns(pl.col("d").str.to_date())
    assert sent(table) == b"phone_number,d\r\n+14155550100,2026-01-02\r\n"


def test_every_function_accepts_every_source(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    makers: list[Any] = [
        lambda: str(path),
        lambda: LIST,
        lambda: io.BytesIO(LIST),
        lambda: Recorded(LIST),
        lambda: [{"phone_number": "+14155550100", "name": "Ana"}],
        lambda: pl.DataFrame({"phone_number": ["+14155550100"], "name": ["Ana"]}),
    ]
    for make in makers:
        assert contacts.check(make()).ok
        contacts.clean(make()).close()
        for part in contacts.split(make()):
            assert part.rows == 1
            part.close()
        (group,) = contacts.by_timezone(make())
        assert group.zones == ("America/Los_Angeles",)
