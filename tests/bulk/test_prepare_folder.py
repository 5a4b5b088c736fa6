"""A plan appears complete or not at all; a prepare that was killed continues when it runs again."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kataven.bulk import BulkError, BulkPlan, PrepareProgress, prepare
from tests.bulk.making import make_plan
from tests.support.plans import files_of

SMALL: dict[str, Any] = {"chunk_size": 2000, "bucket_size": 100, "max_rows": 90}


def make_list(path: Path, rows: int = 1200) -> Path:
    lines = (f"+1415555{index % 1000:04d},Ann {index}\n" for index in range(rows))
    path.write_text("phone_number,name\n" + "".join(lines))
    return path


class InterruptionError(Exception):
    """What a test raises to end a prepare."""


def interrupt_at(step: int) -> Callable[[PrepareProgress], None]:
    steps = iter(range(step))

    def on_progress(progress: PrepareProgress) -> None:
        if next(steps, None) is None:
            raise InterruptionError

    return on_progress


@pytest.mark.parametrize("every", [pytest.param(7, marks=pytest.mark.slow), 40])
def test_an_interrupted_prepare_leaves_no_plan_and_continues(tmp_path: Path, every: int) -> None:
    source = make_list(tmp_path / "a.csv")
    steps: list[PrepareProgress] = []
    make_plan(source, directory=tmp_path / "whole", on_progress=steps.append, **SMALL)
    wanted = files_of(tmp_path / "whole")
    for step in range(0, len(steps), every):
        folder = tmp_path / str(step)
        with pytest.raises(InterruptionError):
            make_plan(source, directory=folder, on_progress=interrupt_at(step), **SMALL)
        with pytest.raises(BulkError, match="there is no plan"):
            BulkPlan.open(folder)
        make_plan(source, directory=folder, **SMALL)
        assert files_of(folder) == wanted


class Counting(ThreadPoolExecutor):
    """Counts the chunks whose rows are read."""

    def __init__(self) -> None:
        super().__init__(1)
        self.written = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        before = set(Path(args[0].work).glob("chunk-*.json"))
        future = super().submit(function, *args, **kwargs)
        future.exception()
        self.written += len(set(Path(args[0].work).glob("chunk-*.json")) - before)
        return future


def test_finished_chunks_are_not_read_again_unless_they_are_damaged(tmp_path: Path) -> None:
    source = make_list(tmp_path / "a.csv")
    folder = tmp_path / "plan"
    with Counting() as executor:
        steps = 20
        with pytest.raises(InterruptionError):
            make_plan(
                source,
                directory=folder,
                executor=executor,
                on_progress=interrupt_at(steps),
                **SMALL,
            )
    before = executor.written
    chunks = sorted(folder.glob(".work-*/chunk-*.data"))
    assert len(chunks) == before > 5
    # As after a power loss: the file has its length, and not its bytes.
    chunks[3].write_bytes(bytes(chunks[3].stat().st_size))
    stamps = {path: path.stat().st_mtime_ns for path in chunks}
    seen: dict[Path, int] = {}

    def on_progress(progress: PrepareProgress) -> None:
        if progress.phase == "deduplicate" and not seen:
            seen.update({path: path.stat().st_mtime_ns for path in chunks})

    make_plan(source, directory=folder, on_progress=on_progress, **SMALL)
    assert [path for path in chunks if seen[path] != stamps[path]] == [chunks[3]]
    make_plan(source, directory=tmp_path / "whole", **SMALL)
    assert files_of(folder) == files_of(tmp_path / "whole")


_PROGRAM = """
import sys
from concurrent.futures import ProcessPoolExecutor
from kataven.bulk._options import PrepareOptions
from kataven.bulk._prepare import make_plan

def on_progress(progress):
    print(progress.phase, progress.done, flush=True)

if __name__ == "__main__":
    source, directory = sys.argv[1:]
    with ProcessPoolExecutor(2) as executor:
        options = PrepareOptions(chunk_size=2000, bucket_size=100, max_rows=90)
        make_plan(source, directory, options, executor, on_progress)
