"""Which outcome a call gets before any is drawn: by number, by pattern, or from a function.

Knows numbers, patterns and functions. Must not know the clock, the store or HTTP. A function that
fails does not stop the Hub: the call is drawn, and the error is kept for the next ``advance``.
"""

from __future__ import annotations

import logging
import re

# Imports that only annotations use stay real here, so that typing.get_type_hints() works on the
# public API.
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kataven.sandbox.model import outcomes
from kataven.sandbox.model.contacts import NUMBER
from kataven.sandbox.model.outcomes import Outcome

if TYPE_CHECKING:
    from kataven.sandbox.model.campaign import Campaign

logger: Final = logging.getLogger("kataven.sandbox")

_PATTERN: Final = re.compile(r"\+(?=[0-9]*[*?])[0-9*?]+")


class NewCall(NamedTuple):
    """A call that is about to begin, as a function of ``Sandbox.outcomes`` sees it.

    Attributes:
        number: The number called, in E.164.
        attempt: The number of this call to the contact, from 1.
        campaign: The campaign's id.
        account: The account's name.
    """

    number: str
    attempt: int
    campaign: str
    account: str


OutcomeFunction: TypeAlias = Callable[[NewCall], Outcome | None]
"""Returns the outcome of a call, or None to leave it to the other rules and then to the draw."""


class Script:
    """A function that gives successive attempts their outcomes.

    Args:
        words: The outcome of attempt 1, of attempt 2, and so on.

    Raises:
        ValueError: It is not a list of outcomes.
    """

    def __init__(self, words: Sequence[Outcome]) -> None:
        if isinstance(words, str) or not words:
            msg = f"a script is a list of outcomes, such as ['busy', 'answered'], not {words!r}"
            raise ValueError(msg)
        for word in words:
            outcomes.code_of(word)
        self.words = tuple(words)

    def __repr__(self) -> str:
        return f"Script({list(self.words)})"

    def __call__(self, call: NewCall) -> Outcome | None:
        """Return the outcome of a call, or None if its attempt comes after the last one."""
        return self.words[call.attempt - 1] if call.attempt <= len(self.words) else None


class OutcomeRules:
    """The outcomes that are not drawn.

    The first of these that names an outcome decides: the number's own, then the patterns in the
    order in which they were set.

    Args:
        fixed: The stored outcomes by number.
    """

    def __init__(self, fixed: dict[str, Outcome]) -> None:
        self._fixed = fixed
        self._functions: dict[str, OutcomeFunction] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], Outcome | OutcomeFunction]] = {}
        self._error: RuntimeError | None = None

    def all(self) -> dict[str, Outcome | OutcomeFunction]:
        """Return what is set, by number and by pattern."""
        rules: dict[str, Outcome | OutcomeFunction] = dict(self._fixed)
        rules.update(self._functions)
        rules.update((key, value) for key, (_, value) in self._patterns.items())
        return rules

    def set(self, key: str, value: Outcome | OutcomeFunction | None) -> None:
        """Set the outcome of a number or of a pattern, or remove it (None)."""
        if is_pattern(key):
            if value is None:
                del self._patterns[key]
            else:
                self._patterns[key] = (_compile(key), value)
            return
        self._fixed.pop(key, None)
        self._functions.pop(key, None)
        if callable(value):
            self._functions[key] = value
        elif value is not None:
            self._fixed[key] = value

    def clear(self) -> None:
        """Remove everything, and the error of a function."""
        self._fixed.clear()
        self._functions.clear()
        self._patterns.clear()
        self._error = None

    def code(self, campaign: Campaign, number: str, attempt: int) -> int | None:
        """Return the code of a call's outcome, or None if it is to be drawn."""
        word = self._fixed.get(number)
        if word is None and self._functions:
            word = self._ask(number, self._functions.get(number), campaign, number, attempt)
        if word is None and self._patterns:
            for key, (pattern, value) in self._patterns.items():
                if pattern.fullmatch(number) is not None:
                    word = self._ask(key, value, campaign, number, attempt)
                if word is not None:
                    break
        return None if word is None else outcomes.code_of(word)

    def raise_error(self) -> None:
        """Raise the first error of a function, once.

        Raises:
            RuntimeError: A function failed, or returned something else than an outcome or None.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _ask(
        self,
        key: str,
        value: Outcome | OutcomeFunction | None,
        campaign: Campaign,
        number: str,
        attempt: int,
    ) -> Outcome | None:
        if not callable(value):
            return value
        try:
            word = value(NewCall(number, attempt, campaign.id, campaign.account))
            if word is not None:
                outcomes.code_of(word)
        except Exception as cause:
            msg = (
                f"the function of hub.outcomes[{key!r}] failed for attempt {attempt} to {number} "
                f"({type(cause).__name__}: {cause}): its outcome was drawn"
            )
            logger.exception(msg)
            if self._error is None:
                self._error = RuntimeError(msg)
                self._error.__cause__ = cause
            return None
        return word


def is_pattern(key: str) -> bool:
    """Return whether a key is a pattern and not a number."""
    return _PATTERN.fullmatch(key) is not None


def check_value(value: Outcome | OutcomeFunction) -> None:
    """Check that a value is an outcome or a function.

    Raises:
        ValueError: It is neither.
    """
    if not callable(value):
        outcomes.code_of(value)


def check_key(key: object) -> None:
    """Check that a key is a number or a pattern.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(key, str) or not (NUMBER.fullmatch(key) or is_pattern(key)):
        msg = (
            "an outcome needs a number in E.164, as in the list, such as '+15550100001', or a "
            f"pattern with * for any digits or ? for one digit, such as '+1555*', not {key!r}"
        )
        raise ValueError(msg)


def _compile(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\*", ".*").replace(r"\?", "."))
