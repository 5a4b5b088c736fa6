"""The HTML of the page, with its first data, from ``page.html``.

Knows how ``page.html`` marks what is filled in. Must not know what a value means. The script in the
browser fills the same marks, so each row is written once, in a ``<template>``:

- ``data-text="name"`` on an empty element is its text;
- ``data-attr="title:why href:link"`` are its attributes;
- ``data-show="found"`` hides it while the value is false;
- ``data-list="campaigns" data-row="campaign"`` holds one ``<template id="row-campaign">`` for each.
"""

from __future__ import annotations

import html
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TEXT: Final = re.compile(r'data-(?:text|list)="([\w.]+)"([^>]*)></')
_ATTRIBUTES: Final = re.compile(r'data-attr="([^"]+)"')
_SHOW: Final = re.compile(r'data-show="([\w.]+)"')
_TEMPLATE: Final = re.compile(r'<template id="row-(\w+)">(.*?)</template>', re.DOTALL)
_MARK: Final = re.compile(r"\{\{(hide:|zero:)?([\w.]+)\}\}")
# A number in SVG must not be empty.
_NUMBERS: Final = frozenset({"x", "width"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def page(values: Mapping[str, str | bool]) -> bytes:
    """Return the page.

    Args:
        values: The values of the marks outside of the templates. Only ``Html`` is not escaped.
    """
    # The templates stay empty: the script fills copies of them.
    outside, templates = _page()
    return (_fill(outside, values) + _fill(templates, {})).encode()


def rows(name: str, items: Iterable[Mapping[str, str | bool]]) -> Html:
    """Return one copy of a template for each item."""
    row = _rows()[name]
    return Html("".join(_fill(row, item) for item in items))


def options(values: Iterable[tuple[str, str]]) -> Html:
    """Return the options of a select, from values and labels."""
    return Html(
        "".join(
            f'<option value="{html.escape(value)}">{html.escape(label)}</option>'
            for value, label in values
        )
    )


def _fill(text: str, values: Mapping[str, str | bool]) -> str:
    def value(mark: re.Match[str]) -> str:
        found = values.get(mark[2], "0" if mark[1] == "zero:" else "")
        if mark[1] == "hide:":
            return "" if found else "hidden"
        return found if isinstance(found, Html) else html.escape(str(found))

    return _MARK.sub(value, text)


@cache
def _page() -> tuple[str, str]:
    text = _source()
    at = text.index("<template ")
    return text[:at], text[at:]


@cache
def _rows() -> dict[str, str]:
    return dict(_TEMPLATE.findall(_source()))


@cache
def _source() -> str:
    text = resources.files("kataven.sandbox.page").joinpath("page.html").read_text("utf-8")
    text = _TEXT.sub(lambda mark: f"{mark[0][:-2]}{{{{{mark[1]}}}}}</", text)
    text = _SHOW.sub(r"\g<0> {{hide:\1}}", text)
    return _ATTRIBUTES.sub(lambda mark: f"{mark[0]} {_attributes(mark[1])}", text)


def _attributes(pairs: str) -> str:
    marks = []
    for pair in pairs.split():
        name, field = pair.split(":")
        marks.append(f'{name}="{{{{{"zero:" if name in _NUMBERS else ""}{field}}}}}"')
    return " ".join(marks)
