"""Starting and stopping a Hub, its clock, its imports and its command."""

import asyncio
import errno
import json
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE


def test_the_url_is_loopback_without_a_path(hub):
    assert hub.url.startswith("http://127.0.0.1:")
    assert hub.url.rsplit(":", 1)[1].isdigit()


def test_the_first_key_belongs_to_the_account_sandbox(hub):
    assert hub.api_key.startswith("sk_live_sandbox_")


@pytest.mark.parametrize(
    ("clock", "label"), [(60, "60"), (0.5, "0.5"), (1, "1"), (Clock.manual(), "manual")]
)
def test_each_response_names_its_clock(clock, label):
    with Sandbox(time_scale=clock) as hub:
        for path in ("/api/v1/campaigns", "/nowhere", "/api/v1/campaigns/x"):
            response = httpx.get(hub.url + path, trust_env=False, timeout=PATIENCE)
            assert response.headers["X-Sandbox-Time-Scale"] == label


def test_the_response_to_a_malformed_head_names_the_clock(hub, raw):
    connection = raw(hub)
    connection.send(b"GET /x HTTP/1.1\r\nno colon here\r\n\r\n")
    response = connection.read_all()
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"x-sandbox-time-scale: manual" in response


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_an_invalid_time_scale_is_refused(scale):
    with pytest.raises(ValueError, match="time_scale"):
        Sandbox(time_scale=scale)


@pytest.mark.parametrize(
    "options",
    [
        {"limits": {"per_second": 1}},
        {"limits": {"per_minute": 0}},
        {"limits": {"concurrent": True}},
        {"call_limits": {"concurrent_max": None}},
        {"call_limits": {"calls": 3}},
    ],
)
def test_invalid_limits_are_refused(options):
    with pytest.raises(ValueError, match="limits"):
        Sandbox(**options)


def test_close_closes_the_socket_and_joins_the_thread():
    before = set(threading.enumerate())
    with Sandbox() as hub:
        port = int(hub.url.rsplit(":", 1)[1])
        with httpx.Client(base_url=hub.url, trust_env=False, timeout=PATIENCE) as client:
            client.get("/api/v1/campaigns")
    assert set(threading.enumerate()) == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_stops_while_a_stream_is_open(connect):
    with Sandbox() as hub:
        http = connect(hub)
        with http.client.stream("GET", f"/campaigns/{http.create()}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("data:")
            hub.close()
            with pytest.raises(httpx.HTTPError):
                list(lines)


def test_it_works_as_an_async_context_manager():
    async def use() -> int:
        async with Sandbox() as hub, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            headers = {"Authorization": f"Bearer {hub.api_key}"}
            return (await client.get(f"{hub.url}/v1/campaigns", headers=headers)).status_code

    assert asyncio.run(use()) == 200


def test_a_hub_can_be_restarted_but_not_started_twice():
    hub = Sandbox()
    with hub:
        with pytest.raises(RuntimeError, match="already running"):
            hub.start()
    with hub:
        assert httpx.get(hub.page_url, trust_env=False, timeout=PATIENCE).status_code == 200
    hub.close()
    with pytest.raises(RuntimeError, match="not running"):
        _ = hub.url


def test_a_port_in_use_is_named_and_leaves_no_thread(hub):
    port = int(hub.url.rsplit(":", 1)[1])
    before = set(threading.enumerate())
    with pytest.raises(
        OSError, match=rf"port {port} of 127\.0\.0\.1 is already in use: .*0 for"
    ) as e:
        Sandbox(port=port).start()
    assert e.value.errno == errno.EADDRINUSE
    assert set(threading.enumerate()) == before


def test_of_many_hubs_that_start_on_one_port_at_once_one_runs():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hubs = [Sandbox(port=port) for _ in range(4)]
    errors = []

    def start(hub):
        try:
            hub.start()
        except OSError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=start, args=(hub,)) for hub in hubs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for hub in hubs:
        hub.close()
    assert len(errors) == 3
    assert all(f"port {port} of 127.0.0.1 is already in use" in text for text in errors)


def test_start_returns_the_sandbox_and_may_be_called_in_any_thread():
    hub = Sandbox()
    started = []
    thread = threading.Thread(target=lambda: started.append(hub.start()))
    thread.start()
    thread.join()
    assert started == [hub]
    assert httpx.get(hub.page_url, trust_env=False, timeout=PATIENCE).status_code == 200
    hub.close()


