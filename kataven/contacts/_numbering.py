"""Numbering plans: country codes, lengths, trunk prefixes, and which numbers are in use.

Asks phonenumbers, which it imports when a number first needs it. A few patterns of our own decide
which numbers do. Takes digits; does not know how people write them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kataven.contacts._rules import E164

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "COUNTRY_CODE",
    "Candidate",
    "Numbering",
    "all_fit_their_countries",
    "are_settled",
    "fits_country",
    "is_settled",
    "needs_phonenumbers",
]

COUNTRY_CODE: Final = re.compile(
    r"[17]|2(?:[07]|[1-689][0-9])|3(?:[0-469]|[578][0-9])|4(?:[013-9]|2[0-9])|5(?:[1-8]|[09][0-9])"
    r"|6(?:[0-6]|[7-9][0-9])|8(?:[1246]|[035789][0-9])|9(?:[0-58]|[679][0-9])"
)
"""How country codes are told from the digits after them. Not all of them are assigned."""

# The digit that starts a call inside a country is not part of the number abroad, but people write
# it there too: +44 (0)20. A number that matches is looked at by phonenumbers. In Italy and some
# other countries the 0 is part of the number. Poland, Greece, Mexico and others no longer have a
# trunk prefix, but it is still written.
_TRUNK: Final = rf"""(?!1[2-9])(?:
    (?!39|225|229|241|242|378)(?:{COUNTRY_CODE.pattern})0
    |(?:39|225|229|241|242|378)00
    |1[01]
    |44180020
    |521(?=[0-9]{{10}}(?![0-9]))
    |549?[0-9]{{2,4}}15(?=[0-9]{{6,8}}(?![0-9]))
    |5590
    |561(?=[0-9]{{10}})
    |(?:61183|86179|861[12])
    |(?:35215|29810|50619|4231001|6921)
    |78(?=[0-9]{{10}}(?![0-9]))
    |99[28]8(?=[0-9]{{9}}(?![0-9]))
    |3708(?=[0-9]{{8}})
    |(?:375|993)8
    )"""
_MAY_CARRY_TRUNK: Final = re.compile(rf"\+{_TRUNK}", re.VERBOSE)
is_settled: Final = re.compile(rf"(?!\+{_TRUNK})\+[1-9][0-9]{{6,14}}", re.VERBOSE).fullmatch
"""Returns a match for a text that is in E.164 and cannot contain a trunk prefix."""

# Trunk prefixes that are written but not, or no longer, in the metadata. What replaces them is
# accepted only if it is in use and the number as written is not.
_FORMER: Final = {
    "52": re.compile(r"(?:0[12]|04[45]|1)([0-9]{10})"),
    "992": re.compile(r"8([0-9]{9})"),
    "998": re.compile(r"8([0-9]{9})"),
}
_ZERO: Final = re.compile(r"0([0-9]+)")
_AREA_AND_NUMBER: Final = 10

# Numbers in E.164 have 8 to 16 characters. The first four contain the country code.
_ANY_LENGTH: Final = frozenset(range(8, 17))
_NORTH_AMERICA: Final = frozenset({12})


class Candidate(NamedTuple):
    """A number that some digits may mean.

    Attributes:
        number: The number in E.164.
        in_use: Whether it is known to be in use; else only its length is possible.
    """

    number: str
    in_use: bool


@cache
def needs_phonenumbers() -> Any:
    """Return the module phonenumbers.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import phonenumbers  # noqa: PLC0415 - optional, and slow to load
    except ImportError as missing:
        raise ImportError(
            "numbers that are not in E.164 need phonenumbers, which is not installed: "
            "pip install 'kataven[contacts]'"
        ) from missing
    return phonenumbers


def fits_country(number: str) -> bool:
    """Tell whether a number in E.164 has a length that its country code allows.

    Args:
        number: The number; ``is_settled`` matches it.

    Returns:
        What the metadata of phonenumbers says; True if it is not installed.
    """
    return len(number) in _lengths_with(number[:4])


