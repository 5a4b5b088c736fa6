"""What a notebook shows of progress and of reports: small HTML, without scripts and colours.

Knows HTML. Must not know where the values come from; every text is escaped, because it may come
from a list or from the Hub. Loaded only by ``_repr_html_``.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Text and lines take the colour of the notebook, light or dark.
_TABLE: Final = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CELL: Final = "padding:.2em .8em;border-bottom:1px solid;vertical-align:top"
_MINUTE: Final = 60
_HOUR: Final = 3600


def line(text: str) -> str:
    """Return a line of text."""
    return f"<div>{escape(text)}</div>"


def bar(status: str, fraction: float | None, text: str) -> str:
    """Return a line with a status, a bar if the fraction is known, and a text."""
    shown = f"<b>{escape(status)}</b> "
    if fraction is not None:
        shown += f'<progress max="1" value="{fraction:.3f}" aria-label="done"></progress> '
    return f"<div>{shown}{escape(text)}</div>"


def table(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """Return a table; texts are at the left of a column, numbers at the right."""
    head = "".join(_cell("th", name) for name in header)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def duration(seconds: float) -> str:
    """Return a duration with its two largest units, rounded up: ``1 h 5 min``, ``40 s``."""
    whole = -int(-seconds // 1)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    minutes = -(-whole // _MINUTE)
    return f"{minutes // _MINUTE} h {minutes % _MINUTE} min"


def _cell(tag: str, value: str | int) -> str:
    number = isinstance(value, int)
    text = f"{value:,}" if number else escape(str(value))
    return f'<{tag} style="{_CELL};text-align:{"right" if number else "left"}">{text}</{tag}>'
