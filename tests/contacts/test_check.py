"""What check says, row by row."""

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
    """Check a text and give kind, row and column of each problem."""
    data = text.encode() if isinstance(text, str) else text
    return [(p.kind, p.row, p.column) for p in contacts.check(data).problems]


def test_a_good_list_is_ok() -> None:
    """No problem, and the report says what was read."""
    report = contacts.check(LIST.encode())
    assert report.ok
    assert report.problems == ()
    assert (report.rows, report.columns, report.size) == (1, ("phone_number", "name"), len(LIST))
    assert (report.encoding, report.delimiter) == ("utf-8", ",")
    assert report.summary() == "ready to upload: 1 row, 2 columns, 35 bytes, utf-8, comma"
    report.raise_for_problems()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_lf_crlf_and_a_mark_are_fine(line_end: str, mark: bytes) -> None:
    """Both line ends pass, with a byte order mark and without."""
    data = mark + LIST.replace("\n", line_end).encode()
    report = contacts.check(data)
    assert report.ok
    assert report.encoding == ("utf-8-sig" if mark else "utf-8")
    assert report.size == len(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
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
    ],
)
def test_each_kind_is_found_with_its_place(
    text: str, expected: list[tuple[str, int | None, str | None]]
) -> None:
    """Kind, row and column are exact."""
    assert kinds(text) == expected


def test_plain_numbers_and_quoted_text_are_no_formulas() -> None:
    """-12.50 calculates nothing; names with a dash inside are names."""
    assert kinds(LIST + "+14155550101,-12.50\n+14155550102,+44 20 7946 0000\n") == []
    assert kinds(LIST + "+14155550101,Anne-Marie\n+14155550102,a@example.com\n") == []
    assert kinds(LIST + "+14155550101,a\u00a0b\n+14155550102,\U0001f469\u200d\U0001f680\n") == []


def test_rows_are_those_of_a_spreadsheet() -> None:
    """A record is one row however many lines it has, and blank rows count."""
    text = 'phone_number,note\n+14155550100,"a\nb\nc"\n\n12,x\n'
    assert kinds(text) == [("blank_row", 3, None), ("bad_number", 4, "phone_number")]


def test_problems_behind_the_first_block_have_their_rows() -> None:
    """What is found after 200 KB stands in the right row."""
    text = "phone_number,name\n" + FILLER + "12,x\n\n+14155550000,again\n"
    assert kinds(text) == [
        ("bad_number", 8_002, "phone_number"),
        ("blank_row", 8_003, None),
        ("duplicate", 8_004, "phone_number"),
    ]


@pytest.mark.parametrize("before", ["", FILLER])
def test_a_wrong_byte_has_its_exact_offset_and_row(before: str) -> None:
    """Also behind the first block, and what stands around it is checked."""
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


def test_a_wrong_byte_inside_a_cell_of_many_lines_has_its_row() -> None:
    """The cell goes on over the end of the first block."""
    start = b'phone_number,n\n+14155550100,"' + b"line\n" * 20_000
    data = start + b'\xff"\n12,x\n+14155550101,\xfe\n'
    problems = contacts.check(data).problems
    assert [(p.kind, p.row) for p in problems] == [
        ("bad_encoding", 2),
        ("bad_number", 3),
        ("bad_encoding", 4),
    ]
    assert f"byte {len(start)} (0xff)" in problems[0].message


def test_the_offset_counts_the_byte_order_mark() -> None:
    """Offsets are those of the file."""
    data = codecs.BOM_UTF8 + b"phone_number,n\n+14155550100,\xff\n"
    assert f"byte {data.index(0xFF)} " in contacts.check(data).problems[0].message


def test_bytes_that_are_not_in_the_named_encoding_are_found() -> None:
    """cp1252 has no 0x81; UTF-16 has whole code units."""
    report = contacts.check(b"phone_number,n\n+14155550100,\x81\n", encoding="cp1252")
    assert "byte 28 (0x81) is not CP1252" in str(report.problems[-1])
    odd = b"\xff\xfe" + LIST.encode("utf-16-le") + b"x"
    assert any("byte 72 (0x78)" in p.message for p in contacts.check(odd).problems)


def test_an_unknown_encoding_is_a_lookup_error() -> None:
    """It is a mistake of the caller, not of the list."""
    with pytest.raises(LookupError):
        contacts.check(LIST.encode(), encoding="klingon")


def test_a_region_only_adds_what_clean_would_make() -> None:
    """The number stays an error."""
    data = (LIST + "(415) 555-0101,Eve\n99,Bo\n").encode()
    without, with_region = contacts.check(data), contacts.check(data, region="us")
    assert without.counts == with_region.counts
    assert "region=" in without.problems[0].message
    assert "+14155550101" in with_region.problems[0].message
    assert "no number of the region US" in with_region.problems[1].message


@pytest.mark.parametrize("region", ["USA", "U", "u5", ""])
def test_a_region_is_two_letters(region: str) -> None:
    """Anything else is refused at once."""
    with pytest.raises(ValueError, match="two letters"):
        contacts.check(LIST.encode(), region=region)


def test_an_unknown_region_says_what_to_write() -> None:
    """UK is no region of phonenumbers."""
    with pytest.raises(ValueError, match="'GB'"):
        contacts.check((LIST + "020 7946 0000,x\n").encode(), region="UK")


