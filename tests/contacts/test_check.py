"""What check reports, row by row."""

import codecs
import io
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven import contacts
from kataven.contacts._cells import TextScan, is_formula, is_unprintable
from kataven.contacts._duplicates import FirstRows
from kataven.contacts._rules import all_well_formed, number_problem
from kataven.errors import ContactsError

LIST = "phone_number,name\n+14155550100,Ana\n"
FILLER = "".join(f"+1415555{n:04d},row {n}\n" for n in range(8_000))


def kinds(text: str | bytes) -> list[tuple[str, int | None, str | None]]:
    """Check a list; return kind, row and column of each problem."""
    data = text.encode() if isinstance(text, str) else text
    return [(p.kind, p.row, p.column) for p in contacts.check(data).problems]


def test_a_good_list_is_ok() -> None:
    report = contacts.check(LIST.encode())
    assert report.ok
    assert report.problems == ()
    assert (report.rows, report.columns, report.size) == (1, ("phone_number", "name"), len(LIST))
    assert (report.encoding, report.delimiter) == ("utf-8", ",")
    assert report.summary() == "ready to upload: 1 row, 2 columns, 35 bytes, utf-8, comma"
    report.raise_for_problems()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_lf_crlf_and_a_byte_order_mark_are_accepted(line_end: str, mark: bytes) -> None:
    data = mark + LIST.replace("\n", line_end).encode()
    report = contacts.check(data)
    assert report.ok
    assert report.encoding == ("utf-8-sig" if mark else "utf-8")
    assert report.size == len(data)


