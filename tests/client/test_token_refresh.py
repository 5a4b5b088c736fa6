"""A token provider: called for the first request, and once more for all calls refused with one token."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import pytest

import kataven
from tests.support.clients import CSV, KEY, OPERATIONS, WRITES, Awaited, Blocking, DrivenClock
from tests.support.http import Request, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, reset, wait_for
from tests.support.tables import table

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"
OK = response(200, {"id": "c1"})
EVENTS = [("Content-Type", "text/event-stream")]


class Issuer:
    """Provides one token after another, and responds for the Hub that only the newest is valid."""

    def __init__(self, good: int = 2) -> None:
        self.given = 0
        self.good = good
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.given += 1
            return f"token-{self.given}"

    def decide(self, request: Request) -> bytes:
        number = int(str(request.header("authorization")).removeprefix("Bearer token-"))
        return OK if number >= self.good else response(401, "token expired")


def test_the_provider_is_called_once_and_its_token_kept(caller: Blocking, hub: LoopbackHub) -> None:
    issuer = Issuer()
    client = caller.client(hub, api_key=issuer)
    assert issuer.given == 0
    for _ in range(3):
        caller.call(client.campaigns.get, "c1")
    assert issuer.given == 1
    assert {request.header("authorization") for request in hub.requests} == {"Bearer token-1"}


@table("operation", OPERATIONS)
def test_a_refused_token_is_refreshed_and_the_call_sent_once_more(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    issuer = Issuer()
    hub.on_request = issuer.decide
    client = caller.client(hub, api_key=issuer, clock=clock)
    result = caller.call(OPERATIONS[operation], client)
    assert result == (None if operation == "delete" else {"id": "c1"})
    assert [request.header("authorization") for request in hub.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert issuer.given == 2
    assert clock.slept == []


def test_an_upload_is_complete_again_with_the_new_token(caller: Blocking, hub: LoopbackHub) -> None:
    issuer = Issuer()
    hub.on_request = issuer.decide
    file = io.BytesIO(b"junk" + CSV + b"x" * 100_000)
    file.seek(4)
    caller.call(caller.client(hub, api_key=issuer).campaigns.create, "n", "a", "p", file)
    assert [request.file.content for request in hub.requests] == [CSV + b"x" * 100_000] * 2


@pytest.mark.parametrize("operation", ["get", "create", "stream"])
def test_a_refusal_of_the_fresh_token_is_final(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    issuer = Issuer(good=99)
    hub.on_request = issuer.decide
    client = caller.client(hub, api_key=issuer, clock=clock)
    with pytest.raises(kataven.AuthenticationError, match="token expired"):
        if operation == "stream":
            caller.items(client.campaigns.stream_events("c1"))
        else:
            caller.call(OPERATIONS[operation], client)
    assert hub.arrived(2) == 2
    assert issuer.given == 2


@table("operation", OPERATIONS)
def test_a_fixed_key_that_is_refused_is_final_at_once(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = response(401, "missing or bad token")
    with pytest.raises(kataven.AuthenticationError):
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock))
    assert hub.arrived(1) == 1


def test_all_calls_refused_with_one_token_share_one_refresh(
    caller: Blocking, hub: LoopbackHub
) -> None:
    issuer = Issuer()
    calls = 12
    everybody = threading.Barrier(calls)
    refused: list[int] = []

    def decide(request: Request) -> bytes:
        if request.header("authorization") == "Bearer token-1":
            # No response is sent before all have arrived with the old token.
            everybody.wait(PATIENCE)
        return issuer.decide(request)

    def count(event: kataven.CallEvent) -> None:
        if event.status == 401:
            refused.append(1)

    # The new token is provided only once all twelve calls were refused with the old one.
    def ask() -> str:
        if issuer.given:
            wait_for(lambda: len(refused) == calls)
        return issuer()

    async def ask_awaited() -> str:
        while issuer.given and len(refused) < calls:
            await asyncio.sleep(0.001)
        return issuer()

    key = ask if caller.name == "sync" else ask_awaited
    client = caller.client(hub, api_key=key, on_response=count)
    caller.call(client.campaigns.list)
    refused.clear()
    hub.on_request = decide
    results = caller.together([lambda: client.campaigns.get("c1")] * calls)
    assert results == [{"id": "c1"}] * calls
    assert issuer.given == 2
    assert len(hub.requests) == 1 + 2 * calls


def test_concurrent_first_calls_call_the_provider_once(caller: Blocking, hub: LoopbackHub) -> None:
    issuer = Issuer(good=1)
    client = caller.client(hub, api_key=issuer)
    results = caller.together([lambda: client.campaigns.get("c1")] * 12)
    assert results == [{"id": "c1"}] * 12
    assert issuer.given == 1


def test_a_late_refusal_of_an_old_token_uses_the_new_one(
    caller: Blocking, hub: LoopbackHub
) -> None:
    """One call is refused early, one late: by then there is already a new token."""
    issuer = Issuer()
    renewed = threading.Event()
    both = threading.Barrier(2)

    def decide(request: Request) -> bytes:
        if request.header("authorization") == "Bearer token-1":
            both.wait(PATIENCE)
            if request.path.endswith("/late"):
                assert renewed.wait(PATIENCE)
        else:
            renewed.set()
        return issuer.decide(request)

    hub.on_request = decide
    client = caller.client(hub, api_key=issuer)
    results = caller.together(
        [lambda: client.campaigns.get("early"), lambda: client.campaigns.get("late")]
    )
    assert results == [{"id": "c1"}, {"id": "c1"}]
    assert issuer.given == 2


def test_a_stream_that_reopens_gets_a_new_token(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    issuer = Issuer()
    chunk = b"8\r\n: one\n\n\r\n"
    hub.respond(
        (response(200, b"", [*EVENTS, ("Transfer-Encoding", "chunked")]) + chunk, reset),
        response(401, "token expired"),
        response(200, b": two\n\nevent: end\n\n", EVENTS),
    )
    client = caller.client(hub, api_key=issuer, clock=clock)
    items = caller.items(client.campaigns.stream_events("c1"))
    assert items == [": one", ": two", "event: end"]
    assert [request.header("authorization") for request in hub.requests] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_renewed_jwt_still_names_its_account(caller: Blocking, hub: LoopbackHub) -> None:
    tokens = iter([JWT, JWT + "2"])
    hub.respond(response(401, "token expired"), OK)
    client = caller.client(hub, api_key=lambda: next(tokens), account_id="acme")
    caller.call(client.campaigns.get, "c1")
    assert [request.header("x-account-id") for request in hub.requests] == ["acme", "acme"]


def test_a_provided_jwt_without_account_is_reported_at_the_first_call(
    caller: Blocking, hub: LoopbackHub
) -> None:
    client = caller.client(hub, api_key=lambda: JWT)
    with pytest.raises(kataven.ConfigurationError, match="account_id"):
        caller.call(client.campaigns.get, "c1")
    assert hub.connections == 0


def test_an_error_of_the_provider_is_passed_on_and_the_next_call_asks_again(
    caller: Blocking, hub: LoopbackHub
) -> None:
    results: list[Any] = [LookupError("the vault is sealed"), KEY]

    def ask() -> str:
        outcome = results.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    client = caller.client(hub, api_key=ask)
    with pytest.raises(LookupError, match="the vault is sealed"):
        caller.call(client.campaigns.start, "c1")
    assert hub.connections == 0
    caller.call(client.campaigns.start, "c1")
    assert hub.only.header("authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize("operation", ["get", "create"])
@pytest.mark.parametrize("error", [FileNotFoundError, ConnectionRefusedError])
def test_an_os_error_of_the_provider_is_passed_on_unchanged(
    caller: Blocking, hub: LoopbackHub, operation: str, error: type[OSError]
) -> None:
    def ask() -> str:
        raise error("the vault is down")

    with pytest.raises(error, match="the vault is down"):
        caller.call(OPERATIONS[operation], caller.client(hub, api_key=ask))
    assert hub.connections == 0


def test_the_async_client_accepts_an_async_provider(awaited: Awaited, hub: LoopbackHub) -> None:
    issuer = Issuer()
    hub.on_request = issuer.decide

    async def ask() -> str:
        await asyncio.sleep(0)
        return issuer()

    client = awaited.client(hub, api_key=ask)
    results = awaited.together([lambda: client.campaigns.get("c1")] * 12)
    assert results == [{"id": "c1"}] * 12
    assert issuer.given == 2


def test_a_call_cancelled_during_a_refresh_cancels_no_other_call(
    awaited: Awaited, hub: LoopbackHub
) -> None:
    asked: list[int] = []

    async def main() -> Any:
        go = asyncio.Event()

        async def ask() -> str:
            asked.append(1)
            await go.wait()
            return KEY

        client = awaited.client(hub, api_key=ask)
        first = asyncio.ensure_future(client.campaigns.get("first"))
        second = asyncio.ensure_future(client.campaigns.get("second"))
        while not asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        return await second

    assert awaited.run(main()) == {"id": "c1"}
    assert len(asked) == 1
    assert hub.only.path.endswith("/second")


@pytest.mark.parametrize("operation", ["create", "start"])
def test_a_refresh_does_not_count_as_a_retry(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    limited = response(429, "rate_limited: x", [("Retry-After", "1")])
    hub.respond(response(401, "expired"), limited, limited, limited, OK)
    client = caller.client(hub, api_key=Issuer(), clock=clock)
    caller.call(WRITES[operation], client)
    assert hub.arrived(5) == 5


def test_a_client_without_retries_still_refreshes_its_token(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(response(401, "expired"), OK)
    client = caller.client(hub, api_key=Issuer(), clock=clock, max_retries=0)
    assert caller.call(client.campaigns.start, "c1") == {"id": "c1"}
