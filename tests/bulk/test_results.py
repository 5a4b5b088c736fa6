"""The results of a run: every contact of all campaigns in one table, with its source row."""

import csv
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kataven import KatavenClient, RateLimits
from kataven._flow.ratelimit import least_seconds
from kataven.bulk import (
    BulkError,
    BulkPlan,
    BulkResults,
    BulkRun,
    ResultsCost,
    ResultsProgress,
    prepare,
)
from kataven.bulk._marked import marker
from kataven.sandbox import Clock, Sandbox
from tests.support.server import wait_for

SETTINGS: dict[str, Any] = {"name": "List", "agent_id": "agent", "phone_number_id": "number"}
# Three parts with 120, 120 and 60 contacts, which are 3, 3 and 2 requests.
ROWS, MAX_ROWS, REQUESTS = 300, 120, 8


def number_of(index: int) -> str:
    return f"+1415555{index:04d}"


def make_plan(folder: Path) -> BulkPlan:
    """Make a plan of two files, one in reverse, with columns that have the names of others."""
    for name, indices in (("a.csv", range(170)), ("b.csv", range(ROWS - 1, 169, -1))):
        lines = [f"Ann,{number_of(index)},north {index}\n" for index in indices]
        (folder / name).write_text("status,phone_number,row\n" + "".join(lines))
    sources = [folder / "a.csv", folder / "b.csv"]
    return prepare(sources, directory=folder / "plan", max_rows=MAX_ROWS)


@pytest.fixture(scope="module")
def hub() -> Iterator[Sandbox]:
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub:
        yield hub


@pytest.fixture(scope="module")
def client(hub: Sandbox) -> Iterator[KatavenClient]:
    with KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client:
        yield client


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> BulkPlan:
    return make_plan(tmp_path_factory.mktemp("list"))


@pytest.fixture(scope="module")
def run(plan: BulkPlan, client: KatavenClient) -> Iterator[BulkRun]:
    """A run that has finished: stopped, because calling everybody takes longer."""
    with BulkRun(plan, client, **SETTINGS) as run:
        run.launch()
        run.stop()
        run.watch()
        yield run


@pytest.fixture
def fresh(tmp_path: Path, client: KatavenClient) -> Iterator[BulkRun]:
    """A run of its own, of which nothing was sent."""
    with BulkRun(make_plan(tmp_path), client, **SETTINGS) as run:
        yield run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pages_read(hub: Sandbox) -> Counter[str]:
    """How often each page was requested."""
    return Counter(f"{r.path} {r.query}" for r in hub.requests if r.path.endswith("/contacts"))


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".kataven-results")]


def raise_at(step: int) -> Callable[[ResultsProgress], None]:
    steps = iter(range(step))

    def on_progress(_: ResultsProgress) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt

    return on_progress


def check(path: Path, found: BulkResults) -> None:
    """Check that the table has each row of the list once, with where it comes from."""
    assert (found.rows, found.unmatched, found.missing, found.parts_missing) == (ROWS, 0, 0, 0)
    rows = {row["phone_number"]: row for row in table(path)}
    assert len(rows) == ROWS == len(table(path))
    for index in range(ROWS):
        row = rows[number_of(index)]
        name, place = ("a.csv", index + 2) if index < 170 else ("b.csv", ROWS - index + 1)
        assert (Path(row["file"]).name, row["row"]) == (name, str(place))
        assert (row["custom_status"], row["custom_row"]) == ("Ann", f"north {index}")
    assert Counter(row["status"] for row in rows.values()) == found.counts
    assert kept(path.parent) == []


def test_each_contact_has_its_campaign_and_its_source_row(
    hub: Sandbox, plan: BulkPlan, run: BulkRun, tmp_path: Path
) -> None:
    parts = run.status().parts
    seen: list[ResultsProgress] = []
    requests: list[int] = []
    before = pages_read(hub)

    def on_progress(progress: ResultsProgress) -> None:
        requests.append((pages_read(hub) - before).total())
        seen.append(progress)

    found = run.results(tmp_path / "out.csv", on_progress=on_progress)
    check(tmp_path / "out.csv", found)
    assert found.path == tmp_path / "out.csv"
    assert found.counts["cancelled"] > ROWS / 2
    campaigns = {row["phone_number"]: row["campaign_id"] for row in table(tmp_path / "out.csv")}
    assert campaigns[number_of(0)] == parts[0].campaign_id
    assert campaigns[number_of(170)] == parts[2].campaign_id
    assert list(table(tmp_path / "out.csv")[0])[:3] == ["id", "phone_number", "status"]
    # The cost was known before the first page was requested, and it was right.
    assert (requests[0], seen[0].left.requests) == (0, REQUESTS)
    assert (pages_read(hub) - before).total() == REQUESTS
    assert [each.contacts for each in seen] == [0, 100, 120, 220, 240, 300]
    assert [each.left.requests for each in seen] == [8, 7, 6, 4, 3, 1]
    assert [(each.parts_done, each.parts) for each in seen[-2:]] == [(1, 3), (2, 3)]


