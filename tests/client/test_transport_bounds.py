"""One connect timeout covers all addresses of a host, and each address gets its share."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import kataven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.clients import Blocking, DrivenClock
    from tests.support.server import LoopbackHub


class Swallower:
    """An address whose listener never accepts: its queue is full."""

    def __init__(self, host: str, port: int) -> None:
        self._sockets = [socket.create_server((host, port), backlog=0)]
        for _ in range(4):
            waiting = socket.socket()
            self._sockets.append(waiting)
            waiting.setblocking(False)
            waiting.connect_ex((host, port))

    def close(self) -> None:
        for held in self._sockets:
            held.close()


@pytest.fixture
def swallows() -> Iterator[Callable[[str, int], None]]:
    """Makes an address swallow what is sent to it."""
    made: list[Swallower] = []
    yield lambda host, port: made.append(Swallower(host, port))
    for swallower in made:
        swallower.close()


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Resolves the name localhost to other addresses of this machine."""
    real = socket.getaddrinfo

    def set_addresses(port: int, *hosts: str) -> None:
        def resolve(host: Any, *args: Any, **options: Any) -> Any:
            if host not in ("localhost", b"localhost"):
                return real(host, *args, **options)
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, (address, port)) for address in hosts]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return set_addresses


def test_one_connect_timeout_covers_all_addresses_of_a_host(
    blocking: Blocking, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    swallowing = [f"127.0.0.{last}" for last in (2, 3, 4)]
    for host in swallowing:
        swallows(host, hub.port)
    resolves(hub.port, *swallowing, "127.0.0.1")
    timeout = kataven.Timeout(connect=0.3)
    client = blocking.client(f"http://localhost:{hub.port}", timeout=timeout, max_retries=0)
    # If each address had the entire timeout, the last one would respond.
    with pytest.raises(kataven.APITimeoutError) as caught:
        blocking.call(client.campaigns.start, "c1")
    assert caught.value.request_sent is False
    assert hub.connections == 0


def test_a_first_address_that_swallows_everything_leaves_time_for_the_second(
    blocking: Blocking, hub: LoopbackHub, swallows: Any, resolves: Any
) -> None:
    swallows("127.0.0.2", hub.port)
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    timeout = kataven.Timeout(connect=4.2)
    client = blocking.client(
        f"http://localhost:{hub.port}", timeout=timeout, max_retries=0, deadline=20
    )
    assert blocking.call(client.campaigns.start, "c1") == {"id": "c1"}


def test_a_first_address_that_refuses_is_followed_by_the_second(
    blocking: Blocking, hub: LoopbackHub, resolves: Any
) -> None:
    resolves(hub.port, "127.0.0.2", "127.0.0.1")
    client = blocking.client(f"http://localhost:{hub.port}", max_retries=0)
    assert blocking.call(client.campaigns.start, "c1") == {"id": "c1"}


def test_an_unknown_host_name_is_a_connection_error(
    blocking: Blocking, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_args: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = blocking.client("http://localhost:1", clock=clock)
    with pytest.raises(kataven.APIConnectionError, match="not known") as caught:
        blocking.call(client.campaigns.start, "c1")
    assert caught.value.request_sent is False