PROBLEMS = [
    ("", [("empty_file", None, None)]),
    ("\n\n", [("empty_file", None, None), ("missing_header", 1, None), ("blank_row", 2, None)]),
    ("name\nAna\n", [("missing_header", 1, None)]),
    ("\n" + LIST, [("missing_header", 1, None)]),
    ("phone_number,\n+14155550100,a\n", [("missing_header", 1, None)]),
    ("phone_number,a,a\n+14155550100,,\n", [("doubled_header", 1, "a")]),
    ("phone_number\n", [("no_rows", None, None)]),
    (LIST + "+14155550101\n", [("ragged_row", 3, None)]),
    (LIST + ",Eve\n", [("empty_number", 3, "phone_number")]),
    (LIST + "  ,Eve\n", [("empty_number", 3, "phone_number")]),
    (LIST + "4155550101,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "+04155550101,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "+1415 5550101,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "+1415555010٣,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "+123456,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "+1234567890123456,Eve\n", [("bad_number", 3, "phone_number")]),
    (LIST + "1.4155550101E+10,Eve\n", [("spreadsheet_number", 3, "phone_number")]),
    (LIST + '"1,41556E+10",Eve\n', [("spreadsheet_number", 3, "phone_number")]),
    (LIST + "14155550100.0,Eve\n", [("spreadsheet_number", 3, "phone_number")]),
    (LIST + "+14155550101,E\0ve\n", [("nul", 3, "name")]),
    (LIST + '+14155550101,E"ve\n', [("malformed", 3, None)]),
    (LIST + '+14155550101,"E"ve\n', [("malformed", 3, None)]),
    (LIST + "+14155550101,E\rve\n", [("malformed", 3, None)]),
    (LIST + '+14155550101,"Eve\n+14155550102,Bo\n', [("malformed", 3, None)]),
    (LIST + "\n+14155550101,Eve\n", [("blank_row", 3, None)]),
    (LIST + "+14155550101,E\x07ve\n", [("unprintable", 3, "name")]),
    (LIST + "+14155550101,E\u200bve\n", [("unprintable", 3, "name")]),
    (LIST + "+14155550101,E\ufffdve\n", [("unprintable", 3, "name")]),
    (LIST + "+14155550101,=A1\n", [("formula", 3, "name")]),
    (LIST + '+14155550101,"\tx"\n', [("formula", 3, "name")]),
    (LIST + '+14155550101,"\nx"\n', [("formula", 3, "name")]),
    (LIST + "+14155550100,Eve\n", [("duplicate", 3, "phone_number")]),
    (LIST.replace(",", ";"), [("delimiter", 1, None)]),
]


def test_each_kind_of_problem_is_found_with_its_place() -> None:
    for text, expected in PROBLEMS:
        assert kinds(text) == expected


def test_plain_numbers_and_names_are_not_formulas() -> None:
    assert kinds(LIST + "+14155550101,-12.50\n+14155550102,+44 20 7946 0000\n") == []
    assert kinds(LIST + "+14155550101,Anne-Marie\n+14155550102,a@example.com\n") == []
    assert kinds(LIST + "+14155550101,a\u00a0b\n+14155550102,\U0001f469\u200d\U0001f680\n") == []


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    text = 'phone_number,note\n+14155550100,"a\nb\nc"\n\n12,x\n'
    assert kinds(text) == [("blank_row", 3, None), ("bad_number", 4, "phone_number")]


def test_problems_after_the_first_block_have_the_right_rows() -> None:
    text = "phone_number,name\n" + FILLER + "12,x\n\n+14155550000,again\n"
    assert kinds(text) == [
        ("bad_number", 8_002, "phone_number"),
        ("blank_row", 8_003, None),
        ("duplicate", 8_004, "phone_number"),
    ]


@pytest.mark.parametrize("before", ["", FILLER])
def test_a_wrong_byte_has_its_exact_offset_and_row(before: str) -> None:
    start = ("phone_number,name\n" + before + "+442079460000,Zo").encode()
    data = start + b"\xeb\n12,x\n"
    report = contacts.check(data)
    row = before.count("\n") + 2
    assert [(p.kind, p.row) for p in report.problems] == [
        ("bad_encoding", row),
        ("bad_number", row + 1),
    ]
    message = report.problems[0].message
    assert f"byte {len(start)} (0xeb)" in message
    assert "encoding='cp1252'" in message


def test_a_wrong_byte_in_a_cell_of_many_lines_has_the_right_row() -> None:
    start = b'phone_number,n\n+14155550100,"' + b"line\n" * 20_000
    data = start + b'\xff"\n12,x\n+14155550101,\xfe\n'
    problems = contacts.check(data).problems
    assert [(p.kind, p.row) for p in problems] == [
        ("bad_encoding", 2),
        ("bad_number", 3),
        ("bad_encoding", 4),
    ]
    assert f"byte {len(start)} (0xff)" in problems[0].message


def test_the_offset_includes_the_byte_order_mark() -> None:
    data = codecs.BOM_UTF8 + b"phone_number,n\n+14155550100,\xff\n"
    assert f"byte {data.index(0xFF)} " in contacts.check(data).problems[0].message


def test_bytes_that_are_invalid_in_the_named_encoding_are_found() -> None:
    report = contacts.check(b"phone_number,n\n+14155550100,\x81\n", encoding="cp1252")
    assert "byte 28 (0x81) is not CP1252" in str(report.problems[-1])
    odd = b"\xff\xfe" + LIST.encode("utf-16-le") + b"x"
    assert any("byte 72 (0x78)" in p.message for p in contacts.check(odd).problems)


def test_an_unknown_encoding_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        contacts.check(LIST.encode(), encoding="klingon")


def test_with_a_region_messages_show_what_clean_would_write() -> None:
    data = (LIST + "(415) 555-0101,Eve\n99,Bo\n").encode()
    without, with_region = contacts.check(data), contacts.check(data, region="us")
    assert without.counts == with_region.counts
    assert "region=" in without.problems[0].message
    assert "+14155550101" in with_region.problems[0].message
    assert "(too_short)" in with_region.problems[1].message


@pytest.mark.parametrize("region", ["USA", "U", "u5", ""])
def test_a_region_must_have_two_letters(region: str) -> None:
    with pytest.raises(ValueError, match="two letters"):
        contacts.check(LIST.encode(), region=region)


def test_the_error_for_the_region_uk_suggests_gb() -> None:
    with pytest.raises(ValueError, match="'GB'"):
        contacts.check((LIST + "020 7946 0000,x\n").encode(), region="UK")


def test_a_thousand_problems_of_each_kind_are_kept_and_all_are_counted() -> None:
    text = "phone_number,name\n" + "12,=1\n" * 1_500 + "+14155550100,x\n" * 1_200
    report = contacts.check(text.encode())
    assert report.counts["bad_number"] == report.counts["formula"] == 1_500
    assert report.counts["duplicate"] == 1_199
    assert len(report.problems) == 3_000
    rows = [problem.row or 0 for problem in report.problems]
    assert rows == sorted(rows)


def test_a_duplicate_names_the_first_row() -> None:
    rows = "+442079460001,a\n+442079460001,b\n"
    text = "phone_number,name\n" + rows + FILLER + "+442079460001,c\n"
    report = contacts.check(text.encode())
    assert [problem.row for problem in report.problems] == [3, 8_004]
    assert all("row 2 " in problem.message for problem in report.problems)


def test_a_list_that_is_too_large_or_too_long_is_reported() -> None:
    header = "phone_number\n"
    rows = "".join(f"+1{n:010d}\n" for n in range(2_000_000_000, 2_000_100_001))
    report = contacts.check((header + rows).encode())
    assert report.ok
    assert [(p.kind, p.severity) for p in report.problems] == [("too_many_rows", "warning")]
    fits = b"phone_number,note\n+14155550100,".ljust(10 * 1024 * 1024 - 1, b"x") + b"\n"
    assert contacts.check(fits).counts["too_large"] == 0
    report = contacts.check(fits + b"\n")
    assert report.counts["too_large"] == 1
    assert "split" in report.problems[0].message


@pytest.mark.slow
def test_a_field_of_ten_megabytes_is_read_and_shown_shortened() -> None:
    cell = "x" * 10_000_000
    assert contacts.check(f"phone_number,note\n+14155550100,{cell}\n".encode()).ok
    assert contacts.check(f'phone_number,note\n+14155550100,"{cell}"\n'.encode()).ok
    report = contacts.check(f"phone_number,note\n{cell},a\n".encode())
    assert report.counts["bad_number"] == 1
    assert len(report.problems[0].value or "") == 80


def test_headers_over_64_kib_are_refused() -> None:
    name = "n" * 65_536
    assert kinds(f"phone_number,{name}\n+14155550100,a\n") == [("too_large", 1, None)]


def test_a_file_is_read_from_its_position_and_set_back_to_it() -> None:
    file = io.BytesIO(b"junk" + LIST.encode())
    file.seek(4)
    assert contacts.check(file).ok
    assert file.tell() == 4
    assert not file.closed


def test_paths_and_rows_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    assert contacts.check(path).ok
    assert contacts.check(str(path)).ok
    assert contacts.check([{"phone_number": "+14155550100", "n": None}]).rows == 1


def test_raise_for_problems_raises_for_errors_and_not_for_warnings() -> None:
    contacts.check((LIST + "\n").encode()).raise_for_problems()
    report = contacts.check((LIST + "12,=1\n13,x\n").encode())
    with pytest.raises(
        ContactsError, match=r"row 3, column phone_number: .* \(and 1 more\)"
    ) as caught:
        report.raise_for_problems()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert [problem.kind for problem in again.problems] == ["bad_number", "bad_number"]
    assert pickle.loads(pickle.dumps(report)) == report


def test_values_are_cut_to_80_characters() -> None:
    report = contacts.check((LIST + f"+14155550101,={'x' * 500}\n").encode())
    assert report.problems[0].value == "=" + "x" * 78 + "…"


@pytest.mark.parametrize("text", ["phone_number,a\n", "phone_number;a\n1;2\n", "phone_number|x\n"])
def test_the_delimiter_is_found(text: str) -> None:
    assert contacts.check(text.encode()).columns in {("phone_number", "a"), ("phone_number", "x")}


def test_semicolons_in_cells_do_not_change_the_delimiter() -> None:
    text = "phone_number,note\n" + "+14155550100,a;b;c\n"
    assert contacts.check(text.encode()).delimiter == ","


def test_a_header_with_the_phone_column_outweighs_the_vote() -> None:
    text = "phone_number,a;b\n+14155550100,x,y;z\n+14155550101,x,y;z\n"
    report = contacts.check(text.encode())
    assert report.delimiter == ","
    assert report.counts["ragged_row"] == 2


numbers = st.lists(
    st.one_of(
        st.integers(1_000_000, 999_999_999_999_999).map("+{}".format),
        st.text(alphabet="+0123456789\n ٣a", max_size=17),
    ),
    max_size=8,
)


@given(numbers)
def test_the_bulk_check_of_numbers_agrees_with_the_single_one(cells: list[str]) -> None:
    assert all_well_formed(cells) is all(number_problem(cell) is None for cell in cells)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=5)), max_size=6))
