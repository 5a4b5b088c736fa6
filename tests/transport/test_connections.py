"""Which connection a request gets: reads share, writes and streams have their own."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from loopback_hub import LoopbackHub, close, reply, reset, wait_for
from sending import AsyncSide, Side, new_sending, send_together

from kataven._core.operation import Timeout
from kataven._http import transport as module
from kataven._http.async_transport import AsyncTransport
from kataven._http.message import Sending, TransportError
from kataven.config import read_base_url

if TYPE_CHECKING:
    from types import FrameType

LEFT_OVER = reply(200, {"id": "c1", "from": "bytes after the previous response"})


def test_reads_share_a_connection(side: Side, hub: LoopbackHub) -> None:
    transport = side.transport(hub.url)
    for _ in range(5):
        assert side.send(transport, hub.url).body == b'{"id": "c1"}'
    assert hub.connections == 1


def test_a_write_has_a_connection_of_its_own_that_is_closed_after_it(
    side: Side, hub: LoopbackHub
) -> None:
    transport = side.transport(hub.url)
    side.send(transport, hub.url)
    for _ in range(3):
        side.send(transport, hub.url, method="POST")
    assert hub.connections == 4
    side.send(transport, hub.url)
    assert hub.connections == 4
    wait_for(lambda: hub.open_connections == 1)


def test_writes_do_not_count_towards_the_limit_of_connections(
    side: Side, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("transport", "async_transport"):
        monkeypatch.setattr(f"kataven._http.{name}.MOST_CONNECTIONS", 2)
    together = threading.Barrier(30)

    def decide(_request: Any) -> bytes:
        together.wait(10)
        return reply(200, {})

    hub.decide = decide
    transport = side.transport(hub.url)
    results = send_together(
        side,
        30,
        transport,
        hub.url,
        sendings=lambda: Sending(Timeout(pool=0.001), own_connection=True),
        method="POST",
    )
    assert [result.status for result in results] == [200] * 30
    assert hub.connections == 30


def test_reads_beyond_the_limit_wait_for_a_connection(
    side: Side, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("transport", "async_transport"):
        monkeypatch.setattr(f"kataven._http.{name}.MOST_CONNECTIONS", 2)
    release = threading.Event()
    arrived = threading.Semaphore(0)

    def decide(_request: Any) -> bytes:
        arrived.release()
        release.wait(10)
        return reply(200, {})

    hub.decide = decide
    transport = side.transport(hub.url)

    def let_go() -> None:
        for _ in range(2):
            arrived.acquire(timeout=10)
        # The third gives up meanwhile.
        threading.Event().wait(0.3)
        release.set()

    releasing = threading.Thread(target=let_go)
    releasing.start()
    results = send_together(
        side, 3, transport, hub.url, sendings=lambda: Sending(Timeout(pool=0.1))
    )
    releasing.join(10)
    errors = [result for result in results if isinstance(result, TransportError)]
    assert [error.text for error in errors] == [
        "no free connection in the client's pool within the timeout"
    ]
    assert errors[0].never_sent
    assert errors[0].timed_out
    # The limit is not used up by those that are over.
    for _ in range(4):
        assert side.send(transport, hub.url).status == 200


def test_at_most_twenty_idle_connections_are_kept(side: Side, hub: LoopbackHub) -> None:
    together = threading.Barrier(25)
    hub.decide = lambda _request: (together.wait(10), reply(200, {}))[1]
    transport = side.transport(hub.url)
    results = send_together(side, 25, transport, hub.url, sendings=new_sending)
    assert [result.status for result in results] == [200] * 25
    wait_for(lambda: hub.open_connections <= module.MOST_IDLE)


@pytest.mark.parametrize("count", [1, 5])
def test_an_idle_connection_that_the_server_closed_is_not_used(
    side: Side, hub: LoopbackHub, count: int
) -> None:
    hub.always = (reply(200, {}), close)
    transport = side.transport(hub.url)
    for _ in range(count):
        assert side.send(transport, hub.url).status == 200
        wait_for(lambda: hub.open_connections <= 1)
    assert hub.connections == count


def test_connections_of_a_burst_that_the_server_closed_are_closed_here_too(
    side: Side, hub: LoopbackHub
) -> None:
    together = threading.Barrier(4)
    hub.decide = lambda _request: (together.wait(10), reply(200, {}))[1]
    transport = side.transport(hub.url)
    send_together(side, 4, transport, hub.url, sendings=new_sending)
    hub.decide = None
    hub.always = reply(200, {})
    for sock in tuple(hub._sockets):
        sock.shutdown(2)
    for _ in range(4):
        side.send(transport, hub.url)
    wait_for(lambda: hub.open_connections == 1)


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_bytes_after_a_response_are_not_the_response_to_the_next_request(
    side: Side, hub: LoopbackHub, framing: str
) -> None:
    first = reply(200, {"id": "c1"})
    if framing == "chunks":
        first = reply(200, b"", [("Transfer-Encoding", "chunked")]) + b"2\r\n{}\r\n0\r\n\r\n"
    hub.will(first + LEFT_OVER)
    hub.always = reply(409, "over the budget")
    transport = side.transport(hub.url)
    side.send(transport, hub.url)
    # A write is not affected: it has a connection of its own.
    assert side.send(transport, hub.url, method="POST").status == 409
    with pytest.raises(TransportError, match="more than one response") as caught:
        side.send(transport, hub.url)
    assert not caught.value.never_sent
    assert side.send(transport, hub.url).status == 409


def test_a_body_that_was_not_read_to_its_end_costs_the_connection(
    side: Side, hub: LoopbackHub
) -> None:
    transport = side.transport(hub.url)
    side.send(transport, hub.url, read=False)
    side.send(transport, hub.url)
    assert hub.connections == 2
    wait_for(lambda: hub.open_connections == 1)


@pytest.mark.parametrize(
    "fault",
    [(reset,), (close,), (reply(200, b"{", length=9), close), (b"not HTTP\r\n\r\n", close)],
    ids=["reset", "closed", "body broken off", "not HTTP"],
)
def test_a_connection_that_broke_is_an_error_and_no_loss(
    side: Side, hub: LoopbackHub, fault: Any
) -> None:
    hub.will(fault)
    transport = side.transport(hub.url)
    sending = new_sending(own_connection=True)
    with pytest.raises(TransportError, match="the connection broke") as caught:
        side.send(transport, hub.url, sending, method="POST")
    assert sending.sent
    assert not caught.value.timed_out
    assert not caught.value.never_sent
    assert caught.value.__cause__ is not None
    assert type(caught.value.__cause__).__module__ == "httpcore"
    assert side.send(transport, hub.url).status == 200
    wait_for(lambda: hub.open_connections == 1)


def test_a_redirect_is_a_response_like_any_other(side: Side, hub: LoopbackHub) -> None:
    hub.always = reply(302, b"moved", [("Location", "http://h:bad/x")])
    received = side.send(side.transport(hub.url), hub.url)
    assert received.status == 302
    assert (b"Location", b"http://h:bad/x") in received.headers


def test_closing_the_transport_ends_a_request_in_another_thread(
    blocking: Side, hub: LoopbackHub
) -> None:
    from loopback_hub import hang

    hub.always = (hang,)
    transport = blocking.transport(hub.url)

    def shut() -> None:
        assert hub.hanging.wait(10)
        transport.close()

    error, _ = blocking.together([lambda: blocking.send(transport, hub.url, new_sending(60)), shut])
    assert isinstance(error, TransportError)
    wait_for(lambda: hub.open_connections == 0)


def test_first_requests_of_many_threads_make_one_pool(blocking: Side, hub: LoopbackHub) -> None:
    transport = blocking.transport(hub.url)
    start = threading.Barrier(16)

    def send() -> Any:
        start.wait(10)
        return blocking.send(transport, hub.url).status

    assert blocking.together([send] * 16) == [200] * 16
    transport.close()
    wait_for(lambda: hub.open_connections == 0)


def test_many_threads_share_connections_without_mixing_responses(
    blocking: Side, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loopback_hub.MOST_REQUESTS", 10_000)
    hub.decide = lambda request: reply(200, {"id": request.path.rpartition("/")[2]})
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
        side = AsyncSide.__new__(AsyncSide)
        received = await side.asend(transport, hub.url)
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
    side = AsyncSide.__new__(AsyncSide)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(side.asend(transport, hub.url))
    loop.close()
    kept = weakref.ref(loop)
    del loop

    async def again() -> None:
        await side.asend(transport, hub.url)
        await transport.aclose()

    def run_again() -> None:
        asyncio.run(again())
        gc.collect()

    # asyncio's own, for the connection that was not closed before its loop.
    with pytest.warns(ResourceWarning):
        run_again()
    assert kept() is None


# Interruptions.

_WATCHED = ("/httpcore/", "/kataven/_http/", "/threading.py", "/socket.py")


class _InterruptAt:
    """Raises KeyboardInterrupt at the n-th line that the transport and httpcore run."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in _WATCHED):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def _interrupt(at: int, send: Any) -> bool:
    before = sys.gettrace()
    sys.settrace(_InterruptAt(at))
    try:
        send()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


