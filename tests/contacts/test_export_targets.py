"""Where tables go: several targets from one reading, and targets that cannot be written."""

import csv
import errno
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from kataven.contacts._retry import RetryCollector
from kataven.contacts.export import ExportSummary, ExportWriter
from tests.support.tables import table

PAGES = [
    [
        {
            "id": f"c{page}-{number}",
            "phone_number": f"+1415555{page}{number:03d}",
            "custom_fields": {"note": "x" * 50},
            "status": ("failed", "completed", None, ["odd"])[number % 4],
        }
        for number in range(100)
    ]
    for page in range(3)
]


def export(target: Any, pages: Any = PAGES, **options: Any) -> ExportSummary:
    with ExportWriter("camp", target, **options) as writer:
        for page, found in enumerate(pages[writer.next_page :], writer.next_page):
            writer.add_page(page, found)
        return writer.finish()


def test_the_summary_says_what_was_written_and_where(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    summary = export(str(target))
    assert summary == ExportSummary(300, (target,), {"failed": 75, "completed": 75})
    assert summary.path == target
    assert export(io.BytesIO()) == ExportSummary(300, (), {"failed": 75, "completed": 75})
    assert ExportSummary(0).path is None


def test_a_resumed_export_counts_the_pages_from_before(tmp_path: Path) -> None:
    with ExportWriter("camp", tmp_path / "a.csv") as writer:
        writer.add_page(0, PAGES[0])
    assert export(tmp_path / "a.csv").counts == {"failed": 75, "completed": 75}


def test_several_targets_get_the_same_table_each_in_its_format(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    binary, text = io.BytesIO(), io.StringIO(newline="")
    paths = [tmp_path / "a.csv", other / "a.jsonl", tmp_path / "a.parquet", other / "b.csv"]
    summary = export([paths[0], binary, str(paths[1]), text, paths[2], paths[3]])
    assert summary.paths == tuple(paths)
    assert summary.rows == 300
    expected = [row["phone_number"] for page in PAGES for row in page]
    for content in (
        paths[0].read_bytes().decode(),
        paths[3].read_bytes().decode(),
        binary.getvalue().decode(),
        text.getvalue(),
    ):
        rows = list(csv.DictReader(io.StringIO(content, newline="")))
        assert [row["phone_number"] for row in rows] == expected
    lines = paths[1].read_text().splitlines()
    assert [json.loads(line)["phone_number"] for line in lines] == expected
    assert pq.read_table(paths[2]).column("phone_number").to_pylist() == expected
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(paths)


def test_a_format_that_is_named_holds_for_every_target(tmp_path: Path) -> None:
    export((tmp_path / "a.txt", tmp_path / "b.csv"), format="jsonl")
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.txt").read_text().startswith("{")


def test_an_interrupted_export_to_several_targets_resumes_with_the_first_path(
    tmp_path: Path,
) -> None:
    targets = [io.BytesIO(), tmp_path / "a.csv", tmp_path / "a.jsonl"]
    with ExportWriter("camp", targets) as writer:
        writer.add_page(0, PAGES[0])
    with ExportWriter("camp", tmp_path / "a.csv") as writer:
        assert writer.next_page == 1
    export(targets)
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 300


def test_one_table_that_fails_leaves_every_path_unchanged(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("old")
    with ExportWriter("camp", [first, Path("/dev/full"), second], format="csv") as writer:
        for page, found in enumerate(PAGES):
            writer.add_page(page, found)
        with pytest.raises(OSError, match="3 pages are kept") as caught:
            writer.finish()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")
    assert first.read_text() == "old"
    assert not second.exists()
    with ExportWriter("camp", [first, second]) as writer:
        assert writer.next_page == 3
        writer.finish()
    assert first.read_bytes() == second.read_bytes()
    assert len(os.listdir(tmp_path)) == 2


@table(
    "targets, error, text",
    [
        ([], ValueError, "list of targets is empty"),
        (["a.csv", "./a.csv"], ValueError, "twice"),
        (["a.csv", "a.xlsx"], ValueError, "not a known format"),
        (["a.csv", 7], TypeError, "not int"),
        (["a.csv", ["b.csv"]], TypeError, "not list"),
        ({"a.csv"}, TypeError, "not set"),
        (b"a.csv", TypeError, "not bytes"),
        ({"a.csv": 1}, TypeError, "not dict"),
        (["a.csv", ""], IsADirectoryError, "is a folder"),
        ("results/", IsADirectoryError, "is a folder"),
    ],
)
def test_targets_that_make_no_sense_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, targets: Any, error: Any, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        ExportWriter("camp", targets)
    assert os.listdir(tmp_path) == []


def test_the_same_open_file_cannot_be_named_twice() -> None:
    file = io.BytesIO()
    with pytest.raises(ValueError, match="twice"):
        ExportWriter("camp", [file, file])


# Targets that cannot be written: the error names them, and says what is kept.


@pytest.mark.parametrize("place", ["alone", "second"])
@table(
    "folder, error, text",
    [
        ("none", FileNotFoundError, "the folder of the target does not exist: create it first"),
        ("none/at/all", FileNotFoundError, "the folder of the target does not exist"),
        ("file", NotADirectoryError, "the folder of the target does not exist"),
        ("/proc", OSError, "choose another folder"),
        ("/sys", OSError, "choose another folder"),
    ],
)
def test_a_folder_in_which_nothing_can_be_written_is_found_before_anything_is_read(
    tmp_path: Path, place: str, folder: str, error: Any, text: str
) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / folder / "out.csv"
    targets: Any = target if place == "alone" else [tmp_path / "a.csv", target]
    # /proc answers that there is no such file.
    with pytest.raises(error, match="does not exist" if folder == "/proc" else text) as caught:
        with ExportWriter("camp", targets):
            pass
    assert caught.value.filename == str(target)
    assert "Nothing was sent" in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_names_the_target(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(0o500)
    with pytest.raises(PermissionError, match="choose another folder") as caught:
        ExportWriter("camp", folder / "out.csv").open()
    assert caught.value.filename == str(folder / "out.csv")


def test_a_system_name_of_no_open_file_is_found_before_anything_is_read() -> None:
    with pytest.raises(FileNotFoundError, match="cannot be written to") as caught:
        with ExportWriter("camp", "/dev/fd/987", format="csv"):
            pass
    assert caught.value.filename == "/dev/fd/987"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_pipe_without_permission_is_found_before_anything_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv", 0o400)
    with pytest.raises(PermissionError, match="cannot be written to"):
        ExportWriter("camp", tmp_path / "pipe.csv").open()


def test_a_name_that_is_too_long_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="name too long"):
        ExportWriter("camp", tmp_path / ("x" * 300 + ".csv"))


FULL = """
import json, resource, sys
from kataven.contacts.export import ExportWriter
pages, target, size = json.load(sys.stdin), sys.argv[1], int(sys.argv[2])
try:
    with ExportWriter("camp", target) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        for page, found in enumerate(pages):
            writer.add_page(page, found)
        writer.finish()
except OSError as error:
    print(type(error).__name__, error.filename, error, sep="|")
"""


def filled(target: Path, size: int, pages: Any = PAGES) -> list[str]:
    """Export in a process whose files may have ``size`` bytes; what the error says."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(target), str(size)],
        input=json.dumps(pages).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode().strip().split("|")


def test_a_disk_that_fills_while_pages_are_read_keeps_the_complete_ones(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    export(tmp_path / "complete.csv")
    page_size = len(json.dumps(PAGES[0], separators=(",", ":")))
    name, where, text = filled(target, int(page_size * 1.5))
    assert (name, where) == ("OSError", str(target))
    assert f"File too large; 1 page is kept in {tmp_path}: put this right and call again" in text
    assert not target.exists()
    with ExportWriter("camp", target) as writer:
        assert writer.next_page == 1
        for page in (1, 2):
            writer.add_page(page, PAGES[page])
        writer.finish()
    assert target.read_bytes() == (tmp_path / "complete.csv").read_bytes()


@table("rows, size", [(100, 500), (1, 100)])
def test_a_disk_that_is_full_at_the_first_page_keeps_nothing(
    tmp_path: Path, rows: int, size: int
) -> None:
    # A page that fits into the file's buffer is tried again when the file is closed.
    text = filled(tmp_path / "out.csv", size, [PAGES[0][:rows]])[-1]
    assert "no page is kept, so the export starts from the beginning" in text
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_while_the_table_is_written_keeps_every_page(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    # In the table each row has every column, so it is far longer than the pages.
    pages = [[{f"column{row}": 1} for row in range(150)]]
    name, where, text = filled(target, 10_000, pages)
    assert (name, where) == ("OSError", str(target))
    assert "1 page is kept" in text
    assert target.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    with ExportWriter("camp", target) as writer:
        assert writer.next_page == 1
        writer.finish()
    assert len(target.read_text().splitlines()) == 150
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_a_full_folder_for_temporary_files_is_named(tmp_path: Path) -> None:
    program = """
import json, resource, sys, tempfile
from kataven.contacts._retry import RetryCollector
collected = RetryCollector()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    for page in json.load(sys.stdin) * 20:
        collected.add([{"phone_number": f"+1{i}" + row["phone_number"][2:]} for i, row in enumerate(page)])
    collected.finish()
except OSError as error:
    print(error.filename == tempfile.gettempdir(), error)
collected.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(PAGES).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(b"True [Errno 27] File too large; a retry list is collected in")
    assert done.stderr == b""


def test_an_open_file_that_fails_raises_its_own_error(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, _data: Any) -> int:
            raise OSError(errno.ENOSPC, "mine")

    with pytest.raises(OSError, match="mine") as caught:
        export([Full(), tmp_path / "a.csv"])
    assert caught.value.filename is None
    assert not (tmp_path / "a.csv").exists()


def test_a_retry_list_knows_its_rows() -> None:
    collected = RetryCollector()
    collected.add(PAGES[0])
    with collected.finish() as made:
        assert (made.rows, made.name) == (100, "retry.csv")
        assert len(made.read().splitlines()) == 101


# Times in Parquet.


def timed(tmp_path: Path, values: list[Any], name: str = "last_attempt_at") -> Any:
    path = tmp_path / "out.parquet"
    export(path, [[{"phone_number": "+14155550100", name: value} for value in values]])
    return pq.read_table(path).column(name)


def test_times_are_timestamps_to_the_nanosecond(tmp_path: Path) -> None:
    column = timed(
        tmp_path,
        [
            "2026-03-01T10:00:00.123456789Z",
            None,
            "2026-03-01T12:00:00+02:00",
            "1970-01-01t00:00:00z",
            "1969-12-31T23:59:59.5Z",
            "2026-03-01T04:30:00.1-05:30",
        ],
    )
    assert str(column.type) == "timestamp[ns, tz=UTC]"
    ten = 1_772_359_200 * 10**9
    assert column.cast("int64").to_pylist() == [
        ten + 123_456_789,
        None,
        ten,
        0,
        -500_000_000,
        ten + 100_000_000,
    ]


@table(
    "odd",
    [
        "yesterday",
        "",
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:60Z",
        "2026-03-01T10:00:00.1234567891Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        1_772_359_200,
        {"seconds": 1},
    ],
)
def test_a_value_that_is_not_a_time_keeps_the_column_as_text_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: Any
) -> None:
    caplog.clear()
    column = timed(tmp_path, ["2026-03-01T10:00:00.123456789Z", odd, None])
    assert str(column.type) == "string"
    text = odd if isinstance(odd, str) else json.dumps(odd, separators=(",", ":"))
    found = column.to_pylist()
    assert found[0] == "2026-03-01T10:00:00.123456789Z"
    assert found[1].replace(" ", "") == text.replace(" ", "")
    assert "column last_attempt_at is text in the Parquet file" in caplog.text


def test_only_fields_are_times_and_only_by_their_name(tmp_path: Path) -> None:
    time = "2026-03-01T10:00:00Z"
    path = tmp_path / "out.parquet"
    row = {"phone_number": "+1", "note": time, "x_at": time, "custom_fields": {"seen_at": time}}
    export([path, tmp_path / "a.csv", tmp_path / "a.jsonl"], [[row, {**row, "x_at": None}]])
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert types == {
        "phone_number": "string",
        "note": "string",
        "x_at": "timestamp[ns, tz=UTC]",
        "seen_at": "string",
    }
    # Other formats have the Hub's own text.
    assert f",{time},{time},{time}" in (tmp_path / "a.csv").read_text()
    assert json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])["x_at"] == time


def test_the_new_tables_keep_the_permissions_of_the_old_ones(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[1].touch()
    paths[1].chmod(0o640)
    export(paths)
    assert stat.S_IMODE(paths[1].stat().st_mode) == 0o640
