"""An upload in memory: one call at a time per file, the same bytes for each retry, bounded memory."""

import asyncio
import gc
import gzip
import io
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kataven import AsyncKatavenClient, ContactsError, KatavenClient
from kataven.contacts.source.upload import read_upload
from tests.support.clients import KEY, DrivenClock
from tests.support.http import response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub
from tests.support.tables import table

LIST = b"phone_number,n\n" + b"".join(b"+1555%07d,%d\n" % (n, n) for n in range(100_000))
SHORT = b"phone_number,n\n+15550100001,1\n"
MIB = 1024 * 1024
MANY = 4


class Waiting:
    """A source that does not continue until the test says so."""

    def __init__(self) -> None:
        self.reading = threading.Event()
        self.go = threading.Event()

    def wait(self) -> None:
        self.reading.set()
        assert self.go.wait(PATIENCE)


class WaitingFile(Waiting, io.BytesIO):
    def __init__(self, data: bytes) -> None:
        Waiting.__init__(self)
        io.BytesIO.__init__(self, data)

    def read(self, n: int | None = -1, /) -> bytes:
        self.wait()
        return io.BytesIO.read(self, n)


class WaitingRows(Waiting):
    def __init__(self) -> None:
        super().__init__()
        self._rows = iter([{"phone_number": "+15550100001", "n": 1}])

    def __iter__(self) -> Iterator[dict[str, object]]:
        return self

    def __next__(self) -> dict[str, object]:
        self.wait()
        return next(self._rows)


@pytest.mark.parametrize("make", [lambda: WaitingFile(SHORT), WaitingRows], ids=["file", "rows"])
def test_the_second_of_two_calls_that_read_one_object_is_refused(make: Callable[[], Any]) -> None:
    source = make()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(read_upload, source)
        assert source.reading.wait(PATIENCE)
        try:
            with pytest.raises(ContactsError, match="another create is reading this file"):
                read_upload(source)
        finally:
            source.go.set()
        assert first.result(PATIENCE).file.read().replace(b"\r\n", b"\n") == SHORT
    # The refused call did not end the first one's registration, and that one ended its own.
    with pytest.raises(ContactsError, match=r"nothing to read|no rows"):
        read_upload(source)


def test_threads_that_read_one_file_get_all_of_it_or_an_error() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            file = io.BytesIO(LIST)
            together = threading.Barrier(MANY)
            found: list[bytes] = []
            refused: list[str] = []

            def read(
                file: io.BytesIO = file,
                together: threading.Barrier = together,
                found: list[bytes] = found,
                refused: list[str] = refused,
            ) -> None:
                together.wait(PATIENCE)
                try:
                    found.append(read_upload(file).file.getvalue())
                except ContactsError as error:
                    refused.append(str(error))

            with ThreadPoolExecutor(MANY) as pool:
                for job in [pool.submit(read) for _ in range(MANY)]:
                    job.result(PATIENCE)
            assert found == [LIST]
            assert len(refused) == MANY - 1
    finally:
        sys.setswitchinterval(interval)


def test_a_list_of_rows_may_be_read_by_several_calls_at_once() -> None:
    rows = [{"phone_number": "+15550100001", "n": n} for n in range(5_000)]
    with ThreadPoolExecutor(MANY) as pool:
        uploads = list(pool.map(read_upload, [rows] * MANY))
    assert {upload.file.getvalue().count(b"\r\n") for upload in uploads} == {5_001}


def test_a_read_that_fails_ends_the_registration_of_the_file() -> None:
    class FailsOnce(io.BytesIO):
        failed = False

        def read(self, n: int | None = -1, /) -> bytes:
            if not self.failed:
                self.failed = True
                raise KeyboardInterrupt
            return super().read(n)

    file = FailsOnce(SHORT)
    with pytest.raises(KeyboardInterrupt):
        read_upload(file)
    assert read_upload(file).file.read() == SHORT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_inherit_its_parents_calls() -> None:
    class Forking(io.BytesIO):
        child = -1

        def read(self, n: int | None = -1, /) -> bytes:
            if self.child == -1:
                self.child = os.fork()
                if self.child == 0:
                    good = False
                    try:
                        good = read_upload(self).file.read() == LIST
                    finally:
                        os._exit(0 if good else 1)
            return super().read(n)

    forking = Forking(LIST)
    assert read_upload(forking).file.read() == LIST
    assert os.waitstatus_to_exitcode(os.waitpid(forking.child, 0)[1]) == 0


