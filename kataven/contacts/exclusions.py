"""The numbers that must not be called, from a do-not-call list of any form.

Knows one rule more than a reader of contacts: an entry that cannot be read is an error, for it
would be called. Knows nothing of what is done with the numbers.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import Any, TypeAlias, cast

from kataven.contacts.columns import phone_index
from kataven.contacts.dialect import delimiter_of
from kataven.contacts.phones import Phones
from kataven.contacts.problems import Problem, problem
from kataven.contacts.records import RecordReader
from kataven.contacts.rules import PHONE_COLUMN
from kataven.contacts.sources import ContactsSource, open_source
from kataven.contacts.tables import is_table
from kataven.contacts.text import TextBlocks
from kataven.errors import ContactsError

__all__ = ["Exclusions", "excluded_numbers"]

Exclusions: TypeAlias = Iterable[str] | ContactsSource
"""Numbers as text, or any source of contacts; a file may also hold one number a line."""

_SHOWN = 1_000


def excluded_numbers(exclude: Exclusions | None, phones: Phones) -> frozenset[str]:
    """Read a do-not-call list.

    Args:
        exclude: The list, None for an empty one. UTF-8, or what its byte order mark says.
        phones: Makes numbers of what stands in it.

    Returns:
        Its numbers in E.164.

    Raises:
        ContactsError: An entry is no number; nothing may be called past it. Its `.problems` are
            the first 1,000 such entries.
        TypeError: It is no list of numbers.
    """
    if exclude is None:
        return frozenset()
    numbers: set[str] = set()
    problems: list[Problem] = []
    for row, value in _entries(exclude, phones):
        if not value.strip():
            continue
        phone = phones.of(value)
        if phone is not None:
            numbers.add(phone.number)
        elif len(problems) < _SHOWN:
            problems.append(
                problem(
                    "bad_number",
                    f"the exclusion list has {value[:40]!r}, of which no number can be made, so "
                    "that it might be called all the same: correct it there, or give its country "
                    "by region=",
                    row=row,
                    value=value,
                )
            )
    if problems:
        raise ContactsError(str(problems[0]), problems=problems)
    return frozenset(numbers)


def _entries(exclude: Exclusions, phones: Phones) -> Iterator[tuple[int, str]]:
    stored: Any = exclude
    if (
        isinstance(stored, str | os.PathLike | bytes | bytearray | memoryview)
        or hasattr(stored, "read")
        or is_table(stored)
        or isinstance(stored, Mapping)
        or not isinstance(stored, Iterable)
    ):
        return _from_file(stored, phones)
    return _from_items(cast("Iterable[object]", stored))


def _from_items(items: Iterable[object]) -> Iterator[tuple[int, str]]:
    for row, item in enumerate(items, 1):
        value: object = item
        if isinstance(item, Mapping):
            keys = [str(key) for key in item]
            index = phone_index(keys)
            value = None if index is None else list(item.values())[index]
        if not isinstance(value, str):
            raise TypeError(
                "an exclusion list holds numbers as text, or mappings with a "
                f"{PHONE_COLUMN!r}; its entry {row} is {item!r:.80}"
            )
        yield row, value


def _from_file(source: ContactsSource, phones: Phones) -> Iterator[tuple[int, str]]:
    with ExitStack() as closing:
        blocks = iter(TextBlocks(open_source(source, closing)))
        first = next(blocks, None)
        if first is None:
            return
        column: int | None = None
        reader = RecordReader(chain((first,), blocks), delimiter_of(first.text), lenient=True)
        for batch in reader:
            for row, cells in enumerate(batch.rows, batch.first):
                if not cells:
                    continue
                if column is None:
                    column = phone_index(cells)
                    if column is not None:
                        continue
                    column = 0
                    if phones.of(cells[0]) is None:
                        raise ContactsError(
                            "the exclusion list names no column with numbers, and its first line "
                            f"is no number: {cells[0][:40]!r}; call the column {PHONE_COLUMN!r}"
                        )
                yield row, cells[column] if column < len(cells) else ",".join(cells)
