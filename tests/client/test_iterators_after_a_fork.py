"""In a child process, an iterator of the parent gives nothing, and leaves its connection alone."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kataven import AsyncKatavenClient, KatavenClient, RateLimits
from tests.support.clients import KEY
from tests.support.http import response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub
from tests.support.tls import make_certificate, server_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # The child drops what belongs to the parent.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

FIRST = b'data: {"n": 1}\n\ndata: {"n": 2}\n\n'
LAST = b'data: {"n": 3}\n\nevent: end\ndata: {}\n\n'


def _in_child(function: Callable[[], str]) -> str:
    """What a function returns or raises in a child process, which then ends at once."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def _script(hub: LoopbackHub) -> threading.Event:
    """A stream of two items, and of the last ones once the event is set."""
    over = threading.Event()
    hub.events(
        (
            lambda connection: connection.stream_head(),
            lambda connection: connection.stream(FIRST),
            lambda _connection: over.wait(PATIENCE),
            lambda connection: connection.stream(LAST),
            lambda connection: connection.stream(b""),
        )
    )
    return over


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("end", ["drop", "close", "exit", "client", "nothing"])
@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
@pytest.mark.slow
def test_a_child_leaves_the_stream_of_its_parent_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool, end: str, own: bool
) -> None:
    context = None
    if tls:
        certificate = make_certificate(tmp_path, "127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        context = server_context(certificate)
    limits = RateLimits(concurrent=5, headroom=0, store=str(tmp_path / "budget.db"))
    with (
        LoopbackHub(tls=context) as hub,
        nullcontext() if own else httpx.Client() as http_client,
        KatavenClient(KEY, base_url=hub.url, http_client=http_client, rate_limits=limits) as client,
    ):
        over = _script(hub)
        held = [client.campaigns.stream_events("c1", reconnect=False)]
        assert next(held[0]) == {"n": 1}

        def use() -> str:
            said = ""
            try:
                next(held[0])
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            if end == "exit":
                with held[0]:
                    pass
            elif end == "close":
                held[0].close()
            elif end == "client":
                client.close()
            if end != "nothing":
                held.clear()
                gc.collect()
            return said

        said = _in_child(use)
        over.set()
        assert said.startswith("ConfigurationError: this iterator was created before a fork")
        # The second item had arrived before, the third one comes now.
        assert next(held[0]) == {"n": 2}
        assert next(held[0]) == {"n": 3}
        assert client.rate_limits is not None
        assert client.rate_limits.concurrent == 4
        held[0].close()
        assert client.rate_limits.concurrent == 5


@pytest.mark.parametrize("end", ["drop", "close"])
@pytest.mark.slow
def test_a_child_leaves_the_async_stream_of_its_parent_alone(hub: LoopbackHub, end: str) -> None:
    async def run() -> str:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            held = [client.campaigns.stream_events("c1", reconnect=False)]
            assert await anext(held[0]) == {"n": 1}

            def use() -> str:
                async def awaited() -> str:
                    said = ""
                    try:
                        await anext(held[0])
                    except Exception as error:
                        said = f"{type(error).__name__}: {error}"
                    if end == "close":
                        await held[0].aclose()
                        await client.aclose()
                    held.clear()
                    gc.collect()
                    return said

                return asyncio.new_event_loop().run_until_complete(awaited())

            said = _in_child(use)
            over.set()
            assert await anext(held[0]) == {"n": 2}
            assert await anext(held[0]) == {"n": 3}
            await held[0].aclose()
            return said

    over = _script(hub)
    said = asyncio.run(run())
    assert said.startswith("ConfigurationError: this iterator was created before a fork")


@pytest.mark.parametrize("method", ["watch", "iter_contacts", "stream_events"])
@pytest.mark.parametrize("begun", [True, False])
def test_every_iterator_of_a_parent_raises_in_the_child(
    hub: LoopbackHub, method: str, begun: bool
) -> None:
    contacts = [{"id": str(number)} for number in range(100)]
    hub.on("GET /campaigns/c1/contacts", response(200, {"contacts": contacts}))
    over = _script(hub)
    with KatavenClient(KEY, base_url=hub.url) as client:
        iterator: Any = getattr(client.campaigns, method)("c1")
        if begun:
            next(iterator)
        said = _in_child(lambda: str(next(iterator)))
        over.set()
        assert said.startswith("ConfigurationError: this iterator was created before a fork")
        next(iterator)
        iterator.close()