@table("check", [False, True])
def test_creates_of_the_blocking_client_send_all_of_a_shared_file_or_nothing(
    hub: LoopbackHub, check: bool
) -> None:
    file = io.BytesIO(LIST)

    def create(number: int) -> object:
        try:
            return client.campaigns.create(f"n{number}", "a", "p", file, check=check)
        except ContactsError as refused:
            return refused

    with KatavenClient(KEY, base_url=hub.url) as client, ThreadPoolExecutor(MANY) as pool:
        results = list(pool.map(create, range(MANY)))
    created = [result for result in results if isinstance(result, dict)]
    assert len(created) == len(hub.requests) == 1
    assert hub.only.file.content == LIST


def test_creates_of_the_async_client_send_all_of_a_shared_file_or_nothing(
    hub: LoopbackHub,
) -> None:
    file = io.BytesIO(LIST)

    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            calls = (client.campaigns.create(f"n{n}", "a", "p", file) for n in range(MANY))
            results = await asyncio.gather(*calls, return_exceptions=True)
        created = [result for result in results if isinstance(result, dict)]
        others = [result for result in results if not isinstance(result, dict)]
        assert all(isinstance(result, ContactsError) for result in others)
        assert len(created) == len(hub.requests) == 1

    asyncio.run(main())
    assert hub.only.file.content == LIST


def _gzip(path: Path) -> Any:
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(path.read_bytes())))


@table("open_list", [str, lambda path: path.open("rb"), _gzip])
def test_a_retry_sends_the_same_bytes_even_if_the_file_has_changed(
    hub: LoopbackHub, clock: DrivenClock, tmp_path: Path, open_list: Callable[[Path], Any]
) -> None:
    path = tmp_path / "list.csv"
    content = LIST[:200_000]
    path.write_bytes(content)
    source = open_list(path)
    changed: list[object] = []

    def on_retry(retry: object) -> None:
        path.write_bytes(b"changed")
        changed.append(retry)

    limited = response(429, "rate_limited: x", [("Retry-After", "1")])
    hub.respond(limited, response(201, {"id": "c1"}))
    with KatavenClient(KEY, base_url=hub.url, clock=clock, on_retry=on_retry) as client:
        client.campaigns.create("n", "a", "p", source)
    assert len(changed) == 1
    assert [request.file.content == content for request in hub.requests] == [True, True]
    if source != str(path):
        source.close()


def test_check_reads_the_rows_and_raises_their_errors() -> None:
    file = io.BytesIO(SHORT + b"12,2\n13,3\n")
    with pytest.raises(ContactsError, match=r"row 3, column phone_number: .*and 1 more") as caught:
        read_upload(file, check=True)
    assert [(found.kind, found.row) for found in caught.value.problems] == [
        ("bad_number", 3),
        ("bad_number", 4),
    ]
    upload = read_upload(SHORT + b"\n", check=True)
    assert upload.file.read() == SHORT + b"\n"


# The peak of what one upload of the largest list allocates, in a process of its own.
_PEAK = """
import sys, tracemalloc
from kataven.contacts.source.upload import read_upload
kind, path = sys.argv[1:]
read_upload(b"phone_number\\n+15550100001\\n")
rows = ({"phone_number": "+15550100001", "n": "x" * 9_968} for _ in range(1_050))
if kind == "bytes":
    source = open(path, "rb").read()
elif kind == "file":
    source = open(path, "rb")
else:
    source = {"path": path, "rows": rows}[kind]
tracemalloc.start()
upload = read_upload(source)
print(len(upload.file.getvalue()), tracemalloc.get_traced_memory()[1])
if kind == "file":
    source.close()
"""


@pytest.mark.parametrize("kind", ["path", "file", "bytes", "rows"])
@pytest.mark.parametrize(
    "header", [b"phone_number,n\n", b'phone_number,"' + b"x" * 9 * MIB + b'"\n']
)
@pytest.mark.slow
def test_the_largest_list_takes_at_most_16_mib(tmp_path: Path, kind: str, header: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes((header + b"+15550100001,x\n").ljust(10 * MIB, b"\n"))
    ran = subprocess.run(
        [sys.executable, "-c", _PEAK, kind, str(path)], check=True, capture_output=True, timeout=60
    )
    size, peak = map(int, ran.stdout.split())
    assert 9.9 * MIB < size <= 10 * MIB
    assert peak <= 16 * MIB


class SlowPath:
    """A path that cannot be opened until the test says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked = threading.Event()
        self.go = threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        assert self.go.wait(PATIENCE)
        return str(self._path)


def test_a_cancelled_create_leaves_no_file_open(hub: LoopbackHub, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    slow = SlowPath(path)

    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            task = asyncio.create_task(client.campaigns.create("n", "a", "p", slow))
            while not slow.asked.is_set():
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            slow.go.set()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert [str(found.message) for found in seen if "list.csv" in str(found.message)] == []
    assert hub.requests == []
