"""Timeouts and the deadline hold whatever the server does: silence, trickles, a full connection."""

from __future__ import annotations

import io
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from kataven._flow.operation import Timeout
from kataven._http.transport_error import TransportError
from tests.support.http import response
from tests.support.server import Early, LoopbackHub, close, silence, trickle, wait_for
from tests.support.tables import table
from tests.transport.sending import Sender, new_sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = response(200, b"", [("X-Padding", "x" * 900)], length=900)
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def _fails(caller: Sender, hub: LoopbackHub, sending: Any, **options: Any) -> TransportError:
    transport = options.pop("transport", None) or caller.transport(hub.url)
    with pytest.raises(TransportError) as caught:
        caller.send(transport, hub.url, sending, **options)
    return caught.value


STALLS: dict[str, Any] = {
    "silence": (silence,),
    "headers that trickle": (trickle(HEAD),),
    "a body that trickles": (HEAD, trickle(b"x" * 900)),
    "a body that stops": (HEAD, silence),
}
# httpx has no limit for headers that trickle.
ADAPTER_STALLS = [name for name in STALLS if name != "headers that trickle"]


def _stall_together(
    caller: Sender, hub: LoopbackHub, transport: Any, stalls: list[str], limits: list[Any]
) -> None:
    """Each stall with each limit, all at once: none may wait for longer than its own limit."""
    rows = [(stall, new_sending(*limit)) for stall in stalls for limit in limits]
    for number, (stall, _) in enumerate(rows):
        hub.on(f"GET /campaigns/{number}", STALLS[stall])
    results = caller.together(
        [
            partial(caller.exchange, transport, hub.url, sending, target=f"/campaigns/{number}")
            for number, (_, sending) in enumerate(rows)
        ]
    )
    for (stall, sending), result in zip(rows, results, strict=True):
        assert isinstance(result, TransportError), (stall, result)
        assert result.timed_out
        assert not result.never_sent
        assert sending.sent
    assert not hub.trickled_to_the_end


def test_no_server_holds_a_request_for_longer_than_its_limits(
    caller: Sender, hub: LoopbackHub, brief: Any
) -> None:
    limits = [(Timeout(read=brief(0.5)), None), (60, brief(0.5))]
    _stall_together(caller, hub, caller.transport(hub.url), list(STALLS), limits)


def test_a_callers_client_keeps_the_limits_that_httpx_can_keep(
    caller: Sender, hub: LoopbackHub, brief: Any
) -> None:
    limits = [(Timeout(read=brief(0.5)), None), (Timeout(read=brief(1)), brief(0.5))]
    _stall_together(caller, hub, caller.adapter(hub.url), ADAPTER_STALLS, limits)


def test_a_followed_body_may_take_longer_than_the_timeout(
    caller: Sender, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = (ENDLESS, trickle(b"x" * 20, brief(0.03)), close)
    received = caller.send(
        caller.transport(hub.url), hub.url, new_sending(brief(0.4)), follow=brief(5)
    )
    assert received.body == b"x" * 20


@table("own", [True, False])
def test_a_followed_body_that_falls_silent_times_out(
    caller: Sender, hub: LoopbackHub, own: bool, brief: Any
) -> None:
    hub.always = (ENDLESS + b"x", silence)
    transport = caller.either(hub.url, own=own)
    error = _fails(caller, hub, new_sending(60), transport=transport, follow=brief(0.2))
    assert error.timed_out


@table("own", [True, False])
def test_the_deadline_ends_a_followed_body(
    caller: Sender, hub: LoopbackHub, own: bool, brief: Any
) -> None:
    hub.always = (ENDLESS, trickle(b"x" * 400))
    transport = caller.either(hub.url, own=own)
    _fails(caller, hub, new_sending(60, brief(0.4)), transport=transport, follow=60)
    assert not hub.trickled_to_the_end


def _read_slowly(connection: Any) -> None:
    """Take a few bytes at a time, so that each write of the client makes some progress."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while not connection.hub.over.wait(0.02):
        connection.read_exactly(2048)


def test_the_deadline_ends_an_upload_that_is_read_slowly(
    caller: Sender, hub: LoopbackHub, brief: Any
) -> None:
    hub.always = Early((_read_slowly,), after=0)
    files = [("contacts", ("list.csv", io.BytesIO(b"x" * 10_000_000), "text/csv"))]
    sending = new_sending(60, brief(0.5), own_connection=True)
    error = _fails(caller, hub, sending, method="POST", files=files)
    assert error.timed_out
    assert sending.sent


def test_a_deadline_that_has_passed_sends_nothing(caller: Sender, hub: LoopbackHub) -> None:
    error = _fails(caller, hub, new_sending(10, 0.0))
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
    caller: Sender, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    silent = [f"127.0.0.{last}" for last in (2, 3, 4)]
    for host in silent:
        swallows(host, hub.port)
    resolves(hub.port, *silent, "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    sending = new_sending(Timeout(connect=0.3), own_connection=True)
    with pytest.raises(TransportError, match="no connection") as caught:
        caller.send(caller.transport(url), url, sending)
    assert hub.connections == 0
    assert caught.value.timed_out
    assert caught.value.never_sent
    assert not sending.sent


@pytest.mark.slow
def test_an_address_that_ignores_connections_leaves_time_for_the_next(
    caller: Sender, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    swallows("127.0.0.2", hub.port)
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    assert caller.send(caller.transport(url), url, new_sending(4.2)).status == 200


def test_an_address_that_refuses_is_followed_by_the_next(
    caller: Sender, hub: LoopbackHub, resolves: Any
) -> None:
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    url = f"http://localhost:{hub.port}"
    assert caller.send(caller.transport(url), url).status == 200


@table(
    "raised",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label too long"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_a_connection_error(
    caller: Sender, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def unknown(*_args: Any, **_options: Any) -> Any:
        raise raised

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    url = "http://localhost:1"
    with pytest.raises(TransportError, match="no connection to the Hub") as caught:
        caller.send(caller.transport(url), url)
    assert caught.value.never_sent
    assert not caught.value.timed_out


# Ending a request from elsewhere.


@table("steps", [(silence,), (ENDLESS + b"x", silence)])
def test_shut_wakes_a_read(blocking: Sender, hub: LoopbackHub, steps: Any) -> None:
    hub.always = steps
    sending = new_sending(60, own_connection=True)
    transport = blocking.transport(hub.url)
    failing = [lambda: blocking.send(transport, hub.url, sending, follow=60)]

    def shut() -> None:
        hub.wait_until_silent()
        sending.shut()

    error, _ = blocking.together([*failing, shut])
    assert isinstance(error, TransportError)
    assert sending.shut_down
    wait_for(lambda: hub.open_connections == 0)


def test_what_was_shut_before_is_not_sent(caller: Sender, hub: LoopbackHub) -> None:
    sending = new_sending(own_connection=True)
    sending.shut()
    with pytest.raises(TransportError, match="closed by this client"):
        caller.send(caller.transport(hub.url), hub.url, sending)
    assert hub.connections == 0


def test_shut_does_not_touch_a_connection_that_serves_another_request(
    caller: Sender, hub: LoopbackHub
) -> None:
    transport = caller.transport(hub.url)
    over = new_sending()
    caller.send(transport, hub.url, over)
    over.shut()
    caller.send(transport, hub.url)
    assert hub.connections == 1
