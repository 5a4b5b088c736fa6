"""Rows that clean drops: loud if they are many, and written for those who made the list."""

import copy
import csv
import io
import os
import pickle
import stat
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import kataven
from kataven import ContactsWarning, contacts
from kataven.errors import ContactsError

GOOD = "".join(f"+1415555{n:04d},x\n" for n in range(1_000))


def listed(good: int, lost: int, more: str = "") -> bytes:
    """Return a list of good numbers and of numbers with letters."""
    bad = "".join(f"bad {n},x\n" for n in range(lost))
    return ("phone_number,name\n" + GOOD[: 15 * good] + bad + more).encode()


def written(report: contacts.CleanReport, path: Path) -> list[list[str]]:
    report.write_dropped(path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(("good", "lost", "warned"), [(89, 11, True), (90, 10, False)])
def test_many_lost_rows_of_a_long_list_are_a_warning(good: int, lost: int, warned: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        contacts.clean(listed(good, lost)).close()
    assert [issubclass(each.category, ContactsWarning) for each in caught] == [True] * warned
    if warned:
        (warning,) = caught
        assert warning.filename == __file__
        text = str(warning.message)
        assert text.startswith("11 of 100 rows (11%) were dropped for reasons other than")
        assert "row 91" in text
        assert "dropped " in text
        assert ": 11; the first: row 91" in text


def test_the_warning_is_a_user_warning_that_can_be_made_an_error() -> None:
    assert issubclass(ContactsWarning, UserWarning)
    assert kataven.ContactsWarning is ContactsWarning
    with warnings.catch_warnings():
        warnings.simplefilter("error", ContactsWarning)
        with pytest.raises(ContactsWarning, match="50 of 100 rows"):
            contacts.clean(listed(50, 50))


def test_short_lists_duplicates_and_exclusions_do_not_warn() -> None:
    # A warning would be an error here.
    contacts.clean(listed(49, 50)).close()
    contacts.clean(listed(100, 0, GOOD[: 15 * 100])).close()
    contacts.clean(listed(200, 0), exclude=[f"+1415555{n:04d}" for n in range(100)]).close()


@pytest.mark.parametrize(
    ("good", "lost", "share", "refused"),
    [
        (9, 1, 0.1, False),
        (8, 2, 0.1, True),
        (1, 1, 0, True),
        (71, 29, 0.29, False),
        (0, 3, 1, False),
    ],
)
def test_max_dropped_refuses_lists_of_any_length(
    good: int, lost: int, share: float, refused: bool
) -> None:
    data = listed(good, lost)
    if not refused:
        contacts.clean(data, max_dropped=share).close()
        return
    with pytest.raises(ContactsError, match=f"{lost} of {good + lost} rows") as caught:
        contacts.clean(data, max_dropped=share)
    assert [problem.row for problem in caught.value.problems] == [good + 2 + n for n in range(lost)]
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_max_dropped_counts_neither_duplicates_nor_exclusions() -> None:
    data = listed(10, 0, GOOD[: 15 * 10])
    with contacts.clean(data, max_dropped=0, exclude=["+14155550003"]) as cleaned:
        assert cleaned.report.losses == 0
        assert cleaned.report.kept == 9
    contacts.clean(b"phone_number\n", max_dropped=0).close()


@pytest.mark.parametrize(
    ("share", "kind"),
    [("0.1", TypeError), (True, TypeError), (-0.1, ValueError), (10, ValueError),
     (float("nan"), ValueError)],
)  # fmt: skip
def test_max_dropped_must_be_a_share(share: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="max_dropped must be a share between 0 and 1"):
        contacts.clean(listed(1, 0), max_dropped=share)


def test_the_summary_shows_reasons_with_counts_and_samples() -> None:
    with contacts.clean(b"phone_number\nx\ny\nz\n" + b"w" * 200 + b"\n") as cleaned:
        (line,) = cleaned.report.summary().splitlines()[1:]
    (reason,) = cleaned.report.counts
    assert line.startswith(f"dropped {reason}: 4; the first: row 2, ")
    assert line.endswith("; also row 3 (y), row 4 (z)")


def test_dropped_rows_are_written_with_their_original_cells(tmp_path: Path) -> None:
    data = (
        ' Name ,Mobile,reason\nAna,+14155550100,a\nEve,bad,"b\r\nc, ""d"""\n\nBo,+14155550100,=1\n'
        'Ida,+14155550101\nMax,+14155550102,x,more,cells\nLea,+14155550103,"y" z\nNul,1,\0\n'
    )
    with contacts.clean(data.encode()) as cleaned:
        report = cleaned.report
    rows = written(report, tmp_path / "dropped.csv")
    assert rows[0] == [
        " Name ", "Mobile", "reason", "extra_1", "extra_2", "row", "reason_2", "message",
    ]  # fmt: skip
    assert [row[:5] for row in rows[1:]] == [
        ["Eve", "bad", 'b\r\nc, "d"', "", ""],
        ["", "", "", "", ""],
        ["Bo", "+14155550100", "=1", "", ""],
        ["Ida", "+14155550101", "", "", ""],
        ["Max", "+14155550102", "x", "more", "cells"],
        ['Lea,+14155550103,"y" z', "", "", "", ""],
        ["Nul", "1", "\0", "", ""],
    ]
    assert [row[5:] for row in rows[1:]] == [
        [str(each.row), each.reason, each.message] for each in report.dropped
    ]


def test_corrected_dropped_rows_can_be_cleaned_again(tmp_path: Path) -> None:
    path = tmp_path / "dropped.csv"
    with contacts.clean(b"Mobile;Name\n415 555 0100;Ana\n") as cleaned:
        cleaned.report.write_dropped(path)
    with contacts.clean(path, region="US") as again:
        assert again.read() == b"phone_number,Name\r\n+14155550100,Ana\r\n"
        assert again.report.left_out == ("row", "reason", "message")
        assert again.report.source_columns == ("Mobile", "Name")
        assert "file of dropped rows: 'row', 'reason', 'message' left out" in again.report.summary()


def test_rows_dropped_on_purpose_stay_dropped_when_they_are_cleaned_again(tmp_path: Path) -> None:
    path = tmp_path / "dropped.csv"
    data = b"phone_number,name\n+14155550100,Ana\n+14155550100,Bo\n+14155550101,Eve\nbad,Ida\n"
    with contacts.clean(data, exclude=["+14155550101"]) as cleaned:
        cleaned.report.write_dropped(path)
    path.write_text(path.read_text("utf-8").replace("bad,", "+14155550102,"), "utf-8")
    with contacts.clean(path) as again:
        assert again.read() == b"phone_number,name\r\n+14155550102,Ida\r\n"
        report = again.report
    assert report.counts == {"duplicate": 1, "excluded": 1}
    assert report.losses == 0
    assert [row[1:4] for row in written(report, path)] == [
        ["name", "row", "reason"], ["Bo", "2", "duplicate"], ["Eve", "3", "excluded"],
    ]  # fmt: skip
    with contacts.clean(path, drop_duplicates=False) as again:
        assert again.report.counts == {"excluded": 1}


def test_added_columns_are_recognised_by_what_is_in_them(tmp_path: Path) -> None:
    path = tmp_path / "dropped.csv"
    data = (
        b"phone_number,extra_1,row,reason\n+14155550100,a,b,c,d,e\nbad,a,b,c\n"
        b"+14155550101,a,b,c,,\n"
    )
    with contacts.clean(data) as cleaned:
        names = written(cleaned.report, path)[0]
    added = ["extra_1_2", "extra_2", "row_2", "reason_2", "message"]
    assert names == ["phone_number", "extra_1", "row", "reason", *added]
    text = path.read_bytes().decode().replace("a,b,c,d,e", "a,b,c,,").replace("bad", "+14155550103")
    # An editor may add empty cells, and somebody rows without the new columns.
    header, rows = text.split("\r\n", 1)
    rows = rows.replace("\r\n", ",,\r\n") + "\r\n+14155550104,a,b,c\r\n+14155550105,a,b,c,d\r\n"
    text = f"{header}\r\n{rows}"
    with contacts.clean(text.encode()) as again:
        assert again.report.left_out == tuple(added)
        assert again.report.columns == ("phone_number", "extra_1", "row", "reason")
        assert again.report.counts == {"blank_row": 1, "ragged_row": 1}
        assert again.report.kept == 3
    # A list with columns of these names.
    for line in ("1,late,call me", "x,duplicate,m", "1,duplicate,", ",,"):
        list_of_its_own = f"phone_number,row,reason,message\n+14155550100,{line}\n".encode()
        with contacts.clean(list_of_its_own) as other:
            assert other.report.left_out == ()
            assert other.report.kept == 1
            assert len(other.report.columns) == 4


def test_a_file_of_dropped_rows_is_recognised_below_blank_rows_and_in_small_chunks() -> None:
    data = (
        b"phone_number,row,reason,message\n\n+14155550100,2,too_short,m\n+14155550101,3,excluded,m"
    )

    class OneByte(io.BytesIO):
        def read(self, n: int | None = -1, /) -> bytes:
            return super().read(1)

    for source in (data, OneByte(data)):
        with contacts.clean(source) as cleaned:
            assert cleaned.read() == b"phone_number\r\n+14155550100\r\n"
            assert cleaned.report.counts == {"blank_row": 1, "excluded": 1}
    with contacts.clean(b"phone_number,row,reason,message\n\n") as cleaned:
        assert cleaned.read() == b"phone_number,row,reason,message\r\n"


def test_the_report_outlives_the_list_and_can_be_copied_and_pickled(tmp_path: Path) -> None:
    with contacts.clean(listed(1, 3)) as cleaned:
        report = cleaned.report
    expected = written(report, tmp_path / "a.csv")
    assert len(expected) == 4
    for other in (copy.copy(report), copy.deepcopy(report), pickle.loads(pickle.dumps(report))):
        assert other == report
        assert written(other, tmp_path / "b.csv") == expected


@pytest.mark.slow
def test_many_dropped_rows_are_on_disk_and_read_by_threads(tmp_path: Path) -> None:
    rows = "".join(f"bad,{n}{'x' * 2_000}\n" for n in range(2_000))
    data = ("phone_number,name\n" + rows).encode()
    tracemalloc.start()
    try:
        with pytest.warns(ContactsWarning), contacts.clean(data) as cleaned:
            report = cleaned.report
        assert tracemalloc.get_traced_memory()[1] < len(data)
    finally:
        tracemalloc.stop()
    start = threading.Barrier(3, timeout=10)

    def names(index: int) -> list[str]:
        start.wait()
        return [row[1] for row in written(report, tmp_path / f"{index}.csv")[1:]]

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(names, range(3)):
            assert found == [f"{n}{'x' * 2_000}" for n in range(2_000)]


def test_a_clean_list_is_saved_whatever_its_position(tmp_path: Path) -> None:
    path = tmp_path / "clean.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with contacts.clean(listed(2, 0)) as cleaned:
        data = cleaned.read()
        cleaned.seek(3)
        for target in (path, str(link)):
            cleaned.save(target)
            assert path.read_bytes() == data
            assert cleaned.tell() == 3
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["clean.csv", "link.csv"]
    with pytest.raises(ValueError, match="closed"):
        cleaned.save(path)


def test_a_list_that_cannot_be_saved_leaves_the_old_one(tmp_path: Path) -> None:
    with contacts.clean(listed(1, 1)) as cleaned:
        for write in (cleaned.save, cleaned.report.write_dropped):
            missing = tmp_path / "missing" / "a.csv"
            with pytest.raises(FileNotFoundError, match="folder of the file does not exist"):
                write(missing)
            with pytest.raises(IsADirectoryError, match="name a file in it"):
                write(tmp_path)
            with pytest.raises(TypeError, match="path must be a str or a Path"):
                write(io.BytesIO())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    with contacts.clean(listed(1, 1)) as cleaned, pytest.raises(OSError, match="No space left"):
        cleaned.save("/dev/full")


def test_numbers_that_are_not_known_to_be_in_use_are_counted() -> None:
    # +1 415 055 0100 has the right length, and no number in North America is like that.
    with contacts.clean(b"phone_number\n+1 415 055 0100\n+1 415 555 0100\n") as cleaned:
        assert cleaned.report.kept == 2
        assert cleaned.report.unconfirmed == 1
        assert "\nkept 1 number that is not known to be in use" in cleaned.report.summary()
    # Without a country code, such numbers are kept only if all of a possible length are.
    fictional = b"phone_number\n07700 900123\n07700 900124\n"
    with contacts.clean(fictional, region="GB") as cleaned:
        assert cleaned.report.kept == 0
        assert "or keep every number of a possible length with numbers='possible'" in (
            cleaned.report.summary()
        )
    with contacts.clean(fictional, region="GB", numbers="possible") as cleaned:
        assert cleaned.report.unconfirmed == 2
        assert "\nkept 2 numbers that are not known to be in use" in cleaned.report.summary()


def test_numbers_possible_keeps_numbers_of_a_possible_length() -> None:
    data = b"phone_number\n0303871813\n"
    with contacts.clean(data, region="US") as cleaned:
        assert dict(cleaned.report.counts) == {"not_in_use": 1}
    with contacts.clean(data, region="US", numbers="possible") as cleaned:
        assert cleaned.report.kept == 1
    with pytest.raises(ValueError, match="'valid' or 'possible'"):
        contacts.clean(data, numbers="all")  # type: ignore[arg-type]
