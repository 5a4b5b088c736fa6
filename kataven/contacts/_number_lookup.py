"""What the digits of one number may mean: inside a region, and with a country code.

Knows the ways in which people write a country code, and asks the numbering plans. Must not know
what is done with several meanings: ``_phones`` refuses them, ``_number_readings`` keeps them all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kataven.contacts._numbering import COUNTRY_CODE, Candidate, Numbering
from kataven.contacts._writing import PUNCTUATION, too_few_digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "BRACKETED_END",
    "BRACKETED_ZERO",
    "LONGEST",
    "MOST_PARTS",
    "NOT_WITHIN_A_NUMBER",
    "OTHER_PREFIXES",
    "Lookup",
    "best",
    "digits_of",
]

_DIGITS: Final = re.compile(r"[0-9]+")

NOT_WITHIN_A_NUMBER: Final = re.compile(r"[&|,;:\n]")
"""What only separates numbers."""

BRACKETED_ZERO: Final = re.compile(r"\(\s*0\s*\)")
"""A zero in brackets is left out abroad, except where it is part of the number."""

BRACKETED_END: Final = re.compile(r"\(\s*[0-9]{1,3}\s*$")
"""Digits in brackets at the end may be part of the number, or a note: 030 123456 (2)"""

OTHER_PREFIXES: Final = ("001", "0011")
"""Prefixes of other regions that begin with 00, which is read as the international prefix without a
region. In their place 00 and a North American number may be seen."""

LONGEST: Final = 17
"""The most digits of one number: 15 and an international prefix."""

MOST_PARTS: Final = 8
"""More parts than one number is ever written in."""


def digits_of(text: str) -> str:
    """Return the digits of a text in ASCII, without what is between them."""
    return "".join(_DIGITS.findall(text))


def best(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the first number in use, or the first of a possible length."""
    possible: Candidate | None = None
    for each in candidates:
        if each.in_use:
            return each
        possible = possible or each
    return possible


class Lookup:
    """Looks up digits in the numbering plans, which it loads when they are first needed.

    Args:
        region: The two-letter code of numbers without a country code; None if there is none.
    """

    def __init__(self, region: str | None) -> None:
        self.region = region
        self._numbering: Numbering | None = None

    def numbering(self, region: str | None = None) -> Numbering:
        """Return the numbering plans.

        Args:
            region: A region of one number, which is checked too.

        Raises:
            ValueError: A region is not the code of a country.
            ImportError: phonenumbers is not installed.
        """
        if self._numbering is None:
            self._numbering = Numbering()
            _check_region(self._numbering, self.region)
        if region != self.region:
            _check_region(self._numbering, region)
        return self._numbering

    def meanings(self, digits: str, region: str | None) -> tuple[list[Candidate], list[Candidate]]:
        """Return what digits without a plus may mean inside the region, and with a country code.

        A lost plus counts only if the number is in use.
        """
        numbering = self.numbering(region)
        domestic: list[Candidate] = []
        after_prefix: str | None = None
        if region is not None:
            domestic += numbering.domestic(digits, region)
            after_prefix = numbering.abroad(digits, region)
        international = [] if after_prefix is None else self._abroad(after_prefix)
        if digits.startswith("00"):
            # Many people write 00 for the plus, wherever they are. But 001 is the prefix itself
            # where people dial it.
            if after_prefix is None or not digits.startswith("001"):
                international += self._abroad(digits[2:])
            if after_prefix is None and international:
                international += self._with_other_prefixes(digits)
        elif not digits.startswith("0") and region is not None:
            international += (each for each in self._abroad(digits) if each.in_use)
        return domestic, international

    def _abroad(self, digits: str) -> list[Candidate]:
        """Return what digits from the country code on mean, without a plus to confirm it."""
        found = best(self.numbering().international(digits))
        # 0011 is a prefix too: do not read its last digit as the trunk prefix of North America.
        if found is None or (digits.startswith("1") and found.number != f"+{digits}"):
            return []
        return [found]

    def _with_other_prefixes(self, digits: str) -> Iterator[Candidate]:
        for prefix in OTHER_PREFIXES:
            if digits.startswith(prefix):
                yield from (each for each in self._abroad(digits[len(prefix) :]) if each.in_use)

    def in_use(self, text: str, region: str | None) -> set[str]:
        """Return the numbers in use that a text may mean."""
        digits = digits_of(text)
        if text.startswith("+"):
            found: Iterable[Candidate] = self.numbering().international(digits)
        else:
            domestic, international = self.meanings(digits, region)
            found = (*domestic, *international)
        return {each.number for each in found if each.in_use}

    def spaced(self, text: str, region: str | None) -> Iterator[str]:
        """Yield the numbers in use of a text that consists of two, with a space between."""
        if sum(map(str.isdigit, text)) > 2 * LONGEST:
            return
        for space in re.finditer(r"\s+", text):
            two = text[: space.start()], text[space.end() :]
            if any(map(too_few_digits, two)):
                continue
            first, second = (self.in_use(each.strip(PUNCTUATION), region) for each in two)
            if first and second:
                yield from first | second

    def grouped(self, text: str, domestic: list[Candidate]) -> set[str]:
        """Return the only domestic number, if the text is grouped as its country groups it.

        646-555-0100 is a number in New York, 64 6 555 0100 may have lost its plus.
        """
        groups = _DIGITS.findall(text)
        if len(groups) == 1 or COUNTRY_CODE.fullmatch(groups[0]):
            return set()
        numbers = {each.number for each in domestic if each.in_use}
        if len(numbers) != 1:
            return set()
        numbering = self.numbering()
        return {
            each for each in numbers if _DIGITS.findall(numbering.national_format(each)) == groups
        }


def _check_region(numbering: Numbering, region: str | None) -> None:
    if region is not None and not numbering.knows(region):
        hint = ": the United Kingdom is 'GB'" if region == "UK" else ""
        raise ValueError(f"no country has the code {region!r}{hint}")
