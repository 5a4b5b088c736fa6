"""How a call goes: the words for outcomes, and the draw of one.

Knows chances and lengths of calls. Must not know the clock, campaigns or contacts. A draw is a hash
of (seed, number of the campaign in its account, row, attempt): never one random stream, so the
order of requests, the speed of the clock and restarts change nothing. Weights and lengths are our
choice.
"""

import hashlib
import struct
from typing import Final, NamedTuple

from kataven.sandbox.clock import NANOSECONDS

ANSWERED: Final = 0
NO_ANSWER: Final = 1
VOICEMAIL: Final = 2
BUSY: Final = 3
FAILED: Final = 4
NONE: Final = 255

WORDS: Final = ("answered", "no_answer", "voicemail", "busy", "failed")
REACHED: Final = frozenset({ANSWERED, VOICEMAIL})
LONGEST_CALL: Final = 200 * NANOSECONDS

# Answered 55, no answer 20, voicemail 12, busy 8, failed 5 of a hundred, added up.
_CEILINGS = (0.55, 0.75, 0.87, 0.95)
# Seconds of ringing before each outcome: least and most.
_RING = ((3.0, 20.0), (30.0, 30.0), (20.0, 28.0), (2.0, 4.0), (1.0, 2.0))
_SHORTEST_TALK = 3.0
_MEDIAN_TALK = 20.0
_LONGEST_TALK = 180.0
# So that a call lasts 35 s on average, over all outcomes and ringing included.
_LONG_TALKS_ARE_RARE = 2.25
_UNIT = 1 / 2**64
_unpack = struct.Struct("<3Q").unpack


class Call(NamedTuple):
    """One call as it will go: the outcome's code, and nanoseconds of ringing and of talk."""

    outcome: int
    ring: int
    talk: int


def code_of(word: str) -> int:
    """Return the code of an outcome's word.

    Raises:
        ValueError: The word is none of the five.
    """
    try:
        return WORDS.index(word)
    except ValueError:
        msg = f"an outcome is one of {', '.join(WORDS)}, not {word!r}"
        raise ValueError(msg) from None


def draw(seed: int, number: int, row: int, attempt: int, forced: int | None = None) -> Call:
    """Draw how a call goes.

    Args:
        seed: The Hub's seed.
        number: The campaign's number in its account.
        row: The contact's index in the CSV, from 0.
        attempt: Which call to this contact it is, from 1.
        forced: The outcome's code where a test has fixed it; lengths are drawn all the same.
    """
    digest = hashlib.blake2b(b"%d:%d:%d:%d" % (seed, number, row, attempt), digest_size=24).digest()
    which, ringing, talking = _unpack(digest)
    outcome = forced
    if outcome is None:
        chance = which * _UNIT
        outcome = FAILED
        for code, ceiling in enumerate(_CEILINGS):
            if chance < ceiling:
                outcome = code
                break
    least, most = _RING[outcome]
    ring = int((least + (most - least) * ringing * _UNIT) * NANOSECONDS)
    if outcome not in REACHED:
        return Call(outcome, ring, 0)
    half = talking * _UNIT * 2
    seconds = (
        _SHORTEST_TALK * (_MEDIAN_TALK / _SHORTEST_TALK) ** half
        if half < 1
        else _MEDIAN_TALK * (_LONGEST_TALK / _MEDIAN_TALK) ** ((half - 1) ** _LONG_TALKS_ARE_RARE)
    )
    return Call(outcome, ring, min(int(seconds * NANOSECONDS), LONGEST_CALL - ring))
