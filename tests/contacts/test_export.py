"""Pages of contacts become a table: complete or not at all, and resumed after interruptions."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven import contacts
from kataven.contacts._retry import RetryCollector
from kataven.contacts.export import ExportWriter
from tests.support.patience import PATIENCE


def contact(number: int, **custom: Any) -> dict[str, Any]:
    """Return a contact as the Hub sends it."""
    return {
        "id": f"c{number}",
        "phone_number": f"+1415555{number:04d}",
        "custom_fields": custom,
        "status": "failed" if number % 3 == 0 else "completed",
        "attempts": number,
        "last_attempt_at": None,
    }


PAGES = [
    [contact(page * 10 + n, name=f"N{n}", note="=1+1") for n in range(10)] for page in range(5)
]


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def export(target: Any, pages: list[list[dict[str, Any]]], **options: Any) -> None:
    """Export pages without interruption."""
    with ExportWriter("camp", target, **options) as writer:
        for page, found in enumerate(pages[writer.next_page :], writer.next_page):
            writer.add_page(page, found)
        writer.finish()


def test_a_csv_has_fields_then_custom_fields_in_order_of_first_occurrence(tmp_path: Path) -> None:
    pages = [
        [contact(1, name="Ana", status="gold"), contact(2, city="Rom", name=None)],
        [{**contact(3), "extra": 5, "custom_fields": None}],
    ]
    path = tmp_path / "out.csv"
    export(path, pages)
    rows = rows_of(path)
    assert rows == [
        [
            "id",
            "phone_number",
            "status",
            "attempts",
            "last_attempt_at",
            "extra",
            "name",
            "custom_status",
            "city",
        ],
        ["c1", "+14155550001", "completed", "1", "", "", "Ana", "gold", ""],
        ["c2", "+14155550002", "completed", "2", "", "", "", "", "Rom"],
        ["c3", "+14155550003", "failed", "3", "", "5", "", "", ""],
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_clash_with_the_prefixed_name_gets_another_prefix(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    export(path, [[contact(1, status="a", custom_status="b")]])
    header = rows_of(path)[0]
    assert header[-2:] == ["custom_custom_status", "custom_status"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_formulas_are_neutralised_in_csv_only_and_never_in_the_number(
    start: str, tmp_path: Path
) -> None:
    pages = [[contact(1, **{"note": start + "x", "n": -5, "=h": "a"})]]
    export(tmp_path / "out.csv", pages)
    header, row = rows_of(tmp_path / "out.csv")
    found = dict(zip(header, row, strict=True))
    assert found["note"] == f"'{start}x"
    assert found["n"] == "-5"
    assert found["'=h"] == "a"
    assert found["phone_number"] == "+14155550001"
    export(tmp_path / "out.jsonl", pages)
    assert json.loads((tmp_path / "out.jsonl").read_text())["note"] == start + "x"


def test_jsonl_keeps_values_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    export(path, [[contact(1, name="é\u2028", tags=["a"]), contact(2)]])
    first, second = (json.loads(line) for line in path.read_text().split("\n")[:-1])
    assert first["name"] == "é\u2028"
    assert first["tags"] == ["a"]
    assert first["attempts"] == 1
    assert second["name"] is None
    assert list(first) == list(second)


def test_parquet_columns_have_types(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    export(
        path,
        [[contact(1, a=1, b=1, c="x", d=True, e=2**70)], [contact(2, a=2, b=1.5, c=3, d=None)]],
    )
    table = pq.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert types["attempts"] == types["a"] == "int64"
    assert types["b"] == "double"
    assert types["c"] == types["e"] == "string"
    assert types["last_attempt_at"] == "timestamp[ns, tz=UTC]"
    assert types["d"] == "bool"
    assert table.column("c").to_pylist() == ["x", "3"]
    assert table.column("b").to_pylist() == [1.0, 1.5]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_no_contacts_make_an_empty_table(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{format}"
    export(path, [[]])
    if format == "parquet":
        assert pq.read_table(path).column_names == ["phone_number"]
    else:
        assert path.read_text() == ("phone_number\n" if format == "csv" else "")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("stop", [0, 1, 4, 5])
def test_an_interrupted_export_resumes_after_its_last_complete_page(
    format: str, stop: int, tmp_path: Path
) -> None:
    uninterrupted, resumed = tmp_path / f"uninterrupted.{format}", tmp_path / f"resumed.{format}"
    export(uninterrupted, PAGES, status="failed")
    with ExportWriter("camp", resumed, status="failed") as writer:
        for page, found in enumerate(PAGES[:stop]):
            writer.add_page(page, found)
    assert not resumed.exists()
    with ExportWriter("camp", resumed, status="failed") as writer:
        assert writer.next_page == stop
        assert writer.rows == stop * 10
        for page, found in enumerate(PAGES[stop:], stop):
            writer.add_page(page, found)
        writer.finish()
    assert resumed.read_bytes() == uninterrupted.read_bytes()
    assert sorted(tmp_path.iterdir()) == [resumed, uninterrupted]


@given(st.data())
@pytest.mark.slow
def test_a_spool_truncated_at_any_byte_is_resumed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("export")
    with ExportWriter("camp", folder / "out.csv") as writer:
        for page, found in enumerate(PAGES):
            writer.add_page(page, found)
    (spool,) = folder.iterdir()
    full = spool.read_bytes()
    cut = data.draw(st.integers(0, len(full)))
    spool.write_bytes(full[:cut] + data.draw(st.sampled_from([b"", b"\0\0", b"[9,[]]\n", b"}\n"])))
    whole_pages = max(0, full[:cut].count(b"\n") - 1)
    with ExportWriter("camp", folder / "out.csv") as writer:
        assert writer.next_page == whole_pages
        for page, found in enumerate(PAGES[whole_pages:], whole_pages):
            writer.add_page(page, found)
        writer.finish()
    assert len((folder / "out.csv").read_bytes().splitlines()) == 51
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("tail", [b"[9,[]]\n", b"[3,[]]\n", b"{}\n", b"\0\0\n", b'[5,[{"id":'])
def test_a_line_that_is_not_the_next_page_is_removed(tail: bytes, tmp_path: Path) -> None:
    with ExportWriter("camp", tmp_path / "out.csv") as writer:
        for page, found in enumerate(PAGES):
            writer.add_page(page, found)
    (spool,) = tmp_path.iterdir()
    good = spool.read_bytes()
    spool.write_bytes(good + tail)
    with ExportWriter("camp", tmp_path / "out.csv") as writer:
        assert writer.next_page == 5
        assert spool.read_bytes() == good


@pytest.mark.parametrize(
    "first_line", [b"", b"[1,", b"[0,null,null]\n", b'[1,"other",null]\n[0,[]]\n']
)
def test_a_spool_with_an_incomplete_first_line_starts_over(
    first_line: bytes, tmp_path: Path
) -> None:
    # It may have another version, or be from a process that was killed at once.
    with ExportWriter("camp", tmp_path / "out.csv"):
        (spool,) = tmp_path.iterdir()
        fresh = spool.read_bytes()
    spool.write_bytes(first_line)
    with ExportWriter("camp", tmp_path / "out.csv") as writer:
        assert writer.next_page == 0
        assert spool.read_bytes() == fresh


def test_a_killed_process_loses_no_complete_page(tmp_path: Path) -> None:
    program = (
        "import json, os, signal, sys\n"
        "from kataven.contacts.export import ExportWriter\n"
        "pages = json.load(sys.stdin)\n"
        "writer = ExportWriter('camp', sys.argv[1])\n"
        "writer.open()\n"
        "for page, found in enumerate(pages[:3]):\n"
        "    writer.add_page(page, found)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "out.csv"
    killed = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        input=json.dumps(PAGES).encode(),
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    with ExportWriter("camp", target) as writer:
        assert writer.next_page == 3
        for page, found in enumerate(PAGES[3:], 3):
            writer.add_page(page, found)
        writer.finish()
    uninterrupted = tmp_path / "uninterrupted.csv"
    export(uninterrupted, PAGES)
    assert target.read_bytes() == uninterrupted.read_bytes()


def test_a_spool_is_not_resumed_for_another_campaign_or_status(tmp_path: Path) -> None:
    with ExportWriter("camp", tmp_path / "out.csv") as writer:
        writer.add_page(0, PAGES[0])
    for campaign, status in (
        ("camp", "failed"),
        ("camp2", None),
        ("a/../b", None),
        ("x" * 300, "é/"),
    ):
        with ExportWriter(campaign, tmp_path / "out.csv", status=status) as writer:
            assert writer.next_page == 0
    with ExportWriter("camp", tmp_path / "other.jsonl") as writer:
        assert writer.next_page == 1
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_two_exports_at_once_into_one_folder_are_refused(tmp_path: Path) -> None:
    with (
        ExportWriter("camp", tmp_path / "a.csv"),
        pytest.raises(BlockingIOError, match="another export"),
    ):
        ExportWriter("camp", tmp_path / "b.csv").open()


def test_a_table_that_fails_leaves_target_and_pages(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with ExportWriter("camp", target) as writer:
        writer.add_page(0, PAGES[0])
        target.mkdir()
        with pytest.raises(OSError, match=r"out\.csv"):
            writer.finish()
    target.rmdir()
    target.write_text("old")
    with ExportWriter("camp", target) as writer:
        assert writer.next_page == 1
        assert target.read_text() == "old"
        writer.finish()
    assert len(target.read_bytes().splitlines()) == 11
    assert list(tmp_path.iterdir()) == [target]


def test_the_target_of_a_link_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    export(link, PAGES[:1])
    assert link.is_symlink()
    assert real.stat().st_size > 0


def test_an_open_file_gets_the_finished_table_and_stays_open(tmp_path: Path) -> None:
    for make, read in (
        (io.BytesIO, lambda f: f.getvalue().decode()),
        (lambda: io.StringIO(newline=""), lambda f: f.getvalue()),
    ):
        file = make()
        with ExportWriter("camp", file) as writer:
            writer.add_page(0, PAGES[0])
            assert read(file) == ""
            writer.finish()
        assert read(file).count("\r\n") == 11
        assert not file.closed
        with ExportWriter("camp", file) as writer:
            assert writer.next_page == 0
    with (tmp_path / "out.parquet").open("wb") as named:
        export(named, PAGES)
        assert not named.closed
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 50


def test_invalid_arguments_are_refused_before_any_page_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a known format"):
        ExportWriter("camp", tmp_path / "out.xlsx")
    with pytest.raises(ValueError, match="csv, jsonl, parquet"):
        ExportWriter("camp", tmp_path / "out.csv", format="xlsx")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a path, an open file, or a list"):
        ExportWriter("camp", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="binary mode"):
        ExportWriter("camp", io.StringIO(), format="parquet")
    with pytest.raises(FileNotFoundError):
        ExportWriter("camp", tmp_path / "none" / "out.csv").open()
    with (
        ExportWriter("camp", tmp_path / "out.csv") as writer,
        pytest.raises(ValueError, match="the next one is 0"),
    ):
        writer.add_page(1, [])


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['pyarrow'] = None\n"
        "from kataven.contacts.export import ExportWriter\n"
        "try:\n    ExportWriter('c', sys.argv[1])\n"
        "except ImportError as error:\n    print(error)\n"
    )
    target = str(tmp_path / "out.parquet")
    ran = subprocess.run(
        [sys.executable, "-c", program, target],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "pip install 'kataven[parquet]'" in ran.stdout
    assert os.listdir(tmp_path) == []


def test_an_exported_csv_can_be_uploaded_again(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    export(path, PAGES)
    assert contacts.check(path).ok


def test_a_retry_list_has_each_number_once_and_all_custom_fields() -> None:
    gathered = RetryCollector()
    gathered.add([contact(1, name="Ana"), contact(2, city='"Rom"', phone_number="x")])
    gathered.add(
        [contact(1, name="again"), {"phone_number": None}, {"phone_number": "+14155550003"}]
    )
    assert gathered.rows == 3
    with gathered.finish() as file:
        assert file.tell() == 0
        assert file.read() == (
            b'phone_number,name,city\r\n+14155550001,Ana,\r\n+14155550002,,"""Rom"""\r\n'
            b"+14155550003,,\r\n"
        )
        file.seek(0)
        assert contacts.check(file).ok
    gathered.close()


def exported(target: object) -> None:
    with ExportWriter("c1", target, format="csv") as writer:  # type: ignore[arg-type]
        writer.add_page(0, [{"phone_number": "+14155550100"}])
        writer.finish()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "contacts.csv"
    os.mkfifo(pipe)
    came: list[bytes] = []
    reading = threading.Thread(target=lambda: came.append(pipe.read_bytes()))
    reading.start()
    exported(pipe)
    reading.join(PATIENCE)
    assert came == [b"phone_number\r\n+14155550100\r\n"]
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["contacts.csv"]


def test_an_open_file_by_its_system_name_is_appended_to(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with out.open("wb") as file:
        file.write(b"a line before\n")
        file.flush()
        exported(f"/proc/self/fd/{file.fileno()}")
    assert out.read_bytes() == b"a line before\nphone_number\r\n+14155550100\r\n"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        ExportWriter("c1", tmp_path, format="csv")
    assert os.listdir(tmp_path) == []


def test_the_new_table_keeps_the_permissions_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "contacts.csv"
    target.touch(0o600)
    target.chmod(0o600)
    exported(target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_export_without_pages_leaves_no_file(tmp_path: Path) -> None:
    with ExportWriter("c1", tmp_path / "contacts.csv"):
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []
