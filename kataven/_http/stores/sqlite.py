"""Rate limiter state in an SQLite file, for all processes of one machine.

Each step is one transaction that holds the file's write lock from its first read. Leases expire,
because a killed process releases none. The file has a clock of its own, which counts the machine's
uptime and never goes back: setting the time of day neither frees nor blocks anything.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from kataven._flow.ratelimit import HURRY, LEASE_SECONDS, PATIENCE, Wait, status_of
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._flow.ratelimit import RateLimits, RateLimitStatus
    from kataven.clock import Uptime

T = TypeVar("T")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS stamps (at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS stamps_at ON stamps (at);
CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pause (id INTEGER PRIMARY KEY CHECK (id = 1), until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS pause_begun (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL, epoch REAL NOT NULL
);
"""
# The latest moment that a process has written.
_LATEST: Final = """
SELECT max(at) FROM (
    SELECT max(at) AS at FROM stamps UNION ALL SELECT at FROM pause_begun
    UNION ALL SELECT max(until) - ? FROM leases
)
"""
# SQLite does not queue processes that start together and switch the file to WAL.
_OPENING_PAUSE: Final = 0.02
# What a transaction returns that granted a lease.
_ADMITTED: Final = Wait(-1.0)


class SQLiteStore:
    """A store for the processes of one machine.

    Args:
        limits: The limits, whose ``store`` is the file's path; it is created with mode 0600.
        uptime: The machine's uptime, by which the file's clock runs. Without it, what callers pass
            as ``now`` counts.

    Raises:
        ConfigurationError: If the file cannot be opened or is not such a store.
    """

    blocks = True

    def __init__(self, limits: RateLimits, uptime: Uptime | None = None) -> None:
        self._limits = limits
        self._uptime = uptime
        # How far this process's clock is behind the latest moment in the file, in seconds.
        self._behind = 0.0
        self._windows = limits.windows()
        self._leases = limits.leases()
        # Reentrant for its release() alone, which then knows whether this thread holds it.
        self._lock = threading.RLock()
        try:
            # The WAL files take their mode from this file, so it must be right before they exist.
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
        unsent = "nothing was sent; " if admits else ""
        return ConfigurationError(
            f"the rate limiter's store {self._limits.store!r} cannot be used: {error}; {unsent}"
            "use a file in a writable folder, or another store"
        )

    def _step(
        self,
        step: Callable[[sqlite3.Connection], T],
        patience: float = PATIENCE,
        *,
        admits: bool = False,
    ) -> T | None:
        """Run one transaction; None where an impatient ``admits`` step found the store locked."""
        until = time.monotonic() + patience
        impatient = admits and patience < PATIENCE
        try:
            if not self._lock.acquire(timeout=patience):
                if impatient:
                    return None
                raise self._unusable(TimeoutError("it is locked"), admits=admits)
            try:
                left = max(0.0, until - time.monotonic())
                self._db.execute(f"PRAGMA busy_timeout={int(left * 1000)}")
                self._db.execute("BEGIN IMMEDIATE")
                outcome = step(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                # Whatever interrupted it: an open transaction would lock out every process.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if impatient and _is_locked(error):
                return None
            raise self._unusable(error, admits=admits) from error
        finally:
            # An interruption can arrive between acquire() and the next step, so ask the lock.
            with suppress(RuntimeError):
                self._lock.release()
        return outcome

    def _time(self, db: sqlite3.Connection, now: float) -> float:
        """Return the time by the file's clock."""
        latest: float = db.execute(_LATEST, (LEASE_SECONDS,)).fetchone()[0] or 0.0
        if self._uptime is not None:
            now = self._by_uptime(db, self._uptime, latest)
        # A process whose clock is behind takes over the latest moment, and counts on from there. If
        # it went back, others would take what it writes for old and forget it.
        self._behind = max(self._behind, latest - now)
        return now + self._behind

    def _by_uptime(self, db: sqlite3.Connection, uptime: Uptime, latest: float) -> float:
        seconds = uptime.seconds()
        row = db.execute("SELECT boot, epoch FROM clock").fetchone()
        # Without an identifier, an uptime that went back means that the machine was restarted.
        if (
            row is not None
            and row[0] == uptime.boot
            and (uptime.boot or row[1] + seconds >= latest)
        ):
            return float(row[1]) + seconds
        # The first process since the machine was started. Only here does the time of day count.
        epoch = max(time.time(), latest) - seconds
        db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?)", (uptime.boot, epoch))
        return epoch + seconds

    def acquire(
        self, now: float, lease: str, *, control: bool, patience: float = PATIENCE
    ) -> Wait | None:
        """Admit one request under the name ``lease``, or return when to ask again."""

        def step(db: sqlite3.Connection) -> Wait:
            nonlocal now
            now = self._time(db, now)
            if not control:
                paused = _paused_for(db, now)
                if paused > 0:
                    return Wait(paused)
            if self._leases is not None:
                db.execute("DELETE FROM leases WHERE until <= ?", (now,))
                in_flight = db.execute("SELECT count(*) FROM leases").fetchone()[0]
                if in_flight >= self._leases[0 if control else 1]:
                    return Wait(0.0, busy=True)
            wait = 0.0
            for window in self._windows:
                limit = window.limit if control else window.ordinary_limit
                row = db.execute(
                    "SELECT at FROM stamps ORDER BY at DESC LIMIT 1 OFFSET ?", (limit - 1,)
                ).fetchone()
                if row is not None:
                    wait = max(wait, row[0] + window.seconds - now)
            if wait > 0:
                return Wait(wait)
            if self._windows:
                db.execute("INSERT INTO stamps VALUES (?)", (now,))
                longest = self._windows[-1].seconds
                db.execute("DELETE FROM stamps WHERE at <= ?", (now - longest,))
            if self._leases is not None:
                db.execute("INSERT INTO leases VALUES (?, ?)", (lease, now + LEASE_SECONDS))
            return _ADMITTED

        outcome = self._step(step, patience, admits=True) or Wait(0.0, busy=True)
        return None if outcome is _ADMITTED else outcome

    def release(self, lease: str) -> None:
        """End a lease; one that was never granted is ignored."""
        if self._leases is not None:
            statement = "DELETE FROM leases WHERE id = ?"
            self._step(lambda db: db.execute(statement, (lease,)), HURRY)

    def renew(self, lease: str, now: float) -> None:
        """Extend a lease that is still held."""
        if self._leases is not None:

            def step(db: sqlite3.Connection) -> None:
                until = self._time(db, now) + LEASE_SECONDS
                db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?)", (lease, until))

            self._step(step, HURRY)

    def pause(self, now: float, seconds: float) -> None:
        """Hold back every call, except control calls."""

        def step(db: sqlite3.Connection) -> None:
            begun = self._time(db, now)
            if seconds > _paused_for(db, begun):
                db.execute("INSERT OR REPLACE INTO pause VALUES (1, ?)", (begun + seconds,))
                # In a table of its own: older versions may write the other one in the same file.
                db.execute("INSERT OR REPLACE INTO pause_begun VALUES (1, ?)", (begun,))

        self._step(step, HURRY)

    def status(self, now: float) -> RateLimitStatus:
        """Return what is left."""

        def step(db: sqlite3.Connection) -> RateLimitStatus:
            at = self._time(db, now)
            used = [
                db.execute(
                    "SELECT count(*) FROM stamps WHERE at > ?", (at - window.seconds,)
                ).fetchone()[0]
                for window in self._windows
            ]
            alive = "SELECT count(*) FROM leases WHERE until > ?"
            in_flight = db.execute(alive, (at,)).fetchone()[0]
            return status_of(self._limits, used, in_flight, _paused_for(db, at))

        status = self._step(step)
        if status is None:  # pragma: no cover - only an impatient step returns None
            raise self._unusable(TimeoutError("it is locked"), admits=False)
        return status

    def close(self) -> None:
        """Close the file, which keeps the state."""
        with self._lock:
            self._db.close()


def _paused_for(db: sqlite3.Connection, now: float) -> float:
    """Return the seconds left of the pause."""
    row = db.execute("SELECT until FROM pause").fetchone()
    return 0.0 if row is None else max(0.0, row[0] - now)


def _is_locked(error: sqlite3.Error) -> bool:
    # The low byte; the rest says which kind of lock.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
