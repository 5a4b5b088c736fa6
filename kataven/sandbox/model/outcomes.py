"""How a call ends: the outcomes, and the draw of one.

Knows probabilities and durations. A call whose outcome is not in ``REACHED`` is tried again. Must
not know the clock, campaigns or contacts. A draw is a hash of (seed, number of the campaign in its
account, row, attempt), not the next value of a random stream, so the order of requests, the speed
of the clock and restarts change nothing. Probabilities and durations are our choice.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from kataven.sandbox.model.clock import NANOSECONDS

# The codes.
ANSWERED: Final = 0
NO_ANSWER: Final = 1
VOICEMAIL: Final = 2
BUSY: Final = 3
FAILED: Final = 4
NONE: Final = 255

Outcome: TypeAlias = Literal["answered", "no_answer", "voicemail", "busy", "failed"]
"""How a call ends. The index of each word is its code."""

WORDS: Final[tuple[Outcome, ...]] = get_args(Outcome)
REACHED: Final = frozenset({ANSWERED, VOICEMAIL})
LONGEST_CALL: Final = 200 * NANOSECONDS

# Cumulative: answered 55 %, no answer 20 %, voicemail 12 %, busy 8 %, failed the remaining 5 %.
_CUMULATIVE: Final = (0.55, 0.75, 0.87, 0.95)
# Seconds of ringing before each outcome: minimum and maximum.
_RING: Final = ((3.0, 20.0), (30.0, 30.0), (20.0, 28.0), (2.0, 4.0), (1.0, 2.0))
_SHORTEST_TALK: Final = 3.0
_MEDIAN_TALK: Final = 20.0
_LONGEST_TALK: Final = 180.0
# Makes long talks rare enough that a call takes 35 s on average, ringing and all outcomes included.
_LONG_TALK_EXPONENT: Final = 2.25
_UNIT: Final = 1 / 2**64
_unpack: Final = struct.Struct("<3Q").unpack


class Call(NamedTuple):
    """The course of one call: the outcome's code, and nanoseconds of ringing and of talk."""

    outcome: int
    ring: int
    talk: int


def code_of(word: str) -> int:
    """Return the code of an outcome's word.

    Raises:
        ValueError: The word is not one of the five outcomes.
    """
    try:
        return WORDS.index(word)
    except ValueError:
        msg = f"an outcome is one of {', '.join(WORDS)}, not {word!r}"
        raise ValueError(msg) from None


def draw(seed: int, number: int, row: int, attempt: int, forced: int | None = None) -> Call:
    """Draw the course of a call.

    Args:
        seed: The Hub's seed.
        number: The campaign's number in its account.
        row: The contact's index in the CSV, from 0.
        attempt: The number of this call to the contact, from 1.
        forced: The outcome's code if it is fixed. Durations are drawn in any case.
    """
    digest = hashlib.blake2b(b"%d:%d:%d:%d" % (seed, number, row, attempt), digest_size=24).digest()
    which, ringing, talking = _unpack(digest)
    outcome = forced
    if outcome is None:
        chance = which * _UNIT
        outcome = FAILED
        for code, ceiling in enumerate(_CUMULATIVE):
            if chance < ceiling:
                outcome = code
                break
    least, most = _RING[outcome]
    ring = int((least + (most - least) * ringing * _UNIT) * NANOSECONDS)
    if outcome not in REACHED:
        return Call(outcome, ring, 0)
    # From 0 to 2: half of the talks are shorter than the median, half are longer.
    half = talking * _UNIT * 2
    seconds = (
        _SHORTEST_TALK * (_MEDIAN_TALK / _SHORTEST_TALK) ** half
        if half < 1
        else _MEDIAN_TALK * (_LONGEST_TALK / _MEDIAN_TALK) ** ((half - 1) ** _LONG_TALK_EXPONENT)
    )
    return Call(outcome, ring, min(int(seconds * NANOSECONDS), LONGEST_CALL - ring))
