"""Timeouts and the deadline hold whatever the server does: silence, trickles, a full connection."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, Any

import pytest
from loopback_hub import Answer, LoopbackHub, close, hang, reply, trickle, wait_for
from sending import Side, new_sending

from kataven._core.operation import Timeout
from kataven._http.message import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = reply(200, b"", length=400)
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def _fails(side: Side, hub: LoopbackHub, sending: Any, **options: Any) -> TransportError:
    transport = options.pop("transport", None) or side.transport(hub.url)
    with pytest.raises(TransportError) as caught:
        side.send(transport, hub.url, sending, **options)
    return caught.value


STALLS: dict[str, Any] = {
    "silence": (hang,),
    "headers that trickle": (trickle(HEAD),),
    "a body that trickles": (HEAD, trickle(b"x" * 400)),
    "a body that stops": (HEAD, hang),
}
# httpx has no limit for headers that trickle.
ADAPTER_STALLS = [name for name in STALLS if name != "headers that trickle"]


def _stalls(side: Side, hub: LoopbackHub, transport: Any, sending: Any) -> None:
    error = _fails(side, hub, sending, transport=transport)
    assert error.timed_out
    assert not error.never_sent
    assert sending.sent
    assert not hub.trickled_whole


@pytest.mark.parametrize("limit", [(0.3, None), (60, 0.3)], ids=["timeout", "deadline"])
@pytest.mark.parametrize("stall", STALLS)
def test_no_server_holds_a_request_for_longer_than_its_limits(
    side: Side, hub: LoopbackHub, stall: str, limit: tuple[float, float | None]
) -> None:
    hub.always = STALLS[stall]
    _stalls(side, hub, side.transport(hub.url), new_sending(*limit))


@pytest.mark.parametrize("limit", [(0.3, None), (1, 0.3)], ids=["timeout", "deadline"])
@pytest.mark.parametrize("stall", ADAPTER_STALLS)
def test_a_callers_client_keeps_the_limits_that_httpx_can_keep(
    side: Side, hub: LoopbackHub, stall: str, limit: tuple[float, float | None]
) -> None:
    hub.always = STALLS[stall]
    _stalls(side, hub, side.adapter(hub.url), new_sending(*limit))


def test_a_followed_body_may_take_longer_than_the_timeout(side: Side, hub: LoopbackHub) -> None:
    hub.always = (ENDLESS, trickle(b"x" * 30), close)
    received = side.send(side.transport(hub.url), hub.url, new_sending(0.4), follow=5)
    assert received.body == b"x" * 30


@pytest.mark.parametrize("own", [True, False], ids=["ours", "callers"])
def test_a_followed_body_that_falls_silent_times_out(
    side: Side, hub: LoopbackHub, own: bool
) -> None:
    hub.always = (ENDLESS + b"x", hang)
    transport = side.transport(hub.url) if own else side.adapter(hub.url)
    error = _fails(side, hub, new_sending(60), transport=transport, follow=0.2)
    assert error.timed_out


@pytest.mark.parametrize("own", [True, False], ids=["ours", "callers"])
def test_the_deadline_ends_a_followed_body(side: Side, hub: LoopbackHub, own: bool) -> None:
    hub.always = (ENDLESS, trickle(b"x" * 400))
    transport = side.transport(hub.url) if own else side.adapter(hub.url)
    _fails(side, hub, new_sending(60, 0.4), transport=transport, follow=60)
    assert not hub.trickled_whole


def _sip(connection: Any) -> None:
    """Take a few bytes at a time, so that each write of the client makes some progress."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while not connection.hub.over.wait(0.02):
        connection.exactly(2048)


def test_the_deadline_ends_an_upload_that_is_taken_in_sips(side: Side, hub: LoopbackHub) -> None:
    hub.always = Answer((_sip,), after=0)
    files = [("contacts", ("list.csv", io.BytesIO(b"x" * 10_000_000), "text/csv"))]
    sending = new_sending(60, 0.5, own_connection=True)
    error = _fails(side, hub, sending, method="POST", files=files)
    assert error.timed_out
    assert sending.sent


