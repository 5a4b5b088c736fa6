"""Do-not-call lists of any form: every number in them is excluded, or the list is refused."""

import io
from pathlib import Path

import pytest

from kataven import contacts
from kataven.errors import ContactsError

LIST = b"phone_number\n+14155550100\n+14155550101\n+14155550102\n"
NONE: tuple[object, ...] = (None, [], frozenset(), b"phone_number\n")


def kept(exclude: object, **options: object) -> list[str]:
    """Clean a list of three numbers; return the last digits of those that are kept."""
    with contacts.clean(LIST, exclude=exclude, **options) as cleaned:  # type: ignore[arg-type]
        return [line[-1] for line in cleaned.read().decode().split()[1:]]


def test_an_open_exclusion_file_can_be_used_for_several_lists(tmp_path: Path) -> None:
    # It is set back to its position, also after an error.
    path = tmp_path / "dnc.csv"
    path.write_bytes(b"not this line\nphone_number\n+14155550100\n")
    with path.open("rb") as file:
        file.readline()
        at = file.tell()
        assert [kept(file), kept(file)] == [["1", "2"], ["1", "2"]]
        assert file.tell() == at
    bad = io.BytesIO(b"phone_number\n+14155550100\n12\n")
    for _ in range(2):
        with pytest.raises(ContactsError, match="not a valid number"):
            kept(bad)
        assert bad.tell() == 0
    with contacts.clean(b"phone_number\n+14155550101\n") as cleaned:
        assert [kept(cleaned), kept(cleaned)] == [["0", "2"], ["0", "2"]]


def test_an_exclusion_list_that_was_already_read_is_refused(tmp_path: Path) -> None:
    numbers = iter(["+14155550100"])
    assert kept(numbers) == ["1", "2"]
    at_end = io.BytesIO(b"+14155550100\n")
    at_end.read()
    empty = tmp_path / "empty.csv"
    empty.touch()
    for nothing in (numbers, iter(()), at_end, b"", empty):
        with pytest.raises(ContactsError, match=r"empty or has already been read.*exclude=None"):
            kept(nothing)
    for none in NONE:
        assert kept(none) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "exclude",
    [
        b"Name,Phone,Mobile\nAnn,,+14155550100\nBob,+14155550101,\n",
        b"Name,phone_number,Mobile\nAnn,+14155550100,+14155550101\n",
        b"+14155550100,+14155550101\n",
        b"+14155550100;+14155550101\n",
        b"\n,+14155550100\n+14155550101\n",
        b"phone,name\n+14155550100\n+14155550101,Bob,,\n",
        b"phone,name\n+14155550100,Ann\n\nphone,name\n+14155550101,Bob\n",
        b"phone,name\n+14155550100,Andr\xe9\n+14155550101,Bob\n",
        [{"Phone": "+14155550100", "Mobile": "+14155550101"}, {"Phone": "", "Mobile": None}],
    ],
)
def test_every_number_in_a_row_is_excluded(exclude: object) -> None:
    assert kept(exclude) == ["2"]


@pytest.mark.parametrize(
    ("exclude", "row", "kind", "advice"),
    [
        (b"name,phone\nSmith,,+14155550100\n", 2, "ragged_row", "correct its commas"),
        (b"name,phone\nSmith, Ann,+14155550100\n", 2, "ragged_row", "correct its commas"),
        (b"name,phone\nBob,+14155550101\nSmith\n", 3, "ragged_row", "correct its commas"),
        (b"+14155550100,Ann\n", 1, "bad_number", "add a header line"),
        (b"17,+14155550100\n", 1, "bad_number", "add a header line"),
        (b'phone,note\n"+14155550100,x\n+14155550101,"y"\n', 2, "malformed", "quote"),
        (b"phone,note\n+1415\xa05550100,x\n", 2, "bad_encoding", "UTF-8"),
    ],
)
def test_an_exclusion_row_that_may_hide_a_number_is_refused(
    exclude: bytes, row: int, kind: str, advice: str
) -> None:
    with pytest.raises(ContactsError, match=advice) as caught:
        kept(exclude)
    assert [(p.row, p.kind) for p in caught.value.problems] == [(row, kind)]


def test_entries_without_a_number_in_use_are_counted() -> None:
    # The third is one of Berlin without its country, which as a number of the US excludes nobody.
    text = "phone\n+14155550100\n(415) 555-0101\n030 1234567\n+1 030 123 4567\n"
    with contacts.clean(LIST, exclude=text.encode(), region="US") as cleaned:
        (column,) = cleaned.report.exclusions
        assert (column.numbers, column.unconfirmed) == (4, 1)
        assert "4 numbers from column phone (1 not known to be in use)" in cleaned.report.summary()


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (b"PK\x03\x04\x14\0\x06\0bunch\nxx,yy\n", "a zip archive"),
        (b"PAR1\x15\x04\x15\n", "a Parquet file"),
        (b"<!DOCTYPE html>\n<p>+14155550100\n", "HTML or XML"),
        (b'["+14155550100", "+14155550101"]\n', "JSON"),
    ],
)
def test_an_exclusion_list_that_is_not_csv_is_named(data: bytes, format_: str) -> None:
    with pytest.raises(ContactsError, match=rf"the exclusion list seems to be {format_}.*not CSV"):
        contacts.clean(b"phone_number\n+14155550100\n", exclude=data)
