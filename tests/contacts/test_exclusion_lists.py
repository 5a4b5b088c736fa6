"""Do-not-call lists of every shape: each number in them counts, or the list is refused."""

import io
from pathlib import Path

import pytest

from kataven import contacts
from kataven.errors import ContactsError

LIST = b"phone_number\n+14155550100\n+14155550101\n+14155550102\n"
NONE: tuple[object, ...] = (None, [], frozenset(), b"phone_number\n")


def kept(exclude: object, **options: object) -> list[str]:
    """Clean a list of three numbers; give the last digits of those that are left."""
    with contacts.clean(LIST, exclude=exclude, **options) as cleaned:  # type: ignore[arg-type]
        return [line[-1] for line in cleaned.read().decode().split()[1:]]


def test_an_open_file_excludes_from_every_list(tmp_path: Path) -> None:
    """It is set back to where it stood, also when something in it is wrong."""
    path = tmp_path / "dnc.csv"
    path.write_bytes(b"not this line\nphone_number\n+14155550100\n")
    with path.open("rb") as file:
        file.readline()
        at = file.tell()
        assert [kept(file), kept(file)] == [["1", "2"], ["1", "2"]]
        assert file.tell() == at
    bad = io.BytesIO(b"phone_number\n+14155550100\n12\n")
    for _ in range(2):
        with pytest.raises(ContactsError, match="no number can be made"):
            kept(bad)
        assert bad.tell() == 0
    with contacts.clean(b"phone_number\n+14155550101\n") as cleaned:
        assert [kept(cleaned), kept(cleaned)] == [["0", "2"], ["0", "2"]]


def test_what_was_read_already_is_refused(tmp_path: Path) -> None:
    """An iterator gives its numbers once, a pipe or a file at its end has none."""
    numbers = iter(["+14155550100"])
    assert kept(numbers) == ["1", "2"]
    at_end = io.BytesIO(b"+14155550100\n")
    at_end.read()
    empty = tmp_path / "empty.csv"
    empty.touch()
    for nothing in (numbers, iter(()), at_end, b"", empty):
        with pytest.raises(ContactsError, match=r"empty or was read already.*exclude=None"):
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
        b"phone,name\n+14155550100,Andr\xe9\n+14155550101,Bob\n",
        [{"Phone": "+14155550100", "Mobile": "+14155550101"}, {"Phone": "", "Mobile": None}],
    ],
)
def test_every_number_of_a_row_counts(exclude: object) -> None:
    """All columns of numbers, and every cell where no header tells which."""
    assert kept(exclude) == ["2"]


@pytest.mark.parametrize(
    ("exclude", "row", "kind", "advice"),
    [
        (b"name,phone\nSmith,,+14155550100\n", 2, "ragged_row", "correct its commas"),
        (b"name,phone\nSmith, Ann,+14155550100\n", 2, "ragged_row", "correct its commas"),
        (b"name,phone\nBob,+14155550101\nSmith\n", 3, "ragged_row", "correct its commas"),
        (b"+14155550100,Ann\n", 1, "bad_number", "name its columns"),
        (b"17,+14155550100\n", 1, "bad_number", "name its columns"),
        (b'phone,note\n"+14155550100,x\n+14155550101,"y"\n', 2, "malformed", "quote"),
        (b"phone,note\n+1415\xa05550100,x\n", 2, "bad_encoding", "UTF-8"),
    ],
)
def test_a_row_that_may_hide_a_number_is_refused(
    exclude: bytes, row: int, kind: str, advice: str
) -> None:
    """With its row and what to do, instead of calling past it."""
    with pytest.raises(ContactsError, match=advice) as caught:
        kept(exclude)
    assert [(p.row, p.kind) for p in caught.value.problems] == [(row, kind)]
