"""An upload that is retried, fails or is slow: sent completely, left open, never blocking the loop."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import CSV, Awaited, Blocking, DrivenClock
from tests.support.http import response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, refused_port, reset

if TYPE_CHECKING:
    from pathlib import Path

CREATED = response(201, {"id": "c1"})


def _create(caller: Blocking, client: Any, contacts: Any, **options: Any) -> Any:
    return caller.call(client.campaigns.create, "Spring", "a1", "p1", contacts, **options)


SOURCES = {
    "in memory": lambda content, path: io.BytesIO(content),
    "on disk": lambda content, path: path.open("rb"),
    "compressed": lambda content, path: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(content))),
    "from its place": lambda content, path: _placed(content),
}


def _placed(content: bytes) -> io.BytesIO:
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    return file


@pytest.mark.parametrize("source", SOURCES)
def test_a_retried_upload_is_complete(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, tmp_path: Path, source: str
) -> None:
    content = CSV + os.urandom(200_000)
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    limited = response(429, "rate_limited: per-minute (60) exceeded", [("Retry-After", "1")])
    hub.respond(limited, limited, CREATED)
    file = SOURCES[source](content, path)
    with file:
        _create(caller, caller.client(hub, clock=clock), file)
    assert [request.file.content == content for request in hub.requests] == [True, True, True]
    assert len({request.header("content-type") for request in hub.requests}) >= 1
    assert [request.form["name"] for request in hub.requests] == ["Spring"] * 3


def test_a_retried_upload_of_a_pipe_is_complete(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(CSV)
    hub.respond(response(429, "rate_limited: x", [("Retry-After", "1")]), CREATED)
    with os.fdopen(reading, "rb") as file:
        _create(caller, caller.client(hub, clock=clock), file)
    assert [request.file.content for request in hub.requests] == [CSV, CSV]


def test_the_callers_file_stays_open_after_success_and_failure(
    caller: Blocking, hub: LoopbackHub
) -> None:
    file = io.BytesIO(CSV)
    hub.respond(CREATED, response(400, "no"), (reset,))
    client = caller.client(hub)
    _create(caller, client, file)
    for error in (kataven.BadRequestError, kataven.APIConnectionError):
        file.seek(0)
        with pytest.raises(error):
            _create(caller, client, file)
    assert not file.closed


def test_an_error_while_reading_the_file_is_a_contacts_error(
    caller: Blocking, hub: LoopbackHub
) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
            raise OSError(5, "the disk is gone")

    with pytest.raises(kataven.ContactsError, match="the disk is gone"):
        _create(caller, caller.client(hub), Broken())
    assert hub.connections == 0


class Slow(io.RawIOBase):
    """A file whose reads last until the test releases them."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.reading = threading.Event()
        self.given = False

    def readable(self) -> bool:
        return True

    def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
        self.reading.set()
        assert self.go.wait(PATIENCE)
        if self.given:
            return b""
        self.given = True
        return CSV


def test_a_slow_file_does_not_block_the_event_loop(awaited: Awaited, hub: LoopbackHub) -> None:
    client = awaited.client(hub)
    slow = Slow()

    async def main() -> None:
        upload = asyncio.ensure_future(client.campaigns.create("n", "a", "p", slow))
        while not slow.reading.is_set():
            await asyncio.sleep(0.005)
        # The file is being read now, and will be until this loop has made another call.
        await client.campaigns.get("c1")
        assert [request.method for request in hub.requests] == ["GET"]
        slow.go.set()
        await upload

    awaited.run(main())
    assert hub.requests[1].file.content == CSV


class SlowOnDisk(io.FileIO):
    """A regular file whose reads after the first last until the test releases them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.reads = 0
        self.go = threading.Event()
        self.reading = threading.Event()

    def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
        self.reads += 1
        if self.reads > 1:
            self.reading.set()
            assert self.go.wait(PATIENCE)
        return super().read(n) or b""


def test_a_disk_that_is_slow_while_the_upload_is_sent_does_not_block_the_event_loop(
    awaited: Awaited, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV)
    client = awaited.client(hub)

    async def main(slow: SlowOnDisk) -> None:
        upload = asyncio.ensure_future(client.campaigns.create("n", "a", "p", slow))
        while not slow.reading.is_set():
            await asyncio.sleep(0.005)
        await client.campaigns.get("c1")
        assert [request.method for request in hub.requests] == ["GET"]
        slow.go.set()
        await upload

    with SlowOnDisk(path) as slow:
        awaited.run(main(slow))
    assert hub.requests[1].file.content == CSV


def test_an_upload_that_was_never_connected_leaves_the_file_usable(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    held, port = refused_port()
    file = io.BytesIO(CSV)
    with held, pytest.raises(kataven.APIConnectionError) as caught:
        _create(caller, caller.client(f"http://127.0.0.1:{port}", clock=clock), file)
    assert caught.value.request_sent is False
    file.seek(0)
    _create(caller, caller.client(hub), file)
    assert hub.only.file.content == CSV