def test_the_first_row_of_a_number_is_remembered(runs: list[tuple[bool, list[int]]]) -> None:
    seen, first, row = FirstRows(), {}, 2
    for run, numbers in runs:
        names = [f"+1415555000{number}" for number in numbers]
        rows = range(row, row + len(names))
        found = seen.add(names, rows if run else [each * 3 for each in rows])
        duplicates = []
        for index, name in enumerate(names):
            if name in first:
                duplicates.append(index)
            first.setdefault(name, rows[index] if run else rows[index] * 3)
        assert found == duplicates
        row = (rows[-1] if run or not names else rows[-1] * 3) + 1 if names else row
    assert seen.rows_of(first) == first
    assert seen.rows_of([]) == {}


cell_text = st.text(alphabet="=+-@\t\r\n a1é\u200b\u00a0\x07\ufffd;", max_size=4)


@given(st.lists(cell_text, min_size=1, max_size=5))
def test_the_scan_of_a_block_never_misses_an_odd_cell(cells: list[str]) -> None:
    record = ",".join(f'"{cell}"' if set(cell) & set("\r\n") else cell for cell in cells)
    utf8 = f"{record},+14155550100\n".encode()
    if not TextScan(",").may_be_odd(utf8, 1):
        assert not any(is_formula(cell) or is_unprintable(cell) for cell in cells)
