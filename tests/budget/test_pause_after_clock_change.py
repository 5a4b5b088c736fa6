"""A pause set while the clock was wrong lasts its own time once the clock is right."""

import sqlite3
from pathlib import Path

import pytest

from kataven import RateLimits
from kataven._flow.ratelimit import DAY, Wait
from kataven._http.stores.sqlite import SQLiteStore
from tests.support.clients import START
from tests.support.leases import take


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "budget.db")


@pytest.mark.parametrize("ahead", [3 * DAY, 3600.0, 61.0])
def test_a_pause_from_the_future_restarts_and_ends(path: str, ahead: float) -> None:
    store = SQLiteStore(RateLimits(per_minute=60, store=path))
    store.pause(START + ahead, 60)
    assert store.status(START).paused_for == 60
    assert take(store, START + 20, control=False) == Wait(40.0)
    assert not isinstance(take(store, START + 60, control=False), Wait)
    store.close()


def test_a_new_pause_coexists_with_one_from_the_future(path: str) -> None:
    store = SQLiteStore(RateLimits(per_minute=60, store=path))
    store.pause(START + 3 * DAY, 10)
    store.pause(START, 30)
    assert take(store, START, control=False) == Wait(30.0)
    # A shorter one does not cut it.
    store.pause(START + 1, 5)
    assert take(store, START + 20, control=False) == Wait(10.0)
    store.close()


def test_a_file_of_an_older_version_opens_and_the_older_version_still_writes_to_it(
    path: str,
) -> None:
    older = sqlite3.connect(path, isolation_level=None)
    older.execute("CREATE TABLE pause (id INTEGER PRIMARY KEY CHECK (id = 1), until REAL NOT NULL)")
    statement = (
        "INSERT INTO pause VALUES (1, ?) "
        "ON CONFLICT (id) DO UPDATE SET until = max(until, excluded.until)"
    )
    older.execute(statement, (START + 50,))
    store = SQLiteStore(RateLimits(per_minute=60, store=path))
    assert take(store, START, control=False) == Wait(50.0)
    store.pause(START, 60)
    older.execute(statement, (START + 70,))
    older.close()
    assert take(store, START, control=False) == Wait(70.0)
    store.close()