"""


@pytest.mark.slow
def test_a_killed_prepare_continues_and_leaves_nothing_else(tmp_path: Path) -> None:
    source = make_list(tmp_path / "a.csv")
    steps: list[PrepareProgress] = []
    make_plan(source, directory=tmp_path / "whole", on_progress=steps.append, **SMALL)
    wanted = files_of(tmp_path / "whole")
    chance = random.Random(17)
    for attempt in range(6):
        folder = tmp_path / f"plan-{attempt}"
        # Again and again, each time a few steps later.
        for _ in range(3):
            kill_after(chance.randrange(len(steps)), source, folder, chance.random() / 100)
            assert "plan.json" not in os.listdir(folder) or files_of(folder).keys() >= wanted.keys()
        make_plan(source, directory=folder, **SMALL)
        assert files_of(folder) == wanted


def kill_after(steps: int, source: Path, folder: Path, pause: float) -> None:
    """Kill a prepare and its workers after some steps, at any place."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(source), str(folder)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        for _ in range(steps + 1):
            process.stdout.readline()
        # No event marks the middle of a step.
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    source = make_list(tmp_path / "a.csv")

    def on_progress(progress: PrepareProgress) -> None:
        if progress.done > 4000:
            executor.submit(_die)

    with ProcessPoolExecutor(2) as executor, pytest.raises(BulkError, match="it continues"):
        make_plan(
            source,
            directory=tmp_path / "plan",
            executor=executor,
            on_progress=on_progress,
            **SMALL,
        )
    with ProcessPoolExecutor(2) as executor:
        make_plan(source, directory=tmp_path / "plan", executor=executor, **SMALL)
    make_plan(source, directory=tmp_path / "whole", **SMALL)
    assert files_of(tmp_path / "plan") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("attempts", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_several_prepares_of_the_same_plan_at_once(tmp_path: Path, attempts: int) -> None:
    source = make_list(tmp_path / "a.csv")
    make_plan(source, directory=tmp_path / "whole", **SMALL)
    for attempt in range(attempts):
        folder = tmp_path / str(attempt)
        start = threading.Barrier(4)

        def work(folder: Path = folder, start: threading.Barrier = start) -> BulkPlan:
            start.wait(10)
            return make_plan(source, directory=folder, **SMALL)[0]

        with ThreadPoolExecutor(4) as threads:
            plans = [future.result() for future in [threads.submit(work) for _ in range(4)]]
        assert len({plan.id for plan in plans}) == 1
        assert {plan.parts for plan in plans} == {BulkPlan.open(folder).parts}
        assert files_of(folder) == files_of(tmp_path / "whole")


def test_the_same_plan_is_returned_at_once(tmp_path: Path) -> None:
    source = make_list(tmp_path / "a.csv")
    plan = prepare(source, directory=tmp_path / "plan")
    steps: list[PrepareProgress] = []
    again = prepare(str(source), directory=tmp_path / "plan", on_progress=steps.append)
    assert again == plan
    assert steps == []
    # What a prepare leaves that was killed when its plan was complete.
    (tmp_path / "plan" / ".work-0123").mkdir()
    assert prepare(source, directory=str(tmp_path / "plan")) == plan
    assert not list((tmp_path / "plan").glob(".*"))


def test_the_path_of_a_source_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = prepare(make_list(tmp_path / "a.csv"), directory=tmp_path / "plan")
    monkeypatch.chdir(tmp_path)
    assert prepare("a.csv", directory="plan").id == plan.id
    assert prepare("./*.csv", directory="other").id == plan.id
    with ProcessPoolExecutor(1) as executor:
        assert prepare("a.csv", directory="third", executor=executor).id == plan.id


@pytest.mark.parametrize(
    "other",
    [{"region": "US"}, {"max_rows": 5}, {"exclude": ["+14155550100"]}, {"numbers": "possible"}],
)
def test_a_folder_with_another_plan_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    source = make_list(tmp_path / "a.csv")
    plan = prepare(source, directory=tmp_path / "plan")
    before = files_of(tmp_path / "plan")
    with pytest.raises(BulkError, match=f"has the plan {plan.id} of other sources"):
        prepare(source, directory=tmp_path / "plan", **other)
    make_list(source, rows=50)
    with pytest.raises(BulkError, match="choose another directory"):
        prepare(source, directory=tmp_path / "plan")
    assert files_of(tmp_path / "plan") == before


@pytest.mark.parametrize("name", ["parts", "rows", "dropped.csv"])
def test_a_folder_with_files_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    source = make_list(tmp_path / "a.csv")
    (tmp_path / "plan" / name).mkdir(parents=True)
    with pytest.raises(BulkError, match=f"{name}' but no plan"):
        prepare(source, directory=tmp_path / "plan")
    assert [each.name for each in (tmp_path / "plan").iterdir()] == [name]


@pytest.mark.parametrize("change", ["append", "touch", "delete"])
def test_a_source_that_changes_is_an_error(tmp_path: Path, change: str) -> None:
    source = make_list(tmp_path / "a.csv")

    def on_progress(progress: PrepareProgress) -> None:
        if change == "append":
            with source.open("a") as file:
                file.write("+14155559999,New\n")
        elif change == "touch":
            os.utime(source, ns=(1, 1))
        else:
            source.unlink(missing_ok=True)

    with pytest.raises((BulkError, FileNotFoundError), match=r"was changed|a\.csv"):
        make_plan(source, directory=tmp_path / "plan", on_progress=on_progress, **SMALL)
    assert not (tmp_path / "plan" / "plan.json").exists()


def test_progress_tells_the_phases_and_never_goes_back(tmp_path: Path) -> None:
    first = prepare(make_list(tmp_path / "first.csv", 30), directory=tmp_path / "first")
    source = make_list(tmp_path / "a.csv")
    steps: list[PrepareProgress] = []
    make_plan(source, directory=tmp_path / "plan", exclude=first, on_progress=steps.append, **SMALL)
    phases = list(dict.fromkeys(step.phase for step in steps))
    assert phases == ["exclude", "clean", "deduplicate", "write"]
    for phase in phases:
        done = [step.done for step in steps if step.phase == phase]
        assert done == sorted(set(done))
        assert done[-1] == next(step.total for step in steps if step.phase == phase)
    assert {step.rows_total for step in steps if step.phase in ("exclude", "clean")} == {None}
    assert steps[-1].rows_read == steps[-1].rows_total == 1200
    rows = [step.rows_read for step in steps]
    assert rows == sorted(rows)


class Window(ThreadPoolExecutor):
    """Measures how many tasks are in flight."""

    def __init__(self) -> None:
        super().__init__(2)
        self.taken = 0
        self.most = 0
        self.futures: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Tracked(self)
        inner = super().submit(function, *args, **kwargs)
        inner.add_done_callback(lambda done: future.set_result(done.result()))
        self.futures.append(future)
        self.most = max(self.most, len(self.futures) - self.taken)
        return future


class Tracked(Future[Any]):
    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def result(self, timeout: float | None = None) -> Any:
        found = super().result(timeout)
        self.window.taken += 1
        return found


def test_few_tasks_are_submitted_at_a_time(tmp_path: Path) -> None:
    source = make_list(tmp_path / "a.csv", 3000)
    with Window() as executor:
        make_plan(source, directory=tmp_path / "plan", executor=executor, **SMALL)
    assert len(executor.futures) > 60
    assert executor.most == 16
