"""A plan has what ``clean`` keeps, with each telephone once: for any list, chunk and executor."""

import itertools
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven.bulk import BulkPlan, prepare
from tests.bulk.making import make_plan
from tests.support.plans import (
    columns_of,
    dropped_of,
    expected,
    files_of,
    rows_of,
    shape_of,
)

NUMBERS = [
    "+14155550100",
    " +14155550100 ",
    "+1 (415) 555-0101",
    "(415) 555-0102",
    "415-555-0103 ext. 7",
    "+14155550104",
    "+442079460018",
    "0044 20 7946 0018",
    "+4930123456",
    "",
    "none",
    "1.4155550100E+10",
    *(f"+1415555{index:04d}" for index in range(110, 150)),
]
TEXTS = ["Ann", "", 'a "b" c', "two\nlines", "two\r\nlines", "x, y", "Björn", 'ends "', "'", ";"]
# Rows as bytes, with whatever lists contain.
RAW = ["", "   ", "+14155550120", "+14155550121,a,b,c,d", '+14155550122,5" pipe', '"open,x', "\0"]


def quoted(cell: str, always: bool) -> str:
    if always or any(mark in cell for mark in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    names = draw(st.permutations(["Phone", "name", "note"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    always = draw(st.booleans())
    lines = [*draw(st.sampled_from([[], [], [], [""]])), ",".join(names)]
    for _ in range(draw(st.integers(0, 14))):
        if draw(st.integers(0, 9)) == 0:
            lines.append(draw(st.sampled_from(RAW)))
            continue
        row = {
            "Phone": draw(st.sampled_from(NUMBERS)),
            "name": draw(st.sampled_from(TEXTS)),
            "note": draw(st.sampled_from(TEXTS)),
        }
        lines.append(",".join(quoted(row[name], always) for name in names))
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-be-bom"]))
    if encoding == "utf-32-be-bom":
        return b"\0\0\xfe\xff" + text.encode("utf-32-be")
    data = text.encode(encoding)
    if encoding == "utf-8" and draw(st.integers(0, 4)) == 0 and b"Ann" in data:
        data = data.replace(b"Ann", b"An\xff", 1)
    return data


def assert_as_expected(
    plan: BulkPlan, files: dict[str, bytes], excluded: list[str], **options: Any
) -> None:
    wanted = expected(files, excluded, **options)
    assert rows_of(plan) == wanted.kept
    found = dropped_of(plan)
    assert [
        (each["file"], int(each["row"]), each["reason"], each["value"]) for each in found
    ] == wanted.dropped
    for each in found:
        if each["reason"] == "duplicate":
            file, row = wanted.first[each["file"], int(each["row"])]
            assert each["message"] == f"the number is in row {row} of {file}"
    totals = plan.totals
    assert totals.rows == wanted.rows == totals.kept + totals.dropped
    assert (totals.kept, totals.dropped) == (len(wanted.kept), len(wanted.dropped))
    assert totals.parts == len(plan.parts)
    assert len({contact["phone_number"] for _, _, contact in wanted.kept}) == totals.kept


@pytest.mark.slow
@given(
    data=st.lists(lists(), min_size=1, max_size=3),
    chunk_size=st.integers(1, 400),
    bucket_size=st.sampled_from([1, 3, 1000]),
    max_rows=st.integers(1, 6),
    threads=st.booleans(),
    excluded=st.lists(st.sampled_from(["+14155550100", "+442079460018", "+14155550111"])),
)
def test_a_plan_has_what_clean_keeps_and_each_telephone_once(
    data: list[bytes],
    chunk_size: int,
    bucket_size: int,
    max_rows: int,
    threads: bool,
    excluded: list[str],
) -> None:
    with ThreadPoolExecutor(2) as executor, tempfile.TemporaryDirectory() as folder:
        files = {}
        for index, each in enumerate(data):
            path = Path(folder) / f"{index}.csv"
            path.write_bytes(each)
            files[str(path)] = each
        plan, _ = make_plan(
            list(files),
            directory=Path(folder) / "plan",
            # With an executor, chunks are cut before the one before them is read.
            executor=executor if threads else None,
            region="US",
            exclude=excluded or None,
            max_rows=max_rows,
            chunk_size=chunk_size,
            bucket_size=bucket_size,
        )
        assert_as_expected(plan, files, excluded, region="US")
        # Greedy: only the last part may have room.
        assert [part.rows for part in plan.parts[:-1]] == [max_rows] * (len(plan.parts) - 1)
        whole, _ = make_plan(
            list(files),
            directory=Path(folder) / "whole",
            region="US",
            exclude=excluded or None,
            max_rows=max_rows,
        )
        assert files_of(plan.directory) == files_of(whole.directory)


def write(folder: Path, **files: str | bytes) -> list[str]:
    """Write files; the names are those of the arguments, with ``.csv``."""
    paths = []
    for name, data in files.items():
        path = folder / f"{name}.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        paths.append(str(path))
    return paths


def mixed_list(rows: int, step: int = 7) -> bytes:
    """A list with duplicates, bad numbers, extensions and quoted line ends."""
    lines = ["phone_number,name"]
    for index in range(rows):
        number = f"+1415555{index * step % (rows - rows // 10):04d}"
        if index % 11 == 0:
            number = "none"
        elif index % 13 == 0:
            number = f"{number[:5]} {number[5:]} ext 9"
        lines.append(
            f'{number},"Ann, {index}\r\nsecond line"' if index % 5 == 0 else f"{number},Bo"
        )
    return "\r\n".join(lines).encode()


@pytest.fixture(
    params=[
        "none",
        pytest.param("threads", marks=pytest.mark.slow),
        "processes",
        pytest.param("spawned", marks=pytest.mark.slow),
    ]
)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "none":
        yield None
    elif request.param == "threads":
        with ThreadPoolExecutor(3) as threads:
            yield threads
    else:
        kind = "fork" if request.param == "processes" else "spawn"
        context = multiprocessing.get_context(kind)
        with ProcessPoolExecutor(2, mp_context=context) as processes:
            yield processes


def test_the_plan_is_the_same_with_any_executor_and_any_sizes(
    tmp_path: Path, executor: Executor | None
) -> None:
    paths = write(tmp_path, a=mixed_list(900), b=mixed_list(700, step=11))
    options: dict[str, Any] = {"exclude": ["+14155550005"], "max_rows": 150}
    usual = prepare(paths, directory=tmp_path / "usual", **options)
    small, _ = make_plan(
        paths,
        directory=tmp_path / "small",
        executor=executor,
        chunk_size=3001,
        bucket_size=90,
        **options,
    )
    assert files_of(small.directory) == files_of(usual.directory)
    assert (small.id, small.parts, small.totals) == (usual.id, usual.parts, usual.totals)
    assert columns_of(small) == {("phone_number", "name", "extension")}
    files = {path: Path(path).read_bytes() for path in paths}
    assert_as_expected(small, files, ["+14155550005"])
    reasons = {each["reason"] for each in dropped_of(small)}
    assert reasons == {"duplicate", "excluded", "no_digits"}


def test_parts_obey_both_limits_and_are_as_full_as_they_can_be(tmp_path: Path) -> None:
    rows = [f"+1415555{index:04d},{'x' * (index % 40)}\r\n" for index in range(500)]
    header = "phone_number,note\r\n"
    paths = write(tmp_path, a=header + "".join(rows))
    for max_rows, max_bytes in ((10_000, 1000), (17, 1_000_000), (20, 700)):
        plan, _ = make_plan(
            paths,
            directory=tmp_path / f"{max_rows}-{max_bytes}",
            max_rows=max_rows,
            max_bytes=max_bytes,
            chunk_size=777,
        )
        parts = [plan.read(part).decode() for part in plan.parts]
        assert "".join(part.removeprefix(header) for part in parts) == "".join(rows)
        for part, after in itertools.pairwise(parts):
            first = after.removeprefix(header).split("\r\n")[0] + "\r\n"
            assert len(part) <= max_bytes
            assert part.count("\r\n") - 1 <= max_rows
            assert len(part + first) > max_bytes or part.count("\r\n") - 1 == max_rows


def test_each_group_gets_parts_of_its_own(tmp_path: Path) -> None:
    numbers = ["+14155550100", "+442079460018", "+14155550101", "+4930123456", "+14155550102"]
    paths = write(tmp_path, a="phone_number\n" + "".join(f"{each}\n" for each in numbers * 2))
    with ProcessPoolExecutor(1) as processes:
        plan, _ = make_plan(
            paths,
            directory=tmp_path / "plan",
            executor=processes,
            max_rows=2,
            chunk_size=20,
            grouping=country_code,
        )
    assert [(part.group, part.rows) for part in plan.parts] == [
        ("+1", 2),
        ("+1", 1),
        ("+44", 1),
        ("+49", 1),
    ]
    assert [row for _, row, _ in rows_of(plan)] == [2, 4, 6, 3, 5]


def country_code(number: str) -> str:
    return number[:2] if number.startswith("+1") else number[:3]


def test_a_list_without_kept_rows_is_a_plan_without_parts(tmp_path: Path) -> None:
    paths = write(tmp_path, a="phone_number\n", b="phone_number\nnone\n\n")
    plan = prepare(paths, directory=tmp_path / "plan")
    assert plan == BulkPlan.open(tmp_path / "plan")
    assert (plan.parts, plan.totals.rows, plan.totals.dropped) == ((), 2, 2)
    assert [each["reason"] for each in dropped_of(plan)] == ["no_digits", "blank_row"]


def test_an_extension_of_a_dropped_row_adds_no_column(tmp_path: Path) -> None:
    first, second = "+14155550100", "+1 415 555 0100 ext 7"
    paths = write(tmp_path, a=f"phone_number\n{first}\n{second}\n")
    assert columns_of(prepare(paths, directory=tmp_path / "a")) == {("phone_number",)}
    paths = write(tmp_path, b=f"phone_number\n{second}\n{first}\n")
    plan = prepare(paths, directory=tmp_path / "b")
    assert [row for _, _, row in rows_of(plan)] == [{"phone_number": first, "extension": "7"}]


def test_the_plan_says_what_it_was_made_of_and_has_no_numbers(tmp_path: Path) -> None:
    paths = write(tmp_path, a="phone_number\n+14155550100\n", no="phone_number\n+14155550101\n")
    plan = prepare(
        paths[0],
        directory=tmp_path / "plan",
        region="US",
        exclude=[Path(paths[1]), "+14155550102"],
    )
    assert plan.options["region"] == "US"
    assert plan.options["sources"][0]["file"] == paths[0]
    assert [each["numbers"] for each in plan.options["exclude"]] == [1, 1]
    assert b"555" not in (tmp_path / "plan" / "plan.json").read_bytes()
    assert sorted(each.name for each in plan.directory.iterdir()) == [
        "dropped.csv",
        "parts",
        "plan.json",
        "rows",
    ]
    assert shape_of(plan) == shape_of(BulkPlan.open(plan.directory))
