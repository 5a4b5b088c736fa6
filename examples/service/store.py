"""The uploaded lists and the campaign of each, in a SQLite file. Knows nothing of the Hub."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """CREATE TABLE IF NOT EXISTS lists (
    id TEXT PRIMARY KEY, name TEXT UNIQUE, agent_id TEXT, phone_number_id TEXT, people INTEGER,
    contacts BLOB, creating INTEGER DEFAULT 0, campaign_id TEXT)"""
COLUMNS = "id, name, agent_id, phone_number_id, people, creating, campaign_id"


class UnknownListError(Exception):
    """There is no such list."""


class NameTakenError(Exception):
    """Another list has this name."""


@dataclass(frozen=True, slots=True)
class SavedList:
    """A list that was uploaded.

    Attributes:
        creating: Whether a request to create its campaign was sent, or was about to be sent. It is
            stored before the request, so that a crash does not lose it.
        campaign_id: Its campaign, once it is known.
    """

    id: str
    name: str
    agent_id: str
    phone_number_id: str
    people: int
    creating: bool
    campaign_id: str | None

    @property
    def campaign_name(self) -> str:
        """A name that no other campaign has, so that the campaign can be found by it."""
        return f"{self.name} ({self.id})"


class Store:
    """The lists. Opened by one process at a time, and used by one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "service.db", timeout=1, isolation_level=None)
        # A second process would have locks of its own, and two clicks could start two campaigns.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Numbers that are deleted are overwritten in the file, too.
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("BEGIN EXCLUSIVE")
        self._db.execute(TABLE)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let another process open the folder."""
        self._db.close()

    def add(
        self, name: str, agent_id: str, phone_number_id: str, contacts: bytes, people: int
    ) -> SavedList:
        """Save a list. A name belongs to one list, however often that list is sent."""
        digest = hashlib.sha256(repr((name, agent_id, phone_number_id)).encode() + contacts)
        list_id = digest.hexdigest()[:16]
        self._db.execute(
            "INSERT OR IGNORE INTO lists (id, name, agent_id, phone_number_id, people, contacts) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (list_id, name, agent_id, phone_number_id, people, contacts),
        )
        for saved in self._select("WHERE id = ?", list_id):
            return saved
        raise NameTakenError(
            f"there is another list named {name!r}, whose people may have been called already: "
            "choose another name if these are other people"
        )

    def get(self, list_id: str) -> SavedList:
        """Return one list, or raise ``UnknownListError``."""
        for saved in self._select("WHERE id = ?", list_id):
            return saved
        raise UnknownListError(f"there is no list {list_id!r}")

    def all(self) -> list[SavedList]:
        """Return every list."""
        return self._select("ORDER BY name, id")

    def contacts(self, list_id: str) -> bytes:
        """Return the contacts of a list whose campaign was not created yet."""
        row = self._db.execute("SELECT contacts FROM lists WHERE id = ?", (list_id,)).fetchone()
        return bytes(row[0])

    def set_creating(self, list_id: str, *, creating: bool) -> None:
        """Remember that a campaign may exist, or that it certainly does not."""
        self._db.execute("UPDATE lists SET creating = ? WHERE id = ?", (creating, list_id))

    def set_campaign(self, list_id: str, campaign_id: str) -> None:
        """Remember the campaign of a list. The Hub has the contacts now: forget them."""
        self._db.execute(
            "UPDATE lists SET campaign_id = ?, contacts = NULL WHERE id = ?", (campaign_id, list_id)
        )

    def _select(self, condition: str, *values: str) -> list[SavedList]:
        rows = self._db.execute(f"SELECT {COLUMNS} FROM lists {condition}", values)  # noqa: S608
        return [SavedList(*row) for row in rows]