def test_a_thousand_of_each_kind_are_kept_and_all_are_counted() -> None:
    """Memory is bounded, counts are not."""
    text = "phone_number,name\n" + "12,=1\n" * 1_500 + "+14155550100,x\n" * 1_200
    report = contacts.check(text.encode())
    assert report.counts["bad_number"] == report.counts["formula"] == 1_500
    assert report.counts["duplicate"] == 1_199
    assert len(report.problems) == 3_000
    rows = [problem.row or 0 for problem in report.problems]
    assert rows == sorted(rows)


def test_a_duplicate_names_the_first_row() -> None:
    """Within a block, across blocks, and for the third time."""
    rows = "+442079460001,a\n+442079460001,b\n"
    text = "phone_number,name\n" + rows + FILLER + "+442079460001,c\n"
    report = contacts.check(text.encode())
    assert [problem.row for problem in report.problems] == [3, 8_004]
    assert all("row 2 " in problem.message for problem in report.problems)


def test_size_and_rows_are_judged() -> None:
    """Over 10 MiB is an error, over 100,000 rows a warning; both tell of split."""
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


def test_a_field_of_ten_megabytes_is_read_and_shown_short() -> None:
    """The csv module's own limit is not ours."""
    cell = "x" * 10_000_000
    assert contacts.check(f"phone_number,note\n+14155550100,{cell}\n".encode()).ok
    assert contacts.check(f'phone_number,note\n+14155550100,"{cell}"\n'.encode()).ok
    report = contacts.check(f"phone_number,note\n{cell},a\n".encode())
    assert report.counts["bad_number"] == 1
    assert len(report.problems[0].value or "") == 80


def test_headers_over_64_kib_are_refused() -> None:
    """Each contact that is read back repeats them."""
    name = "n" * 65_536
    assert kinds(f"phone_number,{name}\n+14155550100,a\n") == [("too_large", 1, None)]


def test_a_file_stays_where_it_was() -> None:
    """It can be handed to create afterwards; it is read from its position."""
    file = io.BytesIO(b"junk" + LIST.encode())
    file.seek(4)
    assert contacts.check(file).ok
    assert file.tell() == 4
    assert not file.closed


def test_a_path_is_closed_and_rows_are_taken(tmp_path: Path) -> None:
    """Any source will do."""
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    assert contacts.check(path).ok
    assert contacts.check(str(path)).ok
    assert contacts.check([{"phone_number": "+14155550100", "n": None}]).rows == 1


def test_raise_for_problems_passes_warnings_and_raises_errors() -> None:
    """The error carries the errors, pickles, and counts the rest."""
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


def test_values_are_shortened() -> None:
    """A cell shows at most 80 characters."""
    report = contacts.check((LIST + f"+14155550101,={'x' * 500}\n").encode())
    assert report.problems[0].value == "=" + "x" * 78 + "…"


@pytest.mark.parametrize("text", ["phone_number,a\n", "phone_number;a\n1;2\n", "phone_number|x\n"])
def test_a_list_of_one_delimiter_is_read_by_it(text: str) -> None:
    """The vote finds what the header is cut by."""
    assert contacts.check(text.encode()).columns in {("phone_number", "a"), ("phone_number", "x")}


def test_a_comma_file_with_semicolons_in_cells_stays_a_comma_file() -> None:
    """The header decides where it names the number."""
    text = "phone_number,note\n" + "+14155550100,a;b;c\n"
    assert contacts.check(text.encode()).delimiter == ","


def test_a_header_that_names_the_number_beats_a_vote_against_it() -> None:
    """A row with a comma too many makes no semicolon file of it."""
    text = "phone_number,a;b\n+14155550100,x,y;z\n+14155550101,x,y;z\n"
    report = contacts.check(text.encode())
    assert report.delimiter == ","
    assert report.counts["ragged_row"] == 2


numbers = st.lists(
    st.one_of(
        st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
        st.text(alphabet="+0123456789\n ٣a", max_size=17),
    ),
    max_size=8,
)


@given(numbers)
def test_the_fast_check_of_many_numbers_agrees_with_the_slow_one(cells: list[str]) -> None:
    """At C speed or one by one: the same answer."""
    assert all_well_formed(cells) is all(number_problem(cell) is None for cell in cells)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=5)), max_size=6))
def test_the_first_row_of_a_number_is_remembered(pieces: list[tuple[bool, list[int]]]) -> None:
    """Whether rows come in a run or one by one, with gaps between them."""
    seen, first, row = FirstRows(), {}, 2
    for run, numbers in pieces:
        names = [f"+1415555000{number}" for number in numbers]
        rows = range(row, row + len(names))
        found = seen.add(names, rows if run else [each * 3 for each in rows])
        repeats = []
        for index, name in enumerate(names):
            if name in first:
                repeats.append(index)
            first.setdefault(name, rows[index] if run else rows[index] * 3)
        assert found == repeats
        row = (rows[-1] if run or not names else rows[-1] * 3) + 1 if names else row
    assert seen.rows_of(first) == first
    assert seen.rows_of([]) == {}


cell_text = st.text(alphabet="=+-@\t\r\n a1é\u200b\u00a0\x07\ufffd;", max_size=4)


@given(st.lists(cell_text, min_size=1, max_size=5))
def test_a_block_that_may_not_be_odd_has_no_odd_cell(cells: list[str]) -> None:
    """The search of a whole block never misses a cell."""
    record = ",".join(f'"{cell}"' if set(cell) & set("\r\n") else cell for cell in cells)
    utf8 = f"{record},+14155550100\n".encode()
    if not TextScan(",").may_be_odd(utf8, 1):
        assert not any(is_formula(cell) or is_unprintable(cell) for cell in cells)
