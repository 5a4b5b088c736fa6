"""What prepare takes: files, globs, Parquet, tables; and the lists that it refuses, by name."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from kataven import contacts
from kataven.bulk import BulkError, BulkPlan, prepare
from kataven.errors import ContactsError, ContactsWarning
from tests.bulk.making import make_plan
from tests.support.plans import columns_of, dropped_of, expected, files_of, rows_of

# Not installed where only an archive is tested.
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

ROWS = [
    {"phone_number": "+14155550100", "name": "Ann"},
    {"phone_number": "+14155550101", "name": "Björn, jr"},
    {"phone_number": "+14155550100", "name": "Ann again"},
]
TEXT = 'phone_number,name\n+14155550100,Ann\n+14155550101,"Björn, jr"\n+14155550100,Ann again\n'


def contacts_of(plan: BulkPlan) -> list[dict[str, str]]:
    return [contact for _, _, contact in rows_of(plan)]


def write_parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


@pytest.mark.parametrize(
    "source",
    [
        TEXT.encode(),
        io.BytesIO(TEXT.encode()),
        ROWS,
        tuple(ROWS),
        (row for row in ROWS),
        pd.DataFrame(ROWS),
        pl.DataFrame(ROWS),
        pa.Table.from_pylist(ROWS),
        [pd.DataFrame(ROWS[:2]), TEXT.encode()],
        [ROWS, io.BytesIO(TEXT.encode())],
    ],
    ids=lambda source: type(source).__name__,
)
def test_tables_rows_and_bytes(tmp_path: Path, source: Any) -> None:
    plan = prepare(source, directory=tmp_path / "plan")
    assert contacts_of(plan) == ROWS[:2]
    assert {each["reason"] for each in dropped_of(plan)} == {"duplicate"}
    assert not list(plan.directory.glob(".*"))


def test_several_sources_have_names(tmp_path: Path) -> None:
    plan = prepare([pd.DataFrame(ROWS[:1]), ROWS[1:2]], directory=tmp_path / "plan")
    places = [(file, row) for file, row, _ in rows_of(plan)]
    assert places == [("contacts.csv", 2), ("contacts.csv (2)", 2)]


def test_the_same_table_is_the_same_plan(tmp_path: Path) -> None:
    plan = prepare(pd.DataFrame(ROWS), directory=tmp_path / "plan")
    assert prepare(pd.DataFrame(ROWS), directory=tmp_path / "plan") == plan
    with pytest.raises(BulkError, match="of other sources"):
        prepare(pd.DataFrame(ROWS[:2]), directory=tmp_path / "plan")


def test_globs_are_read_in_the_order_of_the_names(tmp_path: Path) -> None:
    for name, number in (("b", 1), ("a", 2), ("c", 3)):
        (tmp_path / f"{name}.csv").write_text(f"phone_number\n+1415555010{number}\n")
    (tmp_path / "x.csv").mkdir()
    plan = prepare(str(tmp_path / "*.csv"), directory=tmp_path / "plan")
    assert [Path(file).name for file, _, _ in rows_of(plan)] == ["a.csv", "b.csv", "c.csv"]
    again = prepare([tmp_path / "c.csv", tmp_path / "[ab].csv"], directory=tmp_path / "again")
    assert [Path(file).name for file, _, _ in rows_of(again)] == ["c.csv", "a.csv", "b.csv"]
    with pytest.raises(FileNotFoundError, match="no file matches"):
        prepare(str(tmp_path / "*.txt"), directory=tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        prepare(tmp_path / "none.csv", directory=tmp_path / "none")
    with pytest.raises(IsADirectoryError, match=r"\*\.csv"):
        prepare(tmp_path, directory=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_file_whose_name_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text(TEXT)
    plan = prepare(tmp_path / "a[1].csv", directory=tmp_path / "plan")
    assert contacts_of(plan) == ROWS[:2]


def test_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, TEXT.encode())
    os.close(writing)
    with open(reading, "rb") as pipe:
        plan = prepare(pipe, directory=tmp_path / "plan")
    assert contacts_of(plan) == ROWS[:2]


# Parquet.


@pytest.mark.parametrize("name", ["a.parquet", "A.PARQUET", "a.pq"])
def test_parquet(tmp_path: Path, name: str) -> None:
    path = write_parquet(tmp_path / name, ROWS, row_group_size=1)
    plan = prepare([path, TEXT.encode()], directory=tmp_path / "plan")
    assert [(file, row) for file, row, _ in rows_of(plan)] == [(str(path), 2), (str(path), 3)]
    assert contacts_of(plan) == ROWS[:2]
    assert [each["row"] for each in dropped_of(plan)] == ["4", "2", "3", "4"]
    assert prepare([path, TEXT.encode()], directory=tmp_path / "plan") == plan


@pytest.mark.slow
def test_parquet_with_many_batches(tmp_path: Path) -> None:
    rows = [
        {"phone_number": f"+1415{2_000_000 + index}", "n": index, "none": None}
        for index in range(45_000)
    ]
    plan = prepare(write_parquet(tmp_path / "a.parquet", rows), directory=tmp_path / "plan")
    assert [contact["n"] for contact in contacts_of(plan)] == list(map(str, range(45_000)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"phone_number": 14155550100}], "phone numbers must be text"),
        ([{"name": "Ann"}], "first row must name a column"),
        ([], "first row must name a column"),
    ],
)
def test_parquet_that_cannot_be_a_list(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    path = write_parquet(tmp_path / "a.parquet", rows)
    with pytest.raises(ContactsError, match=rf"a\.parquet: .*{message}"):
        prepare(path, directory=tmp_path / "plan")
    assert not (tmp_path / "plan").exists()


def test_a_file_that_is_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text(TEXT)
    with pytest.raises(ContactsError, match=r"a\.parquet: it is not a Parquet file"):
        prepare(tmp_path / "a.parquet", directory=tmp_path / "plan")


# Columns.


def test_columns_may_have_any_order_and_spelling(tmp_path: Path) -> None:
    files = {
        "a.csv": "Phone,name,city\n+14155550100,Ann,Oslo\n",
        "b.csv": 'city;Mobile;name\nBergen;+14155550101;"Bo; jr"\n',
        "c.csv": "\ufeffname , phone_number,city\nCy,+14155550102,\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    plan = prepare([tmp_path / name for name in files], directory=tmp_path / "plan", max_rows=2)
    assert columns_of(plan) == {("phone_number", "name", "city")}
    assert [tuple(each.values()) for each in contacts_of(plan)] == [
        ("+14155550100", "Ann", "Oslo"),
        ("+14155550101", "Bo; jr", "Bergen"),
        ("+14155550102", "Cy", ""),
    ]


def test_other_columns_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("phone_number,name,city\n+14155550100,Ann,Oslo\n")
    (tmp_path / "b.csv").write_text("Phone,name,town\n+14155550101,Bo,Bergen\n")
    with pytest.raises(ContactsError) as refused:
        prepare(str(tmp_path / "?.csv"), directory=tmp_path / "plan")
    assert "a.csv" in str(refused.value)
    assert "b.csv' lacks 'city' and also has 'town'" in str(refused.value)
    for columns, difference in (("Phone,name", "lacks 'city'"), ("Phone,name,city,x", "also has")):
        (tmp_path / "b.csv").write_text(f"{columns}\n")
        with pytest.raises(ContactsError, match=difference):
            prepare(str(tmp_path / "?.csv"), directory=tmp_path / "plan")
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the list is empty"),
        (b"\n\n", "the list contains only blank lines"),
        (b"name\nAnn\n", "first row must name a column 'phone_number'"),
        (b"phone_number,\0\n", "NUL"),
        (b"PK\x03\x04......", "save"),
        (b"phone_number,caf\xe9\n+14155550100,x\n", "name the encoding"),
        ("phone_number\n+14155550100\n".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_a_file_that_cannot_be_a_list_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "good.csv").write_text("phone_number\n+14155550100\n")
    (tmp_path / "worse.csv").write_bytes(data)
    with pytest.raises(ContactsError, match=rf"worse\.csv: (?s:.*){message}") as refused:
        prepare(str(tmp_path / "*.csv"), directory=tmp_path / "plan")
    assert refused.value.problems
    assert not (tmp_path / "plan").exists()


# Lists that are hard to cut.


HOSTILE = {
    "bom": b"\xef\xbb\xbfphone_number,name\r\n+14155550100,Ann\r\n",
    "sep": b"sep=;\r\nphone_number;name\r\n+14155550100;Ann, jr\r\n+14155550101;sep=,\r\n",
    "old_mac": b'phone_number,name\r+14155550100,"Ann, jr"\r+14155550101,Bo\r',
    "utf16": 'phone_number,name\r\n+14155550100,"A\nB"\n+14155550101,\u0a05\u0100\u2205\n'.encode(
        "utf-16"
    ),
    "utf32": b"\xff\xfe\0\0"
    + "phone_number,n\n+14155550100,\u0a22\n+14155550101,b".encode("utf-32-le"),
    "nul": b"phone_number,name\n+14155550100,A\0\n+14155550101,B\n",
    "stray": b'phone_number,name\n+14155550100,5" pipe\n+14155550101,"x\ny"\n+14155550102,"x\ny"\n',
    "open": b'phone_number,name\n+14155550100,"open\n+14155550101,b\n+14155550102,c\n',
    "after": b'phone_number,name\n+14155550100,"a" b\n+14155550101,"c\nd" e\n+14155550102,f\n',
    "lone_cr": b"phone_number,name\n+14155550100,a\rb\n+14155550101,c\r\r\n+14155550102,d\n",
    "no_end": b"phone_number,name\n+14155550100,a\n+14155550101,b",
    "marks_inside": b"phone_number,name\n\xef\xbb\xbf+14155550100,a\nsep=;,b\n+14155550101,c\n",
    "long": b'phone_number,name\n+14155550100,"' + b"line\n" * 900 + b'"\n+14155550101,b\n',
    "blank": b"\n\n\nphone_number,name\n\n+14155550100,a\n\n\n",
    "quotes": b'"phone_number","name"\n' + b'"+14155550100","say ""hi"""\n"+14155550101",""\n' * 3,
    "ragged": b"phone_number,name\n+14155550100,a,,\n+14155550101,b,c\n+14155550102\n",
}


