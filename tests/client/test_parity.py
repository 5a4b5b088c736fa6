"""The async client mirrors the blocking one: same names, parameters, defaults and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import kataven
from kataven import AsyncCampaignsClient, AsyncKatavenClient, CampaignsClient, KatavenClient
from tests.support.tables import table

PAIRS = [(KatavenClient, AsyncKatavenClient), (CampaignsClient, AsyncCampaignsClient)]
# The async client's own words for the same thing.
RENAMED = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__"}

CONTRACT = {
    "list": "(self)",
    "get": "(self, campaign_id)",
    "create": "(self, name, agent_id, phone_number_id, contacts, max_concurrent_calls=5, "
    "retries_per_contact=0, retry_delay_seconds=300, scheduled_at=None)",
    "start": "(self, campaign_id)",
    "pause": "(self, campaign_id)",
    "resume": "(self, campaign_id)",
    "stop": "(self, campaign_id)",
    "delete": "(self, campaign_id)",
    "list_contacts": "(self, campaign_id, status=None, page=0)",
    "stream_events": "(self, campaign_id)",
}


def _public(cls: type[Any]) -> dict[str, Any]:
    names = [name for name in dir(cls) if not name.startswith("_")]
    dunders = [
        name for name in ("__enter__", "__exit__", "__aenter__", "__aexit__") if hasattr(cls, name)
    ]
    found = {name: inspect.getattr_static(cls, name) for name in [*names, *dunders]}
    # Not those that only say which statement to write.
    return {
        name: thing
        for name, thing in found.items()
        if getattr(thing, "__annotations__", {}).get("return") != "NoReturn"
    }


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


def _plain(doc: str | None) -> str:
    """A docstring without what differs only because calls are awaited."""
    text = inspect.cleandoc(doc or "")
    for awaited, blocking in [
        ("async with", "with"),
        ("async for", "for"),
        ("await ", ""),
        ("aclose", "close"),
        ("asyncio(", "sync("),
        ("httpx.AsyncClient", "httpx.Client"),
        ("An ``httpx", "An ``httpx"),
        ("AsyncKatavenClient", "KatavenClient"),
        ("AsyncCampaignsClient", "CampaignsClient"),
        ("async iterator", "iterator"),
        ("asynchronous iterator", "iterator"),
        (", async or not,", ""),
    ]:
        text = text.replace(awaited, blocking)
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_have_the_same_public_names(blocking: type[Any], awaited: type[Any]) -> None:
    expected = {RENAMED.get(name, name) for name in _public(blocking)}
    assert expected == set(_public(awaited))


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_take_the_same_parameters_with_the_same_defaults(
    blocking: type[Any], awaited: type[Any]
) -> None:
    compared = 0
    for name, ours in {**_public(blocking), "__init__": blocking.__init__}.items():
        theirs = inspect.getattr_static(awaited, RENAMED.get(name, name))
        if inspect.isfunction(ours):
            assert _parameters(ours) == _parameters(theirs), name
            compared += 1
        else:
            assert type(ours) is type(theirs), name
    assert compared >= 5


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_are_documented(blocking: type[Any], awaited: type[Any]) -> None:
    # scripts/make_blocking.py writes one docstring from the other.
    for cls in (blocking, awaited):
        for name, member in _public(cls).items():
            assert name.startswith("__") or member.__doc__, name


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_coroutines_of_one_are_plain_methods_of_the_other(
    blocking: type[Any], awaited: type[Any]
) -> None:
    # These return an iterator or a view, or send no request at all.
    plain = {"stream_events", "iter_campaigns", "iter_contacts", "with_options", "watch"}
    seen = 0
    for name, ours in _public(blocking).items():
        theirs = inspect.getattr_static(awaited, RENAMED.get(name, name))
        if not inspect.isfunction(ours):
            continue
        assert not inspect.iscoroutinefunction(ours), name
        assert inspect.iscoroutinefunction(theirs) is (name not in plain), name
        seen += 1
    assert seen >= 5


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_return_the_same_types(blocking: type[Any], awaited: type[Any]) -> None:
    for name, ours in _public(blocking).items():
        theirs = inspect.getattr_static(awaited, RENAMED.get(name, name))
        if inspect.isfunction(ours):
            ours_ = str(inspect.signature(ours).return_annotation)
            theirs_ = str(inspect.signature(theirs).return_annotation)
            assert re.sub(r"\bAsync", "", theirs_) == ours_, name


@table("cls", [CampaignsClient, AsyncCampaignsClient])
@table("name", CONTRACT)
def test_the_documented_methods_have_the_documented_parameters(cls: type[Any], name: str) -> None:
    function = inspect.getattr_static(cls, name)
    parameters = list(inspect.signature(function).parameters.values())
    documented = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    shown = ", ".join(
        p.name if p.default is inspect.Parameter.empty else f"{p.name}={p.default!r}"
        for p in documented
    )
    assert f"({shown})" == CONTRACT[name]
    for extra in parameters[len(documented) :]:
        assert extra.default is not inspect.Parameter.empty, extra.name


def test_the_exported_names_are_all_there() -> None:
    assert len(set(kataven.__all__)) == len(kataven.__all__)
    for name in kataven.__all__:
        assert getattr(kataven, name) is not None
    assert set(kataven.__all__) <= set(dir(kataven))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kataven.nonsense
