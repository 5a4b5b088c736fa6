"""The sample service: nobody is called twice, whatever is clicked, lost or restarted."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from examples.service.__main__ import Server
from examples.service.app import MAX_UPLOAD, create_app, status_of
from examples.service.store import Store
from kataven import AsyncKatavenClient, KatavenClient, errors
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
LIST = b"phone_number,first_name\n+12015550100,Ada\n+12015550101,Grace\n"
FORM = {"name": "Spring", "agent_id": "agent_1", "phone_number_id": "number_1", "region": "US"}


class Served(Server):
    """The service on a free port, in a thread."""

    def __init__(self, app):
        super().__init__(app, port=0)
        self.ready = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def running(app) -> Iterator[httpx.Client]:
    server = Served(app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.ready.wait(PATIENCE)
        with httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False) as browser:
            yield browser
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the service does not end"


@pytest.fixture
def new_app(kataven_hub: Sandbox, tmp_path: Path):
    """Make the service, with a client that waits on the Hub's clock, as a new process would."""

    def make(**options):
        client = AsyncKatavenClient(
            kataven_hub.api_key, base_url=kataven_hub.url, clock=kataven_hub.async_client_clock
        )
        return create_app(tmp_path / "data", client=client, **options)

    return make


@pytest.fixture
def browser(new_app) -> Iterator[httpx.Client]:
    with running(new_app()) as client:
        yield client


def upload(browser, data=LIST, **form):
    return browser.post("/lists", data={**FORM, **form}, files={"file": ("list.csv", data)})


def uploaded(browser, **form) -> str:
    return f"/lists/{upload(browser, **form).json()['id']}"


def start(browser, path, people=2):
    return browser.post(f"{path}/start", json={"people": people})


def actions(hub):
    return [entry.action for entry in hub.journal if entry.number is None]


def test_upload_cleans_and_sends_nothing(kataven_hub, new_app, tmp_path):
    excluded = tmp_path / "do-not-call.csv"
    excluded.write_text("phone\n+1 201 555 0101\n")
    data = b"Mobile;first_name\n(201) 555-0100;Ada\n+12015550101;Grace\n+12015550100;Ada\n"
    with running(new_app(do_not_call=excluded)) as browser:
        response = upload(browser, data)

    assert response.status_code == 201
    assert response.json()["people"] == 1
    assert response.json()["counts"] == {"excluded": 1, "duplicate": 1}
    assert [row["row"] for row in response.json()["dropped"]] == [3, 4]
    assert kataven_hub.requests == []


@pytest.mark.parametrize(
    ("data", "row", "kind"),
    [
        (b"phone_number\n+12015550100\nnone\n", 3, "bad_number"),
        (b"phone_number\n", None, "no_rows"),
        (b"name\nAda\n", 1, "missing_header"),
    ],
)
def test_problems_of_a_list_are_json(browser, kataven_hub, data, row, kind):
    response = upload(browser, data)

    assert response.status_code == 422
    (problem,) = response.json()["problems"]
    assert (problem["row"], problem["kind"]) == (row, kind)
    assert problem["message"]
    assert browser.get("/lists").json() == []
    assert kataven_hub.requests == []


def test_another_list_needs_another_name(browser, kataven_hub):
    uploaded(browser)
    response = upload(browser, LIST + b"+12015550102,Mary\n")

    assert (response.status_code, response.json()["error"]) == (409, "NameTakenError")
    assert len(browser.get("/lists").json()) == 1


def test_the_number_of_people_must_be_confirmed(browser, kataven_hub):
    path = uploaded(browser)

    assert start(browser, path, people=3).status_code == 409
    assert browser.post(f"{path}/start").status_code == 422
    assert kataven_hub.requests == []


@pytest.mark.slow
def test_many_clicks_create_and_start_one_campaign(browser, kataven_hub):
    kataven_hub.outcomes["+1*"] = "answered"
    with ThreadPoolExecutor(8) as clicks:
        paths = set(clicks.map(lambda _: uploaded(browser), range(8)))
        (path,) = paths
        started = list(clicks.map(lambda _: start(browser, path), range(8)))

    assert [response.status_code for response in started] == [200] * 8
    assert {response.json()["campaign_id"] for response in started} == {
        started[0].json()["campaign_id"]
    }
    kataven_hub.run_to_end(started[0].json()["campaign_id"])
    assert start(browser, path).json()["status"] == "completed"
    assert actions(kataven_hub)[:2] == ["create", "start"]
    assert actions(kataven_hub).count("create") == actions(kataven_hub).count("start") == 1
    kataven_hub.assert_called_once_each()


