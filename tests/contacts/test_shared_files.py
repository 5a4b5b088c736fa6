"""One file object given to several creates at once: each upload is whole or refused, never mixed."""

import asyncio
import gc
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kataven import AsyncKatavenClient, ContactsError, KatavenClient
from kataven.contacts.source.open import open_upload
from kataven.contacts.source.window import upload_window

# Test folders are no packages; the Hub that keeps every byte lies there.
sys.path.append(str(Path(__file__).parent.parent / "client"))

from loopback_hub import LoopbackHub

KEY = "sk_live_acme_0123456789abcdef"
LIST = b"phone_number,n\n" + b"".join(b"+1555%07d,%d\n" % (n, n) for n in range(100_000))
MANY = 4


@pytest.fixture(params=["disk", "unbuffered", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The list as a file of each kind that is used as it stands, a little behind its start."""
    path = tmp_path / "list.csv"
    path.write_bytes(b"junk" + LIST)
    if request.param == "memory":
        file: Any = io.BytesIO(path.read_bytes())
    else:
        file = path.open("rb", buffering=0 if request.param == "unbuffered" else -1)
    with file:
        file.seek(4)
        yield file


def whole(file: Any, most: int) -> bytes:
    found = b""
    with open_upload(file) as upload:
        window = upload_window(upload)
        while piece := window.read(most):
            found += piece
    return found


def test_threads_that_read_one_file_do_not_mix(file: Any) -> None:
    together = threading.Barrier(MANY)
    uploads = [open_upload(file) for _ in range(MANY)]

    def read(upload: Any) -> bytes:
        window = upload_window(upload)
        together.wait(10)
        return b"".join(iter(lambda: window.read(1000), b""))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(MANY) as pool:
            assert all(found == LIST for found in pool.map(read, uploads))
    finally:
        sys.setswitchinterval(interval)


def test_an_upload_that_begins_in_the_middle_of_another_is_whole(file: Any) -> None:
    first = upload_window(open_upload(file))
    start = first.read(100)
    assert whole(file, 65536) == LIST
    assert start + first.read(10_000_000) + first.read(10_000_000) == LIST
    # One that begins behind it is refused, as ever.
    with pytest.raises(ContactsError, match="stands at its end"):
        open_upload(file)


def test_what_is_only_looked_at_stays_where_it_is(file: Any) -> None:
    window = upload_window(open_upload(file), sends=False)
    while window.read():
        pass
    assert file.tell() == 4
    assert whole(file, 65536) == LIST


@pytest.mark.parametrize("check", [False, True])
def test_each_of_the_blocking_clients_creates_is_whole(file: Any, check: bool) -> None:
    def make(number: int) -> object:
        try:
            return client.campaigns.create(f"n{number}", "a", "p", file, check=check)
        except ContactsError as refused:
            return refused

    with LoopbackHub() as hub, KatavenClient(KEY, base_url=hub.url) as client:
        with ThreadPoolExecutor(MANY) as pool:
            results = list(pool.map(make, range(MANY)))
        made = [result for result in results if isinstance(result, dict)]
        assert len(made) == len(hub.requests) >= 1
        assert all(request.file.content == LIST for request in hub.requests)


def test_each_of_the_async_clients_creates_is_whole(file: Any) -> None:
    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            calls = (client.campaigns.create(f"n{n}", "a", "p", file) for n in range(MANY))
            results = await asyncio.gather(*calls, return_exceptions=True)
        made = [result for result in results if isinstance(result, dict)]
        others = [result for result in results if not isinstance(result, dict)]
        assert all(isinstance(result, ContactsError) for result in others)
        assert len(made) == len(hub.requests) >= 1

    with LoopbackHub() as hub:
        asyncio.run(main())
        assert all(request.file.content == LIST for request in hub.requests)


class Pipe:
    """A file that does not seek, and that another upload begins to read in the middle."""

    def __init__(self) -> None:
        self._rest = io.BytesIO(LIST)
        self.refused: list[str] = []

    def read(self, n: int = -1, /) -> bytes:
        try:
            open_upload(self)
        except ContactsError as error:
            self.refused.append(str(error))
        return self._rest.read(n)


def test_a_pipe_is_not_shared() -> None:
    pipe = Pipe()
    assert whole(pipe, 65536) == LIST
    assert "another create is reading" in pipe.refused[0]
    with pytest.raises(ContactsError, match="nothing to read"):
        open_upload(pipe)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_does_not_wait_for_its_parents_threads() -> None:
    class Forking(io.BytesIO):
        child = -1

        def read(self, n: int | None = -1, /) -> bytes:
            if self.child == -1:
                self.child = os.fork()
                if self.child == 0:
                    signal.alarm(10)
                    good = False
                    try:
                        # Only this thread is left; it holds what its parent held.
                        good = whole(io.BytesIO(LIST), 65536) == LIST
                    finally:
                        os._exit(0 if good else 1)
            return super().read(n)

    forking = Forking(LIST)
    assert whole(forking, 65536) == LIST
    assert os.waitstatus_to_exitcode(os.waitpid(forking.child, 0)[1]) == 0


class Slow:
    """A path that can be opened only when it may."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked = threading.Event()
        self.may = threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        self.may.wait(10)
        return str(self._path)


def test_a_cancelled_create_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST)
    slow = Slow(path)

    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            task = asyncio.create_task(client.campaigns.create("n", "a", "p", slow))
            while not slow.asked.is_set():
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            slow.may.set()

    with LoopbackHub() as hub, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
        assert [str(found.message) for found in seen if "list.csv" in str(found.message)] == []
        assert hub.requests == []
