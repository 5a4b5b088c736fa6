"""The contacts of a campaign as a list for the next one.

Knows numbers and custom fields, each number once. Does not know why they are called again.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, cast

from kataven.contacts._csv import CsvSink, text_of
from kataven.contacts._files import OwnFile
from kataven.contacts._rules import PHONE_COLUMN

__all__ = ["RetryList"]


class RetryList:
    """Gathers contacts on disk and makes a CSV file of them.

    Memory grows with the distinct numbers only, by about 100 bytes each.
    """

    def __init__(self) -> None:
        """Start with no contact."""
        self._spool = OwnFile("retry")
        self._numbers: set[str] = set()
        self._custom: dict[str, None] = {}

    @property
    def rows(self) -> int:
        """How many distinct numbers have been taken."""
        return len(self._numbers)

    def add(self, contacts: Iterable[Mapping[str, Any]]) -> None:
        """Take some contacts; a number that was taken already is left out.

        Args:
            contacts: Contacts as the Hub gives them; one without a number is left out.
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

    def finish(self) -> OwnFile:
        """Write the list.

        Returns:
            A seekable binary CSV file at its start: `phone_number` and the union of the custom
            fields in order of first sight. It goes when it is closed or collected.
        """
        names = list(self._custom)
        file = OwnFile("retry.csv")
        try:
            sink = CsvSink(cast("BinaryIO", file))
            sink.row([PHONE_COLUMN, *names])
            self._spool.seek(0)
            for line in self._spool:
                number, custom = json.loads(line)
                sink.row([number, *(text_of(custom.get(name)) for name in names)])
            file.seek(0)
        except BaseException:
            file.close()
            raise
        finally:
            self.close()
        return file

    def close(self) -> None:
        """Throw the gathered contacts away; does nothing after `finish`."""
        self._spool.close()