def test_a_sandbox_that_many_threads_start_and_close_runs_once():
    hub = Sandbox()
    before = set(threading.enumerate())
    refused = []

    def start():
        try:
            hub.start()
        except RuntimeError as error:
            refused.append(str(error))

    for target in (start, hub.close):
        threads = [threading.Thread(target=target) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 7
    assert all("already running" in text for text in refused)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("file", [None, "hub.db"])
def test_the_journal_is_readable_when_the_hub_is_closed(connect, tmp_path, file):
    path = None if file is None else tmp_path / file
    with Sandbox(time_scale=Clock.manual(), path=path) as hub:
        http = connect(hub)
        http.start(http.create(5))
        hub.advance(3600)
        journal = hub.journal
        assert len(journal) == 13
    assert hub.journal == journal
    if path is not None:
        # The file is free for another Hub, and may be deleted.
        with Sandbox(path=path) as other:
            assert other.journal == journal
        path.unlink()
        assert hub.journal == journal
    with hub:
        assert hub.journal == []


CLOSED_USES = {
    "url": lambda hub: hub.url,
    "api_key": lambda hub: hub.api_key,
    "outcomes": lambda hub: dict(hub.outcomes),
    "set outcome": lambda hub: hub.outcomes.update({"+15550100001": "busy"}),
    "new_key": lambda hub: hub.new_key("acme"),
    "revoke": lambda hub: hub.revoke("sk_live_a_b"),
    "now": lambda hub: hub.now(),
    "advance": lambda hub: hub.advance(1),
    "advance_async": lambda hub: asyncio.run(hub.advance_async(1)),
    "fail": lambda hub: hub.fail("camp_1"),
}


@pytest.mark.parametrize("use", CLOSED_USES.values(), ids=CLOSED_USES.keys())
def test_everything_else_says_that_the_hub_is_not_running(use):
    hub = Sandbox(time_scale=Clock.manual())
    with pytest.raises(RuntimeError, match="it is not started: start it with"):
        use(hub)
    with hub:
        pass
    with pytest.raises(RuntimeError, match="it is closed: use it inside its `with` block"):
        use(hub)
    assert repr(hub) == "Sandbox(closed, time_scale=manual)"


def test_the_journal_of_a_hub_that_never_ran_is_an_error():
    with pytest.raises(RuntimeError, match="not started"):
        _ = Sandbox().journal


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"time_scale": None}, "time_scale"),
        ({"time_scale": "manual"}, "time_scale"),
        ({"time_scale": "60"}, "time_scale"),
        ({"time_scale": True}, "time_scale"),
        ({"time_scale": 10**400}, "time_scale"),
        ({"time_scale": Clock.manual}, "time_scale"),
        ({"seed": "1"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": None}, "seed"),
        ({"path": 3}, "path"),
        ({"path": ""}, "path"),
        ({"path": ":memory:"}, "path"),
        ({"path": "a\0b"}, "path"),
        ({"path": b"hub.db"}, "path"),
        ({"limits": "none"}, "limits"),
        ({"limits": 60}, "limits"),
        ({"call_limits": 60}, "call_limits"),
        ({"call_limits": []}, "call_limits"),
        ({"port": "8080"}, "port"),
        ({"port": True}, "port"),
        ({"port": -1}, "port"),
        ({"port": 65_536}, "port"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"request_timeout": -1}, "request_timeout"),
        ({"request_timeout": "60"}, "request_timeout"),
        ({"request_timeout": float("inf")}, "request_timeout"),
    ],
)
def test_an_invalid_argument_is_named_when_the_sandbox_is_made(options, word):
    with pytest.raises(ValueError, match=rf"^{word} must "):
        Sandbox(**options)


@pytest.mark.slow
def test_advance_async_does_not_block_the_event_loop(connect):
    with Sandbox(time_scale=Clock.manual(), limits=None) as hub:
        http = connect(hub)
        http.start(http.create(20_000, max_concurrent_calls=100))
        before = hub.now()

        async def main():
            turns = 0
            task = asyncio.create_task(hub.advance_async(86_400))
            while not task.done():
                await asyncio.sleep(0)
                turns += 1
            return turns, await task

        turns, after = asyncio.run(main())
        # A blocked loop would have one turn.
        assert turns > 10
        assert (after - before).total_seconds() == 86_400
        assert hub.now() == after


@pytest.mark.slow
def test_a_cancelled_advance_async_leaves_a_hub_that_works(connect):
    with Sandbox(time_scale=Clock.manual(), limits=None) as hub:
        http = connect(hub)
        campaign = http.create(20_000, max_concurrent_calls=100)
        http.start(campaign)
        before = hub.now()

        async def main():
            task = asyncio.create_task(hub.advance_async(86_400))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        hub.advance(86_400)
        assert 86_400 <= (hub.now() - before).total_seconds() <= 2 * 86_400
        assert http.status(campaign) == "completed"


