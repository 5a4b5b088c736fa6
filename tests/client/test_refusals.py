"""What is refused before anything is sent: the Hub sees no connection at all."""

from __future__ import annotations

import io
import multiprocessing
import os
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from callers import CSV, KEY, OPERATIONS, Blocking

import kataven

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_hub import LoopbackHub

MIB = 1024 * 1024
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"


@pytest.fixture(autouse=True)
def _nothing_is_sent(hub: LoopbackHub) -> Any:
    yield
    assert hub.connections == 0


def _create(caller: Blocking, client: Any, contacts: Any = None, **options: Any) -> Any:
    given = {"name": "n", "agent_id": "a", "phone_number_id": "p", **options}
    contacts = io.BytesIO(CSV) if contacts is None else contacts
    return caller.call(client.campaigns.create, contacts=contacts, **given)


# Settings.


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub, key: str | None
) -> None:
    with pytest.raises(kataven.ConfigurationError, match=r"api_key.*KATAVEN_API_KEY"):
        caller.client_class(key, base_url=hub.url)


@pytest.mark.parametrize(
    "key",
    [
        "sk_live_acme_123\n",
        " sk_live_acme_123",
        "sk_live acme",
        "sk_live_acme_\u20131",
        "sk_live_acme_é",
        "sk_live_acme_\x7f",
        "sk_live_acme_\x00",
        "sk\r\nX-Evil: 1",
        "\ud800",
    ],
)
def test_a_key_with_anything_but_visible_ascii_is_refused_and_not_shown(
    caller: Blocking, hub: LoopbackHub, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="ASCII") as caught:
        caller.client_class(key, base_url=hub.url)
    assert key.strip() not in str(caught.value)
    if "\x00" not in key and "\ud800" not in key:
        monkeypatch.setenv("KATAVEN_API_KEY", key)
        with pytest.raises(kataven.ConfigurationError, match="ASCII"):
            caller.client_class(base_url=hub.url)


def test_a_jwt_without_account_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub
) -> None:
    with pytest.raises(
        kataven.ConfigurationError, match=r"account_id.*KATAVEN_ACCOUNT_ID"
    ) as caught:
        caller.client_class(JWT, base_url=hub.url)
    assert JWT not in str(caught.value)


@pytest.mark.parametrize(
    "account", ["", "Acme", "-acme", "_acme", "a" * 64, "acme\n", "a.b", "a b", "é", "a/b"]
)
@pytest.mark.parametrize("key", [KEY, JWT])
def test_an_account_name_that_breaks_the_rule_is_refused(
    caller: Blocking, hub: LoopbackHub, account: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="account"):
        caller.client_class(key, base_url=hub.url, account_id=account)
    if account:
        monkeypatch.setenv("KATAVEN_ACCOUNT_ID", account)
        with pytest.raises(kataven.ConfigurationError, match="account"):
            caller.client_class(key, base_url=hub.url)


BAD_BASES = [
    "http://api.kataven.ai/v1",
    "http://10.0.0.1/",
    "http://localhost.example.com",
    "http://127.0.0.1.nip.io",
    "http://0.0.0.0:80",
    "http://[::2]",
    "http://user@127.0.0.1/",
    "https://user:secret-word@api.kataven.ai/v1",
    "https://api.kataven.ai\\@127.0.0.1/",
    "https://api.kataven.ai/v1?account=secret-word",
    "https://api.kataven.ai/v1?",
    "https://api.kataven.ai/v1#secret-word",
    "https://api.kataven.ai/v1#",
    "ftp://api.kataven.ai/v1",
    "ws://127.0.0.1/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "api.kataven.ai/v1",
    "//api.kataven.ai/v1",
    "/v1",
    "",
    " ",
    "https://",
    "https:///v1",
    "https://api.kataven.ai:0/",
    "https://api.kataven.ai:99999/",
    "https://api.kataven.ai:x/",
    "https://api kataven.ai/",
    "https://api.kataven.ai/v1\n",
    "https://api.kataven.ai/é",
    "https://[::1/",
    "https://api.kataven.ai/../x",
    "https://api.kataven.ai/./v1",
]