def test_an_interrupted_reading_continues_at_its_page(
    hub: Sandbox, run: BulkRun, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    for step in range(6):
        before = pages_read(hub)
        (tmp_path / f"{step}").mkdir()
        path = tmp_path / f"{step}" / "out.csv"
        with pytest.raises(KeyboardInterrupt):
            run.results(path, on_progress=raise_at(step))
        assert not path.exists()
        assert run.results_cost(path).requests < REQUESTS or step < 2
        check(path, run.results(path))
        again = pages_read(hub) - before
        # One empty page at the most: the interruption came after the page, and before its end.
        assert again.total() <= REQUESTS + 1
        assert all(count == 1 for key, count in again.items() if "page=0" in key or "page=1" in key)


def test_pages_that_were_damaged_are_read_again(hub: Sandbox, run: BulkRun, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        run.results(path, on_progress=raise_at(5))
    (folder,) = kept(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    first, *_ = sorted(each for each in folder.iterdir() if each.name.startswith("0"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] = 0
    first.write_bytes(data)
    before = pages_read(hub).total()
    check(path, run.results(path))
    # All of the first part, and the end of the last one.
    assert 3 <= pages_read(hub).total() - before <= 5


def test_a_table_of_parquet_has_types(run: BulkRun, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    found = run.results(tmp_path / "out.parquet")
    read = parquet.read_table(tmp_path / "out.parquet")
    assert read.num_rows == found.rows == ROWS
    assert str(read.schema.field("row").type) == "int64"
    assert str(read.schema.field("last_attempt_at").type).startswith("timestamp[ns")
    assert {Path(name).name for name in read["file"].to_pylist()} == {"a.csv", "b.csv"}


def test_what_does_not_fit_together_is_counted(
    client: KatavenClient, fresh: BulkRun, tmp_path: Path
) -> None:
    # A campaign with the marker of the second part has two of its contacts, and a stranger.
    plan = BulkPlan.open(tmp_path / "plan")
    numbers = [number_of(130), number_of(131), "+14155550999"]
    client.campaigns.create(
        f"List {marker(plan, plan.parts[1])}",
        "agent",
        "number",
        [{"phone_number": number} for number in numbers],
    )
    parts = fresh.launch().parts
    fresh.stop()
    # The third campaign is deleted after its end.
    client.campaigns.delete(str(parts[2].campaign_id))
    found = fresh.results(tmp_path / "out.csv")
    assert (found.rows, found.unmatched, found.missing) == (123, 1, 118 + 60)
    rows = {row["phone_number"]: row for row in table(tmp_path / "out.csv")}
    assert (rows["+14155550999"]["file"], rows["+14155550999"]["row"]) == ("", "")
    assert rows[number_of(130)]["row"] == "132"
    for part in parts[:2]:
        client.campaigns.delete(str(part.campaign_id))
    with pytest.raises(BulkError, match="none of the run's campaigns"):
        fresh.results(tmp_path / "out.csv")


def test_parts_that_were_not_started_are_counted(fresh: BulkRun, tmp_path: Path) -> None:
    with pytest.raises(BulkError, match="no campaign of the run was started"):
        fresh.results(tmp_path / "out.csv")
    fresh.apply_part(BulkPlan.open(tmp_path / "plan").parts[0])
    found = fresh.results(tmp_path / "out.csv")
    assert (found.rows, found.missing, found.parts_missing) == (120, 0, 2)


@pytest.mark.slow
def test_pages_of_a_campaign_that_was_running_are_read_again_after_its_end(
    fresh: BulkRun, tmp_path: Path
) -> None:
    fresh.launch()
    path = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        fresh.results(path, on_progress=raise_at(4))
    fresh.stop()
    fresh.watch()
    found = fresh.results(path)
    check(path, found)
    assert found.counts["cancelled"] > ROWS / 2


def test_the_cost_follows_the_limits_of_the_client(
    hub: Sandbox, plan: BulkPlan, run: BulkRun, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    # Without limits of its own, the documented ones of an account hold.
    assert run.results_cost(path) == ResultsCost(REQUESTS, 0.0)
    limits = RateLimits(per_minute=4, per_hour=7)
    with (
        KatavenClient(
            hub.api_key, base_url=hub.url, clock=hub.client_clock, rate_limits=limits
        ) as slow,
        BulkRun(plan, slow, **SETTINGS) as other,
    ):
        assert other.results_cost(path) == ResultsCost(REQUESTS, 3600.0)
        assert str(other.results_cost(path)) == "8 requests, about an hour"
    assert least_seconds(RateLimits(per_minute=4), REQUESTS) == 60
    assert least_seconds(RateLimits(per_minute=4), 0) == least_seconds(RateLimits(), 9) == 0
    assert str(ResultsCost(1, 0.0)) == "1 request"
    assert str(ResultsCost(10_001, 86_400.0)) == "10,001 requests, about a day"
    assert str(ResultsCost(100_100, 864_000.0)) == "100,100 requests, about 10 days"


def test_wrong_paths_are_refused_before_anything_is_sent(
    hub: Sandbox, run: BulkRun, tmp_path: Path
) -> None:
    before = pages_read(hub)
    with pytest.raises(ValueError, match="ending"):
        run.results(tmp_path / "out.txt")
    with pytest.raises(IsADirectoryError):
        run.results(tmp_path)
    with pytest.raises(TypeError, match="path"):
        run.results(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="create it first"):
        run.results(tmp_path / "none" / "out.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match="regular file"):
        run.results(tmp_path / "pipe.csv")
    assert pages_read(hub) == before
    assert kept(tmp_path) == []


def test_the_table_of_before_stays_until_the_new_one_is_complete(
    run: BulkRun, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt):
        run.results(path, on_progress=raise_at(5))
    assert path.read_text() == "before"
    check(path, run.results(path))
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_reading_that_was_killed_after_the_table_is_complete_ends_at_once(
    hub: Sandbox, run: BulkRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        patch.setattr("kataven.bulk._results_table.ResultsTable.clean_up", lambda _: None)
        found = run.results(path)
    assert len(kept(tmp_path)) == 1
    read = pages_read(hub).total()
    assert run.results(path) == found
    check(path, found)
    assert pages_read(hub).total() == read


def test_two_readers_share_the_parts(
    hub: Sandbox, plan: BulkPlan, client: KatavenClient, run: BulkRun, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    inside, proceed = threading.Event(), threading.Event()
    results: list[BulkResults] = []
    before = pages_read(hub)

    def first_progress(progress: ResultsProgress) -> None:
        if progress.contacts:
            inside.set()
            assert proceed.wait(30)

    def first() -> None:
        with (
            KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as mine,
            BulkRun(plan, mine, **SETTINGS) as other,
        ):
            results.append(other.results(path, on_progress=first_progress))

    def second_progress(progress: ResultsProgress) -> None:
        if progress.contacts == 180:
            proceed.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    # The first reader is in the first part and holds it.
    results.append(run.results(path, on_progress=second_progress))
    thread.join(30)
    assert results[0] == results[1]
    check(path, results[0])
    assert set((pages_read(hub) - before).values()) == {1}


def read(url: str, key: str, folder: Path, path: Path) -> None:
    """What each process runs."""
    with (
        KatavenClient(key, base_url=url) as client,
        BulkRun(BulkPlan.open(folder), client, **SETTINGS, poll_seconds=0.1) as run,
    ):
        run.results(path)


def has_entered(pid: int | None, folder: Path) -> bool:
    """Whether a process has opened the file that it learns from whether the table is complete."""
    opened = list(Path(f"/proc/{pid}/fd").iterdir())
    return any(
        each.exists() and each.resolve() == place / "lock"
        for place in kept(folder)
        for each in opened
    )


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_reads_does_not_block_the_others(
    tmp_path: Path,
) -> None:
    plan = make_plan(tmp_path)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kataven.bulk._run", "kataven.bulk._results"])
    path = tmp_path / "out.csv"
    with Sandbox(time_scale=36_000, seed=1, limits=None) as hub:
        with (
            KatavenClient(hub.api_key, base_url=hub.url) as client,
            BulkRun(plan, client, **SETTINGS, poll_seconds=0.1) as run,
        ):
            run.apply()
        arguments = (hub.url, hub.api_key, plan.directory, path)
        # The first process waits for the second page of the first part, and is killed there.
        fault = hub.faults.add("GET /campaigns/*/contacts", after=1, latency=120)
        victim = context.Process(target=read, args=arguments, daemon=True)
        victim.start()
        wait_for(lambda: fault.used == 1, 60)
        others = [context.Process(target=read, args=arguments, daemon=True) for _ in range(2)]
        for process in others:
            process.start()
        wait_for(lambda: pages_read(hub).total() == REQUESTS - 1, 60)
        # One that comes when the table is complete would read everything again.
        wait_for(lambda: all(has_entered(process.pid, tmp_path) for process in others), 60)
        victim.kill()
        for process in others:
            process.join(60)
            assert process.exitcode == 0
        victim.join(60)
        # Nothing was read twice but the page of the process that was killed.
        assert sorted(pages_read(hub).values()) == [1] * (REQUESTS - 1) + [2]
    rows = table(path)
    assert len(rows) == len({row["phone_number"] for row in rows}) == ROWS
    assert all(row["row"] for row in rows)
    assert kept(tmp_path) == []
