"""What ``prepare`` leaves out: earlier plans, and do-not-call lists of any form.

A list is read as ``kataven.contacts.clean`` reads it. Does not know the rows of the sources.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from kataven.bulk._plan import PLAN, BulkPlan
from kataven.bulk._source import Stamp, check_unchanged, shown, stamp_of
from kataven.contacts._exclusions import Exclusions, excluded_numbers
from kataven.contacts.source.tables import is_table
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts._phones import Phones

__all__ = ["BulkExclusions", "Excluded", "find_excluded"]

BulkExclusions: TypeAlias = (
    BulkPlan | Exclusions | Iterable["BulkPlan | str | os.PathLike[str] | Exclusions"]
)
"""A plan or its folder, or a do-not-call list as ``clean`` takes it; or several plans and paths."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """One exclusion.

    Attributes:
        message: What ``dropped.csv`` says about its numbers.
        identity: What distinguishes it from others, as JSON; it has no numbers.
        plan: The plan, None for a list.
        numbers: The numbers of a list.
    """

    message: str
    identity: dict[str, Any]
    plan: BulkPlan | None = None
    numbers: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return len(self.numbers) if self.plan is None else self.plan.totals.kept


def find_excluded(
    exclude: BulkExclusions | None, phones: Phones, columns: Iterable[str] | None
) -> list[Excluded]:
    """Open plans and read lists.

    Args:
        exclude: The argument of ``prepare``.
        phones: Reads the entries of lists.
        columns: The columns of the lists to read, None to find them.

    Returns:
        The exclusions, plans first.

    Raises:
        ContactsError: An entry of a list is not a number, or a list is empty.
        BulkError: There is no plan in the folder, or it is damaged.
        TypeError: It is not an exclusion.
        ValueError: There are columns and no list.
    """
    plans: list[Excluded] = []
    lists: list[Excluded] = []
    for each in _each(exclude):
        plan = _plan(each)
        if plan is None:
            lists.append(_list(each, phones, columns))
        else:
            plans.append(_earlier(plan))
    if columns is not None and not lists:
        excluded_numbers(None, phones, columns)
    return plans + lists


def _each(exclude: BulkExclusions | None) -> list[Any]:
    """Tell one exclusion from several: a list with a plan or a path has several."""
    given: Any = exclude
    if given is None:
        return []
    if not isinstance(given, list | tuple):
        return [given]
    several = [item for item in given if _is_source(item)]
    if not several:
        return [given]
    # What remains are numbers.
    numbers = [item for item in given if not _is_source(item)]
    return [*several, numbers] if numbers else several


def _is_source(item: object) -> bool:
    return not isinstance(item, str | Mapping) and (
        isinstance(item, BulkPlan | os.PathLike | bytes | bytearray)
        or hasattr(item, "read")
        or is_table(item)
    )


def _plan(item: object) -> BulkPlan | None:
    if isinstance(item, BulkPlan):
        return item
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        if path.name == PLAN:
            path = path.parent
        if path.is_dir():
            return BulkPlan.open(path)
    return None


def _earlier(plan: BulkPlan) -> Excluded:
    where = shown(os.fspath(plan.directory))
    # An unusual list of parts would be another plan.
    parts = hashlib.sha256("".join(part.sha256 for part in plan.parts).encode()).hexdigest()
    return Excluded(
        f"the number is in the plan {where}", {"plan": plan.id, "sha256": parts}, plan=plan
    )


def _list(item: Any, phones: Phones, columns: Iterable[str] | None) -> Excluded:
    name, stamp = _named(item)
    try:
        found = excluded_numbers(cast("Exclusions", item), phones, columns)
    except ContactsError as refused:
        if name is None:
            _explain_names(refused)
            raise
        raise ContactsError(f"{shown(name)}: {refused}", problems=refused.problems) from refused
    identity: dict[str, Any] = {"numbers": len(found.numbers)}
    if name is not None and stamp is not None:
        check_unchanged(name, os.path.abspath(name), stamp)  # noqa: PTH100 - a str
        identity["file"] = name
    digest = hashlib.sha256("\n".join(sorted(found.numbers)).encode())
    identity["sha256"] = digest.hexdigest()
    where = "the exclusion list" if name is None else f"the exclusion list {shown(name)}"
    return Excluded(f"the number is on {where}", identity, numbers=found.numbers)


def _explain_names(refused: ContactsError) -> None:
    """Raise an error that explains the name of a file among numbers, if that is what was refused.

    Raises:
        ContactsError: A file or folder was named by a text.
    """
    for each in refused.problems:
        if each.value and Path(each.value).exists():
            raise ContactsError(
                f"exclude has the text {each.value!r}, which is the name of a file or a folder; in "
                f"a list of exclusions a text is a number: write Path({each.value!r})"
            ) from refused


def _named(item: object) -> tuple[str | None, Stamp | None]:
    if isinstance(item, str | os.PathLike):
        name = os.fspath(item)
        return str(name), stamp_of(Path(name).stat())
    return None, None