def test_a_click_on_start_does_not_resume_a_paused_campaign(browser, kataven_hub):
    path = uploaded(browser)
    start(browser, path)

    assert browser.post(f"{path}/pause").json()["status"] == "paused"
    assert start(browser, path).json()["status"] == "paused"
    assert browser.post(f"{path}/pause").json()["status"] == "paused"
    assert browser.post(f"{path}/resume").json()["status"] == "running"
    assert browser.post(f"{path}/resume").json()["status"] == "running"
    assert browser.post(f"{path}/stop").json()["status"] == "completed"
    assert browser.post(f"{path}/stop").json()["status"] == "completed"
    refused = browser.post(f"{path}/resume")
    assert (refused.status_code, refused.json()["error"]) == (409, "ConflictError")
    assert actions(kataven_hub).count("start") == 1


def test_a_lost_response_to_create_is_found(browser, kataven_hub):
    kataven_hub.faults.add("POST /campaigns", reset="after")
    path = uploaded(browser)

    assert start(browser, path).json()["status"] == "running"
    assert actions(kataven_hub)[:2] == ["create", "start"]


def test_a_campaign_that_is_not_found_yet_is_found_by_the_next_click(browser, kataven_hub):
    kataven_hub.faults.add("POST /campaigns", reset="after")
    # The list before the create arrives; then the Hub is down for as long as the client looks.
    kataven_hub.faults.add("GET /campaigns", status=503, after=1, times=None)
    path = uploaded(browser)

    assert start(browser, path).status_code == 502
    kataven_hub.faults.clear()
    assert start(browser, path).json()["status"] == "running"
    assert actions(kataven_hub)[:2] == ["create", "start"]


def test_a_crash_in_the_middle_of_create_does_not_create_a_second_campaign(
    kataven_hub, new_app, tmp_path
):
    with running(new_app()) as browser:
        path = uploaded(browser)
    # What a process leaves that was killed after it had sent the create, or just before.
    store = Store(tmp_path / "data")
    (saved,) = store.all()
    store.set_creating(saved.id, creating=True)
    store.close()

    with running(new_app()) as browser:
        refused = start(browser, path)
        assert (refused.status_code, refused.json()["error"]) == (409, "RefusedError")
        assert saved.campaign_name in refused.json()["message"]
        assert actions(kataven_hub) == []
        with KatavenClient(kataven_hub.api_key, base_url=kataven_hub.url) as client:
            client.campaigns.create(saved.campaign_name, "agent_1", "number_1", LIST)
        assert start(browser, path).json()["status"] == "running"
    assert actions(kataven_hub) == ["create", "start"]


def test_a_refused_create_can_be_repeated(browser, kataven_hub):
    kataven_hub.faults.add("POST /campaigns", status=400, body="no such agent")
    path = uploaded(browser)

    refused = start(browser, path)
    assert (refused.status_code, refused.json()["error"]) == (422, "BadRequestError")
    assert "no such agent" in refused.json()["message"]
    assert start(browser, path).json()["status"] == "running"
    assert actions(kataven_hub)[:2] == ["create", "start"]


def test_a_lost_response_to_start_is_found_by_the_next_click(browser, kataven_hub):
    kataven_hub.faults.add("POST /campaigns/*/start", reset="after")
    path = uploaded(browser)

    assert start(browser, path).status_code == 502
    assert start(browser, path).json()["status"] == "running"
    assert actions(kataven_hub).count("start") == 1


