"""The fixtures of the pytest plugin, in real runs of pytest."""

from __future__ import annotations

import re
import subprocess
import sys

import phonenumbers
import pytest

from kataven.sandbox import Clock, Sandbox
from kataven.testing.contacts import contacts
from tests.support.patience import PATIENCE


def test_blocking_fixtures(run):
    result = run(
        """
        import os

        import pytest

        import kataven
        from kataven.sandbox import Sandbox


        def create(client, contacts, **options):
            campaign = client.campaigns.create(
                name="Autumn", agent_id="a", phone_number_id="p", contacts=contacts, **options
            )
            return campaign["id"]


        def test_a_campaign_to_its_end(kataven_hub, kataven_client, kataven_contacts):
            assert isinstance(kataven_hub, Sandbox)
            campaign = create(kataven_client, kataven_contacts(3))
            kataven_client.campaigns.start(campaign)
            assert kataven_hub.run_to_end(campaign)["status"] == "completed"
            assert kataven_client.campaigns.wait(campaign)["status"] == "completed"
            kataven_hub.assert_called_once_each()


        def test_each_test_has_a_hub_of_its_own(kataven_hub, kataven_client):
            assert kataven_client.campaigns.list()["campaigns"] == []
            assert kataven_hub.journal == []


        def test_the_clock_stands_still(kataven_hub):
            before = kataven_hub.now()
            assert kataven_hub.advance(60).timestamp() == before.timestamp() + 60


        def test_there_is_no_request_limit(kataven_client):
            for _ in range(70):
                kataven_client.campaigns.list()


        @pytest.mark.kataven(time_scale=1)
        def test_there_is_none_on_a_clock_that_runs(kataven_hub, kataven_client):
            for _ in range(70):
                kataven_client.campaigns.list()
            assert {request.status for request in kataven_hub.requests} == {200}


        def test_retry_after_moves_the_clock(kataven_hub, kataven_client):
            kataven_hub.faults.add("GET /campaigns", status=503, retry_after=120, times=2)
            before = kataven_hub.now()
            kataven_client.campaigns.list()
            assert (kataven_hub.now() - before).total_seconds() == 252


        @pytest.mark.kataven(limits={"per_minute": 2})
        def test_a_request_limit_moves_the_clock(kataven_hub, kataven_client):
            before = kataven_hub.now()
            for _ in range(5):
                kataven_client.campaigns.list()
            assert (kataven_hub.now() - before).total_seconds() == 126
            statuses = [request.status for request in kataven_hub.requests]
            assert statuses == [200, 200, 429, 200, 200, 429, 200]


        @pytest.mark.kataven(time_scale=20_000)
        def test_an_application_that_waits_for_the_end(kataven_env, kataven_contacts):
            assert os.environ["KATAVEN_BASE_URL"] == kataven_env["KATAVEN_BASE_URL"]
            with kataven.KatavenClient() as client:
                campaign = create(client, kataven_contacts(3))
                client.campaigns.start(campaign)
                assert client.campaigns.wait(campaign, timeout=60)["status"] == "completed"


        def test_the_environment_is_restored():
            assert "KATAVEN_BASE_URL" not in os.environ
            assert "KATAVEN_PROFILE" not in os.environ
        """
    )

    result.assert_outcomes(passed=9)


ASYNC = """
    import asyncio
    import gc

    import pytest

    import kataven

    MARK


    @pytest.mark.parametrize("contacts", [1, 3])
    async def test_a_follower_sees_the_end(
        kataven_hub, async_kataven_client, kataven_contacts, contacts
    ):
        client = async_kataven_client
        campaign = await client.campaigns.create(
            name="Autumn", agent_id="a", phone_number_id="p", contacts=kataven_contacts(contacts)
        )
        await client.campaigns.start(campaign["id"])
        seen = []
        opened = asyncio.Event()

        async def follow():
            async for progress in client.campaigns.watch(campaign["id"]):
                seen.append(progress.status)
                opened.set()

        follower = asyncio.create_task(follow())
        await opened.wait()
        ended = await kataven_hub.run_to_end_async(campaign["id"])
        await follower
        assert (ended["status"], seen) == ("completed", ["running", "completed"])


    async def test_clients_that_wait_at_once_do_not_add_up(kataven_hub, async_kataven_client):
        kataven_hub.faults.add("GET /campaigns", status=503, retry_after=120, times=4)
        before = kataven_hub.now()
        await asyncio.gather(*(async_kataven_client.campaigns.list() for _ in range(4)))
        assert (kataven_hub.now() - before).total_seconds() == 126


    async def test_a_failure_closes_the_client_too(async_kataven_client):
        await async_kataven_client.campaigns.list()
        raise RuntimeError("on purpose")


    def test_no_connection_was_left_open():
        # A ResourceWarning of one is an error here.
        gc.collect()


    def test_with_a_loop_of_its_own(async_kataven_client):
        async def main():
            async with async_kataven_client as client:
                return await client.campaigns.list()

        assert asyncio.run(main())["campaigns"] == []


    class TestClass:
        async def test_a_method(self, async_kataven_client):
            assert isinstance(async_kataven_client, kataven.AsyncKatavenClient)
            await async_kataven_client.campaigns.list()
"""
ANYIO = """pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend():
        return "asyncio"
"""