# A socket that is interrupted inside socket.create_connection() cannot be closed from outside it.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_interruption_at_any_line_does_not_block_later_requests(
    blocking: Side, hub: LoopbackHub, method: str
) -> None:
    transport = blocking.transport(hub.url)
    blocking.send(transport, hub.url)
    hub.requests.clear()
    at = 0
    while True:
        at += 1
        assert at < 2_000
        hub.requests.clear()
        # A limit of its own for each: none of them may wait for another.
        sending = Sending(Timeout(1, 5, 5, 1), 5, own_connection=method != "GET")
        if not _interrupt(
            at, lambda s=sending: blocking.send(transport, hub.url, s, method=method)
        ):
            break
        transport.forget()
        if at % 10 == 0:
            assert blocking.send(transport, hub.url).status == 200
    # Enough to have been inside httpcore.
    assert at > 100
    transport.close()
    gc.collect()
    wait_for(lambda: hub.open_connections == 0)


def test_forgetting_closes_idle_connections_and_spares_those_of_other_threads(
    blocking: Side, hub: LoopbackHub
) -> None:
    transport = blocking.transport(hub.url)
    asked, release = threading.Event(), threading.Event()

    def decide(request: Any) -> bytes:
        if request.path.endswith("slow"):
            asked.set()
            release.wait(10)
        return reply(200, {"id": "c1"})

    hub.decide = decide
    blocking.send(transport, hub.url)

    def slow() -> Any:
        return blocking.send(transport, hub.url, target="/campaigns/slow").status

    def forget() -> Any:
        assert asked.wait(10)
        transport.forget()
        status = blocking.send(transport, hub.url).status
        release.set()
        return status

    assert blocking.together([slow, forget]) == [200, 200]
    # The connection of the forgotten pool is not used again.
    wait_for(lambda: hub.open_connections == 1)
