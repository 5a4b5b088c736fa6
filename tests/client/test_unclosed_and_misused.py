"""A client that is dropped open warns at the line that made it; a wrong statement says which."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pickle
import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from kataven import AsyncKatavenClient, KatavenClient
from tests.support.clients import KEY
from tests.support.http import response

if TYPE_CHECKING:
    from tests.support.server import LoopbackHub


def _line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def _caught() -> Any:
    # What other tests left behind must not warn here.
    gc.collect()
    return warnings.catch_warnings(record=True)


def _ours(caught: list[warnings.WarningMessage]) -> list[warnings.WarningMessage]:
    return [one for one in caught if "KatavenClient" in str(one.message)]


@pytest.mark.parametrize("kept", ["client", "view", "campaigns", "iterator", "pickle"])
@pytest.mark.slow
def test_a_dropped_client_warns_at_the_line_that_made_it(
    hub: LoopbackHub, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    with _caught() as caught:
        warnings.simplefilter("always")
        client, line = KatavenClient(base_url=hub.url), _line()
        if kept == "pickle":
            client = pickle.loads(pickle.dumps(client))
            line = _line() - 1
        thing: Any = client
        if kept == "view":
            thing = client.with_options(max_retries=0)
        elif kept == "campaigns":
            thing = client.campaigns
        elif kept == "iterator":
            thing = client.campaigns.iter_contacts("c1")
        client.campaigns.get("c1")
        del client
        assert caught == []
        del thing
        gc.collect()
    (warning,) = _ours(caught)
    assert warning.category is ResourceWarning
    assert "unclosed KatavenClient" in str(warning.message)
    assert (warning.filename, warning.lineno) == (__file__, line)
    # Its connections are closed, so that nothing else warns.
    assert len(caught) == 1


def test_a_dropped_async_client_warns_at_the_line_that_made_it(hub: LoopbackHub) -> None:
    async def run() -> int:
        client, line = AsyncKatavenClient(KEY, base_url=hub.url), _line()
        await client.campaigns.get("c1")
        return line

    with _caught() as caught:
        warnings.simplefilter("always")
        line = asyncio.run(run())
        gc.collect()
    (warning,) = _ours(caught)
    assert "unclosed AsyncKatavenClient" in str(warning.message)
    assert (warning.filename, warning.lineno) == (__file__, line)


def test_a_client_that_was_closed_or_never_used_does_not_warn(hub: LoopbackHub) -> None:
    async def run() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            await client.campaigns.get("c1")
            await client.with_options(max_retries=0).campaigns.get("c1")

    with _caught() as caught:
        warnings.simplefilter("always")
        with KatavenClient(KEY, base_url=hub.url) as client:
            client.campaigns.get("c1")
            client.with_options(max_retries=0).campaigns.get("c1")
        del client
        KatavenClient(KEY, base_url=hub.url)
        hub.always = response(200, {}, [("Connection", "close")])
        # A write closes its own connection.
        KatavenClient(KEY, base_url=hub.url).campaigns.start("c1")
        asyncio.run(run())
        gc.collect()
    assert [str(one.message) for one in caught] == []


def test_the_wrong_statement_says_which_one_to_write(hub: LoopbackHub) -> None:
    client, asynchronous = KatavenClient(KEY, base_url=hub.url), AsyncKatavenClient(KEY)
    blocking_items = client.campaigns.stream_events("c1")
    async_items: Any = asynchronous.campaigns.stream_events("c1")

    async def async_with(thing: Any) -> None:
        async with thing:
            pass

    async def async_for(thing: Any) -> None:
        async for _ in thing:
            pass

    def blocking_with(thing: Any) -> None:
        with thing:
            pass

    cases: list[tuple[Any, Any, str, str, str]] = [
        (blocking_with, asynchronous, "async with", "with", "AsyncKatavenClient"),
        (blocking_with, async_items, "async with", "with", ""),
        (list, async_items, "async for", "for", ""),
        (iter, async_items, "async for", "for", ""),
        (next, async_items, "await anext(...)", "next(...)", ""),
        (async_with, client, "with", "async with", "KatavenClient"),
        (async_with, blocking_items, "with", "async with", ""),
        (async_for, blocking_items, "for", "async for", ""),
    ]
    for use, thing, right, wrong, name in cases:
        words = re.escape(f"write '{right}' and not '{wrong}' for a {name}")
        with pytest.raises(TypeError, match=words):
            outcome = use(thing)
            if inspect.iscoroutine(outcome):
                asyncio.run(outcome)
    blocking_items.close()
    client.close()
    assert hub.connections == 0
