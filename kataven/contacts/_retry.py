"""Contacts of campaigns as a list for the next one.

Knows numbers and custom fields, each telephone once. Does not know why they are called again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kataven.contacts._csv import CsvWriter, cell_text
from kataven.contacts._files import TempFile
from kataven.contacts._phones import Phones
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.export.failures import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RetryCollector", "RetryList"]


class RetryList(TempFile):
    """A list for the next campaign: a binary CSV file at its start, for ``create(contacts=...)``.

    It is a temporary file that is deleted when it is closed or garbage collected.

    Attributes:
        rows: The number of contacts in it. With 0, nobody is to be called again.
    """

    def __init__(self) -> None:
        super().__init__("retry.csv")
        self.rows = 0


class RetryCollector:
    """Collects contacts on disk and makes a CSV file of them.

    Memory grows with the number of distinct numbers only, by about 100 bytes each.
    """

    def __init__(self) -> None:
        self._spool = TempFile("retry")
        self._numbers: set[str] = set()
        self._phones = Phones()
        self._custom: dict[str, None] = {}

    @property
    def rows(self) -> int:
        """The number of distinct numbers added so far."""
        return len(self._numbers)

    def add(self, contacts: Iterable[Mapping[str, Any]]) -> None:
        """Add contacts; one without a number, or whose telephone was added, is left out.

        Args:
            contacts: Contacts as the Hub sends them.

        Raises:
            OSError: The folder for temporary files is full.
        """
        numbered = [(contact, number) for contact in contacts if (number := _number_of(contact))]
        keys = self._phones.keys([number for _, number in numbered])
        with _explaining():
            for (contact, number), key in zip(numbered, keys, strict=True):
                if key in self._numbers:
                    continue
                self._numbers.add(key)
                stored = contact.get("custom_fields")
                custom = dict(stored) if isinstance(stored, Mapping) else {}
                custom.pop(PHONE_COLUMN, None)
                self._custom.update(dict.fromkeys(custom))
                line = json.dumps([number, custom], separators=(",", ":"))
                self._spool.write(line.encode("ascii") + b"\n")

    def finish(self) -> RetryList:
        """Write the list.

        Returns:
            The list, with ``phone_number`` and the union of the custom fields in order of first
            occurrence.

        Raises:
            OSError: The folder for temporary files is full.
        """
        names = list(self._custom)
        file = RetryList()
        try:
            with _explaining():
                writer = CsvWriter(file)
                writer.row([PHONE_COLUMN, *names])
                self._spool.seek(0)
                for line in self._spool:
                    number, custom = json.loads(line)
                    writer.row([number, *(cell_text(custom.get(name)) for name in names)])
                file.seek(0)
            file.rows = self.rows
        except BaseException:
            _close(file)
            raise
        finally:
            self.close()
        return file

    def close(self) -> None:
        """Discard the collected contacts. Does nothing after ``finish``."""
        _close(self._spool)


def _number_of(contact: Mapping[str, Any]) -> str | None:
    number = contact.get(PHONE_COLUMN)
    return number if isinstance(number, str) else None


def _close(file: TempFile) -> None:
    # On a full disk this fails to write what is left in memory, and has still closed the file.
    with suppress(OSError):
        file.close()


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = (
            "a retry list is collected in the folder for temporary files: free some space there, "
            "or set TMPDIR to another folder, and call retry_list again"
        )
        raise explained(error, tempfile.gettempdir(), advice) from None
