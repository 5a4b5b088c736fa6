"""The database of a Hub: SQLite, in memory or in a file.

Knows tables and transactions. Must not know what the state means. Each step of the Hub is one
transaction, and no response leaves before it is committed. In WAL mode with ``synchronous=NORMAL``
a commit survives kill -9 of the process, but not a power failure, which a test Hub need not
survive. Only one Hub can use a file at a time.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from contextlib import contextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING, Final, TypeAlias

from kataven.sandbox.model import schema
from kataven.sandbox.model.accounts import Account, Key
from kataven.sandbox.model.campaign import Campaign, Settings
from kataven.sandbox.model.contacts import BLOCK, Roster
from kataven.sandbox.model.journal import CALL, CALL_ENDED, JournalRow
from kataven.sandbox.model.refusals import NotStored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kataven.sandbox.model.outcomes import Outcome

# A row of _SELECT_CAMPAIGNS.
_CampaignRow: TypeAlias = tuple[
    int, str, int, str,
    str, str, str, int, int, int, str | None, int | None,
    str, int, str, str, int | None, int | None, int,
]  # fmt: skip

_SELECT_CAMPAIGNS: Final = """
    SELECT key, id, number, account, name, agent_id, phone_number_id, max_concurrent_calls,
        retries_per_contact, retry_delay_seconds, scheduled_at, scheduled_ns, columns, created_ns,
        created_by, status, started_ns, completed_ns, deleted
    FROM campaigns ORDER BY key"""
_INSERT_CAMPAIGN: Final = """
    INSERT INTO campaigns (key, id, number, account, name, agent_id, phone_number_id,
        max_concurrent_calls, retries_per_contact, retry_delay_seconds, scheduled_at, scheduled_ns,
        columns, created_ns, created_by, status, deleted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"""
_UPDATE_CAMPAIGN: Final = """
    UPDATE campaigns SET status = ?, started_ns = ?, completed_ns = ?, deleted = ? WHERE key = ?"""
_PURGE: Final = (
    "DELETE FROM people WHERE campaign = ?",
    "DELETE FROM dialling WHERE campaign = ?",
    "DELETE FROM campaigns WHERE key = ?",
)
_CLEARED: Final = ("people", "dialling", "campaigns", "accounts", "journal", "outcomes")
_SAVE_KEY: Final = """
    INSERT INTO keys VALUES (?, ?, ?, ?)
    ON CONFLICT (token) DO UPDATE SET revoked = excluded.revoked"""
_INSERT_JOURNAL: Final = """
    INSERT INTO journal (time, action, account, campaign, number, attempt, outcome, talk)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT_JOURNAL: Final = """
    SELECT entry, time, action, account, campaign, number, attempt, outcome, talk
    FROM journal WHERE entry > ? ORDER BY entry LIMIT ?"""
_SELECT_CALLS: Final = """
    SELECT account, action, time, talk FROM journal
    WHERE time > ? AND action IN (?, ?) ORDER BY entry"""
# SQLite's primary result codes: another process uses the file, or the file is not ours.
_IN_USE: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NOT_OURS: Final = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


class Store:
    """The database of one Hub. Only one thread may use it, until it is closed.

    A method that writes either stores everything or raises ``NotStored`` and stores nothing.

    Args:
        path: The file, or None for memory.

    Raises:
        ValueError: The file is not a database of a Hub, was written by a newer kataven, or cannot
            be opened or written.
        RuntimeError: Another Hub uses the file.
    """

    def __init__(self, path: str | PathLike[str] | None) -> None:
        self.durable = path is not None
        self._name = name = ":memory:" if path is None else fspath(path)
        try:
            self._connection = _connect(name)
        except sqlite3.Error as error:
            msg = f"{name} cannot be opened ({error}): use a file in a writable folder"
            raise ValueError(msg) from error
        try:
            if self.durable:
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                # Takes the lock now, not at the first write.
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute("COMMIT")
            schema.migrate(self._connection, name)
            found = self._connection.execute("SELECT max(key) FROM campaigns").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _unusable(name, error) from error
        except ValueError:
            self._connection.close()
            raise
        self._last_key: int = found or 0

    def close(self) -> None:
        """Close the file. The journal stays readable, from any thread."""
        if self.durable:
            kept = _connect(":memory:")
            self._connection.backup(kept)
            self._connection.close()
            self._connection = kept
        weakref.finalize(self, self._connection.close)

    def next_key(self) -> int:
        """Return the row number of a new campaign."""
        self._last_key += 1
        return self._last_key

    def last_seen(self) -> int | None:
        """Return the last Hub time that was stored, or None in a new database."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'now'").fetchone()
        return None if row is None else int(row[0])

    def load_keys(self) -> list[Key]:
        """Return every key, oldest first."""
        rows = self._connection.execute(
            "SELECT token, account, limits, revoked FROM keys ORDER BY rowid"
        )
        return [
            Key(token, account, None if limits is None else json.loads(limits), bool(revoked))
            for token, account, limits, revoked in rows
        ]

    def save_key(self, key: Key) -> None:
        """Store a key."""
        limits = None if key.limits is None else json.dumps(key.limits)
        with self._transaction():
            self._connection.execute(_SAVE_KEY, (key.token, key.account, limits, key.revoked))

    def created(self) -> list[tuple[str, int]]:
        """Return each account with the number of campaigns it has ever created."""
        return self._connection.execute("SELECT name, created FROM accounts").fetchall()

    def outcomes(self) -> dict[str, Outcome]:
        """Return the fixed outcomes by phone number."""
        return dict(self._connection.execute("SELECT number, word FROM outcomes"))

    def save_outcome(self, number: str, word: Outcome | None) -> None:
        """Fix the outcome of a number, or remove it (None)."""
        with self._transaction():
            self._connection.execute("DELETE FROM outcomes WHERE number = ?", (number,))
            if word is not None:
                self._connection.execute("INSERT INTO outcomes VALUES (?, ?)", (number, word))

    def replace_outcomes(self, words: Mapping[str, Outcome]) -> None:
        """Store the outcomes of numbers, instead of those that are stored."""
        with self._transaction():
            self._connection.execute("DELETE FROM outcomes")
            self._connection.executemany("INSERT INTO outcomes VALUES (?, ?)", words.items())

    def clear(self) -> None:
        """Delete everything except the keys and the time."""
        with self._transaction():
            for table in _CLEARED:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def campaigns(self) -> Iterator[Campaign]:
        """Read every campaign with its contacts, oldest first."""
        rows = self._connection.execute(_SELECT_CAMPAIGNS)
        for row in rows.fetchall():
            yield self._campaign(row)

    def calls_since(self, time: int) -> Iterator[tuple[str, bool, int, int]]:
        """Read the beginning and the end of each call after a time.

        Yields:
            The account, whether the call ended, the time, and the nanoseconds talked.
        """
        rows = self._connection.execute(_SELECT_CALLS, (time, CALL, CALL_ENDED))
        for account, action, at, talk in rows:
            yield account, action == CALL_ENDED, at, talk

    def journal(self, after: int, at_most: int) -> list[tuple[int, JournalRow]]:
        """Read journal rows, each with the number of its entry.

        Args:
            after: The number of the last entry already read, 0 for none.
            at_most: Maximum number of rows; -1 for all.
        """
        rows = self._connection.execute(_SELECT_JOURNAL, (after, at_most))
        return [(entry, JournalRow(*row)) for entry, *row in rows]

    def last_entry(self) -> int:
        """Return the number of the journal's last entry, 0 if it is empty."""
        row = self._connection.execute("SELECT max(entry) FROM journal").fetchone()
        return row[0] or 0

    def fields(self, campaign: Campaign, block: int) -> list[list[str]]:
        """Read the custom fields of one block of 100 contacts."""
        row = self._connection.execute(
            "SELECT fields FROM people WHERE campaign = ? AND block = ?", (campaign.key, block)
        ).fetchone()
        values: list[list[str]] = json.loads(row[0])
        return values

    def save(
        self,
        now: int,
        touched: Iterable[Campaign],
        rows: list[JournalRow],
        *,
        new: tuple[Account, Campaign, list[str]] | None = None,
    ) -> None:
        """Store everything that one step of the Hub changed, in one transaction.

        Args:
            now: The Hub's time.
            touched: The campaigns that changed.
            rows: New rows of the journal.
            new: A new campaign with its account and the JSON of its custom fields.

        Raises:
            NotStored: The database cannot be written.
        """
        with self._transaction():
            if new is not None:
                self._insert(*new)
            for campaign in touched:
                self._update(campaign)
            self._connection.executemany(_INSERT_JOURNAL, rows)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('now', ?)", (now,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            # SQLite itself may have rolled back.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.OperationalError):
                raise
            full = _code(error) == sqlite3.SQLITE_FULL
            advice = "free space on its disk" if full else "check its disk and its permissions"
            raise NotStored(self._name, str(error), advice) from error

    def _insert(self, account: Account, campaign: Campaign, fields: list[str]) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO accounts VALUES (?, ?)", (account.name, account.created)
        )
        settings = campaign.settings
        values = (
            campaign.key,
            campaign.id,
            campaign.number,
            campaign.account,
            settings.name,
            settings.agent_id,
            settings.phone_number_id,
            settings.max_concurrent_calls,
            settings.retries_per_contact,
            settings.retry_delay_seconds,
            settings.scheduled_at,
            settings.scheduled_ns,
            json.dumps(campaign.columns),
            campaign.created_ns,
            campaign.created_by,
            campaign.status,
        )
        self._connection.execute(_INSERT_CAMPAIGN, values)
        numbers = campaign.roster.numbers
        self._connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?)",
            (
                (campaign.key, block, " ".join(numbers[block * BLOCK : (block + 1) * BLOCK]), text)
                for block, text in enumerate(fields)
            ),
        )

    def _update(self, campaign: Campaign) -> None:
        if campaign.deleted and not campaign.in_flight:
            for statement in _PURGE:
                self._connection.execute(statement, (campaign.key,))
            return
        if campaign.changed:
            self._connection.execute(
                _UPDATE_CAMPAIGN,
                (
                    campaign.status,
                    campaign.started_ns,
                    campaign.completed_ns,
                    campaign.deleted,
                    campaign.key,
                ),
            )
            campaign.changed = False
        roster = campaign.roster
        self._connection.executemany(
            "INSERT OR REPLACE INTO dialling VALUES (?, ?, ?)",
            ((campaign.key, block, roster.pack(block)) for block in roster.dirty),
        )
        roster.dirty.clear()

    def _campaign(self, row: _CampaignRow) -> Campaign:
        key, campaign_id, number, account, *_ = row
        columns, created, created_by, status, started, completed, deleted = row[12:]
        people = self._connection.execute(
            "SELECT numbers FROM people WHERE campaign = ? ORDER BY block", (key,)
        )
        roster = Roster([phone for (numbers,) in people for phone in numbers.split(" ")])
        for block, state in self._connection.execute(
            "SELECT block, state FROM dialling WHERE campaign = ?", (key,)
        ):
            roster.unpack(block, state)
        roster.recount()
        return Campaign(
            key,
            campaign_id,
            number,
            account,
            Settings(*row[4:12]),
            tuple(json.loads(columns)),
            created,
            created_by,
            roster,
            status,
            started,
            completed,
            bool(deleted),
        )


def _connect(name: str) -> sqlite3.Connection:
    # One thread at a time: the Hub's, and after ``close`` SQLite's own locks.
    return sqlite3.connect(name, isolation_level=None, timeout=0, check_same_thread=False)


def _code(error: sqlite3.DatabaseError) -> int:
    # The low byte is the primary result code. Errors that Python itself raises have none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _unusable(name: str, error: sqlite3.DatabaseError) -> Exception:
    code = _code(error)
    if code in _IN_USE:
        return RuntimeError(f"{name} cannot be used ({error}): does another Sandbox use it?")
    if code == sqlite3.SQLITE_FULL:
        return ValueError(f"{name} cannot be written ({error}): free space on its disk")
    if code in _NOT_OURS:
        return ValueError(f"{name} is not a database of a Hub ({error}): use another path")
    return ValueError(f"{name} cannot be used ({error}): use a writable file")
