"""The header of rows and tables is read as that of a file, and Excel's sep= line is understood."""

import codecs
import csv
import io
from typing import Any

import pyarrow as pa
import pytest

from kataven import contacts
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.upload import read_upload
from kataven.errors import ContactsError

# Not installed where only an archive is tested.
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

TEXT = "Phone,name\n+1 415 555 0100,Ana\n"
MAKERS: dict[str, Any] = {
    "rows": lambda: [{"Phone": "+1 415 555 0100", "name": "Ana"}],
    "DictReader": lambda: csv.DictReader(io.StringIO(TEXT)),
    "pandas": lambda: pd.DataFrame([{"Phone": "+1 415 555 0100", "name": "Ana"}]),
    "polars": lambda: pl.DataFrame([{"Phone": "+1 415 555 0100", "name": "Ana"}]),
    "arrow": lambda: pa.Table.from_pylist([{"Phone": "+1 415 555 0100", "name": "Ana"}]),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_rows_and_tables_are_cleaned_and_checked_like_files(kind: str) -> None:
    make = MAKERS[kind]
    with contacts.clean(make()) as cleaned:
        assert cleaned.read() == b"phone_number,name\r\n+14155550100,Ana\r\n"
        assert [(each.old, each.new) for each in cleaned.report.renamed] == [
            ("Phone", "phone_number")
        ]
    report, expected = contacts.check(make()), contacts.check(TEXT.encode())
    assert [(p.kind, p.row, p.message) for p in report.problems] == [
        (p.kind, p.row, p.message) for p in expected.problems
    ]
    assert report.counts["missing_header"] == 1
    assert [part.read() for part in contacts.split(make())] == [TEXT.replace("\n", "\r\n").encode()]
    # An upload is judged at once, and never changed.
    with pytest.raises(ContactsError, match="must name a column 'phone_number'"):
        read_upload(make())


def test_check_reports_a_source_without_rows() -> None:
    empty = pd.DataFrame({"phone_number": []}, dtype=str)
    for source, kind in (([], "empty_file"), (empty, "no_rows")):
        assert [problem.kind for problem in contacts.check(source).problems] == [kind]
        with pytest.raises(ContactsError, match="add at least one contact"):
            read_upload(source)


def test_a_number_that_is_not_text_is_refused_under_any_name() -> None:
    for source in ([{"Phone": 14155550100}], pd.DataFrame({"Mobile": [14155550100]})):
        with pytest.raises(ContactsError, match="phone numbers must be text"):
            contacts.clean(source)


def test_a_long_row_of_a_dict_reader_is_a_ragged_row() -> None:
    text = TEXT + "+14155550101,Bo,more,cells\n+14155550102\n"
    with contacts.clean(csv.DictReader(io.StringIO(text))) as cleaned:
        assert [(each.row, each.reason) for each in cleaned.report.dropped] == [(3, "ragged_row")]
        assert cleaned.report.kept == 2
    assert contacts.check(csv.DictReader(io.StringIO(text))).counts["ragged_row"] == 1
    first = "phone_number\n+14155550100,x\n"
    assert contacts.check(csv.DictReader(io.StringIO(first))).counts["ragged_row"] == 1
    for data in (text.replace("Phone", "phone_number"), first):
        with pytest.raises(ContactsError, match="has the key None"):
            read_upload(csv.DictReader(io.StringIO(data)))


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_sep_line_of_excel_is_not_the_header(line: str, end: str, encoding: str) -> None:
    # With the vote alone the comma would win.
    text = end.join([line, "Phone;Name, first, second", "+14155550100;a,b,c", ""])
    data = text.encode(encoding)
    with contacts.clean(data) as cleaned:
        assert list(csv.reader(io.StringIO(cleaned.read().decode(), newline=""))) == [
            ["phone_number", "Name, first, second"],
            ["+14155550100", "a,b,c"],
        ]
        assert cleaned.report.delimiter == ";"
    report = contacts.check(data)
    assert report.columns == ("Phone", "Name, first, second")
    assert "sep=;" in next(p.message for p in report.problems if p.kind == "missing_header")
    (part,) = contacts.split(data)
    assert (part.rows, part.read()) == (1, data)
    with contacts.clean(b"phone_number\n+14155550100\n", exclude=data) as cleaned:
        assert cleaned.report.kept == 0
    if encoding != "utf-16":
        with pytest.raises(ContactsError, match=r"note to Excel.*contacts\.clean"):
            read_upload(data)


def test_a_list_with_only_a_sep_line_more_is_an_error_of_check() -> None:
    # The Hub would take the line for the header.
    data = b"sep=,\nphone_number,name\n+14155550100,Ana\n"
    report = contacts.check(data)
    assert [(p.kind, p.row) for p in report.problems] == [("missing_header", 1)]
    assert report.rows == 1
    with contacts.clean(data) as cleaned:
        cleaned.seek(0)
        assert contacts.check(cleaned).ok


def test_wrong_bytes_are_counted_from_the_start_of_the_file() -> None:
    data = b"sep=;\nphone_number;n\n+14155550100;\xff\n"
    text = TextBlocks(io.BytesIO(data))
    (block,) = text
    assert block.wrong[0].offset == data.index(b"\xff")
    assert text.separator_line == b"sep=;\n"
    wide = TextBlocks(io.BytesIO(codecs.BOM_UTF16_LE + "sep=\t\nphone\n".encode("utf-16-le")))
    assert (wide.separator, [block.text for block in wide]) == ("\t", ["phone\n"])


@pytest.mark.parametrize("text", ["sep=\nphone\n", "sep=:\nphone\n", "sep;phone\n", "x\nsep=;\n"])
def test_another_first_line_stays_the_header(text: str) -> None:
    assert TextBlocks(io.BytesIO(text.encode())).separator == ""


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Phone;Name, first\n+14155550100;Ana, B\n", ";"),
        ("Name, first;Phone\nAna, B;+14155550100\n", ";"),
        ("Name;first,Phone\nAna;B,+14155550100\n", ","),
        ("Name, first|Mobile\nAna, B|x\n", "|"),
        ("Name, first;Reference\nAna, B;+14155550100\n", ";"),
        ("a;b,c\nx;y,z\n", ","),
    ],
)
def test_a_tied_vote_goes_to_the_reading_with_a_number_column(text: str, mark: str) -> None:
    assert delimiter_of(text) == mark


