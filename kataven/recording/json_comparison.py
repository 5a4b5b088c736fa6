"""Compares the JSON of a recorded response with that of the embedded Hub, value by value.

Knows which values must be equal, and which only have a form: ids, times, and what depends on how
calls went. Must not know how the JSON arrived: in a response, or in a frame of an event stream.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kataven.recording.masks import E164, RFC3339
from kataven.sandbox.model import contacts, outcomes, states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.recording.differences import Pair

_NULLABLE: Final = frozenset(
    {"scheduled_at", "started_at", "completed_at", "last_attempt_at", "last_error"}
)
# Equal in both, because the request or the list determines them.
_CAMPAIGN_VALUES: Final = frozenset(
    {
        "name",
        "agent_id",
        "phone_number_id",
        "max_concurrent_calls",
        "retries_per_contact",
        "retry_delay_seconds",
        "status",
    }
)
_PAGE_VALUES: Final = frozenset({"page", "page_size"})
# Words that the embedded Hub uses.
_CONTACT_STATUSES: Final = frozenset(contacts.CONTACT_STATUSES)
_LAST_ERRORS: Final = frozenset(outcomes.WORDS)
_STATUSES: Final = frozenset(states.STATUSES)
_MADE_BY: Final = frozenset({"api_key", "jwt"})
_ID_FORM: Final = re.compile(r"(camp|contact)_")
_NO_TIME: Final = "0001-01-01"


def compare_json(pair: Pair, theirs: Any, mine: Any, where: str) -> None:
    """Compare two values and what is in them.

    Args:
        pair: What they are from; it collects what differs.
        theirs: The recorded value.
        mine: The value of the embedded Hub.
        where: The path of its key, such as ``contacts[].status``; empty for all of a body.
    """
    if isinstance(theirs, dict) and isinstance(mine, dict):
        _compare_keys(pair, theirs, mine, where)
    elif isinstance(theirs, list) and isinstance(mine, list):
        _compare_items(pair, theirs, mine, where)
    else:
        _compare_scalar(pair, theirs, mine, where)


def _compare_keys(pair: Pair, theirs: dict[str, Any], mine: dict[str, Any], where: str) -> None:
    missing = [key for key in mine if key not in theirs]
    extra = [key for key in theirs if key not in mine]
    if len(missing) == len(extra) == 1 and _type(mine[missing[0]]) == _type(theirs[extra[0]]):
        name = _join(where, missing[0])
        pair.differs("key_renamed", name, extra[0], missing[0], ("keys", ""))
        compare_json(pair, theirs[extra[0]], mine[missing[0]], name)
        missing, extra = [], []
    for key in missing:
        pair.differs("key_missing", _join(where, key), "missing", _type(mine[key]), ("keys", ""))
    for key in extra:
        pair.differs("key_extra", _join(where, key), _type(theirs[key]), "missing", ("keys", ""))
    if list(mine) != list(theirs) and set(mine) == set(theirs):
        pair.differs(
            "key_order", where or "(top)", ", ".join(theirs), ", ".join(mine), ("keys", "")
        )
    for key, value in mine.items():
        if key in theirs:
            compare_json(pair, theirs[key], value, _join(where, key))


def _compare_items(pair: Pair, theirs: list[Any], mine: list[Any], where: str) -> None:
    same = len(theirs) == len(mine)
    for index, item in enumerate(theirs):
        other = mine[index] if same else mine[0] if mine else pair.template
        if other is not None:
            compare_json(pair, item, other, f"{where}[]")


def _compare_scalar(pair: Pair, theirs: Any, mine: Any, where: str) -> None:
    key = where.rpartition(".")[2].removesuffix("[]")
    if mine is None and theirs is not None and key in _NULLABLE:
        wanted = key == "last_error" or (isinstance(theirs, str) and RFC3339.fullmatch(theirs))
        if not isinstance(theirs, str):
            pair.differs("type", where, _type(theirs), "string or null", ("type", ""))
        elif not wanted or theirs.startswith(_NO_TIME) or not theirs:
            pair.differs("value", where, theirs or "''", "null", ("null", key))
        return
    if theirs is None and key in _NULLABLE:
        return
    if _type(theirs) != _type(mine):
        pair.differs("type", where, f"{_type(theirs)}", f"{_type(mine)}", ("type", ""))
        return
    if isinstance(mine, str) and isinstance(theirs, str):
        for pattern, form in ((RFC3339, "a time in RFC 3339"), (E164, "a number in E.164")):
            if pattern.fullmatch(mine) and not pattern.fullmatch(theirs):
                pair.differs("format", where, theirs, form, ("format", key))
                return
        begins = _ID_FORM.match(mine)
        if begins and not theirs.startswith(begins.group()):
            pair.differs("format", where, theirs, mine, ("format", key))
    _compare_value(pair, theirs, mine, where, key)


def _compare_value(pair: Pair, theirs: Any, mine: Any, where: str, key: str) -> None:
    """Compare a value that must be equal, or be one of the words of the embedded Hub."""
    operation = pair.operation
    known: frozenset[str] | None = None
    if key == "status":
        if pair.racing:
            return
        in_list = where.endswith("[].status")
        if operation == "contacts":
            known = _CONTACT_STATUSES
        elif in_list or operation == "events":
            known = _STATUSES
    elif key == "last_error":
        known = _LAST_ERRORS
    elif key == "created_by":
        known = _MADE_BY
    if known is not None:
        if theirs not in known:
            pair.differs(
                "value", where, theirs, f"one of {', '.join(sorted(known))}", ("value", key)
            )
        return
    exact = (operation == "contacts" and where in _PAGE_VALUES) or (
        where in _CAMPAIGN_VALUES and operation not in {"contacts", "events", "list"}
    )
    if exact and theirs != mine:
        pair.differs("value", where, theirs, mine, ("value", key))


def compare_lists(pair: Pair, theirs: Any, mine: Any) -> None:
    """Compare length and order of the list in a response."""
    items = _items(theirs)
    if items is None:
        return
    if pair.operation == "list":
        order = _order(items)
        if order not in {"", "oldest first"}:
            pair.differs("order", "campaigns", order, "oldest first", ("order", ""))
    others = _items(mine)
    filtered = "status=" in pair.exchange.query
    if pair.operation != "contacts" or others is None or filtered:
        return
    if pair.whole and len(items) != len(others):
        pair.differs("count", "contacts", len(items), len(others), ("count", ""))
        return
    numbers = _numbers(items), _numbers(others)
    if numbers[0] == numbers[1]:
        for one, other in zip(items, others, strict=False):
            _compare_cells(pair, one, other)
    elif sorted(numbers[0]) == sorted(numbers[1]):
        backwards = numbers[0] == numbers[1][::-1]
        pair.differs(
            "order",
            "contacts",
            "reversed" if backwards else "another order",
            "the order of the list",
            ("order", ""),
        )
    elif pair.whole and numbers[0]:
        pair.differs(
            "value", "contacts", "other contacts", "the contacts of the list", ("value", "page")
        )


def _compare_cells(pair: Pair, theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    cells, others = theirs.get("custom_fields"), mine.get("custom_fields")
    if not isinstance(cells, dict) or not isinstance(others, dict):
        return
    for name, cell in cells.items():
        if isinstance(cell, str) and isinstance(others.get(name), str) and cell != others[name]:
            pair.differs(
                "value", f"contacts[].custom_fields.{name}", cell, others[name], ("value", "")
            )


def _items(value: Any) -> list[dict[str, Any]] | None:
    """Return the list of objects in a response; None if it has none."""
    if isinstance(value, dict):
        value = next((one for one in value.values() if isinstance(one, list)), None)
    if not isinstance(value, list):
        return None
    return [one for one in value if isinstance(one, dict)]


def _numbers(items: Sequence[dict[str, Any]]) -> list[str]:
    return [
        next(
            (value for value in one.values() if isinstance(value, str) and E164.fullmatch(value)),
            "",
        )
        for one in items
    ]


def _order(campaigns: Sequence[dict[str, Any]]) -> str:
    times = []
    for campaign in campaigns:
        try:
            times.append(datetime.fromisoformat(str(campaign.get("created_at"))))
        except ValueError:
            return ""
    try:
        if times == sorted(times):
            return "oldest first"
        return "newest first" if times == sorted(times, reverse=True) else "another order"
    except TypeError:
        return ""


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: tuple[tuple[type, str], ...] = (
        (dict, "object"),
        (list, "array"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