@pytest.mark.parametrize("base", BAD_BASES)
def test_a_base_url_that_would_leak_or_mislead_the_key_is_refused(
    caller: Blocking, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="URL") as caught:
        caller.client_class(KEY, base_url=base)
    assert "secret-word" not in str(caught.value)
    if base:
        monkeypatch.setenv("KATAVEN_BASE_URL", base)
        with pytest.raises(kataven.ConfigurationError, match="URL"):
            caller.client_class(KEY)


@pytest.mark.parametrize(
    "base",
    [
        "http://localhost",
        "http://LOCALHOST:8000/v1",
        "http://127.0.0.1",
        "http://127.0.0.2:1",
        "http://127.255.0.9/",
        "http://[::1]:9/hub-api/",
        "https://10.0.0.1:8443",
        "HTTPS://API.KATAVEN.AI/v1",
    ],
)
def test_http_to_this_machine_and_https_to_any_is_taken(caller: Blocking, base: str) -> None:
    caller.client(base)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("api_key", b"sk_live_acme_1", TypeError),
        ("api_key", 7, TypeError),
        ("account_id", 7, TypeError),
        ("base_url", 7, TypeError),
        ("base_url", b"https://api.kataven.ai/v1", TypeError),
        ("timeout", "30", TypeError),
        ("timeout", True, TypeError),
        ("timeout", 0, ValueError),
        ("timeout", -1, ValueError),
        ("timeout", float("nan"), ValueError),
        ("timeout", float("inf"), ValueError),
        ("timeout", kataven.Timeout(read=0), ValueError),
        ("timeout", kataven.Timeout(connect=None), TypeError),  # type: ignore[arg-type]
        ("max_retries", -1, ValueError),
        ("max_retries", 1.5, TypeError),
        ("max_retries", True, TypeError),
        ("max_retries", None, TypeError),
        ("max_retry_wait", -0.1, ValueError),
        ("max_retry_wait", "60", TypeError),
        ("deadline", 0, ValueError),
        ("deadline", -5, ValueError),
        ("deadline", float("nan"), ValueError),
        ("deadline", "5", TypeError),
    ],
)
def test_an_option_of_a_wrong_type_or_out_of_bounds_is_refused(
    caller: Blocking, option: str, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=option if option != "base_url" else "base_url|URL"):
        caller.client_class(**{"api_key": KEY, option: value})
    if option not in {"api_key", "account_id", "base_url"}:
        with pytest.raises(error, match=option):
            caller.client().with_options(**{option: value})


def test_options_after_the_key_are_keyword_only(caller: Blocking) -> None:
    with pytest.raises(TypeError):
        caller.client_class(KEY, "acme")


# Arguments of the methods.


@pytest.mark.parametrize(
    "operation",
    ["get", "start", "pause", "resume", "stop", "delete", "list_contacts", "stream_events"],
)
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", ValueError),
        (".", ValueError),
        ("..", ValueError),
        (None, TypeError),
        (7, TypeError),
        (b"c1", TypeError),
        (["c1"], TypeError),
        ("\ud800", ValueError),
        ("a" * 70_000, ValueError),
    ],
)
def test_an_id_that_would_reach_another_path_or_is_no_text_is_refused(
    caller: Blocking, hub: LoopbackHub, operation: str, given: Any, error: type[Exception]
) -> None:
    client = caller.client(hub)
    with pytest.raises(error) as caught:
        if operation == "stream_events":
            caller.items(client.campaigns.stream_events(given))
        else:
            caller.call(getattr(client.campaigns, operation), given)
    assert type(caught.value).__module__ == "builtins"


