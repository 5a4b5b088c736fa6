"""A budget in an SQLite file, for all processes of one machine.

Each step is one transaction that holds the file's write lock from its first read. Leases have a
lifetime, for a process that was killed gives none back.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from kataven._core.budget import HURRY, LEASE_SECONDS, PATIENCE, Wait, left_of
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._core.budget import Left, RateLimits

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS stamps (at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS stamps_at ON stamps (at);
CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pause (id INTEGER PRIMARY KEY CHECK (id = 1), until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS pause_begun (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);
"""
# Processes that start together and switch the file to its journal are not queued by SQLite.
_OPENING_PAUSE: Final = 0.02
# Stamps so far ahead, in seconds, are of a clock that was wrong and has been set right.
_CLOCK_WAS_WRONG: Final = 60.0


class SQLiteStore:
    """A store for the processes of one machine.

    Args:
        limits: The limits, whose ``store`` is the file's path; it is made with mode 0600.

    Raises:
        ConfigurationError: If the file cannot be opened or is no such store.
    """

    blocks = True

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._windows = limits.windows()
        self._leases = limits.leases()
        self._lock = threading.Lock()
        try:
            # WAL and its index take their mode from the file, so it must be right before they are.
            os.close(os.open(limits.store, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                limits.store, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error

    def _prepare(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_SCHEMA)
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > until:
                    raise
                time.sleep(_OPENING_PAUSE)
            else:
                return

    def _unusable(self, error: Exception, *, admits: bool = True) -> ConfigurationError:
        unsent = "nothing was sent without it. " if admits else ""
        return ConfigurationError(
            f"the budget's store {self._limits.store!r} cannot be used: {error}; {unsent}"
            "Name a file in a folder that can be written, or another store"
        )

    def _step(
        self,
        step: Callable[[sqlite3.Connection], Any],
        patience: float = PATIENCE,
        *,
        admits: bool = False,
    ) -> Any:
        until = time.monotonic() + patience
        if not self._lock.acquire(timeout=patience):
            if admits and patience < PATIENCE:
                return Wait(0.0, busy=True)
            raise self._unusable(TimeoutError("it is locked"), admits=admits)
        try:
            try:
                left = max(0.0, until - time.monotonic())
                self._db.execute(f"PRAGMA busy_timeout={int(left * 1000)}")
                self._db.execute("BEGIN IMMEDIATE")
                outcome = step(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                # Whatever interrupted it: an open transaction would lock every process out.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if admits and patience < PATIENCE and _is_locked(error):
                return Wait(0.0, busy=True)
            raise self._unusable(error, admits=admits) from error
        finally:
            self._lock.release()
        return outcome

    def take(self, now: float, *, control: bool, patience: float = PATIENCE) -> object | Wait:
        """Admit one request and give a lease, or say when to ask again."""

        def step(db: sqlite3.Connection) -> object | Wait:
            if not control:
                paused = _paused_for(db, now)
                if paused > 0:
                    return Wait(paused)
            if self._leases is not None:
                db.execute(
                    "DELETE FROM leases WHERE until <= ? OR until > ?",
                    (now, now + LEASE_SECONDS + _CLOCK_WAS_WRONG),
                )
                in_flight = db.execute("SELECT count(*) FROM leases").fetchone()[0]
                if in_flight >= self._leases[0 if control else 1]:
                    return Wait(0.0, busy=True)
            wait = 0.0
            for window in self._windows:
                limit = window.limit if control else window.bulk_limit
                row = db.execute(
                    "SELECT at FROM stamps ORDER BY at DESC LIMIT 1 OFFSET ?", (limit - 1,)
                ).fetchone()
                if row is not None:
                    wait = max(wait, row[0] + window.seconds - now)
            if wait > 0:
                statement = "UPDATE stamps SET at = ? WHERE at > ?"
                db.execute(statement, (now, now + _CLOCK_WAS_WRONG))
                return Wait(min(wait, self._windows[-1].seconds))
            if self._windows:
                db.execute("INSERT INTO stamps VALUES (?)", (now,))
                longest = self._windows[-1].seconds
                db.execute("DELETE FROM stamps WHERE at <= ?", (now - longest,))
            lease = secrets.token_hex(8)
            if self._leases is not None:
                db.execute("INSERT INTO leases VALUES (?, ?)", (lease, now + LEASE_SECONDS))
            return lease

        outcome: object | Wait = self._step(step, patience, admits=True)
        return outcome

    def give_back(self, lease: object) -> None:
        """The request of this lease has been answered."""
        if self._leases is not None:
            statement = "DELETE FROM leases WHERE id = ?"
            self._step(lambda db: db.execute(statement, (lease,)), HURRY)

    def keep(self, lease: object, now: float) -> None:
        """Renew a lease that is still held."""
        if self._leases is not None:
            statement = "INSERT OR REPLACE INTO leases VALUES (?, ?)"
            self._step(lambda db: db.execute(statement, (lease, now + LEASE_SECONDS)), HURRY)

    def pause(self, now: float, seconds: float) -> None:
        """Hold everybody back, but for control calls."""

        def step(db: sqlite3.Connection) -> None:
            if seconds > _paused_for(db, now):
                _set_pause(db, now, seconds)

        self._step(step, HURRY)

    def left(self, now: float) -> Left:
        """What is left."""

        def step(db: sqlite3.Connection) -> Left:
            used = [
                db.execute(
                    "SELECT count(*) FROM stamps WHERE at > ?", (now - window.seconds,)
                ).fetchone()[0]
                for window in self._windows
            ]
            alive = "SELECT count(*) FROM leases WHERE until > ?"
            in_flight = db.execute(alive, (now,)).fetchone()[0]
            return left_of(self._limits, used, in_flight, _paused_for(db, now))

        left: Left = self._step(step)
        return left

    def close(self) -> None:
        """Close the file; what it keeps stays."""
        with self._lock:
            self._db.close()


def _paused_for(db: sqlite3.Connection, now: float) -> float:
    """How long the pause still lasts; one of a clock that was wrong begins anew."""
    row = db.execute("SELECT until, at FROM pause LEFT JOIN pause_begun USING (id)").fetchone()
    if row is None:
        return 0.0
    until: float = row[0]
    begun: float | None = row[1]
    # A pause that an older version set does not say when it began.
    if begun is not None and begun > now + _CLOCK_WAS_WRONG:
        until = now + (until - begun)
        _set_pause(db, now, until - now)
    return max(0.0, until - now)


def _set_pause(db: sqlite3.Connection, now: float, seconds: float) -> None:
    db.execute("INSERT OR REPLACE INTO pause VALUES (1, ?)", (now + seconds,))
    # In a table of its own: older versions may write to the other in the same file.
    db.execute("INSERT OR REPLACE INTO pause_begun VALUES (1, ?)", (now,))


def _is_locked(error: sqlite3.Error) -> bool:
    # The low byte; the rest tells which kind of lock.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
