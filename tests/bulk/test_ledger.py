"""Both ledgers: a step is a compare-and-set, and only the worker with the last token makes it."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from kataven.bulk.ledger import Ledger, LedgerRow
from kataven.bulk.ledger.sqlite import SQLiteLedger
from kataven.bulk.ledger.states import OPEN, STATES, check_step
from kataven.bulk.ledger.stores import open_ledger
from kataven.errors import BulkError, ConfigurationError
from tests.support.measure import redis_server

PLANS = (f"{number:032x}" for number in itertools.count())
PARTS = ["a", "b", "c"]
Open = Callable[[], Ledger]


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one ledger, as often as it is called."""
    plan = next(PLANS)
    store = str(tmp_path / "ledger.sqlite")
    if request.param == "redis":
        store = request.getfixturevalue("durable_redis")
    ledgers: list[Ledger] = []

    def one() -> Ledger:
        ledgers.append(open_ledger(store, plan))
        return ledgers[-1]

    one().fix(PARTS, "{}")
    yield one
    for ledger in ledgers:
        ledger.close()


def claimed(ledger: Ledger, number: int = 0, seconds: float = 60.0) -> LedgerRow:
    row = ledger.claim(STATES, seconds, number)
    assert row is not None
    return row


def moved(ledger: Ledger, row: LedgerRow, *states: str) -> LedgerRow:
    for state in states:
        campaign = "c1" if state == "created" else None
        found = ledger.step(row, state, 60.0, campaign=campaign)  # type: ignore[arg-type]
        assert found is not None
        row = found
    return row


def test_a_part_goes_its_way_and_every_process_sees_it(opened: Open) -> None:
    ledger, other = opened(), opened()
    row = moved(ledger, claimed(ledger), "sending", "created", "starting", "started")
    assert other.row(0) == row == LedgerRow(0, "started", row.token, "c1")
    assert [each.state for each in other.rows()] == ["started", "planned", "planned"]
    assert [each.number for each in other.rows(("planned",))] == [1, 2]
    other.observe(row, "started", "paused")
    other.hold(row, held=True)
    assert (ledger.row(0).status, ledger.row(0).held) == ("paused", True)
    assert other.held() == [ledger.row(0)]
    assert other.count(("planned",)) == 2
    assert other.count(("started", "planned", "failed")) == 3
    other.observe(replace(row, campaign="c2"), "failed", "failed")
    assert ledger.row(0).state == "started"
    other.observe(row, "finished", "completed")
    other.observe(row, "started", "running")
    assert ledger.row(0).state == "finished"
    assert other.held() == []


def test_a_leased_part_is_not_claimed_until_it_is_released(opened: Open) -> None:
    ledger, other = opened(), opened()
    first = claimed(ledger)
    assert other.claim(OPEN, 60.0, 0) is None
    second = other.claim(OPEN, 60.0)
    assert second is not None
    assert second.number == 1
    ledger.release(first)
    again = other.claim(OPEN, 60.0, 0)
    assert again is not None
    assert again.token == first.token + 1
    # The first worker releases what it no longer has.
    ledger.release(first)
    assert ledger.claim(OPEN, 60.0, 0) is None
    ledger.renew(first, 60.0)
    assert ledger.claim(OPEN, 60.0, 0) is None


def test_a_worker_whose_lease_was_taken_over_changes_nothing(opened: Open) -> None:
    ledger, other = opened(), opened()
    slept = moved(ledger, claimed(ledger), "sending")
    ledger.release(slept)
    found = other.claim(("sending",), 60.0)
    assert found is not None
    assert found.state == "sending"
    assert ledger.step(slept, "created", 60.0, campaign="mine") is None
    after = other.step(found, "created", 60.0, campaign="theirs")
    assert after is not None
    assert ledger.step(slept, "created", 60.0, campaign="mine") is None
    assert ledger.row(0).campaign == "theirs"


def test_a_step_is_made_once(opened: Open) -> None:
    ledger = opened()
    row = claimed(ledger)
    moved(ledger, row, "sending", "created")
    # The row is from before: the part was sent.
    assert ledger.step(row, "sending", 60.0) is None
    other = moved(ledger, claimed(ledger, 1), "sending")
    moved(ledger, other, "planned")
    assert ledger.step(other, "created", 60.0, campaign="c1") is None
    assert ledger.row(1).state == "planned"
    draft = moved(ledger, claimed(ledger, 2), "sending", "created")
    assert ledger.step(replace(draft, campaign="c2"), "starting", 60.0) is None