@pytest.mark.parametrize("given", ["", ".", "..", None])
def test_a_stream_refuses_a_wrong_id_when_it_is_called_not_at_its_first_item(
    caller: Blocking, hub: LoopbackHub, given: Any
) -> None:
    with pytest.raises((ValueError, TypeError)):
        caller.client(hub).campaigns.stream_events(given)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"page": "0"}, "page"),
        ({"page": 1.0}, "page"),
        ({"page": True}, "page"),
        ({"page": None}, "page"),
        ({"status": 7}, "status"),
        ({"status": b"failed"}, "status"),
        ({"status": ["failed"]}, "status"),
    ],
)
def test_a_page_or_status_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=name):
        caller.call(caller.client(hub).campaigns.list_contacts, "c1", **arguments)


@pytest.mark.parametrize("field", ["name", "agent_id", "phone_number_id"])
@pytest.mark.parametrize("value", [None, 7, b"x", ["x"]])
def test_a_text_of_a_create_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, field: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=field):
        _create(caller, caller.client(hub), **{field: value})


@pytest.mark.parametrize(
    "field", ["max_concurrent_calls", "retries_per_contact", "retry_delay_seconds"]
)
@pytest.mark.parametrize("value", [None, "5", 5.0, True])
def test_a_number_of_a_create_of_a_wrong_type_is_refused(
    caller: Blocking, hub: LoopbackHub, field: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=field):
        _create(caller, caller.client(hub), **{field: value})


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (datetime(2030, 1, 31, 9), ValueError),
        ("2030-01-31T09:00:00", ValueError),
        ("2030-01-31", ValueError),
        ("2030-W05-4T09:00:00Z", ValueError),
        ("20300131T090000Z", ValueError),
        ("2030-01-31 09:00:00Z", ValueError),
        ("2030-01-31T09:00Z", ValueError),
        ("2030-01-31T24:00:00Z", ValueError),
        ("2030-13-01T09:00:00Z", ValueError),
        ("2030-01-32T09:00:00Z", ValueError),
        ("2030-01-31T09:00:00+0100", ValueError),
        ("2030-01-31T09:00:00+25:00", ValueError),
        ("2030-01-31T09:00:00,5Z", ValueError),
        ("2030-01-31T09:00:00.Z", ValueError),
        ("2030-01-31T09:00:00Z\n", ValueError),
        (" 2030-01-31T09:00:00Z", ValueError),
        ("٢٠٣٠-01-31T09:00:00Z", ValueError),
        ("tomorrow", ValueError),
        ("", ValueError),
        (date(2030, 1, 31), TypeError),
        (1_900_000_000, TypeError),
        (b"2030-01-31T09:00:00Z", TypeError),
    ],
)
def test_a_time_that_is_naive_or_no_rfc_3339_is_refused(
    caller: Blocking, hub: LoopbackHub, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="scheduled_at"):
        _create(caller, caller.client(hub), scheduled_at=value)


# The file of a create.


@pytest.mark.parametrize(
    "contacts",
    [
        pytest.param(lambda: io.StringIO(CSV.decode()), id="text-mode"),
        pytest.param(lambda: io.BytesIO(b""), id="empty"),
        pytest.param(lambda: io.BytesIO(b"name,phone\nAda,+15550100001\n"), id="no phone_number"),
        pytest.param(lambda: io.BytesIO(b"phone_number2\n+15550100001\n"), id="a longer name"),
        pytest.param(lambda: io.BytesIO(b"Phone_Number\n+15550100001\n"), id="another case"),
        pytest.param(lambda: io.BytesIO(b" phone_number\n+15550100001\n"), id="a space"),
        pytest.param(lambda: io.BytesIO(b'"phone_number,name"\n1,2\n'), id="quoted as one"),
        pytest.param(lambda: io.BytesIO(b"phone_number;name\n1;2\n"), id="semicolons"),
        pytest.param(lambda: io.BytesIO(b"\nphone_number\n"), id="a blank first row"),
        pytest.param(lambda: io.BytesIO(b"x" * 200_000), id="no line end"),
        pytest.param(lambda: io.BytesIO(CSV + b"x" * (10 * MIB - len(CSV) + 1)), id="over 10 MiB"),
        pytest.param(lambda: _at_its_end(), id="at its end"),
    ],
)
def test_a_file_that_cannot_be_a_list_of_contacts_is_refused(
    caller: Blocking, hub: LoopbackHub, contacts: Any
) -> None:
    with pytest.raises(kataven.ContactsError) as caught:
        _create(caller, caller.client(hub), contacts())
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].message