@pytest.mark.slow
def test_many_campaigns_are_followed_to_their_end(browser, kataven_hub):
    paths = [uploaded(browser, name=f"Spring {n}") for n in range(12)]
    campaigns = [start(browser, path).json()["campaign_id"] for path in paths]

    def watched(path):
        with browser.stream("GET", f"{path}/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in response.iter_lines() if line.startswith("data: ")]
        return [json.loads(line[6:]) for line in lines]

    with ThreadPoolExecutor(len(paths)) as browsers:
        shown = [browsers.submit(watched, path) for path in paths]
        for campaign in campaigns:
            kataven_hub.run_to_end(campaign)
        for each in shown:
            last = each.result(60)[-1]
            assert (last["status"], last["terminal"], last["fraction_done"]) == (
                "completed",
                True,
                1.0,
            )
    assert {saved["progress"]["status"] for saved in browser.get("/lists").json()} == {"completed"}
    assert browser.get(paths[0]).json()["progress"]["terminal"] is True


def test_campaigns_go_on_when_the_service_ends_and_are_followed_by_the_next(kataven_hub, new_app):
    with ThreadPoolExecutor(1) as page, running(new_app()) as browser:
        path = uploaded(browser)
        campaign = start(browser, path).json()["campaign_id"]
        first = threading.Event()

        def watch():
            url = browser.base_url.join(f"{path}/events")
            with httpx.stream("GET", url, timeout=PATIENCE, trust_env=False) as response:
                for _ in response.iter_lines():
                    first.set()

        watching = page.submit(watch)
        assert first.wait(PATIENCE)
        # The browser still reads: `running` ends the service, and with it the stream.
    watching.result(PATIENCE)

    assert actions(kataven_hub) == ["create", "start"]
    with running(new_app()) as browser:
        kataven_hub.run_to_end(campaign)
        with browser.stream("GET", f"{path}/events") as response:
            last = [line for line in response.iter_lines() if line][-1]
    assert json.loads(last.removeprefix("data: "))["status"] == "completed"
    assert actions(kataven_hub) == ["create", "start", "complete"]


@pytest.mark.slow
def test_one_process_at_a_time(tmp_path):
    Store(tmp_path).close()
    # The second time, opening it changes nothing.
    first = Store(tmp_path)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


@pytest.mark.slow
def test_the_process_takes_its_key_from_the_environment_and_ends_on_sigterm(
    kataven_hub, kataven_env, tmp_path
):
    kataven_hub.outcomes["+1*"] = "answered"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "examples.service"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
            "PORT": str(port),
            "SERVICE_FOLDER": str(tmp_path / "data"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr:
            if "Uvicorn running" in line:
                break
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE
        ) as browser:
            assert "<title>Campaigns</title>" in browser.get("/").text
            path = uploaded(browser)
            campaign = start(browser, path).json()["campaign_id"]
            with browser.stream("GET", f"{path}/events") as response:
                lines = response.iter_lines()
                assert next(lines).startswith("data: ")
                process.send_signal(signal.SIGTERM)
                assert "data: never" not in lines
        log = process.stderr.read()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
        assert "Traceback" not in log
        assert kataven_hub.api_key not in log
    finally:
        process.kill()
        process.communicate()
    assert kataven_hub.run_to_end(campaign)["status"] == "completed"
    kataven_hub.assert_called_once_each()


def test_an_upload_that_is_too_large_is_refused(browser):
    assert upload(browser, b"0" * (MAX_UPLOAD + 1)).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [("/lists/none", 404), ("/lists/none/events", 404), ("/lists/none/delete", 405)],
)
def test_what_does_not_exist(browser, path, status):
    assert browser.get(path).status_code == status


def test_the_numbers_are_forgotten_when_the_hub_has_them(browser, tmp_path):
    path = uploaded(browser)
    file = tmp_path / "data" / "service.db"
    assert b"+12015550100" in file.read_bytes()

    start(browser, path)
    assert b"+12015550100" not in file.read_bytes()
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_list_without_a_campaign_has_no_events(browser):
    path = uploaded(browser)

    assert browser.get(f"{path}/events").status_code == 409
    assert browser.post(f"{path}/stop").status_code == 409
    assert browser.post(f"{path}/delete").status_code == 422


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ({"status": 401}, 500, "AuthenticationError"),
        ({"status": 403}, 500, "PermissionDeniedError"),
        ({"status": 404}, 404, "NotFoundError"),
        ({"status": 429, "retry_after": 7, "body": "Call rate limit"}, 429, "RateLimitError"),
        ({"status": 500}, 502, "ServerError"),
        ({"reset": "before"}, 502, "APIConnectionError"),
    ],
)
@pytest.mark.slow
def test_errors_of_the_hub_are_mapped(browser, kataven_hub, fault, status, error):
    kataven_hub.faults.add("POST /campaigns/*/start", times=None, **fault)
    response = start(browser, uploaded(browser))

    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert ("its log says more" in response.json()["message"]) == (status == 500)


def test_every_error_of_the_sdk_has_a_status():
    made = {
        name: cls.__new__(cls, "")
        for name in errors.__all__
        if issubclass(cls := getattr(errors, name), errors.KatavenError)
    }

    statuses = {name: status_of(error) for name, error in made.items()}

    assert statuses["ContactsError"] == statuses["BadRequestError"] == 422
    assert statuses["APITimeoutError"] == 504
    assert statuses["ResponseFormatError"] == statuses["APIStatusError"] == 502
    assert statuses["ConfigurationError"] == statuses["KatavenError"] == 500
