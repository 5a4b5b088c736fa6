"""The words that select contacts: statuses for the Hub to filter, last errors for the SDK.

Knows which words are documented or assumed. Both are open: an unknown word is never an error.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from kataven import _validate
from kataven._words import KnownLastError
from kataven.campaigns.progress import CONTACT_STATUSES
from kataven.errors import ContactsWarning

LAST_ERRORS: Final[tuple[str, ...]] = get_args(KnownLastError)
_SEPARATORS: Final = re.compile(r"[\W_]+")


def same_word(word: str) -> str:
    """Return a form that all spellings of a word share: ``No-Answer`` and ``no_answer``."""
    return _SEPARATORS.sub("", word.casefold())


# "failed" is a status too.
_NOT_STATUSES: Final = {same_word(word): word for word in LAST_ERRORS if word != "failed"}


def contact_status(value: str | None) -> str | None:
    """Return the status if it can be one.

    Raises:
        TypeError: If it is not a str.
        ValueError: If it is a last error, which no contact has as its status.
    """
    status = _validate.optional_text("status", value)
    last_error = None if status is None else _NOT_STATUSES.get(same_word(status))
    if last_error is not None:
        raise ValueError(
            f"status={status!r} is not a status of a contact but the reason why its last call "
            f"failed: pass last_error={last_error!r} instead (statuses are "
            f"{', '.join(CONTACT_STATUSES)})"
        )
    return status


def last_errors(value: str | Iterable[str] | None) -> frozenset[str] | None:
    """Return the last errors that are wanted; None for any, and for contacts without one.

    Raises:
        TypeError: If it is neither a str nor several.
        ValueError: If it names none, or an empty one.
    """
    if value is None:
        return None
    if isinstance(value, str):
        words = frozenset({_validate.text("last_error", value)})
    elif isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | Mapping):
        words = frozenset(_validate.text("last_error", word) for word in value)
    else:
        raise TypeError(f"last_error must be a str or a set of them, not {type(value).__name__}")
    if not words or "" in words:
        raise ValueError(
            "last_error must name at least one reason, such as 'busy'; None selects every contact"
        )
    return words


def has_last_error(row: Any, wanted: frozenset[str]) -> bool:
    """Return whether a contact's ``last_error`` is one of those."""
    found = row.get("last_error") if isinstance(row, dict) else None
    return isinstance(found, str) and found in wanted


def warn_of_unknown_words(
    campaigns: str, status: str | None, errors: frozenset[str] | None, stacklevel: int
) -> None:
    """Warn if nothing was selected and a word is unknown: it may be misspelt.

    Args:
        campaigns: The ids, for the message.
        status: The status that was requested, or None.
        errors: The last errors that were requested, or None.
        stacklevel: Frames from the caller of this function to the line of the user.
    """
    advice = []
    if status and status not in CONTACT_STATUSES:
        advice.append(f"known statuses are {', '.join(CONTACT_STATUSES)}")
    if errors and not errors <= set(LAST_ERRORS):
        advice.append(f"known last errors are {', '.join(LAST_ERRORS)}")
    if not advice:
        return
    asked = [f"status={status!r}"] if status else []
    if errors:
        asked.append(f"last_error={' or '.join(map(repr, sorted(errors)))}")
    text = f"no contact of {campaigns} has {' and '.join(asked)}; {'; '.join(advice)}"
    warnings.warn(text, ContactsWarning, stacklevel=stacklevel + 1)
