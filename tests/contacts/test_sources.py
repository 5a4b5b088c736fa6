"""Whatever a list comes as: what is taken, how it is read, what is refused before anything is sent."""

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

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kataven import contacts
from kataven.contacts._rules import MAX_BYTES, PIECE
from kataven.contacts.source.open import open_upload
from kataven.contacts.source.window import upload_window
from kataven.errors import ContactsError

LIST = b"phone_number,name\n+14155550100,Ana\n"


class Recorded:
    """A file of no known kind that records how it is read."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.asked: list[int] = []

    def read(self, n: int = -1, /) -> bytes:
        """Read and record."""
        self.asked.append(n)
        return self._file.read(n)


def sent(source: Any) -> bytes:
    """Give the bytes that an upload of a source would send."""
    with open_upload(source) as upload:
        window = upload_window(upload)
        found = b""
        while piece := window.read():
            found += piece
        assert len(found) == upload.size
        return found


def refusal_of(source: Any) -> tuple[str, int | None, str | None]:
    """Give kind, row and column of the one problem that refuses a source."""
    with pytest.raises(ContactsError) as caught:
        open_upload(source)
    (problem,) = caught.value.problems
    assert problem.message in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    return problem.kind, problem.row, problem.column


def test_a_path_is_opened_and_closed(tmp_path: Path) -> None:
    """As text and as an object; the file is closed by us."""
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    for source in (path, str(path)):
        upload = open_upload(source)
        assert (upload.filename, upload.start, upload.size) == ("list.csv", 0, len(LIST))
        upload.close()
        assert upload.file.closed


def test_text_is_a_path_never_csv() -> None:
    """A missing path is what Python says it is."""
    with pytest.raises(FileNotFoundError):
        open_upload("phone_number")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_taken(kind: type) -> None:
    """In each of their forms."""
    assert sent(kind(LIST)) == LIST


def test_a_file_is_used_from_its_position_and_stays_open(tmp_path: Path) -> None:
    """Seekable files are not copied."""
    path = tmp_path / "list.csv"
    path.write_bytes(b"junk" + LIST)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        for handed in (file, raw, io.BytesIO(b"junk" + LIST)):
            handed.seek(4)
            upload = open_upload(handed)
            assert upload.file is handed
            assert (upload.start, upload.size, handed.tell()) == (4, len(LIST), 4)
            upload.close()
            assert not handed.closed


def test_files_of_tempfile_are_used_as_they_stand() -> None:
    """Their wrappers hide a regular file."""
    with tempfile.NamedTemporaryFile() as named, tempfile.TemporaryFile() as plain:
        for file in (named, plain):
            file.write(LIST)
            file.seek(0)
            with open_upload(file) as upload:
                assert upload.file is file
                assert upload.size == len(LIST)


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    """Their descriptors name the packed size, which would be the wrong length."""
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
    ):
        spooled.write(LIST)
        spooled.seek(0)
        for file in (unzipped, unbz, member, spooled):
            assert sent(file) == LIST
            assert not file.closed


def test_a_pipe_is_read_to_its_end(pipe: tuple[int, int]) -> None:
    """It cannot be rewound, so it is copied first."""
    reading, writing = pipe

    def write() -> None:
        with os.fdopen(os.dup(writing), "wb") as file:
            file.write(LIST)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(os.dup(reading), "rb") as file:
        assert sent(file) == LIST
    writer.join(10)


def test_unknown_files_are_copied_in_small_pieces_and_not_past_the_limit() -> None:
    """At most 1 MiB at once, at most 10 MiB and one byte in all."""
    data = LIST + b"+14155550100,x\n" * 300_000
    file = Recorded(data)
    assert sent(file) == data
    assert max(file.asked) == PIECE
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
def test_the_filename_is_the_base_name_of_a_name_that_is_text(name: object, expected: str) -> None:
    """Anything else is contacts.csv."""
    file = io.BytesIO(LIST)
    file.name = name  # type: ignore[attr-defined]
    with open_upload(file) as upload:
        assert upload.filename == expected


def test_ten_mebibytes_are_taken_and_not_one_byte_more() -> None:
    """Whether the size is known or found out."""
    data = LIST.ljust(MAX_BYTES, b"\n")
    for make in (io.BytesIO, Recorded):
        open_upload(make(data)).close()
        assert refusal_of(make(data + b"\n")) == ("too_large", None, None)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (io.StringIO("phone_number\n"), ("bad_encoding", None, None)),
        (b"", ("empty_file", None, None)),
        (Recorded(b""), ("empty_file", None, None)),
        (b"name,phone\n", ("missing_header", 1, None)),
        (b"Phone_Number\n", ("missing_header", 1, None)),
        (b" phone_number\n", ("missing_header", 1, None)),
        (b"\nphone_number\n", ("missing_header", 1, None)),
        (b"phone_number;name\n", ("missing_header", 1, None)),
        (b"name\nphone_number\n", ("missing_header", 1, None)),
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
    ],
)
def test_what_the_hub_would_refuse_unread_is_refused(
    source: Any, expected: tuple[str, int | None, str | None]
) -> None:
    """Each with its kind and place."""
    assert refusal_of(source) == expected


@pytest.mark.parametrize("name", [b"phone_number", b'"phone_number"'])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
def test_the_header_may_have_a_mark_and_quotes(name: bytes, mark: bytes, end: bytes) -> None:
    """Only the first record is looked at, and only for its names."""
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
def test_what_is_no_source_is_a_type_error(source: Any) -> None:
    """With a message that says what would be one."""
    with pytest.raises(TypeError):
        open_upload(source)


def test_a_closed_file_and_a_broken_one_say_so(tmp_path: Path) -> None:
    """ValueError for the first; the second's own error passes."""
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    file = path.open("rb")
    file.close()
    closed = io.BytesIO(LIST)
    closed.close()
    for source in (file, closed):
        with pytest.raises(ValueError, match="closed"):
            open_upload(source)

    class Broken(Recorded):
        def read(self, n: int = -1, /) -> bytes:
            raise OSError(5, "it broke")

    with pytest.raises(OSError, match="it broke"):
        open_upload(Broken(LIST))


