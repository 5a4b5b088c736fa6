"""Where the Hub keeps what it must not lose: SQLite, in memory or in a file.

Knows tables and transactions. Must not know what the state means. Everything that one step of the
Hub changed goes into one transaction, and no answer leaves before it is committed. In WAL mode with
`synchronous=NORMAL` a commit survives kill -9 of the process (not a power cut, which nobody needs
of a stand-in). One Hub holds a file at a time.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import Any, Final

from kataven.sandbox import schema
from kataven.sandbox.accounts import Account, Key
from kataven.sandbox.campaign import Campaign, Roster, Settings
from kataven.sandbox.journal import CALL, CALL_ENDED, Row

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
# SQLite's kinds of error: somebody else is at it, and a file that is something else.
_HELD: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FOREIGN: Final = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


class Store:
    """The database of one Hub; used by one thread.

    Args:
        path: The file, or None for memory.

    Raises:
        ValueError: The file is no database of a Hub, a newer kataven wrote it, or it cannot be
            opened or written.
        RuntimeError: Another Hub holds the file.
    """

    def __init__(self, path: str | PathLike[str] | None) -> None:
        self.durable = path is not None
        name = ":memory:" if path is None else fspath(path)
        try:
            self._connection = sqlite3.connect(name, isolation_level=None, timeout=0)
        except sqlite3.Error as error:
            msg = f"{name} cannot be opened ({error}): use a file in a folder that can be written"
            raise ValueError(msg) from error
        try:
            if self.durable:
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
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
        """Close the database."""
        self._connection.close()

    def next_key(self) -> int:
        """Return a row number for a new campaign."""
        self._last_key += 1
        return self._last_key

    def last_seen(self) -> int | None:
        """Return the last Hub time that was stored, or None."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'now'").fetchone()
        return None if row is None else int(row[0])

    def load_keys(self) -> list[Key]:
        """Return every key, the oldest first."""
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
        self._connection.execute(
            _SAVE_KEY,
            (key.token, key.account, limits, key.revoked),
        )

    def created(self) -> list[tuple[str, int]]:
        """Return the accounts with how many campaigns each ever made."""
        return self._connection.execute("SELECT name, created FROM accounts").fetchall()

    def outcomes(self) -> dict[str, str]:
        """Return the outcomes that tests have fixed."""
        return dict(self._connection.execute("SELECT number, word FROM outcomes"))

    def save_outcome(self, number: str, word: str | None) -> None:
        """Fix a number's outcome, or free it again (None)."""
        self._connection.execute("DELETE FROM outcomes WHERE number = ?", (number,))
        if word is not None:
            self._connection.execute("INSERT INTO outcomes VALUES (?, ?)", (number, word))

    def campaigns(self) -> Iterator[Campaign]:
        """Read every campaign with its contacts, the oldest first."""
        rows = self._connection.execute(_SELECT_CAMPAIGNS)
        for row in rows.fetchall():
            yield self._campaign(row)

    def calls_since(self, time: int) -> Iterator[tuple[str, bool, int, int]]:
        """Read (account, whether it is an end, time, talk) of each call's begin and end."""
        rows = self._connection.execute(
            _SELECT_CALLS,
            (time, CALL, CALL_ENDED),
        )
        for account, action, at, talk in rows:
            yield account, action == CALL_ENDED, at, talk

    def journal(self, after: int, at_most: int) -> list[tuple[Any, ...]]:
        """Read journal rows, each with its entry's number before it.

        Args:
            after: The last entry already read, 0 for none.
            at_most: How many to read; -1 for all.
        """
        return self._connection.execute(
            _SELECT_JOURNAL,
            (after, at_most),
        ).fetchall()

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
        rows: list[Row],
        *,
        new: tuple[Account, Campaign, list[str]] | None = None,
    ) -> None:
        """Store what a step of the Hub changed, in one transaction.

        Args:
            now: The Hub's time.
            touched: The campaigns that changed.
            rows: What to write into the journal.
            new: A new campaign with its account and the JSON of its custom fields.
        """
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            if new is not None:
                self._insert(*new)
            for campaign in touched:
                self._update(campaign)
            self._connection.executemany(_INSERT_JOURNAL, rows)
            execute("INSERT OR REPLACE INTO meta VALUES ('now', ?)", (now,))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")

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
                (campaign.key, block, " ".join(numbers[block * 100 : block * 100 + 100]), text)
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

    def _campaign(self, row: tuple[Any, ...]) -> Campaign:
        (
            key,
            name,
            number,
            account,
            *settings,
            columns,
            created,
            by,
            status,
            started,
            completed,
            deleted,
        ) = row
        people = self._connection.execute(
            "SELECT numbers FROM people WHERE campaign = ? ORDER BY block", (key,)
        )
        roster = Roster([phone for (numbers,) in people for phone in numbers.split(" ")])
        for block, state in self._connection.execute(
            "SELECT block, state FROM dialling WHERE campaign = ?", (key,)
        ):
            roster.unpack(block, state)
        return Campaign(
            key,
            name,
            number,
            account,
            Settings(*settings),
            tuple(json.loads(columns)),
            created,
            by,
            roster,
            status,
            started,
            completed,
            bool(deleted),
        )


def _unusable(name: str, error: sqlite3.DatabaseError) -> Exception:
    # The low byte is the kind; what SQLite adds above it is detail. Python's own errors have none.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind in _HELD:
        return RuntimeError(f"{name} cannot be used ({error}): does another Sandbox hold it?")
    if kind in _FOREIGN:
        return ValueError(f"{name} is no database of a Hub ({error}): use another path")
    return ValueError(f"{name} cannot be used ({error}): use a file that can be written")