@pytest.mark.parametrize(
    ("mark", "options", "plugin"),
    [
        ("", ["-o", "asyncio_mode=auto"], "asyncio"),
        ("@pytest.mark.asyncio", [], "asyncio"),
        (ANYIO, [], "anyio"),
    ],
    ids=["pytest-asyncio auto", "pytest-asyncio strict", "anyio"],
)
@pytest.mark.slow
def test_async_fixtures(run, mark, options, plugin):
    if plugin == "anyio":
        module = ASYNC.replace("MARK", mark)
    else:
        module = re.sub(r"( *)async def test_", rf"\1{mark}\n\1async def test_", ASYNC)
        module = module.replace("MARK", "")

    result = run(module, *options, plugins=[plugin])

    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: on purpose*"])


@pytest.mark.slow
def test_works_without_any_plugin_for_async_tests(run):
    result = run(
        """
        import asyncio


        def test_one(async_kataven_client):
            async def main():
                async with async_kataven_client as client:
                    return await client.campaigns.list()

            assert asyncio.run(main())["campaigns"] == []
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_workers_of_xdist(run):
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_one(kataven_hub, kataven_client, number):
            kataven_hub.faults.add("GET /campaigns", status=503, retry_after=60)
            kataven_client.campaigns.list()
            assert number != 5
        """,
        "-n2",
        plugins=["xdist"],
    )

    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(["*kataven Hub: requests*", "* GET /campaigns -> 503 (sandbox)"])


@pytest.mark.slow
def test_a_run_without_the_fixtures_imports_neither_the_hub_nor_a_client(run):
    result = run(
        """
        import sys

        def test_nothing_is_loaded():
            heavy = {"httpx", "httpcore", "uvicorn", "kataven.sandbox", "kataven.client", "sqlite3"}
            assert "kataven.testing" in sys.modules
            assert heavy.isdisjoint(sys.modules)
        """,
    )

    result.assert_outcomes(passed=1)


def test_importing_the_plugin_loads_little_besides_pytest():
    code = (
        "import sys, pytest; before = set(sys.modules); import kataven.testing; "
        "print(*sorted(set(sys.modules) - before))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(shown.stdout.split())
    assert {name for name in loaded if name.startswith("kataven")} == {
        "kataven", "kataven.testing", "kataven.testing.marker", "kataven._version",
    }  # fmt: skip
    assert "asyncio" not in loaded


def test_contacts_are_different_valid_and_reserved():
    everyone = contacts(10_000)

    numbers = [contact["phone_number"] for contact in everyone]
    assert len(set(numbers)) == 10_000
    assert all(re.fullmatch(r"\+1[2-9][0-9]{2}55501[0-9]{2}", number) for number in numbers)
    first_of_each = [phonenumbers.parse(number) for number in numbers[::100]]
    assert all(phonenumbers.is_valid_number(number) for number in first_of_each)
    assert contacts(2) == everyone[:2]
    assert contacts(0) == []


@pytest.mark.parametrize("count", [-1, 10_001, 2.0, True, "3"])
def test_a_number_of_contacts_that_there_cannot_be_is_refused(count):
    with pytest.raises(ValueError, match=r"from 0 to 10,000, not "):
        contacts(count)


def test_a_client_with_the_real_clock_gets_no_retry_after_that_it_would_wait_for():
    with Sandbox(time_scale=Clock.manual(), limits={"per_minute": 1}) as hub:
        import httpx

        with httpx.Client(
            headers={"Authorization": f"Bearer {hub.api_key}"}, timeout=PATIENCE
        ) as http:
            get = lambda: http.get(f"{hub.url}/v1/campaigns")  # noqa: E731
            assert get().status_code == 200
            assert "retry-after" not in get().headers
            assert hub.client_clock.jitter() == 0.5
            assert get().headers["retry-after"] == "60"
