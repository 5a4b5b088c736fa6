"""Views with other options, and what a pickle holds: complete errors, clients without their key."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import kataven
from tests.support.clients import KEY, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, refused_port, reset
from tests.support.tables import table

OK = response(200, {"id": "c1"})


# Views.


def test_a_view_has_other_options_and_shares_pool_and_token(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    asked: list[int] = []

    def key() -> str:
        asked.append(1)
        return KEY

    client = caller.client(hub, api_key=key, clock=clock)
    view = client.with_options(max_retries=0)
    assert type(view) is type(client)
    caller.call(client.campaigns.get, "c1")
    caller.call(view.campaigns.get, "c1")
    caller.call(view.with_options(timeout=5).call_limits)
    assert hub.connections == 1
    assert len(asked) == 1
    hub.always = response(503, "down")
    before = len(hub.requests)
    with pytest.raises(kataven.ServerError):
        caller.call(view.campaigns.get, "c1")
    assert len(hub.requests) == before + 1
    with pytest.raises(kataven.ServerError):
        caller.call(client.campaigns.get, "c1")
    assert len(hub.requests) == before + 5


def test_options_not_given_to_a_view_stay_unchanged(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.always = response(429, "rate_limited: x", [("Retry-After", "60")])
    client = caller.client(hub, clock=clock, max_retries=1, max_retry_wait=61)
    view = client.with_options(timeout=3).with_options(deadline=1000).with_options()
    with pytest.raises(kataven.RateLimitError):
        caller.call(view.campaigns.get, "c1")
    assert hub.arrived(2) == 2


def test_closing_a_view_closes_nothing(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    view = client.with_options(timeout=5)
    caller.close(view)
    view = client.with_options(timeout=6)
    assert caller.enter(view) is view
    caller.call(client.campaigns.get, "c1")
    caller.call(view.campaigns.get, "c1")
    assert hub.arrived(2) == 2


def test_the_campaigns_of_a_view_keep_it_alive(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    campaigns = caller.client(hub, clock=clock).with_options(max_retries=0).campaigns
    hub.respond(response(503, "down"), OK)
    with pytest.raises(kataven.ServerError):
        caller.call(campaigns.get, "c1")
    assert caller.call(campaigns.get, "c1") == {"id": "c1"}


# Errors.


def _status(cls: type[kataven.APIStatusError], status: int) -> kataven.APIStatusError:
    return cls("text", status_code=status, body="b", request_id="r", headers={"a": "b"})


def _errors() -> dict[str, kataven.KatavenError]:
    return {error.__class__.__name__: error for error in _each_error()}


def _each_error() -> list[kataven.KatavenError]:
    return [
        kataven.KatavenError("text"),
        kataven.ConfigurationError("text"),
        kataven.ContactsError("text", problems=()),
        kataven.BulkError("text"),
        kataven.APIConnectionError("text", request_sent=True),
        kataven.APITimeoutError("text", request_sent=False),
        _status(kataven.APIStatusError, 418),
        _status(kataven.BadRequestError, 400),
        _status(kataven.AuthenticationError, 401),
        _status(kataven.PermissionDeniedError, 403),
        _status(kataven.NotFoundError, 404),
        _status(kataven.ConflictError, 409),
        _status(kataven.RateLimitError, 429),
        _status(kataven.ServerError, 503),
        kataven.ResponseFormatError("text", status_code=200, body=b"x", request_sent=True),
        kataven.StreamError("text"),
        kataven.WaitTimeoutError("text", campaign_id="c1"),
        kataven.CampaignRunError("text", campaign_id="c1", step="start"),
        kataven.BulkError("text"),
    ]


NAMES = list(_errors())


def test_every_error_class_is_covered() -> None:
    def below(cls: type[Any]) -> set[str]:
        return {cls.__name__}.union(*(below(sub) for sub in cls.__subclasses__()))

    assert {name for name in below(kataven.KatavenError) if hasattr(kataven, name)} == set(NAMES)


@table("name", NAMES)
@table("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_every_error_pickles_with_all_its_attributes(name: str, copied: Any) -> None:
    error = _errors()[name]
    error.page = 7
    error.add_note("a note")
    again = copied(error)
    assert type(again) is type(error)
    assert str(again) == str(error) == again.message
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert again.page == 7
    assert again.__notes__ == ["a note"]


@table(
    "scripted",
    [
        response(400, "bad row"),
        response(429, "rate_limited: x", [("Retry-After", "60")]),
        response(429, "daily call limit reached"),
        response(503, "down", [("X-Request-ID", "r1")]),
        (reset,),
        response(200, "no object"),
    ],
)
def test_an_error_of_a_real_call_pickles(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, scripted: Any
) -> None:
    import io

    hub.always = scripted
    client = caller.client(hub, clock=clock, max_retries=0)
    with pytest.raises(kataven.KatavenError) as caught:
        caller.call(
            client.campaigns.create, "n", "a", "p", io.BytesIO(b"phone_number\n+15550100001\n")
        )
    error = caught.value
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert KEY.encode() not in pickle.dumps(error)


def test_a_connection_error_and_a_contacts_error_of_a_real_call_pickle(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    import io

    held, port = refused_port()
    with held, pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(caller.client(f"http://127.0.0.1:{port}", clock=clock).campaigns.stop, "c1")
    assert pickle.loads(pickle.dumps(caught.value)).request_sent is False
    with pytest.raises(kataven.ContactsError) as refused:
        caller.call(caller.client(hub).campaigns.create, "n", "a", "p", io.BytesIO(b"x\n"))
    again = pickle.loads(pickle.dumps(refused.value))
    assert again.problems == refused.value.problems
    assert len(again.problems) == 1


# Clients.


def test_a_client_whose_key_came_from_the_environment_pickles_without_it(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    client = caller.client(
        hub.url + "/hub-api", api_key=None, max_retries=0, timeout=7, account_id="acme"
    )
    caller.call(client.campaigns.get, "c1")
    pickled = pickle.dumps(client)
    assert KEY.encode() not in pickled
    assert b"sk_live" not in pickled
    monkeypatch.setenv("KATAVEN_API_KEY", KEY + "-new")
    monkeypatch.setenv("KATAVEN_BASE_URL", "https://elsewhere.example")
    again = pickle.loads(pickled)
    try:
        assert type(again) is type(client)
        hub.always = response(503, "down")
        with pytest.raises(kataven.ServerError):
            caller.call(again.campaigns.get, "c1")
    finally:
        caller.close(again)
    first, second = hub.requests
    assert first.header("authorization") == f"Bearer {KEY}"
    assert second.header("authorization") == f"Bearer {KEY}-new"
    assert first.target == second.target == "/hub-api/api/v1/campaigns/c1"
    assert hub.connections == 2
    hub.always = OK
    caller.call(client.campaigns.get, "c1")


def test_a_pickled_client_keeps_its_options(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    view = caller.client(hub, api_key=None).with_options(
        max_retries=0, max_retry_wait=1, deadline=9, timeout=kataven.Timeout(read=3)
    )
    again = pickle.loads(pickle.dumps(view))
    assert repr(again) == repr(view)
    twice = pickle.loads(pickle.dumps(again))
    hub.always = response(503, "down")
    with pytest.raises(kataven.ServerError):
        caller.call(twice.campaigns.get, "c1")
    assert hub.arrived(1) == 1
    caller.close(again)
    caller.close(twice)


def test_a_client_cannot_be_loaded_where_no_key_is_set(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    pickled = pickle.dumps(caller.client(hub, api_key=None))
    monkeypatch.delenv("KATAVEN_API_KEY")
    with pytest.raises(kataven.ConfigurationError, match="KATAVEN_API_KEY"):
        pickle.loads(pickled)


@pytest.mark.parametrize("what", ["key", "callable", "view", "http_client", "clock", "hook"])
@pytest.mark.slow
def test_any_other_client_refuses_to_be_pickled_and_says_what_to_do(
    caller: Blocking,
    hub: LoopbackHub,
    clock: DrivenClock,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    options: dict[str, Any] = {
        "key": {"api_key": KEY},
        "callable": {"api_key": lambda: KEY},
        "view": {"api_key": KEY},
        "http_client": {"api_key": None, "http_client": caller.http_client()},
        "clock": {"api_key": None, "clock": clock},
        "hook": {"api_key": None, "on_retry": print},
    }[what]
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    client = caller.client(hub, **options)
    if what == "view":
        client = client.with_options(timeout=5)
    for refused in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"make the client|KATAVEN_API_KEY") as caught:
            refused(client)
        assert KEY not in str(caught.value)


def test_no_part_of_a_client_pickles_the_key(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    caller.call(client.campaigns.get, "c1")
    for part in (client.campaigns, client.raw, *vars(client).values()):
        try:
            pickled = pickle.dumps(part)
        except Exception:
            continue
        assert KEY.encode() not in pickled
