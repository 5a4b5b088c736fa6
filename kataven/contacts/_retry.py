"""Contacts of a campaign as a list for the next one.

Knows numbers and custom fields, each number once. Does not know why they are called again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kataven.contacts._csv import CsvWriter, cell_text
from kataven.contacts._files import TempFile
from kataven.contacts._rules import PHONE_COLUMN

__all__ = ["RetryList"]


class RetryList:
    """Collects contacts on disk and makes a CSV file of them.

    Memory grows with the number of distinct numbers only, by about 100 bytes each.
    """

    def __init__(self) -> None:
        self._spool = TempFile("retry")
        self._numbers: set[str] = set()
        self._custom: dict[str, None] = {}

    @property
    def rows(self) -> int:
        """The number of distinct numbers added so far."""
        return len(self._numbers)

    def add(self, contacts: Iterable[Mapping[str, Any]]) -> None:
        """Add contacts; one without a number, or with a number that was added, is left out.

        Args:
            contacts: Contacts as the Hub sends them.
        """
        for contact in contacts:
            number = contact.get(PHONE_COLUMN)
            if not isinstance(number, str) or not number or number in self._numbers:
                continue
            self._numbers.add(number)
            stored = contact.get("custom_fields")
            custom = dict(stored) if isinstance(stored, Mapping) else {}
            custom.pop(PHONE_COLUMN, None)
            self._custom.update(dict.fromkeys(custom))
            line = json.dumps([number, custom], separators=(",", ":"))
            self._spool.write(line.encode("ascii") + b"\n")

    def finish(self) -> TempFile:
        """Write the list.

        Returns:
            A seekable binary CSV file at its start, with ``phone_number`` and the union of the
            custom fields in order of first occurrence. It is deleted when it is closed or garbage
            collected.
        """
        names = list(self._custom)
        file = TempFile("retry.csv")
        try:
            writer = CsvWriter(file)
            writer.row([PHONE_COLUMN, *names])
            self._spool.seek(0)
            for line in self._spool:
                number, custom = json.loads(line)
                writer.row([number, *(cell_text(custom.get(name)) for name in names)])
            file.seek(0)
        except BaseException:
            file.close()
            raise
        finally:
            self.close()
        return file

    def close(self) -> None:
        """Discard the collected contacts. Does nothing after ``finish``."""
        self._spool.close()
