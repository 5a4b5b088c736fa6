"""Which connection a request gets: reads share, writes and streams have their own."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpcore
import psutil
import pytest

import kataven
from kataven import KatavenClient, _http
from kataven._flow.operation import Timeout
from kataven._http import transport as module
from kataven._http.async_transport import AsyncTransport
from kataven._http.sending import Sending
from kataven._http.transport_error import TransportError
from kataven.config import read_base_url
from tests.support.clients import KEY
from tests.support.http import chunked, response
from tests.support.interrupting import Interruption, Tracer, interrupt_at_every_line, raise_at
from tests.support.patience import PATIENCE
from tests.support.server import (
    Connection,
    Disconnect,
    LoopbackHub,
    close,
    reset,
    silence,
    wait_for,
)
from tests.support.tables import table
from tests.transport.sending import Sender, exchange_awaited, new_sending

LEFT_OVER = response(200, {"id": "c1", "from": "bytes after the previous response"})


def test_reads_share_a_connection(caller: Sender, hub: LoopbackHub) -> None:
    transport = caller.transport(hub.url)
    for _ in range(5):
        assert caller.send(transport, hub.url).body == b'{"id": "c1"}'
    assert hub.connections == 1


def test_a_write_has_a_connection_of_its_own_that_is_closed_after_it(
    caller: Sender, hub: LoopbackHub
) -> None:
    transport = caller.transport(hub.url)
    caller.send(transport, hub.url)
    for _ in range(3):
        caller.send(transport, hub.url, method="POST")
    assert hub.connections == 4
    caller.send(transport, hub.url)
    assert hub.connections == 4
    wait_for(lambda: hub.open_connections == 1)


def test_writes_do_not_count_towards_the_limit_of_connections(
    caller: Sender, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("transport", "async_transport"):
        monkeypatch.setattr(f"kataven._http.{name}.MOST_CONNECTIONS", 2)
    together = threading.Barrier(30)

    def decide(_request: Any) -> bytes:
        together.wait(PATIENCE)
        return response(200, {})

    hub.on_request = decide
    transport = caller.transport(hub.url)
    results = caller.send_together(
        30,
        transport,
        hub.url,
        sendings=lambda: Sending(Timeout(pool=0.001), own_connection=True),
        method="POST",
    )
    assert [result.status for result in results] == [200] * 30
    assert hub.connections == 30


def test_reads_beyond_the_limit_wait_for_a_connection(
    caller: Sender, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("transport", "async_transport"):
        monkeypatch.setattr(f"kataven._http.{name}.MOST_CONNECTIONS", 2)
    release = threading.Event()
    arrived = threading.Semaphore(0)

    def decide(_request: Any) -> bytes:
        arrived.release()
        release.wait(PATIENCE)
        return response(200, {})

    hub.on_request = decide
    transport = caller.transport(hub.url)

    def let_go() -> None:
        for _ in range(2):
            arrived.acquire(timeout=PATIENCE)
        # The third gives up meanwhile.
        threading.Event().wait(0.3)
        release.set()

    releasing = threading.Thread(target=let_go)
    releasing.start()
    results = caller.send_together(
        3, transport, hub.url, sendings=lambda: Sending(Timeout(pool=0.1))
    )
    releasing.join(PATIENCE)
    errors = [result for result in results if isinstance(result, TransportError)]
    assert [error.text for error in errors] == ["no free connection in the client's pool"]
    assert errors[0].expired == "pool timeout of 0.1 s (option timeout)"
    assert errors[0].never_sent
    assert errors[0].timed_out
    # The limit is not used up by those that are over.
    for _ in range(4):
        assert caller.send(transport, hub.url).status == 200


def test_at_most_twenty_idle_connections_are_kept(caller: Sender, hub: LoopbackHub) -> None:
    together = threading.Barrier(25)
    hub.on_request = lambda _request: (together.wait(PATIENCE), response(200, {}))[1]
    transport = caller.transport(hub.url)
    results = caller.send_together(25, transport, hub.url, sendings=new_sending)
    assert [result.status for result in results] == [200] * 25
    wait_for(lambda: hub.open_connections <= module.MOST_IDLE)


def test_an_idle_connection_that_the_server_closed_is_not_used(
    caller: Sender, hub: LoopbackHub
) -> None:
    closed = threading.Semaphore(0)

    def close_visibly(connection: Connection) -> None:
        connection.sock.shutdown(socket.SHUT_WR)
        closed.release()
        connection.drain()
        raise Disconnect

    hub.always = (response(200, {}), close_visibly)
    transport = caller.transport(hub.url)
    for _ in range(5):
        assert caller.send(transport, hub.url).status == 200
        assert closed.acquire(timeout=PATIENCE)
    assert hub.connections == 5


@table("newest_too", [False, True])
def test_idle_connections_that_the_server_closed_are_closed_here_too(
    caller: Sender, hub: LoopbackHub, newest_too: bool
) -> None:
    together = threading.Barrier(4)
    accepted: list[Connection] = []

    def remember(connection: Connection) -> None:
        accepted.append(connection)

    def respond(_request: Any) -> Any:
        together.wait(PATIENCE)
        return (response(200, {}), remember)

    hub.on_request = respond
    transport = caller.transport(hub.url)
    caller.send_together(4, transport, hub.url, sendings=new_sending)
    wait_for(lambda: len(accepted) == 4)
    hub.on_request = None
    caller.send(transport, hub.url)
    newest = hub.requests[-1].connection
    for connection in accepted:
        if newest_too or connection.number != newest:
            # The Hub continues to read: it sees the end only when the client closes its side.
            connection.sock.shutdown(socket.SHUT_WR)
    for _ in range(4):
        assert caller.send(transport, hub.url).status == 200
    wait_for(lambda: hub.open_connections == 1)
    assert hub.connections == 4 + newest_too


@table("framing", ["length", "chunks"])
def test_bytes_after_a_response_are_not_the_response_to_the_next_request(
    caller: Sender, hub: LoopbackHub, framing: str
) -> None:
    first = response(200, {"id": "c1"})
    if framing == "chunks":
        first = response(200, b"", [("Transfer-Encoding", "chunked")]) + chunked(b"{}")
    hub.respond(first + LEFT_OVER)
    hub.always = response(409, "over the budget")
    transport = caller.transport(hub.url)
    caller.send(transport, hub.url)
    # A write is not affected: it has a connection of its own.
    assert caller.send(transport, hub.url, method="POST").status == 409
    with pytest.raises(TransportError, match="more than one response") as caught:
        caller.send(transport, hub.url)
    assert not caught.value.never_sent
    assert caller.send(transport, hub.url).status == 409


def test_a_body_that_was_not_read_to_its_end_costs_the_connection(
    caller: Sender, hub: LoopbackHub
) -> None:
    transport = caller.transport(hub.url)
    caller.send(transport, hub.url, read=False)
    caller.send(transport, hub.url)
    assert hub.connections == 2
    wait_for(lambda: hub.open_connections == 1)


@table(
    "fault",
    [(reset,), (close,), (response(200, b"{", length=9), close), (b"not HTTP\r\n\r\n", close)],
)
def test_a_connection_that_broke_is_an_error_and_is_not_kept(
    caller: Sender, hub: LoopbackHub, fault: Any
) -> None:
    hub.respond(fault)
    transport = caller.transport(hub.url)
    sending = new_sending(own_connection=True)
    with pytest.raises(
        TransportError, match=r"the connection to the Hub at 127\.0\.0\.1:[0-9]+ broke"
    ) as caught:
        caller.send(transport, hub.url, sending, method="POST")
    assert sending.sent
    assert not caught.value.timed_out
    assert not caught.value.never_sent
    assert caught.value.__cause__ is not None
    assert type(caught.value.__cause__).__module__ == "httpcore"
    assert caller.send(transport, hub.url).status == 200
    wait_for(lambda: hub.open_connections == 1)


def test_a_redirect_is_a_response_like_any_other(caller: Sender, hub: LoopbackHub) -> None:
    hub.always = response(302, b"moved", [("Location", "http://h:bad/x")])
    received = caller.send(caller.transport(hub.url), hub.url)
    assert received.status == 302
    assert (b"Location", b"http://h:bad/x") in received.headers


def test_closing_the_transport_ends_a_request_in_another_thread(
    blocking: Sender, hub: LoopbackHub
) -> None:
    hub.always = (silence,)
    transport = blocking.transport(hub.url)

    def shut() -> None:
        hub.wait_until_silent()
        transport.close()

    error, _ = blocking.together([lambda: blocking.send(transport, hub.url, new_sending(60)), shut])
    assert isinstance(error, TransportError)
    wait_for(lambda: hub.open_connections == 0)


def test_first_requests_of_many_threads_make_one_pool(blocking: Sender, hub: LoopbackHub) -> None:
    transport = blocking.transport(hub.url)
    start = threading.Barrier(16)

    def send() -> Any:
        start.wait(PATIENCE)
        return blocking.send(transport, hub.url).status

    assert blocking.together([send] * 16) == [200] * 16
    transport.close()
    wait_for(lambda: hub.open_connections == 0)


@pytest.mark.slow
def test_many_threads_share_connections_without_mixing_responses(
    blocking: Sender, hub: LoopbackHub
) -> None:
    hub.on_request = lambda request: response(200, {"id": request.path.rpartition("/")[2]})
    transport = blocking.transport(hub.url)

    def send(thread: int) -> None:
        for number in range(30):
            name = f"c{thread}-{number}"
            received = blocking.send(transport, hub.url, target=f"/campaigns/{name}")
            assert received.body == b'{"id": "%b"}' % name.encode()

    results = blocking.together([lambda n=n: send(n) for n in range(12)])
    assert results == [None] * 12
    assert hub.connections <= 12


# Event loops.


def test_each_event_loop_has_its_own_connections_and_none_is_kept(hub: LoopbackHub) -> None:
    transport = AsyncTransport(read_base_url(hub.url))
    loops: list[weakref.ref[Any]] = []

    async def send(close_it: bool) -> int:
        received = await exchange_awaited(transport, hub.url)
        if close_it:
            await transport.aclose()
        return received.status

    for _ in range(3):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(send(close_it=True)) == 200
        loop.close()
        loops.append(weakref.ref(loop))
        del loop
    assert hub.connections == 3
    gc.collect()
    assert [loop() for loop in loops] == [None] * 3


def test_a_loop_that_was_closed_with_open_connections_is_forgotten_at_the_next_request(
    hub: LoopbackHub,
) -> None:
    transport = AsyncTransport(read_base_url(hub.url))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(exchange_awaited(transport, hub.url))
    loop.close()
    kept = weakref.ref(loop)
    del loop

    async def again() -> None:
        await exchange_awaited(transport, hub.url)
        await transport.aclose()

    def run_again() -> None:
        asyncio.run(again())
        gc.collect()

    # asyncio's own, for the connection that was not closed before its loop.
    with pytest.warns(ResourceWarning):
        run_again()
    assert kept() is None


# Interruptions.

_PACKAGES = (
    *(str(Path(package.__file__ or "").parent) for package in (_http, httpcore)),
    threading.__file__,
    socket.__file__,
)


# A socket that is interrupted inside socket.create_connection() cannot be closed from outside it.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_interruption_at_any_line_does_not_block_later_requests(
    blocking: Sender, hub: LoopbackHub, method: str
) -> None:
    transport = blocking.transport(hub.url)

    def send(method: str) -> None:
        # A limit of its own for each: none of them may wait for another.
        sending = Sending(Timeout(1, 5, 5, 1), 5, own_connection=method != "GET")
        assert blocking.send(transport, hub.url, sending, method=method).status == 200

    def scenario(tracer: Tracer) -> None:
        hub.requests.clear()
        # Not blocked by the interruption before; a read under the tracer finds its connection idle.
        send("GET")
        # The interpreter may swallow one that is raised while it collects a socket.
        with suppress(Interruption), tracer:
            send(method)
        transport.forget()

    # Enough to have been inside httpcore.
    assert interrupt_at_every_line(scenario, packages=_PACKAGES) > 100
    send("GET")
    transport.close()
    gc.collect()
    wait_for(lambda: hub.open_connections == 0)


class SoftTimeLimitExceeded(Exception):  # noqa: N818 - as task queues name it
    """What a signal handler may raise that is not a KeyboardInterrupt."""


# The second line is the first one after the slot was taken.
@pytest.mark.parametrize("line", ["_pop(self._idle.popleft)", "idle: httpcore.ConnectionInterface"])
def test_an_exception_of_a_signal_handler_inside_the_pool_returns_the_slot(
    hub: LoopbackHub, line: str
) -> None:
    timeout = kataven.Timeout(pool=10)
    with KatavenClient(KEY, base_url=hub.url, timeout=timeout, max_retries=0) as client:
        for _ in range(module.MOST_CONNECTIONS):
            error = SoftTimeLimitExceeded()
            with (
                pytest.raises(SoftTimeLimitExceeded),
                raise_at(line, error),
            ):
                client.campaigns.get("c1")
        assert client.campaigns.get("c1")["id"] == "c1"
    assert len(hub.requests) == 1


@pytest.mark.slow
def test_an_interruption_at_any_line_of_the_transport_keeps_no_socket_of_a_write(
    hub: LoopbackHub,
) -> None:
    hub.max_requests = 10**9
    here = psutil.Process()
    with KatavenClient(KEY, base_url=hub.url) as client:
        client.campaigns.start("c1")
        hub.wait_until_disconnected()
        open_before = here.num_fds()

        def scenario(tracer: Tracer) -> None:
            # An interruption makes the client forget its pool: the call under the tracer has one.
            client.campaigns.start("c1")
            with suppress(Interruption), tracer:
                client.campaigns.start("c1")
            gc.collect()
            # While the client is open. The Hub sees the end also of a socket that is only shut down.
            hub.wait_until_disconnected()
            assert here.num_fds() <= open_before

        assert interrupt_at_every_line(scenario, packages=(module.__file__,)) > 10


def test_forgetting_closes_idle_connections_and_spares_those_of_other_threads(
    blocking: Sender, hub: LoopbackHub
) -> None:
    transport = blocking.transport(hub.url)
    asked, release = threading.Event(), threading.Event()

    def decide(request: Any) -> bytes:
        if request.path.endswith("slow"):
            asked.set()
            release.wait(PATIENCE)
        return response(200, {"id": "c1"})

    hub.on_request = decide
    blocking.send(transport, hub.url)

    def slow() -> Any:
        return blocking.send(transport, hub.url, target="/campaigns/slow").status

    def forget() -> Any:
        assert asked.wait(PATIENCE)
        transport.forget()
        status = blocking.send(transport, hub.url).status
        release.set()
        return status

    assert blocking.together([slow, forget]) == [200, 200]
    # The connection of the forgotten pool is not used again.
    wait_for(lambda: hub.open_connections == 1)
