"""The ledger in an SQLite file, for the processes of one machine.

Each method is one transaction that holds the write lock from its first read, and is on disk when it
returns (WAL, synchronous FULL). Leases end by the machine's clock, which all processes share; a
clock that is set wrong ends them early or late and breaks nothing else. Turns go by the clock that
workers wait by, which may be the virtual one of a test.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk.ledger import LedgerRow
from kataven.bulk.ledger.states import check_step, needs_running
from kataven.errors import BulkError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kataven.bulk.ledger.states import State, Wanted

__all__ = ["SQLiteLedger"]

_PATIENCE: Final = 60.0
_OPENING_PAUSE: Final = 0.02
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turns (
    name TEXT PRIMARY KEY, until REAL NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'planned',
    token INTEGER NOT NULL DEFAULT 0,
    campaign TEXT,
    status TEXT NOT NULL DEFAULT '',
    held INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '',
    seen INTEGER NOT NULL DEFAULT 0,
    until REAL NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS parts_by_state ON parts (state, number);
CREATE INDEX IF NOT EXISTS parts_held ON parts (number) WHERE held = 1;
"""
_COLUMNS: Final = "number, state, token, campaign, status, held, detail, seen"
# A lease that ends later than it can: the clock was set back, and nobody may wait for it.
_FREE: Final = "(until <= :now OR until > :now + seconds)"


