"""Long lists divided into parts."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven import contacts
from kataven.contacts.source.upload import read_upload
from kataven.errors import ContactsError

HEADER = b"phone_number,note\n"


def parts_of(data: bytes, **options: object) -> list[bytes]:
    """Split a list; return the bytes of each part."""
    found = []
    for part in contacts.split(data, **options):  # type: ignore[arg-type]
        with part:
            assert part.tell() == 0
            found.append(part.read())
    return found


token_lists = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "x", "é", '"a,b"', '"a\nb"', '"a\r\nb"', ";"]),
    max_size=30,
)


@given(token_lists, st.integers(1, 3), st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-16-be"]))
def test_parts_without_their_headers_are_the_source(
    tokens: list[str], max_rows: int, encoding: str
) -> None:
    body = "".join(tokens)
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    header = (mark + HEADER.decode()).encode(encoding)
    data = (mark + HEADER.decode() + body).encode(encoding)
    parts = parts_of(data, max_rows=max_rows)
    assert all(part.startswith(header) for part in parts)
    if not body.strip("\r\n"):
        # The Hub refuses a list of blank lines.
        assert not parts
        return
    assert b"".join(part[len(header) :] for part in parts) == data[len(header) :]


@given(
    st.lists(
        st.lists(st.text(alphabet='a",\r\n é', max_size=8), min_size=2, max_size=2), min_size=1
    ),
    st.integers(60, 200),
)
def test_records_stay_complete_and_in_order(rows: list[list[str]], max_bytes: int) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["phone_number", "note"], *([f"+{a}", b] for a, b in rows)])
    data = file.getvalue().encode()
    found: list[list[str]] = []
    for index, part in enumerate(contacts.split(data, max_bytes=max_bytes)):
        with part:
            text = part.read()
            records = list(csv.reader(io.StringIO(text.decode(), newline="")))
            assert part.index == index
            assert part.rows == len(records) - 1
            assert len(text) <= max_bytes
            found += records[1:]
    assert found == [[f"+{a}", b] for a, b in rows]


def test_parts_are_filled_up_to_the_limits() -> None:
    data = HEADER + b"+14155550100,a\n" * 10
    assert [part.count(b"\n") - 1 for part in parts_of(data, max_rows=4)] == [4, 4, 2]
    assert list(map(len, parts_of(data, max_bytes=48))) == [48] * 5
    assert list(map(len, parts_of(data, max_bytes=47))) == [33] * 10


@pytest.mark.slow
def test_a_part_has_at_most_100_000_rows_unless_told_otherwise() -> None:
    data = HEADER + b"+1,a\n" * 100_001
    rows = []
    for max_rows in ({}, {"max_rows": None}):
        parts = list(contacts.split(data, **max_rows))  # type: ignore[arg-type]
        rows.append([part.rows for part in parts])
        for part in parts:
            part.close()
    assert rows == [[100_000, 1], [100_001]]


def test_cells_with_line_ends_may_span_blocks() -> None:
    rows = b"".join(b'+1415555%04d,"row %d\nhas "" two lines"\n' % (n, n) for n in range(9_000))
    parts = parts_of(HEADER + rows, max_bytes=100_000)
    assert len(parts) > 3
    assert b"".join(part[len(HEADER) :] for part in parts) == rows
    assert all(part.endswith(b'two lines"\n') for part in parts)


def test_an_unclosed_quote_affects_only_its_line() -> None:
    data = HEADER + b'+14155550100,"a\n+14155550101,b\n+14155550102,c\n'
    assert [part.count(b"\n") for part in parts_of(data, max_rows=1)] == [2, 2, 2]


def test_blank_lines_and_a_missing_last_line_end_are_copied() -> None:
    data = HEADER + b"\n+14155550100,a\n\n+14155550101,b"
    found = list(contacts.split(data))
    assert [part.rows for part in found] == [2]
    assert found[0].read() == data
    found[0].close()


def test_old_mac_and_wide_lists_keep_header_and_byte_order_mark() -> None:
    mac = b"phone_number,n\r+14155550100,a\r+14155550101,b\r"
    assert parts_of(mac, max_rows=1) == [mac[:15] + mac[15:30], mac[:15] + mac[30:]]
    wide = "phone_number\n+14155550100\n+14155550101\n".encode("utf-16-le")
    assert len(parts_of(b"\xff\xfe" + wide, max_rows=1)) == 2
    assert len(parts_of(wide, max_rows=1, encoding="utf-16-le")) == 2
    with pytest.raises(ContactsError, match="cannot be split"):
        parts_of(b"\xff\xfe" + wide + b"x")


def test_a_header_alone_has_no_parts_and_an_empty_list_is_refused() -> None:
    assert parts_of(HEADER) == []
    with pytest.raises(ContactsError, match="the list is empty"):
        parts_of(b"")


def test_a_row_larger_than_max_bytes_is_named_in_the_error() -> None:
    data = HEADER + b"+14155550100,a\n+14155550101," + b"x" * 100 + b"\n"
    with pytest.raises(ContactsError, match="row 3: ") as caught:
        parts_of(data, max_bytes=60)
    assert caught.value.problems[0].kind == "too_large"


@pytest.mark.parametrize("options", [{"max_bytes": 0}, {"max_rows": 0}])
def test_limits_below_one_are_refused_before_reading(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        contacts.split(HEADER, **options)  # type: ignore[arg-type]


def test_a_part_has_a_filename_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"
    path.write_bytes(HEADER + b"+14155550100,a\n+14155550101,b\n")
    names = []
    for part in contacts.split(path, max_rows=1):
        with part:
            names.append(read_upload(part).filename)
    assert names == ["spring-001.csv", "spring-002.csv"]


def test_stopping_in_the_middle_leaves_no_file_open() -> None:
    # An open file would be a ResourceWarning, and warnings are errors here.
    stream = contacts.split(HEADER + b"+14155550100,a\n" * 9, max_rows=2)
    next(stream).close()
    del stream
