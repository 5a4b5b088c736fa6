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
from kataven.bulk._prepare import make_plan
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


@given(
    data=st.lists(lists(), min_size=1, max_size=3),
    chunk_size=st.integers(1, 400),
    bucket_size=st.sampled_from([1, 3, 1000]),
    max_rows=st.integers(1, 6),
    excluded=st.lists(st.sampled_from(["+14155550100", "+442079460018", "+14155550111"])),
)
def test_a_plan_has_what_clean_keeps_and_each_telephone_once(
    data: list[bytes], chunk_size: int, bucket_size: int, max_rows: int, excluded: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for index, each in enumerate(data):
            path = Path(folder) / f"{index}.csv"
            path.write_bytes(each)
            files[str(path)] = each
        plan, _ = make_plan(
            list(files),
            directory=Path(folder) / "plan",
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
