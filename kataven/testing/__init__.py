"""The pytest plugin: an embedded Hub for each test, clients of it, and what went wrong.

Knows pytest's hooks and how a test is set up and ends. It imports the embedded Hub and the clients
only in the fixtures that need them, so a test run without these fixtures pays nothing. pytest loads
it by itself when kataven is installed; docs/howto/testing.md describes it.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from kataven.testing.marker import FIXTURES, MARKER, checked_names, options_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Iterator

    from kataven import AsyncKatavenClient, KatavenClient
    from kataven.sandbox import Sandbox

__all__ = [
    "async_kataven_client",
    "kataven_client",
    "kataven_contacts",
    "kataven_env",
    "kataven_hub",
]

_HUB: Final[pytest.StashKey[Sandbox]] = pytest.StashKey()
# Whether the test itself has passed.
_PASSED: Final[pytest.StashKey[bool]] = pytest.StashKey()
# The event loop in which the test used the async client.
_LOOP: Final[pytest.StashKey[asyncio.AbstractEventLoop]] = pytest.StashKey()


@pytest.fixture
def kataven_hub(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A running embedded Hub of the test's own: a ``kataven.sandbox.Sandbox``.

    Its clock is manual, and it has no request limits. ``@pytest.mark.kataven(...)`` sets its
    ``seed``, ``time_scale``, ``limits``, ``call_limits``, ``outcomes`` and ``faults``. At the end,
    a fault that no request got fails the test, unless it has ``allow_unused=True``.
    """
    from kataven.testing.hub import new_hub, unused_faults  # noqa: PLC0415 - loads the Hub

    node = request.node
    try:
        hub = new_hub(options_of(node))
    except (TypeError, ValueError) as error:
        pytest.fail(f"@pytest.mark.{MARKER}: {error}", pytrace=False)
    node.stash[_HUB] = hub
    try:
        yield hub
        problem = unused_faults(hub)
    finally:
        hub.close()
    if problem is not None and node.stash.get(_PASSED, False):
        pytest.fail(problem, pytrace=False)


@pytest.fixture
def kataven_client(kataven_hub: Sandbox) -> Iterator[KatavenClient]:
    """A ``KatavenClient`` of the Hub of the test, which waits on the Hub's clock."""
    from kataven import KatavenClient  # noqa: PLC0415 - loads httpcore

    with KatavenClient(
        kataven_hub.api_key, base_url=kataven_hub.url, clock=kataven_hub.client_clock
    ) as client:
        yield client


@pytest.fixture
def async_kataven_client(
    kataven_hub: Sandbox, request: pytest.FixtureRequest
) -> Iterator[AsyncKatavenClient]:
    """An ``AsyncKatavenClient`` of the Hub of the test, which waits on the Hub's clock.

    It works with every plugin that runs async tests with asyncio. It is closed when an async test
    ends. A test that is not async, and calls ``asyncio.run``, closes it there with ``async with``.
    """
    from kataven import AsyncKatavenClient  # noqa: PLC0415 - loads httpcore and asyncio

    client = AsyncKatavenClient(
        kataven_hub.api_key, base_url=kataven_hub.url, clock=kataven_hub.async_client_clock
    )
    yield client
    # What async fixtures of the test sent after it.
    loop = request.node.stash.get(_LOOP, None)
    if loop is not None and not loop.is_closed() and not loop.is_running():
        loop.run_until_complete(client.aclose())


@pytest.fixture
def kataven_contacts() -> Callable[[int], list[dict[str, str]]]:
    """A function that returns some contacts: ``kataven_contacts(3)``.

    Each is a dict with ``phone_number`` and ``first_name``, as ``campaigns.create`` takes it. The
    numbers are valid, all different, and reserved for fiction. There are 10,000 of them.
    """
    from kataven.testing.contacts import contacts  # noqa: PLC0415

    return contacts


@pytest.fixture
def kataven_env(kataven_hub: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment points to the Hub of the test, for an application that makes its own client.

    ``KATAVEN_API_KEY`` and ``KATAVEN_BASE_URL`` are set, ``KATAVEN_ACCOUNT_ID`` and
    ``KATAVEN_PROFILE`` are not. The value is a dict of the two that are set. A client that the
    application makes waits in real time, unless it is given ``clock=kataven_hub.client_clock``.
    """
    variables = {"KATAVEN_API_KEY": kataven_hub.api_key, "KATAVEN_BASE_URL": kataven_hub.url}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in ("KATAVEN_ACCOUNT_ID", "KATAVEN_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return variables


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker, for ``--markers`` and ``--strict-markers``."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(seed=, time_scale=, limits=, call_limits=, outcomes=, faults=): settings of the "
        "embedded Hub of the fixture kataven_hub",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that is misspelt or has no effect."""
    for node, marker in item.iter_markers_with_node(MARKER):
        problem = checked_names(marker)
        if problem is None and node is item and not _uses_hub(item):
            problem = f"it has no effect, because the test uses none of {', '.join(FIXTURES)}"
        if problem is not None:
            pytest.fail(f"@pytest.mark.{MARKER}: {problem}", pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Close the async client in the event loop of the test, before the test ends."""
    if not isinstance(item, pytest.Function) or "async_kataven_client" not in item.funcargs:
        return (yield)
    test = item.obj
    if not inspect.iscoroutinefunction(test):
        return (yield)
    client = cast("AsyncKatavenClient", item.funcargs["async_kataven_client"])

    @functools.wraps(test)
    async def closing(*args: Any, **kwargs: Any) -> Any:
        import asyncio  # noqa: PLC0415 - loaded by async tests only

        item.stash[_LOOP] = asyncio.get_running_loop()
        try:
            return await test(*args, **kwargs)
        finally:
            await client.aclose()

    item.obj = closing
    try:
        return (yield)
    finally:
        item.obj = test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journal and the requests of the Hub to the report of a test that failed."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    hub = item.stash.get(_HUB, None)
    if hub is not None and report.failed:
        from kataven.testing.report import sections  # noqa: PLC0415

        report.sections.extend(sections(hub))
    return report


def _uses_hub(item: pytest.Item) -> bool:
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
