"""A launch reads each part a few times, not all parts for each part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kataven.bulk._opening import PlanHours
from kataven.bulk._plan import BulkPlan, Part, Totals
from kataven.bulk._worker import Worker
from kataven.bulk.ledger import LedgerRow
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.bulk.ledger.states import State
from kataven.errors import BadRequestError
from tests.bulk.fleet import SETTINGS, MemoryPlan, ModelHub, Puppet, PuppetClock, context_of

PARTS = 60
# Six in the evening in New York, and eight in the morning in Tokyo.
EVENING = 1_795_647_600.0


class CountingLedger(SQLiteLedger):
    """Counts the rows that leave it."""

    read = 0

    def rows(self, states: Sequence[State] | None = None) -> list[LedgerRow]:
        found = super().rows(states)
        self.read += len(found)
        return found

    def held(self) -> list[LedgerRow]:
        found = super().held()
        self.read += len(found)
        return found


class DirectHub:
    """``client.campaigns`` of a Hub that may refuse the first part."""

    def __init__(self, hub: ModelHub, *, refuses: bool) -> None:
        self._hub = hub
        self._refuses = refuses

    def __getattr__(self, name: str) -> Any:
        def request(*arguments: Any) -> Any:
            if name == "create" and self._refuses:
                self._refuses = False
                raise BadRequestError("this part is wrong", status_code=400)
            return self._hub.act(name, *arguments)

        return request


def windows_plan() -> BulkPlan:
    zones = ("Asia/Tokyo", "America/New_York")
    each = tuple(Part(f"{n:064x}", f"{n:04d}", 1, zones[2 * n // PARTS]) for n in range(PARTS))
    options = {"windows": "MO-SU 09:00-20:00"}
    return MemoryPlan(Path("nowhere"), "cd" * 16, "", options, Totals(PARTS, PARTS, 0, PARTS), each)


@pytest.mark.parametrize("case", ["plain", "refused", "hours"])
def test_a_launch_reads_each_part_a_few_times(tmp_path: Path, case: str) -> None:
    plan = windows_plan()
    if case != "hours":
        plan = MemoryPlan(plan.directory, plan.id, "", {}, plan.totals, plan.parts)
    ledger = CountingLedger(tmp_path / "ledger", plan.id)
    ledger._db.execute("PRAGMA synchronous=OFF")
    ledger.fix([part.sha256 for part in plan.parts], SETTINGS.text())
    now = EVENING
    sleeps = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        sleeps.append(seconds)

    puppet = Puppet(lambda _: None, free=True)
    clock = PuppetClock(puppet, sleep)
    campaigns: Any = DirectHub(ModelHub(), refuses=case == "refused")
    run = context_of(campaigns, ledger, plan, hours=PlanHours(plan, lambda: now))
    worker = Worker(run, clock, 3600.0, lambda: None)
    if case == "refused":
        with pytest.raises(BadRequestError):
            worker.launch()
    else:
        worker.launch()
    assert ledger.count(("started",)) == PARTS - (case == "refused")
    assert bool(sleeps) == (case == "hours")
    # Reading all parts for each part would be about PARTS ** 2 / 2.
    assert ledger.read <= PARTS * (8 + 2 * len(sleeps))
    ledger.close()
