"""The schema of the database, and its migrations.

Knows SQL only. Must not know what the tables mean to the Hub. The version is SQLite's
``user_version``. Migration N leads to version N, each runs in one transaction, and a released one
is never edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

MIGRATIONS: Final = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE TABLE keys (
            token TEXT PRIMARY KEY, account TEXT NOT NULL, limits TEXT,
            revoked INTEGER NOT NULL)""",
        "CREATE TABLE accounts (name TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE TABLE campaigns (
            key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number INTEGER NOT NULL,
            account TEXT NOT NULL, name TEXT NOT NULL, agent_id TEXT NOT NULL,
            phone_number_id TEXT NOT NULL, max_concurrent_calls INTEGER NOT NULL,
            retries_per_contact INTEGER NOT NULL, retry_delay_seconds INTEGER NOT NULL,
            scheduled_at TEXT, scheduled_ns INTEGER, columns TEXT NOT NULL,
            created_ns INTEGER NOT NULL, created_by TEXT NOT NULL, status TEXT NOT NULL,
            started_ns INTEGER, completed_ns INTEGER, deleted INTEGER NOT NULL)""",
        # A block is 100 contacts: ``people`` holds their CSV values, ``dialling`` their state.
        """CREATE TABLE people (
            campaign INTEGER NOT NULL, block INTEGER NOT NULL, numbers TEXT NOT NULL,
            fields TEXT NOT NULL, PRIMARY KEY (campaign, block))""",
        """CREATE TABLE dialling (
            campaign INTEGER NOT NULL, block INTEGER NOT NULL, state BLOB NOT NULL,
            PRIMARY KEY (campaign, block)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE journal (
            entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, action TEXT NOT NULL,
            account TEXT NOT NULL, campaign TEXT NOT NULL, number TEXT, attempt INTEGER,
            outcome TEXT, talk INTEGER NOT NULL)""",
        "CREATE TABLE outcomes (number TEXT PRIMARY KEY, word TEXT NOT NULL) WITHOUT ROWID",
    ),
)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Migrate a database to the newest version.

    Args:
        connection: A connection in autocommit mode.
        path: The path of the database, for the error text.

    Raises:
        ValueError: A newer kataven wrote the database.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        msg = (
            f"{path} has version {version}, but this kataven supports up to {len(MIGRATIONS)}: "
            "upgrade kataven, or use another file"
        )
        raise ValueError(msg)
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
