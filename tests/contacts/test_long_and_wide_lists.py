"""Long, wide or odd lists: nothing is lost, and the work grows linearly with the list."""

import codecs
import io
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeAlias

import pytest

from kataven import contacts
from kataven.contacts._columns import clean_names, unused_name
from kataven.contacts._rules import header_problems
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.upload import read_upload

Tracer: TypeAlias = Callable[[FrameType, str, object], "Tracer | None"]


class Taken(set[str]):
    """Names in use; counts the lookups."""

    asked = 0

    def __contains__(self, name: object) -> bool:
        self.asked += 1
        return set.__contains__(self, name)


class Watched(str):
    """A name that counts its comparisons."""

    compared = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Watched.compared += 1
        return str.__eq__(self, other)


def yield_to_threads(frame: FrameType, event: str, _given: object) -> "Tracer | None":
    """Let another thread run before each line of ZoneGroup.open."""
    if frame.f_code is not contacts.ZoneGroup.open.__code__:
        return None
    if event == "line":
        time.sleep(0)
    return yield_to_threads


def test_groups_opened_in_threads_have_their_own_rows() -> None:
    # All groups share one file, which has one position.
    rows = b"".join(
        b"%s%04d,%d\n" % ((b"+44207946", b"+1415555")[row % 2], row, row) for row in range(1_000)
    )
    groups = contacts.by_timezone(b"phone_number,n\n" + rows)
    expected = [group.open().read() for group in groups]
    start = threading.Barrier(4, timeout=10)

    def opened(index: int) -> bytes:
        start.wait()
        before = sys.gettrace()
        sys.settrace(yield_to_threads)
        try:
            return groups[index % 2].open().read()
        finally:
            sys.settrace(before)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == expected * 2


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_character_that_does_not_end_a_line_does_not_end_the_header(char: str) -> None:
    data = f"Notes{char}internal,phone_number\nx,+14155550100\n".encode()
    assert contacts.check(data).columns == (f"Notes{char}internal", "phone_number")
    assert read_upload(data).file.getvalue() == data


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_part_has_a_row(end: bytes) -> None:
    assert list(contacts.split(b"phone_number" + end * 3)) == []
    header = b"phone_number" + end
    row = b"+14155550100" + end
    data = header + end + row + end + row + end * 40 + row + end * 40
    parts = list(contacts.split(data, max_bytes=len(header + row) + 3 * len(end)))
    assert [part.rows for part in parts] == [1, 1, 1]
    assert all(row in part.read() for part in parts)
    by_rows = list(contacts.split(data, max_rows=1))
    assert [part.rows for part in by_rows] == [1, 1, 1]
    assert b"".join(part.read()[len(header) :] for part in by_rows) == data[len(header) :]


def test_the_first_wrong_byte_of_each_line_is_reported() -> None:
    rows = "".join(f"+1415{row:07d},Иванова Анна\r\n" for row in range(3_000))
    data = ("phone_number,name\r\n" + rows).encode("cp1251")
    report = contacts.check(data)
    assert report.counts["bad_encoding"] == 3_000
    first = data.index("И".encode("cp1251"))
    assert f"byte {first} (0xc8)" in report.problems[0].message
    third = [p for p in report.problems if p.row == 4 and p.kind == "bad_encoding"]
    assert f"byte {first + 2 * len(rows.encode('cp1251')) // 3_000} " in third[0].message
    text = "a\ud800b\nc\udc00d\n".encode("utf-16-le", "surrogatepass")
    (block,) = TextBlocks(io.BytesIO(text), "utf-16-le")
    assert block.text == "a\ufffdb\nc\ufffdd\n"
    assert [(w.at, w.offset) for w in block.wrong] == [(1, 2), (5, 10)]


def test_a_block_with_many_wrong_bytes_is_decoded_at_most_twice() -> None:
    # Not once more after each of them: a codec of this test counts.
    decoded = 0

    def decode(data: Any, errors: str = "strict") -> tuple[str, int]:
        nonlocal decoded
        decoded += len(data)
        return codecs.utf_8_decode(data, errors, True)

    def found(name: str) -> codecs.CodecInfo | None:
        if name != "counted":
            return None
        return codecs.CodecInfo(codecs.utf_8_encode, decode, name=name)

    codecs.register(found)
    try:
        data = b"phone_number,name\n" + b"+14155550100,\xc8\xe2\xe0\n" * 2_000
        assert contacts.check(data, encoding="counted").counts["bad_encoding"] >= 2_000
    finally:
        codecs.unregister(found)
    # Once to determine the line ends, once strictly, and then for the wrong bytes.
    assert decoded <= 4 * len(data)


def test_a_thousand_columns_of_one_name_take_linear_time() -> None:
    names = [Watched("c") for _ in range(2_000)]
    found = header_problems(["phone_number", *names])
    assert [p.kind for p in found] == ["doubled_header"] * 1_999
    assert "column 2001 has the same name as column 2:" in found[-1].message
    assert Watched.compared < 20 * len(names)
    taken, numbers = Taken(), dict[str, int]()
    for _ in names:
        taken.add(unused_name("c", taken, numbers))
    assert taken >= {"c", "c_2", "c_2000"}
    assert taken.asked < 5 * len(names)
    new, _ = clean_names(["phone_number", *(["c"] * 2_000)])
    assert (new[:4], new[-1]) == (["phone_number", "c", "c_2", "c_3"], "c_2000")
    assert len(set(new)) == len(new)
    new, _ = clean_names(["phone_number", "c_2", "c", "c", "c"])
    assert new == ["phone_number", "c_2", "c", "c_3", "c_4"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_formula_after_a_line_end_in_a_cell_is_found(end: bytes) -> None:
    data = b'phone_number,n\n+14155550100,"\nx"\n+14155550103,y' + end
    assert contacts.check(data).counts["formula"] == 1


def test_an_old_mac_list_may_contain_line_feeds_in_cells() -> None:
    data = b'phone_number,note\r+14155550100,"a ""b""\nc"\r+14155550101,x\r'
    with contacts.clean(data) as cleaned:
        assert cleaned.report.kept == 2
        assert b'"a ""b""\nc"' in cleaned.read()
    assert [part.rows for part in contacts.split(data, max_rows=1)] == [1, 1]
    lines = b'phone_number,note\n+14155550100,"a\rb"\n'
    assert contacts.check(lines).counts["malformed"] == 0
