"""``Sandbox.outcomes``: how calls end, by number, by pattern or by a function.

Knows the public mapping and checks its arguments. Must not know how a call is dialled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING

from kataven.sandbox.model.outcome_rules import OutcomeFunction
from kataven.sandbox.model.outcomes import Outcome
from kataven.sandbox.model.oversight import set_outcome

if TYPE_CHECKING:
    from kataven.sandbox.hub import HubThread


class Outcomes(MutableMapping[str, Outcome | OutcomeFunction]):
    """Outcomes that are not drawn. Each applies to every call that begins after it was set.

    A key is a phone number in E.164, or a pattern: ``*`` is any digits, ``?`` is one digit. A value
    is an outcome (``answered``, ``no_answer``, ``voicemail``, ``busy`` or ``failed``), or a
    function that takes a ``NewCall`` and returns an outcome, or None to leave the call to the other
    rules.
    The number itself comes first, then the patterns in the order in which they were set, then the
    draw. Anything else raises ``ValueError``.

    A function is called once for each call, in the Hub's thread. It must not use the Hub, which
    waits for it, and should depend only on its argument, so that every run is the same. If it
    fails, the outcome is drawn, and the next ``advance`` or ``run_to_end`` raises ``RuntimeError``.

    Outcomes of numbers are stored in the database; patterns and functions are lost when the Hub is
    closed.

    Args:
        running: Returns the running Hub that they belong to.
    """

    def __init__(self, running: Callable[[], HubThread]) -> None:
        self._running = running

    def __getitem__(self, key: str) -> Outcome | OutcomeFunction:
        return self._all()[key]

    def __setitem__(self, key: str, value: Outcome | OutcomeFunction) -> None:
        self._running().call(lambda engine: set_outcome(engine, key, value))

    def __delitem__(self, key: str) -> None:
        self[key]
        self._running().call(lambda engine: set_outcome(engine, key, None))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Outcome | OutcomeFunction]:
        return self._running().call(lambda engine: engine.outcomes.all())
