"""Why a text is not read as a phone number: the reasons, and the sentence of each.

Knows wording. Must not know how a number is read (``_writing``, ``_phones``), or which exist.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "NumberReason",
    "Refused",
    "ambiguous_number",
    "empty_number",
    "grouping_advice",
    "letters",
    "missing_country_code",
    "no_digits",
    "not_in_use",
    "odd_character",
    "several_numbers",
    "spreadsheet_number",
    "unassigned_country_code",
    "wrong_length",
]

NumberReason = Literal[
    "empty_number",
    "spreadsheet_number",
    "no_digits",
    "letters",
    "odd_character",
    "too_short",
    "too_long",
    "several_numbers",
    "ambiguous_number",
    "not_in_use",
    "missing_country_code",
    "unknown_region",
]
"""Why a text is not read as a phone number."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a text is not read as a number.

    Attributes:
        reason: One of the fixed words.
        message: A sentence that says what is wrong and what to do.
    """

    reason: NumberReason
    message: str


# The characters of a cell.


def empty_number() -> Refused:
    """Refuse a cell without text."""
    return Refused("empty_number", "there is no phone number: fill it in or delete the row")


def spreadsheet_number() -> Refused:
    """Refuse a number in a form such as ``4.41E+11``."""
    return Refused(
        "spreadsheet_number",
        "a spreadsheet turned the number into a value and may have lost digits: format the "
        "column as text in the spreadsheet, and export it again",
    )


def no_digits() -> Refused:
    """Refuse a text without digits."""
    return Refused("no_digits", "there are no digits in the cell: fill in a phone number")


def letters() -> Refused:
    """Refuse a number that contains letters."""
    return Refused(
        "letters",
        "there are letters in the number: write its digits, and put names, notes and a second "
        "number into columns of their own",
    )


def odd_character(char: str) -> Refused:
    """Refuse a text because of one character, which the message names."""
    name = unicodedata.name(char, "a control character")
    shown = f"{char!r}, " if char.isprintable() and char.isascii() else ""
    return Refused(
        "odd_character",
        f"the number contains U+{ord(char):04X} ({shown}{name}), which is not part of a number: "
        "retype it",
    )


def several_numbers() -> Refused:
    """Refuse a text that contains several numbers."""
    return Refused("several_numbers", "there are several numbers in the cell: keep one")


# What the digits mean.


def missing_country_code() -> Refused:
    """Refuse a number without a country code, where no region is given."""
    return Refused(
        "missing_country_code",
        "the number has no '+' and country code: add them, or name the country with region= of "
        "kataven.contacts.clean()",
    )


def unassigned_country_code(digits: str) -> Refused:
    """Refuse digits after a plus whose first ones are not an assigned country code."""
    return Refused("not_in_use", f"there is no country code at the start of +{digits}: correct it")


def wrong_length(code: str, national: str, expected: str, *, too_long: bool) -> Refused:
    """Refuse a number whose length is not possible.

    Args:
        code: The country code.
        national: The digits after it.
        expected: How many there should be, such as ``8 or 9``.
        too_long: Whether there are more than that, not fewer.
    """
    advice = "remove what is not part of it" if too_long else "add its area code"
    return Refused(
        "too_long" if too_long else "too_short",
        f"a number with country code +{code} has {expected} digits after "
        f"it, this one has {len(national)}: correct it, or {advice}",
    )


def not_in_use(region: str) -> Refused:
    """Refuse digits of a possible length that are not in use, in the region or abroad."""
    return Refused(
        "not_in_use",
        f"this is not a number in use in the region {region}, with or without a country "
        "code: correct it, add its area code if that is missing, or keep every number of a "
        "possible length with numbers='possible'",
    )


def ambiguous_number(numbers: set[str], advice: str = "") -> Refused:
    """Refuse a text that can be read as several numbers.

    Args:
        numbers: The numbers in E.164.
        advice: What else to do about it: ``grouping_advice``, or nothing.
    """
    return Refused(
        "ambiguous_number",
        f"the number can be read as {' or '.join(sorted(numbers))}: write it with '+' and country "
        f"code{advice}",
    )


def grouping_advice(number: str, grouped: str) -> str:
    """Say how to group the digits of a number in E.164, so that it has one reading."""
    return f", or group it as {grouped} if it is {number}"
