"""The recipes of the documentation run, workers are killed amid tasks, and everybody is called once."""

import os
import re
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kataven import bulk
from kataven.bulk import BulkPlan
from kataven.sandbox import Sandbox
from tests.bulk.relay import Kills, Relay
from tests.bulk.test_run import make_plan
from tests.support.plans import shape_of
from tests.support.server import wait_for

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "bulk-engines.md"
PARTS = 6
SHORT = {"lease_seconds": 1.0, "poll_seconds": 0.2}
# Of the third campaign the worker that made it knows nothing, and of the fifth that it was started.
CREATES, STARTS = {3}, {5}


def recipe(name: str) -> str:
    """A program of the page."""
    found = re.search(
        rf"<!-- file: {name} -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert found, name
    return found[1]


def loaded(name: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(recipe(name), name, "exec"), names)
    names["SETTINGS"] |= SHORT
    return names


class Account:
    """A Hub in the environment, which kills two of those who use it."""

    def __init__(self, hub: Sandbox, kills: Kills) -> None:
        self.hub = hub
        self.kills = kills

    def called_once(self, unknown: int = 0) -> None:
        assert len(self.kills.given) == 2, "nobody was killed"
        actions = Counter(entry.action for entry in self.hub.journal)
        assert (actions["create"], actions["start"]) == (PARTS - unknown, PARTS - unknown)
        starts = Counter(e.campaign for e in self.hub.journal if e.action == "start")
        assert set(starts.values()) == {1}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    kills = Kills(CREATES, STARTS)
    with Sandbox(time_scale=3600, limits=None) as hub:
        relay = Relay(hub.url, kills)
        monkeypatch.setenv("KATAVEN_API_KEY", hub.api_key)
        monkeypatch.setenv("KATAVEN_BASE_URL", relay.url)
        yield Account(hub, kills)
        relay.close()


@pytest.fixture
def plan(tmp_path: Path, request: pytest.FixtureRequest) -> BulkPlan:
    # One for each test: they share a Redis.
    return make_plan(tmp_path / "plan", PARTS, zlib.crc32(request.node.name.encode()))


@pytest.mark.slow
def test_a_pool_of_processes_launches_a_plan(account: Account, plan: BulkPlan) -> None:
    names = loaded("launch_pool.py")
    states: list[str] = []
    for _ in range(4):
        with suppress(BrokenProcessPool):
            states = names["launch"](str(plan.directory))
    assert len(states) == PARTS
    # When one worker is killed, the pool ends the others, perhaps between a step and its request.
    assert set(states) <= {"started", "finished", "unknown"}
    account.called_once(unknown=states.count("unknown"))


@pytest.fixture
def dask() -> Iterator[Any]:
    """A cluster of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_dask_launches_a_plan_and_its_executor_prepares_one(
    account: Account, plan: BulkPlan, dask: Any, durable_redis: str, tmp_path: Path
) -> None:
    names = loaded("launch_dask.py")
    for _ in range(2):
        states = names["launch"](dask, str(plan.directory), durable_redis)
        assert len(states) == PARTS
        assert set(states) <= {"started", "finished"}
    account.called_once()
    source = tmp_path / "list.csv"
    source.write_text("phone_number\n" + "".join(f"+1415555{n:04d}\n" for n in range(500)))
    alone = bulk.prepare(source, directory=tmp_path / "alone")
    spread = bulk.prepare(source, directory=tmp_path / "spread", executor=dask.get_executor())
    assert (spread.id, shape_of(spread)) == (alone.id, shape_of(alone))


class CeleryWorker:
    """A worker of Celery with two processes."""

    def __init__(self, folder: Path) -> None:
        command = ["celery", "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "INFO"]
        with (folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the worker with all of its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


# A broker believes that a worker is gone after an hour, which is long for a test.
SHORTER = f"""
SETTINGS |= {SHORT}
app.conf.broker_transport_options = {{"visibility_timeout": 5}}
"""
CALL = "import sys, tasks; print(*tasks.launch(sys.argv[1]))"


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_celery_launches_a_plan(
    account: Account,
    plan: BulkPlan,
    durable_redis: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tasks.py").write_text(recipe("tasks.py") + SHORTER)
    monkeypatch.setenv("REDIS_URL", durable_redis)
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (root, root / "generated"))))
    # The worker is killed as a whole while its second process waits for this response.
    account.hub.faults.add("POST /campaigns", after=1, latency=30.0)
    first = CeleryWorker(tmp_path)
    caller = subprocess.Popen(
        [sys.executable, "-c", CALL, str(plan.directory)], cwd=tmp_path, stdout=subprocess.PIPE
    )
    second = None
    try:
        wait_for(lambda: len(account.hub.requests) > 3, 60.0)
        first.kill()
        second = CeleryWorker(tmp_path)
        output = caller.communicate(timeout=200)[0].decode().split()
    finally:
        first.kill()
        caller.kill()
        if second is not None:
            second.kill()
    assert len(output) == PARTS, (tmp_path / "worker.log").read_text()
    assert set(output) <= {"started", "finished", "unknown"}
    account.called_once(unknown=output.count("unknown"))
