"""Starting and stopping a Hub, its clock, its imports and its command."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox


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
            response = httpx.get(hub.url + path, trust_env=False)
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
        with httpx.Client(base_url=hub.url, trust_env=False) as client:
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
        async with Sandbox() as hub, httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {hub.api_key}"}
            return (await client.get(f"{hub.url}/v1/campaigns", headers=headers)).status_code

    assert asyncio.run(use()) == 200


def test_a_hub_can_be_restarted_but_not_started_twice():
    hub = Sandbox()
    with hub:
        with pytest.raises(RuntimeError, match="already running"):
            hub.start()
    with hub:
        assert httpx.get(hub.url, trust_env=False).status_code == 404
    hub.close()
    with pytest.raises(RuntimeError, match="not running"):
        _ = hub.url


def test_a_port_in_use_is_an_error_and_leaves_no_thread(hub):
    port = int(hub.url.rsplit(":", 1)[1])
    before = set(threading.enumerate())
    with pytest.raises(OSError, match=r"in use"):
        Sandbox(port=port).start()
    assert set(threading.enumerate()) == before


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
    with Sandbox() as hub, pytest.raises(RuntimeError, match="manual"):
        hub.advance(1)
    with Sandbox(time_scale=Clock.manual()) as hub:
        with pytest.raises(ValueError, match="seconds"):
            hub.advance(-1)
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
        )
        assert (response.status_code, response.json()) == (200, {"campaigns": []})
        assert line["pid"] == process.pid
        process.send_signal(number)
        assert process.wait(10) == 0


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
