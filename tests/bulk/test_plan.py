"""A plan is opened on any machine, and a part whose bytes do not match its name is refused."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from kataven.bulk import BulkError, BulkPlan, Part, Totals
from kataven.bulk._plan import plan_bytes


def make_plan(folder: Path, groups: tuple[str | None, ...] = (None, None)) -> BulkPlan:
    (folder / "parts").mkdir(parents=True)
    (folder / "rows").mkdir()
    parts = []
    for index, group in enumerate(groups):
        data = f"phone_number\r\n+1415555010{index}\r\n+1415555011{index}\r\n".encode()
        sha256 = hashlib.sha256(data).hexdigest()
        (folder / "parts" / f"{sha256}.csv").write_bytes(data)
        rows = f"file,first_row,rows\r\na.csv,{index * 10 + 2},1\r\nb.csv,{index + 7},1\r\n"
        (folder / "rows" / f"{sha256}.csv").write_text(rows, newline="")
        parts.append(Part(sha256, f"parts/{sha256}.csv", 2, group))
    plan = BulkPlan(
        folder,
        "0123456789abcdef" * 2,
        "2026-11-28T15:07:12Z",
        {"region": "US"},
        Totals(rows=2 * len(groups) + 1, kept=2 * len(groups), dropped=1, parts=len(groups)),
        tuple(parts),
    )
    (folder / "plan.json").write_bytes(plan_bytes(plan))
    return plan


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "plan")
    assert BulkPlan.open(tmp_path / "plan") == plan
    assert BulkPlan.open(str(tmp_path / "plan")) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan
    first = plan.parts[0]
    assert hashlib.sha256(plan.read(first)).hexdigest() == first.sha256
    assert list(plan.source_rows(plan.parts[1])) == [("a.csv", 12), ("b.csv", 8)]


@pytest.mark.parametrize("groups", [(), (None,), ("Europe/Berlin", "Europe/London")])
def test_plan_json_has_the_documented_keys(tmp_path: Path, groups: tuple[str | None, ...]) -> None:
    plan = make_plan(tmp_path, groups)
    found = json.loads((tmp_path / "plan.json").read_bytes())
    assert list(found) == ["id", "created", "options", "totals", "parts"]
    assert list(found["totals"]) == ["rows", "kept", "dropped", "parts"]
    names = ["sha256", "file", "rows", "group"] if any(groups) else ["sha256", "file", "rows"]
    assert [list(part) for part in found["parts"]] == [names] * len(groups)
    assert BulkPlan.open(tmp_path) == plan


def test_a_plan_may_be_copied_to_another_machine(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "plan")
    copy = BulkPlan.open(shutil.copytree(tmp_path / "plan", tmp_path / "copy"))
    shutil.rmtree(tmp_path / "plan")
    assert (copy.id, copy.parts) == (plan.id, plan.parts)
    assert copy.read(copy.parts[0]).startswith(b"phone_number\r\n")


@pytest.mark.parametrize("change", [b"", b"phone_number\r\n+14155550999\r\n"])
def test_a_part_whose_bytes_do_not_match_its_name_is_refused(tmp_path: Path, change: bytes) -> None:
    plan = make_plan(tmp_path)
    (tmp_path / plan.parts[0].file).write_bytes(change)
    with pytest.raises(BulkError, match=r"do not match its name .*copy the folder"):
        plan.read(plan.parts[0])
    assert plan.read(plan.parts[1])


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    (tmp_path / plan.parts[0].file).unlink()
    (tmp_path / "rows" / f"{plan.parts[0].sha256}.csv").unlink()
    with pytest.raises(BulkError, match=plan.parts[0].sha256):
        plan.read(plan.parts[0])
    with pytest.raises(BulkError, match=plan.parts[0].sha256):
        list(plan.source_rows(plan.parts[0]))


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "file,first_row,rows\r\na.csv,2,1\r\n",
        "file,first_row,rows\r\na.csv,2,3\r\n",
        "file,first_row,rows\r\na.csv,two,2\r\n",
        "file,first_row,rows\r\na.csv,2\r\n",
    ],
)
def test_damaged_source_rows_are_refused(tmp_path: Path, rows: str) -> None:
    plan = make_plan(tmp_path)
    (tmp_path / "rows" / f"{plan.parts[0].sha256}.csv").write_text(rows, newline="")
    with pytest.raises(BulkError, match="rows"):
        list(plan.source_rows(plan.parts[0]))


def test_a_folder_without_a_plan_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(BulkError, match="there is no plan"):
            BulkPlan.open(folder)
    with pytest.raises(TypeError):
        BulkPlan.open(None)  # type: ignore[arg-type]


def change(found: dict[str, Any], path: str, value: object) -> None:
    *keys, last = path.split(".")
    inner: Any = found
    for key in keys:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "x"),
        ("id", 7),
        ("options", []),
        ("totals", {}),
        ("totals", None),
        ("totals.rows", -1),
        ("totals.kept", 5),
        ("totals.parts", True),
        ("parts", {}),
        ("parts", [7, 7]),
        ("parts.0.rows", "2"),
        ("parts.0.sha256", "../../etc/passwd"),
        ("parts.0.file", "../secret.csv"),
        ("parts.0.file", "/etc/passwd"),
        ("parts.0.group", 7),
    ],
)
def test_a_damaged_plan_is_refused(tmp_path: Path, path: str, value: object) -> None:
    make_plan(tmp_path)
    found = json.loads((tmp_path / "plan.json").read_bytes())
    change(found, path, value)
    (tmp_path / "plan.json").write_text(json.dumps(found))
    with pytest.raises(BulkError, match="damaged"):
        BulkPlan.open(tmp_path)


def test_a_part_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    make_plan(tmp_path)
    found = json.loads((tmp_path / "plan.json").read_bytes())
    found["parts"][1] = found["parts"][0]
    (tmp_path / "plan.json").write_text(json.dumps(found))
    with pytest.raises(BulkError, match="twice"):
        BulkPlan.open(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"\xff", b"{}"])
def test_a_truncated_plan_is_refused(tmp_path: Path, data: bytes) -> None:
    make_plan(tmp_path)
    (tmp_path / "plan.json").write_bytes(data)
    with pytest.raises(BulkError, match="damaged"):
        BulkPlan.open(tmp_path)