def _at_its_end() -> io.BytesIO:
    file = io.BytesIO(CSV)
    file.seek(0, io.SEEK_END)
    return file


def test_a_text_mode_file_on_disk_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV)
    with path.open(encoding="utf-8") as file, pytest.raises(kataven.ContactsError, match="rb"):
        _create(caller, caller.client(hub), file)


def test_a_pipe_over_ten_mib_is_refused(blocking: Blocking, hub: LoopbackHub) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
            self.given += n
            assert self.given < 13 * MIB, "it is read on behind the limit"
            return CSV[:n] if self.given == n else b"x" * n

    with pytest.raises(kataven.ContactsError, match=r"10[,.]?485[,.]?760|10 MiB"):
        _create(blocking, blocking.client(hub), Endless())


@pytest.mark.parametrize("contacts", [7, object(), {"phone_number": "+15550100001"}])
def test_contacts_of_a_wrong_type_are_refused(
    caller: Blocking, hub: LoopbackHub, contacts: Any
) -> None:
    with pytest.raises(TypeError, match="contacts"):
        _create(caller, caller.client(hub), contacts)


def test_a_closed_file_is_refused(caller: Blocking, hub: LoopbackHub) -> None:
    file = io.BytesIO(CSV)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        _create(caller, caller.client(hub), file)


def test_a_wrong_field_is_told_before_the_file_is_touched(
    caller: Blocking, hub: LoopbackHub
) -> None:
    class Untouched(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, n: int = -1, /) -> bytes:  # type: ignore[override]
            raise AssertionError("the file was read")

    with pytest.raises(TypeError, match="agent_id"):
        _create(caller, caller.client(hub), Untouched(), agent_id=None)


# Clients that cannot be used any more.


@pytest.mark.parametrize("operation", [*OPERATIONS, "stream"])
def test_a_closed_client_says_so(caller: Blocking, hub: LoopbackHub, operation: str) -> None:
    client = caller.client(hub)
    campaigns = client.campaigns
    caller.close(client)
    caller.close(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        if operation == "stream":
            caller.items(campaigns.stream_events("c1"))
        else:
            caller.call(OPERATIONS[operation], client)


def test_leaving_the_context_manager_closes_the_client(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    caller.within(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(client.campaigns.list)


def test_a_view_of_a_closed_client_is_closed_too(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    view = client.with_options(max_retries=0)
    caller.close(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(view.campaigns.list)


def _use_after_fork(client: Any, name: str, results: Any) -> None:
    import asyncio

    async def awaited() -> None:
        await client.campaigns.get("c1")

    try:
        if name == "sync":
            client.campaigns.get("c1")
        else:
            asyncio.new_event_loop().run_until_complete(awaited())
        results.put("it was sent")
    except BaseException as error:
        results.put(f"{type(error).__name__}: {error}")
    finally:
        results.close()
        results.join_thread()
        os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_use_after_a_fork_is_a_clear_error(caller: Blocking, hub: LoopbackHub) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_use_after_fork, args=(caller.client(hub), caller.name, results))
    child.start()
    try:
        said = results.get(timeout=10)
    finally:
        child.join(10)
        results.close()
        results.join_thread()
    assert said.startswith("ConfigurationError")
    assert "fork" in said