@pytest.mark.parametrize("function", ["check", "clean", "split", "upload", "exclude"])
def test_text_with_several_lines_and_async_files_are_refused(function: str) -> None:
    class UploadFile:
        """Like the one of Starlette."""

        file = io.BytesIO(TEXT.encode())

        async def read(self, n: int = -1) -> bytes:
            raise AssertionError("read")

    class AsyncFile:
        """Like one of aiofiles or anyio."""

        async def read(self, n: int = -1) -> bytes:
            raise AssertionError("read")

    calls: dict[str, Any] = {
        "check": contacts.check,
        "clean": contacts.clean,
        "split": lambda source: list(contacts.split(source)),
        "upload": read_upload,
        "exclude": lambda source: contacts.clean(b"phone\n", exclude=source),
    }
    call = calls[function]
    for text in (TEXT, "phone_number\r+14155550100"):
        with pytest.raises(ContactsError, match=r"pass bytes \(text.encode\(\)\), or a path"):
            call(text)
    with pytest.raises(TypeError, match=r"async read\(\) \(UploadFile\): use its .file"):
        call(UploadFile())
    with pytest.raises(TypeError, match="pass bytes"):
        call(AsyncFile())


def test_no_name_or_key_is_shown_beyond_80_characters() -> None:
    long = "n" * 5_000
    sources: list[Any] = [
        [{"phone": "+14155550100"}, {long: "x"}],
        [{("k", long): "x"}],
        pd.DataFrame([["+1", "x", "y"]], columns=["phone", long, long]),
        pl.DataFrame({"phone": [long]}).select(pl.col("phone").alias(long)),
    ]
    for source in sources:
        with pytest.raises((ContactsError, TypeError)) as caught:
            contacts.clean(source)
        assert "n" * 81 not in str(caught.value)
    with contacts.clean([{long: "x", "phone": "+14155550100", " b ": ""}]) as cleaned:
        assert "n" * 81 not in cleaned.report.summary()