@pytest.mark.parametrize("threads", [pytest.param(0, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize("name", HOSTILE)
def test_lists_that_are_hard_to_cut(tmp_path: Path, name: str, threads: int) -> None:
    path = tmp_path / f"{name}.csv"
    path.write_bytes(HOSTILE[name])
    wanted = expected({str(path): HOSTILE[name]})
    folders = []
    for chunk_size in (1, 16, 30, 45, 1000):
        folders.append(tmp_path / str(chunk_size))
        with ThreadPoolExecutor(max(1, threads)) as executor:
            plan, _ = make_plan(
                path,
                directory=folders[-1],
                # With an executor, chunks are cut before the one before them is read.
                executor=executor if threads else None,
                chunk_size=chunk_size,
                bucket_size=1,
            )
        assert rows_of(plan) == wanted.kept
        assert plan.totals.rows == wanted.rows
        found = [(each["file"], int(each["row"]), each["reason"]) for each in dropped_of(plan)]
        assert found == [each[:3] for each in wanted.dropped]
    assert all(files_of(folder) == files_of(folders[0]) for folder in folders)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be", "shift_jis", "cp037"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    name = "日本" if encoding == "shift_jis" else "Zoë"
    text = "phone_number,name\n" + "".join(
        f'+1415555{index:04d},"{name}\n{index}"\n' for index in range(40)
    )
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    plan, _ = make_plan(path, directory=tmp_path / "plan", encoding=encoding, chunk_size=100)
    assert [contact["name"] for contact in contacts_of(plan)] == [
        f"{name}\n{index}" for index in range(40)
    ]


@pytest.mark.slow
def test_a_quote_that_is_never_closed_in_a_long_list(tmp_path: Path) -> None:
    lines = [f"+1415{2_000_000 + index},{'x' * 60}\n" for index in range(200_000)]
    lines[1000] = '+14155550100,"never closed\n'
    data = ("phone_number,note\n" + "".join(lines)).encode()
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    plan, _ = make_plan(path, directory=tmp_path / "plan", chunk_size=100_000)
    assert (plan.totals.kept, plan.totals.dropped) == (199_999, 1)
    assert [(each["row"], each["reason"]) for each in dropped_of(plan)] == [("1002", "malformed")]


# Files of dropped rows.


def dropped_file(folder: Path, data: bytes, **options: Any) -> Path:
    """What ``contacts clean --dropped`` writes."""
    with contacts.clean(data, **options) as cleaned:
        cleaned.report.write_dropped(folder / "dropped.csv")
    return folder / "dropped.csv"


def test_a_file_of_dropped_rows_is_read_as_clean_reads_it(tmp_path: Path) -> None:
    data = (
        b"phone_number,name\n+14155550100,Ana\n+14155550100,Bo\n+14155550101,Eve\n"
        b"bad,Ida\n+14155550103,Joe,more\n,Kim\n"
    )
    path = dropped_file(tmp_path, data, exclude=["+14155550101"])
    text = path.read_bytes().decode()
    corrected = text.replace("bad,", "+14155550102,").replace(",Joe,more,", ",Joe,,")
    # An editor may add rows without the new columns, and blank lines.
    header, rows = corrected.split("\r\n", 1)
    added = "+14155550104,Lou\r\n+14155550100,Ann\r\n"
    path.write_bytes(f"{header}\r\n\r\n{rows}{added}".encode())
    with contacts.clean(path) as cleaned:
        wanted, report = cleaned.read(), cleaned.report
    assert report.left_out == ("extra_1", "row", "reason", "message")
    for chunk_size in (8 << 20, 40):
        plan, warning = make_plan(
            path, directory=tmp_path / str(chunk_size), chunk_size=chunk_size, bucket_size=2
        )
        assert b"".join(plan.read(part) for part in plan.parts) == wanted
        assert wanted.count(b"+14155550100,Ann\r\n") == 1
        assert [
            (int(each["row"]), each["reason"], each["message"]) for each in dropped_of(plan)
        ] == [(each.row, each.reason, each.message) for each in report.dropped]
        assert warning == ""
    # Together with the list that the rows were dropped from, in the same columns.
    (tmp_path / "list.csv").write_bytes(data)
    plan = prepare([tmp_path / "list.csv", path], directory=tmp_path / "both")
    assert columns_of(plan) == {("phone_number", "name")}


def test_rows_that_were_dropped_on_purpose_are_not_lost(tmp_path: Path) -> None:
    path = dropped_file(tmp_path, b"phone_number\n" + b"+14155550100\n" * 200)
    plan = prepare(path, directory=tmp_path / "plan", max_dropped=0)
    assert (plan.totals.kept, plan.totals.dropped) == (0, 199)


def test_a_list_with_columns_of_these_names_keeps_them(tmp_path: Path) -> None:
    data = b"phone_number,row,reason,message\n+14155550100,1,late,call me\n"
    plan = prepare(data, directory=tmp_path / "plan")
    assert columns_of(plan) == {("phone_number", "row", "reason", "message")}


# Exclusions.


def test_earlier_plans_are_excluded(tmp_path: Path) -> None:
    numbers = [f"+1415555{index:04d}" for index in range(40)]
    first = prepare(
        [{"phone_number": each} for each in numbers[:10]], directory=tmp_path / "1", max_rows=3
    )
    prepare([{"phone_number": each} for each in numbers[8:20]], directory=tmp_path / "2")
    (tmp_path / "no.txt").write_text("+1 415 555 0030\n")
    source = [{"phone_number": each} for each in [*numbers, numbers[3]]]
    for name, exclude in (
        ("plan", [first, tmp_path / "2", tmp_path / "no.txt", numbers[31]]),
        ("paths", [Path(tmp_path / "1"), tmp_path / "2", tmp_path / "no.txt", numbers[31]]),
    ):
        plan, _ = make_plan(
            source, directory=tmp_path / name, exclude=exclude, chunk_size=50, bucket_size=7
        )
        kept = [contact["phone_number"] for contact in contacts_of(plan)]
        assert kept == [each for each in numbers[20:] if each not in (numbers[30], numbers[31])]
        dropped = dropped_of(plan)
        assert {each["reason"] for each in dropped} == {"excluded"}
        said = [each["message"].removeprefix("the number is ") for each in dropped]
        assert said[:10] == [f"in the plan {tmp_path / '1'}"] * 10
        assert said[10:20] == [f"in the plan {tmp_path / '2'}"] * 10
        assert said[20:22] == [
            f"on the exclusion list {tmp_path / 'no.txt'}",
            "on the exclusion list",
        ]
        assert said[22:] == [f"in the plan {tmp_path / '1'}"]


@pytest.mark.parametrize("kind", [str, Path])
def test_the_folder_of_one_plan(tmp_path: Path, kind: type) -> None:
    prepare(ROWS[:1], directory=tmp_path / "1")
    plan = prepare(ROWS, directory=tmp_path / "2", exclude=kind(tmp_path / "1"))
    assert contacts_of(plan) == ROWS[1:2]


@pytest.mark.parametrize("name", ["april", "stop.csv"])
def test_the_name_of_a_file_among_numbers_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("april").mkdir()
    Path("stop.csv").write_bytes(b"phone_number\n+14155550100\n")
    with pytest.raises(ContactsError, match=rf"write Path\('{name}'\)"):
        prepare([{"phone_number": "+14155550100"}], directory="may", exclude=[name, "+14155550101"])
    assert not Path("may").exists()


def test_a_damaged_plan_is_not_excluded(tmp_path: Path) -> None:
    first = prepare(ROWS[:1], directory=tmp_path / "1")
    (first.directory / first.parts[0].file).write_text("phone_number\n")
    with pytest.raises(BulkError, match="do not match its name"):
        prepare(ROWS, directory=tmp_path / "2", exclude=first)
    (tmp_path / "none").mkdir()
    with pytest.raises(BulkError, match="there is no plan"):
        prepare(ROWS, directory=tmp_path / "2", exclude=tmp_path / "none")


def test_exclusion_lists_are_read_as_clean_reads_them(tmp_path: Path) -> None:
    (tmp_path / "no.csv").write_text("id,Mobile,other\n1,+14155550100,+14155550101\n")
    plan = prepare(
        ROWS,
        directory=tmp_path / "plan",
        exclude=str(tmp_path / "no.csv"),
        exclude_columns=["Mobile"],
    )
    assert contacts_of(plan) == ROWS[1:2]
    with pytest.raises(ContactsError, match=r"not a valid number"):
        prepare(ROWS, directory=tmp_path / "2", exclude=["+14155550100", "none"])
    (tmp_path / "bad.csv").write_text("phone_number\nnone\n")
    with pytest.raises(ContactsError, match=r"bad\.csv: "):
        prepare(ROWS, directory=tmp_path / "2", exclude=tmp_path / "bad.csv")
    with pytest.raises(ValueError, match="exclude_columns"):
        prepare(ROWS, directory=tmp_path / "2", exclude_columns=["Mobile"])
    assert not (tmp_path / "2").exists()


# Rows that are lost.


def test_many_lost_rows_are_a_warning_or_an_error(tmp_path: Path) -> None:
    for name, lost in (("a", 5), ("b", 25)):
        rows = ["none"] * lost + [f"+1415555{lost:02d}{index:02d}" for index in range(60)]
        (tmp_path / f"{name}.csv").write_text("phone_number\n" + "\n".join(rows))
    source = str(tmp_path / "*.csv")
    with pytest.warns(ContactsWarning, match=r"30 of 150 rows \(20%\)(?s:.*)no_digits: 30") as said:
        prepare(source, directory=tmp_path / "1")
    assert said[0].filename == __file__
    assert "row 2 of " + str(tmp_path / "a.csv") in str(said[0].message)
    with pytest.raises(ContactsError, match="30 of 150 rows"):
        prepare(source, directory=tmp_path / "2", max_dropped=0.1)
    plan = prepare(source, directory=tmp_path / "2", max_dropped=0.2)
    assert plan.totals.kept == 120
    assert not list(plan.directory.glob(".*"))


def test_a_row_that_fits_into_no_part(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"phone_number,note\n+14155550100,a\n+14155550101,{'x' * 99}\n")
    with pytest.raises(ContactsError, match=rf"row 3: the row of {tmp_path}/a\.csv .*max_bytes"):
        prepare(tmp_path / "a.csv", directory=tmp_path / "plan", max_bytes=80)
    assert not (tmp_path / "plan" / "plan.json").exists()


def test_the_column_with_the_country(tmp_path: Path) -> None:
    text = "phone_number,land\n020 7946 0018,GB\n(415) 555-0100,\n+14155550101,Congo\n"
    plan, _ = make_plan(
        text.encode(), directory=tmp_path / "plan", region="US", region_column="land", chunk_size=40
    )
    assert [each["phone_number"] for each in contacts_of(plan)] == ["+442079460018", "+14155550100"]
    assert [each["reason"] for each in dropped_of(plan)] == ["unknown_region"]


@pytest.mark.parametrize("wrong", [None, "Ruritania", "Congo"])
def test_a_cell_that_names_no_country_drops_a_complete_number_too(
    tmp_path: Path, wrong: str | None
) -> None:
    rows = [("+442079460018", " gb "), ("+14155550100", ""), ("+14155550101", "United States")]
    more = [] if wrong is None else [("+14155550102", wrong)]
    text = "\n".join(["phone_number,land", *map(",".join, [*rows, *more])])
    plan, _ = make_plan(text.encode(), directory=tmp_path / "plan", region_column="land")
    assert [(each["phone_number"], each["land"]) for each in contacts_of(plan)] == rows
    dropped = [(each["value"], each["reason"]) for each in dropped_of(plan)]
    assert dropped == [(number, "unknown_region") for number, _ in more]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_rows": 0}, ValueError),
        ({"max_rows": True}, TypeError),
        ({"max_bytes": "1"}, TypeError),
        ({"max_bytes": -1}, ValueError),
        ({"region": "USA"}, ValueError),
        ({"encoding": "klingon"}, ValueError),
        ({"numbers": "all"}, ValueError),
        ({"max_dropped": 2}, ValueError),
        ({"executor": 2}, TypeError),
        ({"on_progress": 7}, TypeError),
        ({"directory": 7}, TypeError),
        ({"exclude": 7}, TypeError),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        prepare(TEXT.encode(), **{"directory": tmp_path / "plan", **options})
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize("source", [None, 7, {"phone_number": "+14155550100"}, [7], TEXT])
def test_wrong_sources_are_refused(tmp_path: Path, source: Any) -> None:
    with pytest.raises((TypeError, ContactsError)):
        prepare(source, directory=tmp_path / "plan")
    with pytest.raises(ContactsError, match="no source"):
        prepare([], directory=tmp_path / "plan")