def test_a_step_whose_reply_redis_lost_is_made_once(durable_redis: str) -> None:
    ledger = open_ledger(durable_redis, next(PLANS))
    ledger.fix(PARTS, "{}")
    row = claimed(ledger)
    # redis-py sends the command once more.
    first, again = ledger.step(row, "sending", 60.0), ledger.step(row, "sending", 60.0)
    assert first == again == ledger.row(0)
    ledger.close()


def test_a_part_that_the_hub_showed_is_marked_until_the_next_step(opened: Open) -> None:
    ledger, other = opened(), opened()
    row = moved(ledger, claimed(ledger), "sending")
    unknown = ledger.step(row, "unknown", 60.0, detail="two of them", seen=True)
    assert unknown is not None
    assert other.row(0) == other.rows(("unknown",))[0] == unknown
    assert unknown.seen
    ledger.step(unknown, "unknown", 60.0, detail="none of them")
    assert not other.row(0).seen


def test_a_part_with_a_campaign_names_it(opened: Open) -> None:
    ledger = opened()
    row = moved(ledger, claimed(ledger), "sending")
    with pytest.raises(ValueError, match="has a campaign"):
        ledger.step(row, "created", 60.0)


@pytest.mark.parametrize("wanted", ["paused", "stopped"])
def test_nothing_is_sent_or_started_after_a_pause_or_a_stop(opened: Open, wanted: str) -> None:
    ledger, other = opened(), opened()
    planned, draft = claimed(ledger), moved(ledger, claimed(ledger, 1), "sending", "created")
    starting = moved(ledger, claimed(ledger, 2), "sending", "created", "starting")
    assert other.want(wanted) == ledger.wanted() == wanted  # type: ignore[arg-type]
    assert ledger.step(planned, "sending", 60.0) is None
    assert ledger.step(draft, "starting", 60.0) is None
    assert ledger.step(starting, "starting", 60.0) is None
    # What was sent before is recorded.
    assert ledger.step(starting, "started", 60.0) is not None
    assert other.want("running") == ("running" if wanted == "paused" else "stopped")
    assert (ledger.step(planned, "sending", 60.0) is None) == (wanted == "stopped")


def test_the_campaign_of_a_part_never_changes(opened: Open) -> None:
    ledger = opened()
    row = moved(ledger, claimed(ledger), "sending", "created")
    with pytest.raises(ValueError, match="c1"):
        ledger.step(row, "starting", 60.0, campaign="c2")
    unknown = ledger.step(row, "unknown", 60.0)
    assert unknown is not None
    with pytest.raises(ValueError, match="c1"):
        ledger.step(unknown, "sending", 60.0)


def test_no_step_leads_back_to_a_create() -> None:
    to_sending = []
    for before, fixed in itertools.product(STATES, (None, "c1")):
        try:
            check_step(before, "sending", fixed, fixed)
        except ValueError:
            continue
        to_sending.append((before, fixed))
    assert to_sending == [("planned", None), ("unknown", None)]


def test_settings_are_replaced_only_while_all_parts_are_planned(opened: Open) -> None:
    ledger, other = opened(), opened()
    old = claimed(ledger)
    assert other.fix(PARTS, '{"name": "new"}') == '{"name": "new"}'
    # A worker with the old settings sends nothing.
    assert ledger.step(old, "sending", 60.0) is None
    moved(ledger, claimed(ledger), "sending")
    assert other.fix(PARTS, "{}") == '{"name": "new"}'
    with pytest.raises(BulkError):
        other.fix(["a", "b"], "{}")


