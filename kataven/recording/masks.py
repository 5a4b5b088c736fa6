"""How a text is masked so that its form stays: the words that are kept, and the patterns.

Knows characters and words. Must not know requests, or which texts are personal (scrubbing). A mask
keeps what a Hub may judge, such as separators, quotes and line ends, and replaces every letter and
digit. It depends on the text alone, so equal texts have equal masks.
"""

from __future__ import annotations

import re
from typing import Final

# What is not personal wherever it is: words of states, outcomes and kinds.
_WORDS: Final = (
    "draft scheduled running paused completed failed pending in_progress cancelled canceled active "
    "queued waiting dialing dialling dialed ringing calling called connected answered no_answer "
    "unanswered voicemail machine human busy done finished success succeeded error skipped retry "
    "retrying stopped stopping starting started created deleted expired rejected blocked unknown "
    "invalid timeout api_key jwt user account inbound outbound daily hourly none "
    "true false null"
)
WORDS: Final = frozenset(_WORDS.split())
# Keys whose values are ids, which are not personal.
ID_KEYS: Final = frozenset({"id", "campaign_id", "contact_id", "agent_id", "phone_number_id"})
TIME_KEYS: Final = re.compile(r"(?:.*_at|timestamp|time|at)")
# Keys whose values are sentences for people.
TEXT_KEYS: Final = frozenset(
    {"error", "message", "detail", "details", "reason", "last_error", "code", "title"}
)
# Keys whose values are one of the words above, or a word that only the real Hub uses.
STATUS_KEYS: Final = frozenset({"status", "last_error", "outcome"})
PERSONAL_KEYS: Final = frozenset({"custom_fields", "customFields", "variables", "metadata"})
# Numbers in an object about a contact that are not of the contact.
COUNT_KEYS: Final = frozenset(
    {"attempts", "attempt", "retries", "page", "row", "index", "position"}
)

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}(?![0-9])")
RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
ID: Final = re.compile(r"[A-Za-z0-9_.:=~-]{1,128}", re.ASCII)
WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}", re.ASCII)
# What a column or a key is named; five digits or an @ make it data.
NAME: Final = re.compile(r"[^\W\d][\w .\-/()#]{0,63}")
PHONE_LIKE: Final = re.compile(r"\+?[0-9](?:[0-9]|[ ().\-/](?=[ ().\-/]?[0-9])){5,24}[0-9]")
TOKEN: Final = re.compile(
    r"sk_live_[A-Za-z0-9_\-]+|eyJ[\w\-]+\.[\w\-]+(?:\.[\w\-]*)?|(?<=[Bb]earer )\S+", re.ASCII
)

_DIGIT_RUN: Final = re.compile(r"[0-9]+")
_ASCII_MASKS: Final = dict.fromkeys(range(ord("a"), ord("z") + 1), "x") | dict.fromkeys(
    range(ord("A"), ord("Z") + 1), "X"
)
# A masked word, as it is in a recording.
MASKED: Final = re.compile(r"(?=.*[xX05\u00e9\u0665])[xX05\u00e9\u0665\W_]+")


def mask(text: str) -> str:
    """Replace every letter and digit: ``Ann (2)`` becomes ``Xxx (5)``.

    Separators, quotes, line ends and other signs stay. A zero at the start of a number stays, and
    so does a byte that is not UTF-8, as another byte.
    """
    text = _DIGIT_RUN.sub(_masked_digits, text).translate(_ASCII_MASKS)
    return text if text.isascii() else "".join(map(_masked_char, text))


def _masked_digits(match: re.Match[str]) -> str:
    run = match.group()
    return ("0" if run[0] == "0" else "5") + "5" * (len(run) - 1)


def _masked_char(char: str) -> str:
    if char.isascii():
        return char
    if "\udc80" <= char <= "\udcff":
        # A byte that is not UTF-8, as surrogateescape reads it.
        return "\udcff"
    if char.isdigit():
        return "\u0665"
    return char if char.isspace() or not char.isprintable() else "é"


def is_name(text: str) -> bool:
    """Whether a text is the name of a column or a key, rather than data."""
    return NAME.fullmatch(text.strip()) is not None and sum(map(str.isdigit, text)) < 5


def is_word(text: str) -> bool:
    """Whether a text is one of the words that are kept everywhere."""
    return text.lower().replace("-", "_").replace(" ", "_") in WORDS


def reserved_number(index: int) -> str:
    """Return a number that is reserved for fiction: 555-0100 to 555-0199 of each area code.

    After 72,000 of them, numbers of a country code that does not exist.
    """
    # Counted down, so that the numbers that tests use, the first ones, are not used here.
    area, last = divmod(index, 100)
    if area < len(_AREA_CODES):
        return f"+1{_AREA_CODES[area]}55501{last:02d}"
    return f"+999{index:09d}"


_AREA_CODES: Final = [area for area in range(989, 199, -1) if area // 10 % 10 != 9]
