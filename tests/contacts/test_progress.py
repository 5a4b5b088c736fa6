"""How far a list was read is reported after each chunk."""

import gzip
import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kataven import contacts
from tests.support.patience import PATIENCE

ROWS = "".join(f"+1415{n:07d},x\n" for n in range(20_000))
LIST = ("phone_number,name\n" + ROWS).encode()


def drained(source: Any, on_progress: Any) -> None:
    for part in contacts.split(source, on_progress=on_progress):
        part.close()


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "check": lambda source, told: contacts.check(source, on_progress=told),
    "clean": lambda source, told: contacts.clean(source, on_progress=told).close(),
    "split": drained,
}


@pytest.mark.slow
@pytest.mark.parametrize("function", CALLS)
def test_bytes_are_reported_up_to_the_total(function: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as raw,
        tempfile.TemporaryFile() as temporary,
        gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(LIST))) as packed,
    ):
        temporary.write(b"skipped" + LIST)
        temporary.seek(len(b"skipped"))
        for source, total in (
            (LIST, len(LIST)),
            (io.BytesIO(LIST), len(LIST)),
            (path, len(LIST)),
            (file, len(LIST)),
            (raw, len(LIST)),
            (temporary, len(LIST)),
            (packed, None),
        ):
            seen: list[tuple[int, int | None]] = []
            CALLS[function](source, lambda done, of, seen=seen: seen.append((done, of)))
            assert len(seen) > 3
            assert [done for done, _ in seen] == sorted({done for done, _ in seen})
            assert seen[-1][0] == len(LIST)
            assert {of for _, of in seen} == {total}


@pytest.mark.parametrize("function", CALLS)
def test_rows_count_as_the_csv_that_they_become(function: str) -> None:
    seen: list[tuple[int, int | None]] = []
    rows = ({"phone_number": f"+1415{n:07d}"} for n in range(100))
    CALLS[function](rows, lambda done, of: seen.append((done, of)))
    size = len("phone_number\r\n") + 100 * len("+14150000000\r\n")
    assert seen == [(size, size)]


def test_the_total_of_a_pipe_is_unknown(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    def write() -> None:
        with os.fdopen(os.dup(writing), "wb") as file:
            file.write(LIST)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[tuple[int, int | None]] = []
    with os.fdopen(os.dup(reading), "rb") as file:
        contacts.clean(file, on_progress=lambda done, of: seen.append((done, of))).close()
    writer.join(PATIENCE)
    assert seen[-1] == (len(LIST), None)


@pytest.mark.parametrize("function", CALLS)
def test_an_error_in_on_progress_ends_the_call(function: str) -> None:
    def stop(done: int, total: int | None) -> None:
        raise LookupError(f"{done} of {total}")

    with pytest.raises(LookupError, match=f" of {len(LIST)}"):
        CALLS[function](LIST, stop)
    with pytest.raises(TypeError, match=r"on_progress must be a function of \(done, total\)"):
        CALLS[function](LIST, 5)