def test_many_workers_claim_each_part_once(opened: Open) -> None:
    ledgers = [opened() for _ in range(6)]
    taken: list[int] = []

    def work(ledger: Ledger) -> None:
        while row := ledger.claim(("planned",), 60.0):
            if ledger.step(row, "sending", 60.0) is not None:
                taken.append(row.number)

    threads = [threading.Thread(target=work, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [0, 1, 2]


def test_a_turn_is_given_to_one(opened: Open) -> None:
    ledger, other = opened(), opened()
    assert [ledger.turn("poll", 60.0), other.turn("poll", 60.0)] == [True, False]
    assert other.turn("start", 60.0)
    assert ledger.note("full") == ""
    ledger.set_note("full", "7")
    assert other.note("full") == "7"


def test_a_lease_of_a_file_ends_by_time_and_also_if_the_clock_is_set_back(tmp_path: Path) -> None:
    now = 1000.0
    ledger = SQLiteLedger(tmp_path / "ledger", "plan", now=lambda: now)
    ledger.fix(PARTS, "{}")
    assert ledger.claim(OPEN, 60.0, 0) is not None
    now = 1059.0
    assert ledger.claim(OPEN, 60.0, 0) is None
    now = 1060.0
    assert ledger.claim(OPEN, 60.0, 0) is not None
    now = 5.0
    assert ledger.claim(OPEN, 60.0, 0) is not None
    ledger.close()


def test_a_turn_of_a_file_goes_by_the_clock_that_workers_wait_by(tmp_path: Path) -> None:
    virtual = 5.0
    ledger = SQLiteLedger(tmp_path / "ledger", "plan", lambda: 1000.0, lambda: virtual)
    ledger.fix(PARTS, "{}")
    assert ledger.turn("poll", 60.0)
    virtual = 64.0
    assert not ledger.turn("poll", 60.0)
    virtual = 65.0
    assert ledger.turn("poll", 60.0)
    # A lease does not.
    assert ledger.claim(OPEN, 60.0, 0) is not None
    virtual = 500.0
    assert ledger.claim(OPEN, 60.0, 0) is None
    ledger.close()


def test_a_file_is_on_disk_at_every_step_and_belongs_to_one_plan(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = SQLiteLedger(path, "plan")
    settings = [ledger._db.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS]
    assert settings == ["wal", 2]
    assert path.stat().st_mode & 0o777 == 0o600
    ledger.close()
    with pytest.raises(ConfigurationError, match="another plan"):
        SQLiteLedger(path, "other")
    path.write_text("no database " * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        SQLiteLedger(path, "plan")


PRAGMAS = ("journal_mode", "synchronous")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendfsync", "everysec"),
        ("appendonly", "no"),
        ("maxmemory-policy", "allkeys-lru"),
    ],
)
def test_a_redis_that_may_lose_something_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with redis_server(tmp_path, durable=True) as url, redis.Redis.from_url(url) as server:
        server.config_set(name, value)
        with pytest.raises(ConfigurationError, match=f"{name}.*allow_lossy_store"):
            open_ledger(url, "plan")
        open_ledger(url, "plan", allow_lossy_store=True).close()


def test_a_redis_that_does_not_say_what_it_writes_is_refused(tmp_path: Path) -> None:
    with redis_server(tmp_path, durable=True) as url, redis.Redis.from_url(url) as server:
        server.acl_setuser(
            "worker", enabled=True, passwords=["+secret"], categories=["+@all"], keys=["*"],
            commands=["-config"],
        )  # fmt: skip
        named = url.replace("redis://", "redis://worker:secret@")
        with pytest.raises(ConfigurationError, match="CONFIG GET") as refused:
            open_ledger(named, "plan")
        assert "secret" not in str(refused.value)
        open_ledger(named, "plan", allow_lossy_store=True).close()


@pytest.mark.parametrize(
    "store",
    ["redis:me:secret@host:6379", "postgresql://me:secret@host/db", "", "memory", ":memory:"],
)
def test_what_is_neither_a_path_nor_a_redis_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """As a path, it would be another ledger on each machine, and everybody be called twice."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="store") as refused:
        open_ledger(store, "plan")
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_redis_that_is_gone_is_an_error_without_its_password(tmp_path: Path) -> None:
    with redis_server(tmp_path, durable=True) as url:
        ledger = open_ledger(url, "plan")
    with pytest.raises(ConfigurationError, match="nothing is sent"):
        ledger.wanted()
    with pytest.raises(ConfigurationError) as refused:
        open_ledger(url.replace("redis://", "redis://me:secret@"), "plan")
    assert "secret" not in str(refused.value)


def test_steps_survive_a_restart_of_redis(tmp_path: Path) -> None:
    with redis_server(tmp_path, durable=True) as url:
        ledger = open_ledger(url, "plan")
        ledger.fix(PARTS, "{}")
        moved(ledger, claimed(ledger), "sending")
        ledger.close()
    with redis_server(tmp_path, durable=True) as url:
        assert open_ledger(url, "plan").row(0).state == "sending"