def test_files_that_give_text_or_nothing_are_refused() -> None:
    """Whatever they claim to be."""

    class Textual(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return "phone_number\n"

    class Number(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return 5

    class Late(Recorded):
        def read(self, n: int = -1, /) -> Any:
            return None

    assert refusal_of(Textual(b""))[0] == "bad_encoding"
    with pytest.raises(TypeError, match="must give bytes"):
        open_upload(Number(b""))
    with pytest.raises(BlockingIOError):
        open_upload(Late(b""))


def test_rows_are_written_as_csv() -> None:
    """The first row's keys are the header; None and missing keys are empty cells."""

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


def test_rows_are_not_written_past_the_limit() -> None:
    """Nothing more is asked of an endless source."""
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
    """Of pandas, polars and Arrow; what is missing is an empty cell."""
    assert sent(table) == b"phone_number,n\r\n+14155550100,1.5\r\n,\r\n"


def test_dates_of_tables_are_in_iso_8601() -> None:
    """As the agent's prompt gets them."""
    table = pl.DataFrame({"phone_number": ["+14155550100"], "d": ["2026-01-02"]})
    table = table.with_columns(pl.col("d").str.to_date())
    assert sent(table) == b"phone_number,d\r\n+14155550100,2026-01-02\r\n"


def test_the_window_is_the_upload_and_nothing_else(tmp_path: Path) -> None:
    """It has a length by seek and tell, no descriptor, and its 0 is the upload's start."""
    path = tmp_path / "list.csv"
    path.write_bytes(b"junk" + LIST)
    with path.open("rb") as file:
        file.seek(4)
        with open_upload(file) as upload:
            path.write_bytes(b"junk" + LIST + b"+14155550101,later\n")
            window = upload_window(upload)
            assert not hasattr(window, "fileno")
            assert window.seek(0, os.SEEK_END) == window.tell() == len(LIST)
            assert window.read() == b""
            assert window.seek(0) == 0
            assert window.read(5) == LIST[:5]
            file.seek(0)
            assert window.read(5) == LIST[5:10]
            assert window.seek(-2, os.SEEK_CUR) == 8
            assert window.read() == LIST[8:]
            assert (window.readable(), window.seekable(), window.writable()) == (True, True, False)
            with pytest.raises(ValueError, match="before the start"):
                window.seek(-1)
            with pytest.raises(ValueError, match="whence"):
                window.seek(0, 9)


def test_the_window_reads_a_mebibyte_at_most() -> None:
    """However much is asked for."""
    with open_upload(LIST + b"\n" * (3 * PIECE)) as upload:
        window = upload_window(upload)
        assert len(window.read()) == len(window.read(None)) == len(window.read(5 * PIECE)) == PIECE


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    """Else fewer bytes would be sent than were announced."""
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    with open_upload(path) as upload:
        path.write_bytes(b"")
        with pytest.raises(OSError, match="became shorter"):
            upload_window(upload).read()


def test_every_function_takes_every_source(tmp_path: Path) -> None:
    """Check, clean, split and by_timezone read what create reads."""
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
