"""Tests over a table: one test that runs its body once for each row."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Callers first: the Hub waits for their connections to end.
_RESET = ("caller", "blocking", "awaited", "hub", "clock")


def table(names: str, rows: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test once for each row, as one test; a note on the failure names the row.

    Cheaper than ``pytest.mark.parametrize`` where a table is long. Tables multiply like
    parametrisations. Before each further row the fixtures of ``tests.support`` are as new: the
    clients are closed, the Hub has forgotten its script and its requests.

    Args:
        names: The arguments that a row gives, separated by commas.
        rows: The values; tuples where there are several names.
    """
    columns = [name.strip() for name in names.split(",")]
    table_rows = [dict(zip(columns, row if columns[1:] else (row,), strict=True)) for row in rows]
    assert table_rows

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def over_the_table(**fixtures: Any) -> None:
            for number, row in enumerate(table_rows):
                if number:
                    for name in _RESET:
                        if name in fixtures:
                            fixtures[name].reset()
                try:
                    test(**fixtures, **row)
                except BaseException as error:
                    error.add_note(f"row {number} of {names}: {row!r:.500}")
                    raise

        signature = inspect.signature(test)
        kept = [p for p in signature.parameters.values() if p.name not in columns]
        over_the_table.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return over_the_table

    return decorate