def test_a_deadline_that_has_passed_sends_nothing(side: Side, hub: LoopbackHub) -> None:
    error = _fails(side, hub, new_sending(10, 0.0))
    assert error.timed_out
    assert error.never_sent
    assert hub.connections == 0


# The time to connect.


@pytest.fixture
def swallows() -> Iterator[Callable[[str, int], None]]:
    """Makes an address ignore connections: its queue is full."""
    held: list[socket.socket] = []

    def swallow(host: str, port: int) -> None:
        held.append(socket.create_server((host, port), backlog=0))
        for _ in range(4):
            waiting = socket.socket()
            held.append(waiting)
            waiting.setblocking(False)
            waiting.connect_ex((host, port))

    yield swallow
    for sock in held:
        sock.close()


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the name localhost other addresses of this machine."""
    real = socket.getaddrinfo

    def set_addresses(port: int, *hosts: str) -> None:
        def resolve(host: Any, *args: Any, **options: Any) -> Any:
            if host not in ("localhost", b"localhost"):
                return real(host, *args, **options)
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, (address, port)) for address in hosts]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return set_addresses


def test_one_timeout_is_for_all_addresses_of_a_host(
    side: Side, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    silent = [f"127.0.0.{last}" for last in (2, 3, 4)]
    for host in silent:
        swallows(host, hub.port)
    resolves(hub.port, *silent, "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    sending = new_sending(Timeout(connect=0.3), own_connection=True)
    with pytest.raises(TransportError, match="no connection") as caught:
        side.send(side.transport(url), url, sending)
    assert hub.connections == 0
    assert caught.value.timed_out
    assert caught.value.never_sent
    assert not sending.sent


def test_an_address_that_ignores_connections_leaves_time_for_the_next(
    side: Side, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    swallows("127.0.0.2", hub.port)
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    assert side.send(side.transport(url), url, new_sending(4.2)).status == 200


def test_an_address_that_refuses_is_followed_by_the_next(
    side: Side, hub: LoopbackHub, resolves: Any
) -> None:
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    assert side.send(side.transport(url), url).status == 200


@pytest.mark.parametrize(
    "raised",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label too long"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_a_connection_error(
    side: Side, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def unknown(*_args: Any, **_options: Any) -> Any:
        raise raised

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    url = "http://localhost:1"
    with pytest.raises(TransportError, match="no connection to the Hub") as caught:
        side.send(side.transport(url), url)
    assert caught.value.never_sent
    assert not caught.value.timed_out


# Ending a request from elsewhere.


@pytest.mark.parametrize(
    "steps", [(hang,), (ENDLESS + b"x", hang)], ids=["before the head", "in the body"]
)
def test_shut_wakes_a_read(blocking: Side, hub: LoopbackHub, steps: Any) -> None:
    hub.always = steps
    sending = new_sending(60, own_connection=True)
    transport = blocking.transport(hub.url)
    failing = [lambda: blocking.send(transport, hub.url, sending, follow=60)]

    def shut() -> None:
        assert hub.hanging.wait(10)
        sending.shut()

    error, _ = blocking.together([*failing, shut])
    assert isinstance(error, TransportError)
    assert sending.shut_down
    wait_for(lambda: hub.open_connections == 0)


def test_what_was_shut_before_is_not_sent(side: Side, hub: LoopbackHub) -> None:
    sending = new_sending(own_connection=True)
    sending.shut()
    with pytest.raises(TransportError, match="closed by this client"):
        side.send(side.transport(hub.url), hub.url, sending)
    assert hub.connections == 0


def test_shut_does_not_touch_a_connection_that_serves_another_request(
    side: Side, hub: LoopbackHub
) -> None:
    transport = side.transport(hub.url)
    over = new_sending()
    side.send(transport, hub.url, over)
    over.shut()
    side.send(transport, hub.url)
    assert hub.connections == 1