class SQLiteLedger:
    """A ledger for the processes of one machine.

    Args:
        path: The file; it is created with mode 0600.
        plan_id: The plan.
        now: The clock of the leases, in seconds.
        turn_clock: The clock of the turns, in seconds: that by which workers wait for one. None for
            the clock of the leases.

    Raises:
        ConfigurationError: The file cannot be used, or is the ledger of another plan.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        plan_id: str,
        now: Callable[[], float] = time.time,
        turn_clock: Callable[[], float] | None = None,
    ) -> None:
        self._path = os.fspath(path)
        self._now = now
        self._turn_clock = turn_clock or now
        self._lock = threading.Lock()
        try:
            # The WAL files take their mode from this file, so it must be right before they exist.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
            with self._transaction() as db:
                db.execute("INSERT OR IGNORE INTO notes VALUES ('plan', ?)", (plan_id,))
                found = self._note("plan")
            self._refuse_other(found, plan_id)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute("PRAGMA fullfsync=ON")
                self._db.executescript(_SCHEMA)
            except sqlite3.OperationalError as error:
                # SQLite does not queue processes that start together and switch the file to WAL.
                locked = (error.sqlite_errorcode & 0xFF) in {
                    sqlite3.SQLITE_BUSY,
                    sqlite3.SQLITE_LOCKED,
                }
                if not locked or time.monotonic() > until:
                    raise self._unusable(error) from error
                time.sleep(_OPENING_PAUSE)
            except sqlite3.Error as error:
                raise self._unusable(error) from error
            else:
                return

    def _refuse_other(self, found: str, plan_id: str) -> None:
        if found != plan_id:
            raise ConfigurationError(
                f"{self._path!r} is the ledger of another plan ({found}): use another file, one "
                "for each plan"
            )

    def _unusable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"the ledger {self._path!r} cannot be used: {error}; nothing is sent without it"
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                finally:
                    # Whatever interrupted it: an open transaction would lock out every process.
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def fix(self, parts: Sequence[str], settings: str) -> str:
        """Fix parts and settings with the first call; return the settings that are fixed."""
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        with self._transaction() as db:
            known = self._note("parts")
            if known not in {"", digest}:
                raise BulkError(
                    f"the ledger {self._path!r} has other parts than the plan: use another file, "
                    "one for each plan"
                )
            fixed = self._note("settings")
            if fixed == settings:
                return fixed
            if not known:
                db.executemany("INSERT INTO parts (number, sha256) VALUES (?, ?)", enumerate(parts))
                db.execute("INSERT INTO notes VALUES ('parts', ?)", (digest,))
            elif db.execute("SELECT 1 FROM parts WHERE state != 'planned'").fetchone():
                return fixed
            db.execute("UPDATE parts SET token = token + 1, until = 0")
            db.execute("INSERT OR REPLACE INTO notes VALUES ('settings', ?)", (settings,))
            return settings

    def settings(self) -> str:
        """Return the settings that are fixed, or an empty text."""
        return self.note("settings")

    def claim(
        self, states: Sequence[State], lease_seconds: float, number: int | None = None
    ) -> LedgerRow | None:
        """Take a lease of the first part that is in one of the states and not leased."""
        values: dict[str, Any] = {"now": self._now(), "number": number, "seconds": lease_seconds}
        with self._transaction() as db:
            found = _first_free(db, states, values)
            if found is None:
                return None
            db.execute(
                "UPDATE parts SET token = token + 1, until = :now + :seconds, seconds = :seconds "
                "WHERE number = :number",
                {**values, "number": found.number},
            )
            return replace(found, token=found.token + 1)

    def step(
        self,
        row: LedgerRow,
        state: State,
        lease_seconds: float,
        *,
        campaign: str | None = None,
        status: str = "",
        detail: str = "",
        seen: bool = False,
    ) -> LedgerRow | None:
        """Make a step, and renew the lease; None if nothing was changed."""
        after = replace(
            row,
            state=state,
            campaign=campaign or row.campaign,
            status=status or row.status,
            detail=detail,
            seen=seen,
        )
        check_step(row.state, state, row.campaign, after.campaign)
        with self._transaction() as db:
            if needs_running(row.state, state) and self._wanted() != "running":
                return None
            changed = db.execute(
                "UPDATE parts SET state = ?, campaign = ?, status = ?, detail = ?, seen = ?, "
                "until = ?, seconds = ? "
                "WHERE number = ? AND state = ? AND token = ? AND campaign IS ?",
                (
                    state,
                    after.campaign,
                    after.status,
                    detail,
                    int(seen),
                    self._now() + lease_seconds,
                    lease_seconds,
                    row.number,
                    row.state,
                    row.token,
                    row.campaign,
                ),
            ).rowcount
        return after if changed else None

    def renew(self, row: LedgerRow, lease_seconds: float) -> None:
        """Extend the lease, unless another worker has claimed the part."""
        self._lease(row, self._now() + lease_seconds, lease_seconds)

    def release(self, row: LedgerRow) -> None:
        """End the lease, unless another worker has claimed the part."""
        self._lease(row, 0.0, 0.0)

    def _lease(self, row: LedgerRow, until: float, seconds: float) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE parts SET until = ?, seconds = ? WHERE number = ? AND token = ?",
                (until, seconds, row.number, row.token),
            )

    def observe(self, row: LedgerRow, state: State, status: str) -> None:
        """Record the status of a started campaign; needs no lease, and never goes back."""
        check_step("started", state, row.campaign, row.campaign)
        with self._transaction() as db:
            db.execute(
                "UPDATE parts SET state = ?, status = ? "
                "WHERE number = ? AND state = 'started' AND campaign = ?",
                (state, status, row.number, row.campaign),
            )

    def hold(self, row: LedgerRow, *, held: bool) -> None:
        """Record that a campaign is paused on behalf of the run, or no longer."""
        with self._transaction() as db:
            db.execute("UPDATE parts SET held = ? WHERE number = ?", (int(held), row.number))

    def rows(self, states: Sequence[State] | None = None) -> list[LedgerRow]:
        """Return the parts in some states, or all, in the order of the plan."""
        query = f"SELECT {_COLUMNS} FROM parts"  # noqa: S608 - constants
        if states is not None:
            query += f" WHERE state IN ({', '.join('?' * len(states))})"
        with self._transaction() as db:
            return [_row(found) for found in db.execute(f"{query} ORDER BY number", states or ())]

    def held(self) -> list[LedgerRow]:
        """Return the started parts whose campaigns are paused on behalf of the run."""
        # Few are held, and SQLite would go through all that are started.
        query = (
            f"SELECT {_COLUMNS} FROM parts INDEXED BY parts_held "  # noqa: S608 - constants
            "WHERE held = 1 AND state = 'started' ORDER BY number"
        )
        with self._transaction() as db:
            return [_row(found) for found in db.execute(query)]

    def count(self, states: Sequence[State]) -> int:
        """Return how many parts are in some states."""
        query = f"SELECT count(*) FROM parts WHERE state IN ({', '.join('?' * len(states))})"  # noqa: S608 - constants
        with self._transaction() as db:
            return int(db.execute(query, tuple(states)).fetchone()[0])

    def row(self, number: int) -> LedgerRow:
        """Return one part."""
        with self._transaction() as db:
            query = f"SELECT {_COLUMNS} FROM parts WHERE number = ?"  # noqa: S608 - constants
            return _row(db.execute(query, (number,)).fetchone())

    def wanted(self) -> Wanted:
        """Return the wanted state of the run."""
        with self._transaction():
            return self._wanted()

    def want(self, wanted: Wanted) -> Wanted:
        """Record the wanted state, unless the run is stopped; return what is wanted now."""
        with self._transaction() as db:
            if self._wanted() != "stopped":
                db.execute("INSERT OR REPLACE INTO notes VALUES ('wanted', ?)", (wanted,))
            return self._wanted()

    def turn(self, name: str, seconds: float) -> bool:
        """Return whether it is the caller's turn: one turn of a name in so many seconds."""
        values = {"name": name, "now": self._turn_clock(), "seconds": seconds}
        with self._transaction() as db:
            query = f"SELECT 1 FROM turns WHERE name = :name AND NOT {_FREE}"  # noqa: S608
            if db.execute(query, values).fetchone():
                return False
            db.execute(
                "INSERT OR REPLACE INTO turns VALUES (:name, :now + :seconds, :seconds)", values
            )
            return True

    def note(self, name: str) -> str:
        """Return a note that all workers share, or an empty text."""
        with self._transaction():
            return self._note(name)

    def set_note(self, name: str, text: str) -> None:
        """Set a note that all workers share."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, text))

    def close(self) -> None:
        """Close the file, which keeps the ledger."""
        with self._lock:
            self._db.close()

    def _note(self, name: str) -> str:
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def _wanted(self) -> Wanted:
        found = self._note("wanted")
        if found == "stopped":
            return "stopped"
        return "paused" if found == "paused" else "running"


def _first_free(
    db: sqlite3.Connection, states: Sequence[State], values: dict[str, Any]
) -> LedgerRow | None:
    only = "" if values["number"] is None else "AND number = :number "
    query = (
        f"SELECT {_COLUMNS} FROM parts WHERE state = :state AND {_FREE} "  # noqa: S608 - constants
        f"{only}ORDER BY number LIMIT 1"
    )
    for state in states:
        found = db.execute(query, {**values, "state": state}).fetchone()
        if found is not None:
            return _row(found)
    return None


def _row(found: tuple[Any, ...]) -> LedgerRow:
    number, state, token, campaign, status, held, detail, seen = found
    return LedgerRow(number, state, token, campaign, status, bool(held), detail, bool(seen))
