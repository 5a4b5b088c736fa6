"""A Hub whose database cannot grow: reads show the stored state, writes are refused, nothing lies.

The disk is full for real: a limit on the size of its files, set from outside while the Hub runs, or
a small tmpfs where the tests may mount one.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.sandbox.conftest import people
from tests.support.patience import PATIENCE

UNLIMITED = resource.RLIM_INFINITY
SENTENCE = "cannot be written ("
ENDED = "could not be written when the Hub stopped ("
BIG = people(20_000)
# A page and its header.
WAL_FRAME = 4096 + 24

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is a call of Linux")


class Process:
    """A Hub in a process of its own, and the limit on the size of its files."""

    def __init__(self, path: Path, *options: str) -> None:
        command = [sys.executable, "-m", "kataven.sandbox", "--path", str(path), *options]
        self.path = path
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = json.loads(self.process.stdout.readline())
        self.http = httpx.Client(
            base_url=line["url"],
            headers={"Authorization": f"Bearer {line['api_key']}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    def fill(self, frames: int = 0) -> None:
        """No file grows any more, but for some frames of the WAL, a page each."""
        grown = max(file.stat().st_size for file in self.path.parent.glob("hub.db*"))
        grown += frames * WAL_FRAME
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (grown, UNLIMITED))

    def free(self) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))

    def create(self, contacts: bytes) -> httpx.Response:
        form = {"name": "Autumn", "agent_id": "a", "phone_number_id": "p"}
        return self.http.post("/v1/campaigns", data=form, files={"contacts": ("c.csv", contacts)})

    def act(self, campaign: str, action: str) -> httpx.Response:
        return self.http.post(f"/v1/campaigns/{campaign}/{action}")

    def advance(self, seconds: float) -> httpx.Response:
        return self.http.post("/_sandbox/advance", json={"seconds": seconds})

    def get(self, path: str) -> Any:
        response = self.http.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def journal(self) -> list[dict[str, Any]]:
        return self.get("/_sandbox/journal")["entries"]

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stderr


@contextmanager
def running(path: Path, *options: str) -> Iterator[Process]:
    hub = Process(path, "--limits", "none", *options)
    try:
        yield hub
    finally:
        hub.http.close()
        hub.process.kill()
        hub.process.communicate()


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[Process]:
    with running(tmp_path / "hub.db", "--time-scale", "manual") as hub:
        yield hub


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 507, response.text
    assert response.headers["Content-Type"].startswith("text/plain")
    assert SENTENCE in response.text
    assert "hub.db" in response.text
    assert "so nothing was changed: " in response.text
    assert "\n" not in response.text


def test_writes_are_refused_reads_go_on_and_the_end_is_one_sentence(manual: Process) -> None:
    campaign = manual.create(people(300)).json()["id"]
    before = manual.get(f"/v1/campaigns/{campaign}/contacts?page=2")
    journal = manual.journal()
    manual.fill()

    assert_refused(manual.create(BIG))
    for _ in range(2):
        assert_refused(manual.act(campaign, "start"))
        assert_refused(manual.act(campaign, "stop"))
        assert_refused(manual.advance(3600))
        assert_refused(manual.http.delete(f"/v1/campaigns/{campaign}"))

    listed = manual.get("/v1/campaigns")["campaigns"]
    assert [(one["id"], one["status"]) for one in listed] == [(campaign, "draft")]
    assert manual.get(f"/v1/campaigns/{campaign}/contacts?page=2") == before
    assert manual.get("/v1/call-limits")["concurrent_max"] == 100
    assert manual.journal() == journal
    code, stderr = manual.stop()
    assert code == 1
    assert len(stderr.splitlines()) == 1
    assert ENDED in stderr
    assert str(manual.path) in stderr


@pytest.mark.slow
def test_writes_work_again_as_soon_as_there_is_room(manual: Process) -> None:
    campaign = manual.create(people(300)).json()["id"]
    assert manual.act(campaign, "start").status_code == 200
    before = manual.get(f"/v1/campaigns/{campaign}/contacts")
    manual.fill()
    assert_refused(manual.advance(100_000))
    assert manual.get(f"/v1/campaigns/{campaign}/contacts") == before

    manual.free()

    assert manual.create(BIG).status_code == 201
    assert manual.advance(100_000).status_code == 200
    assert manual.get(f"/v1/campaigns/{campaign}")["status"] == "completed"
    calls = [entry["number"] for entry in manual.journal() if entry["action"] == "call"]
    assert len(calls) == len(set(calls)) == 300
    assert manual.stop() == (0, "")


@pytest.mark.slow
def test_the_refused_advance_happens_exactly_as_it_would_have(tmp_path: Path) -> None:
    journals, seconds = [], []
    for name, full in (("one", False), ("two", True)):
        folder = tmp_path / name
        folder.mkdir()
        with running(folder / "hub.db", "--time-scale", "manual", "--seed", "3") as hub:
            campaign = hub.create(people(200)).json()["id"]
            hub.act(campaign, "start")
            hub.advance(50)
            if full:
                hub.fill()
                assert_refused(hub.advance(10_000))
                assert_refused(hub.act(campaign, "pause"))
                hub.free()
            hub.advance(10_000)
            entries = hub.journal()
            times = [datetime.fromisoformat(entry["time"]) for entry in entries]
            seconds.append([(time - times[0]).total_seconds() for time in times])
            journals.append([(one["action"], one["number"], one["outcome"]) for one in entries])
    assert journals[0] == journals[1]
    assert seconds[0] == pytest.approx(seconds[1], abs=0.001)


@pytest.mark.slow
def test_a_stream_does_not_see_what_was_refused(manual: Process) -> None:
    campaign = manual.create(people(300)).json()["id"]
    with manual.http.stream("GET", f"/v1/campaigns/{campaign}/events") as stream:
        lines = (line for line in stream.iter_lines() if line)
        assert json.loads(next(lines)[6:])["status"] == "draft"
        # Room for the time, which is stored first, but not for the calls that begin.
        manual.fill(frames=2)
        with httpx.Client(
            base_url=manual.http.base_url,
            headers=manual.http.headers,
            trust_env=False,
            timeout=PATIENCE,
        ) as other:
            assert_refused(other.post(f"/v1/campaigns/{campaign}/start"))
            manual.free()
            assert other.post(f"/v1/campaigns/{campaign}/stop").status_code == 200
        rest = list(lines)
    statuses = [json.loads(line[6:])["status"] for line in rest[:-1]]
    assert (statuses, rest[-1]) == (["completed"], "event: end")


@pytest.mark.slow
def test_a_running_clock_pauses_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "hub.db", "--time-scale", "3000") as hub:
        campaign = hub.create(people(1000)).json()["id"]
        assert hub.act(campaign, "start").status_code == 200
        hub.fill()
        assert_refused(hub.create(BIG))
        assert hub.get(f"/v1/campaigns/{campaign}")["status"] == "running"
        hub.free()
        for _ in range(1000):
            if hub.get(f"/v1/campaigns/{campaign}")["status"] == "completed":
                break
            threading.Event().wait(0.01)
        else:
            pytest.fail("the campaign did not go on")
        numbers = [entry["number"] for entry in hub.journal() if entry["action"] == "call"]
        assert len(numbers) == len(set(numbers))
        assert hub.stop() == (0, "")


def test_a_hub_that_starts_on_a_full_disk_says_so(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "from kataven.sandbox.__main__ import main\n"
        "sys.exit(main(['--path', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "hub.db")],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "hub.db cannot be " in done.stderr


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_in_python_a_full_disk_is_an_os_error_that_changes_nothing(tmp_path: Path, connect) -> None:
    with small_disk(tmp_path):
        path = tmp_path / "hub.db"
        hub = Sandbox(time_scale=Clock.manual(), path=path).start()
        http = connect(hub)
        campaign = http.create(100)
        http.start(campaign)
        filler = tmp_path / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        journal, now = hub.journal, hub.now()
        # Until what SQLite may overwrite is used up.
        with pytest.raises(OSError, match=r"cannot be written \(database or disk is full\)"):
            for n in range(100_000):
                hub.outcomes[f"+1555{n:07d}"] = "busy"
        for write in (
            lambda: hub.outcomes.__setitem__("+15559999999", "busy"),
            lambda: hub.new_key("acme"),
            lambda: hub.fail(campaign),
            lambda: hub.revoke(hub.api_key),
            lambda: hub.advance(3600),
        ):
            with pytest.raises(OSError, match="free space on its disk, and try again"):
                write()
        assert "+15559999999" not in hub.outcomes
        assert (hub.journal, hub.now()) == (journal, now)
        assert http.status(campaign) == "running"
        with pytest.raises(OSError, match="could not be written when the Hub stopped"):
            hub.close()
        assert hub.journal == journal
        filler.unlink()
        with Sandbox(time_scale=Clock.manual(), path=path) as again:
            again.advance(3600)
            calls = [entry for entry in again.journal if entry.action == "call"]
            assert len(calls) == len({entry.number for entry in calls}) == 100


def test_a_hub_does_not_start_in_a_full_file_system(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        with (tmp_path / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        with pytest.raises((OSError, ValueError), match=r"hub\.db cannot be .*free space"):
            Sandbox(path=os.fspath(tmp_path / "hub.db")).start()


@pytest.mark.slow
def test_what_other_processes_script_is_refused_and_changes_nothing(manual: Process) -> None:
    campaign = manual.create(people(300)).json()["id"]
    manual.http.put("/_sandbox/outcomes", json={"+15550000001": "busy"})
    paths = ("journal", "campaigns", "outcomes", "accounts")
    before = [manual.get(f"/_sandbox/{path}") for path in paths]
    manual.fill()

    many = {f"+1555{n:07d}": "failed" for n in range(2_000)}
    assert_refused(manual.http.put("/_sandbox/outcomes", json=many))
    assert_refused(manual.http.post("/_sandbox/reset"))
    assert_refused(manual.http.post("/_sandbox/accounts", json={"account": "acme"}))
    key = manual.http.headers["Authorization"].removeprefix("Bearer ")
    assert_refused(manual.http.post("/_sandbox/revoke", json={"api_key": key}))

    assert [manual.get(f"/_sandbox/{path}") for path in paths] == before
    manual.free()
    assert manual.http.post("/_sandbox/reset").status_code == 204
    assert manual.get("/v1/campaigns") == {"campaigns": []}
    assert manual.act(campaign, "start").status_code == 404
    assert manual.stop() == (0, "")