def are_settled(numbers: Sequence[str]) -> bool:
    """Tell whether none of many numbers may contain a trunk prefix, without a loop over them.

    Args:
        numbers: Numbers of ``+`` and 7 to 15 digits.
    """
    return not _MAY_CARRY_TRUNK.search("".join(numbers))


def all_fit_their_countries(numbers: Sequence[str]) -> bool:
    """Tell whether ``fits_country`` is true of each of many numbers."""
    kinds = {(number[:4], len(number)) for number in numbers}
    return all(length in _lengths_with(start) for start, length in kinds)


@cache
def _lengths_with(start: str) -> frozenset[int]:
    """Return the lengths of numbers in E.164 with these first four characters."""
    if start.startswith("+1"):
        # Always ten digits, so lists of North American numbers load nothing.
        return _NORTH_AMERICA
    try:
        numbering = Numbering()
    except ImportError:
        return _ANY_LENGTH
    code = numbering.split(start[1:])[0]
    if not code:
        return frozenset()
    return _ANY_LENGTH & {1 + len(code) + length for length in numbering.lengths(code)}


class Numbering:
    """What phonenumbers knows, for digits without punctuation."""

    def __init__(self) -> None:
        """Load phonenumbers.

        Raises:
            ImportError: It is not installed.
        """
        self._library = needs_phonenumbers()

    def knows(self, region: str) -> bool:
        """Tell whether there is a region with this code."""
        return region in self._library.SUPPORTED_REGIONS

    def split(self, digits: str) -> tuple[str, str]:
        """Split digits after a plus into country code and national number.

        Returns:
            Both; the country code is empty if it is not assigned.
        """
        code = COUNTRY_CODE.match(digits)
        if code is None or int(code[0]) not in self._library.COUNTRY_CODE_TO_REGION_CODE:
            return "", digits
        return code[0], digits[code.end() :]

    def code_of(self, region: str) -> str:
        """Return the country code of a region."""
        return str(self._library.country_code_for_region(region))

    def lengths(self, code: str) -> tuple[int, ...]:
        """Return the possible numbers of digits after a country code, in order."""
        region = self._library.region_code_for_country_code(int(code))
        possible = self._metadata(region, code).general_desc.possible_length
        # A number in E.164 has 7 to 15 digits in all.
        return tuple(length for length in sorted(possible) if 7 <= len(code) + length <= 15)

    def abroad(self, digits: str, region: str) -> str | None:
        """Remove the prefix with which a region dials abroad.

        Returns:
            The digits after it, from the country code on; None if they do not start with it.
        """
        prefix = self._metadata(region, "").international_prefix
        found = re.match(prefix, digits) if prefix else None
        return digits[found.end() :] if found else None

    def international(self, digits: str) -> Iterator[Candidate]:
        """Find the numbers that digits after a plus may mean.

        Args:
            digits: Country code and national number.

        Yields:
            The number as it is written, then those without a trunk prefix; the other way round if
            the number as it is written is not in use.
        """
        code, national = self.split(digits)
        if not code:
            return
        written = list(self._candidates(code, national))
        if not any(each.in_use for each in written):
            yield from self._without_prefix(code, national)
        yield from written
        yield from self._parsed(f"+{digits}", None)
        yield from self._former(code, national, zero=True)

    def domestic(self, digits: str, region: str, *, zero: bool = False) -> Iterator[Candidate]:
        """Find the numbers that digits without a plus may mean inside a region.

        Args:
            digits: The digits.
            region: A region that ``knows`` accepts.
            zero: Whether a 0 may be a trunk prefix where it is not one. Without a plus, such a
                number may be one of another country: 020 7946 0018 is in London, not in Maine.

        Yields:
            The numbers of the region, and what phonenumbers makes of the digits there.
        """
        code = self.code_of(region)
        yield from self._candidates(code, digits)
        yield from self._parsed(digits, region)
        yield from self._former(code, digits, zero=zero)

    def national_format(self, number: str) -> str:
        """Return a number in E.164 as it is written in its country."""
        library = self._library
        parsed = library.parse(number, None)
        return str(library.format_number(parsed, library.PhoneNumberFormat.NATIONAL))

    def national_number(self, digits: str, region: str) -> str:
        """Return digits without what phonenumbers takes for a prefix inside a region."""
        library = self._library
        try:
            return str(library.national_significant_number(library.parse(digits, region)))
        except library.NumberParseException:
            return digits

    def expected_length(self, code: str) -> str:
        """Describe the possible numbers of digits: ``10``, ``8 or 9``, ``5 to 13``."""
        lengths = self.lengths(code)
        if len(lengths) > 2 and lengths[-1] - lengths[0] == len(lengths) - 1:
            return f"{lengths[0]} to {lengths[-1]}"
        *others, last = map(str, lengths)
        return f"{', '.join(others)} or {last}" if others else last

    def is_too_long(self, code: str, national: str) -> bool:
        """Tell whether a number has more digits than any with its country code."""
        return len(national) > max(self.lengths(code))

    def _metadata(self, region: str, code: str) -> Any:
        metadata = self._library.PhoneMetadata
        if region == self._library.REGION_CODE_FOR_NON_GEO_ENTITY:
            return metadata.metadata_for_nongeo_region(int(code))
        return metadata.metadata_for_region(region)

    def _candidates(self, code: str, national: str) -> Iterator[Candidate]:
        number = f"+{code}{national}"
        if not E164.fullmatch(number):
            return
        library = self._library
        significant = national.lstrip("0") or "0"
        zeros = len(national) - len(significant)
        parsed = library.PhoneNumber(
            country_code=int(code),
            national_number=int(significant),
            italian_leading_zero=True if zeros else None,
            number_of_leading_zeros=zeros if zeros > 1 else None,
        )
        # Not is_possible_number, which accepts a number without its area code.
        possible = library.is_possible_number_with_reason(parsed)
        if possible == library.ValidationResult.IS_POSSIBLE:
            yield Candidate(number, bool(library.is_valid_number(parsed)))

    def _parsed(self, text: str, region: str | None) -> Iterator[Candidate]:
        library = self._library
        try:
            parsed = library.parse(text, region)
        except library.NumberParseException:
            return
        national = library.national_significant_number(parsed)
        yield from self._candidates(str(parsed.country_code), national)

    def _without_prefix(self, code: str, national: str) -> Iterator[Candidate]:
        """Yield the number without the 0 or 06 of its country, in use or not.

        Where there is such a trunk prefix, no number begins with 0 abroad. Others (8, 1) may be
        the first digit of a number.
        """
        region = self._library.region_code_for_country_code(int(code))
        prefix = self._metadata(region, code).national_prefix
        if prefix and prefix.startswith("0") and national.startswith(prefix):
            yield from self._candidates(code, national[len(prefix) :])

    def _former(self, code: str, national: str, *, zero: bool) -> Iterator[Candidate]:
        """Yield numbers in use without a trunk prefix that the metadata does not have."""
        shorter = _without_15(national) if code == "54" else []
        for pattern in (_FORMER.get(code), _ZERO if zero else None):
            if pattern is not None and (found := pattern.fullmatch(national)):
                shorter.append(found[1])
        for each in shorter:
            yield from (one for one in self._candidates(code, each) if one.in_use)


def _without_15(national: str) -> list[str]:
    """Return the mobile numbers of Argentina that a number with 15 after the area code means."""
    found: list[str] = []
    start = 1 if national.startswith("9") else 0
    if national.startswith("0", start):
        start += 1
    for area in (2, 3, 4):
        rest = national[start + area :]
        if rest.startswith("15") and area + len(rest) - 2 == _AREA_AND_NUMBER:
            found.append(f"9{national[start : start + area]}{rest[2:]}")
    return found