@pytest.mark.slow
def test_an_advance_that_is_waiting_when_the_hub_closes_ends_with_a_sentence(connect):
    hub = Sandbox(time_scale=Clock.manual(), limits=None).start()
    http = connect(hub)
    http.start(http.create(50_000, max_concurrent_calls=100))
    errors = []

    def advance():
        try:
            hub.advance(300 * 86_400)
        except RuntimeError as error:
            errors.append(str(error))

    async def advance_async():
        await hub.advance_async(300 * 86_400)

    def advance_in_a_loop():
        try:
            asyncio.run(advance_async())
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=advance) for _ in range(3)]
    threads += [threading.Thread(target=advance_in_a_loop) for _ in range(3)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.05)
    hub.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    # Those that were fast enough have no error.
    assert all("closed" in text for text in errors)


def test_hub_time_begins_at_real_time():
    before = datetime.now(UTC)
    with Sandbox(time_scale=Clock.manual()) as hub:
        first = hub.now()
        assert 0 <= (first - before).total_seconds() < 60
        assert hub.now() == first


def test_a_scaled_clock_runs_at_its_scale():
    with Sandbox(time_scale=10_000) as hub:
        begin = datetime.now(UTC)
        hub_begin = hub.now()
        threading.Event().wait(0.05)
        passed = (hub.now() - hub_begin).total_seconds()
        machine = (datetime.now(UTC) - begin).total_seconds()
    assert 400 <= passed <= machine * 10_000 * 1.01


def test_only_a_manual_clock_can_be_advanced_and_only_forward():
    with Sandbox(time_scale=60) as hub:
        with pytest.raises(RuntimeError, match=r"runs at 60 times real time: use .*manual"):
            hub.advance(1)
        with pytest.raises(RuntimeError, match="manual"):
            asyncio.run(hub.advance_async(1))
    with Sandbox(time_scale=Clock.manual()) as hub:
        for seconds in (-1, "1", None, True, float("nan"), 1e300, timedelta(seconds=1)):
            with pytest.raises(ValueError, match="seconds must be a number from 0 to"):
                hub.advance(seconds)
            with pytest.raises(ValueError, match="seconds must be a number from 0 to"):
                asyncio.run(hub.advance_async(seconds))
        before = hub.now()
        assert (hub.advance(1.5) - before).total_seconds() == 1.5


def test_advances_from_many_threads_add_up(hub, http):
    campaign = http.create(50)
    http.start(campaign)
    before = hub.now()
    threads = [threading.Thread(target=hub.advance, args=(10,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (hub.now() - before).total_seconds() == 80


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_importing_the_package_does_not_import_a_server_or_the_sdk():
    modules = json.loads(
        _python("import sys, json, kataven.sandbox; print(json.dumps(sorted(sys.modules)))")
    )
    for name in ("httpx", "uvicorn", "starlette", "sqlite3", "asyncio", "click", "rich"):
        assert name not in modules
    ours = [name for name in modules if name.split(".")[0] in {"kataven", "kataven_hub"}]
    others = {name for name in ours if not name.startswith("kataven.sandbox")}
    assert others <= {"kataven", "kataven._version"}


def test_a_running_hub_imports_nothing_of_the_sdk():
    modules = json.loads(
        _python(
            "import sys, json\nfrom kataven.sandbox import Sandbox\n"
            "with Sandbox():\n    print(json.dumps(sorted(sys.modules)))"
        )
    )
    assert "httpx" not in modules
    ours = [name for name in modules if name.split(".")[0] in {"kataven", "kataven_hub"}]
    others = {name for name in ours if not name.startswith("kataven.sandbox")}
    assert others <= {"kataven", "kataven._version"}


@pytest.mark.parametrize("missing", ["uvicorn", "python_multipart"])
def test_a_missing_extra_names_the_command_to_install_it(missing):
    text = _python(
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from kataven.sandbox import Sandbox\n"
        "try:\n    Sandbox().start()\nexcept ImportError as error:\n    print(error)"
    )
    assert "pip install 'kataven[sandbox]'" in text
    assert missing in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_runs_a_hub(number):
    command = [
        sys.executable,
        "-m",
        "kataven.sandbox",
        "--time-scale",
        "manual",
        "--limits",
        "none",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        response = httpx.get(
            f"{line['url']}/v1/campaigns",
            headers={"Authorization": f"Bearer {line['api_key']}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        assert (response.status_code, response.json()) == (200, {"campaigns": []})
        assert line["pid"] == process.pid
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_a_process_that_cannot_start_says_why(hub):
    port = hub.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "kataven.sandbox", "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot start the Hub" in done.stderr


def test_the_listening_socket_disables_nagles_algorithm():
    from kataven.sandbox.http.server import listen

    with listen(0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
        assert listening.getsockname()[0] == "127.0.0.1"
