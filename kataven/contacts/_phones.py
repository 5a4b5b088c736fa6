"""Phone numbers as people write them, read as numbers in E.164 or refused with a reason.

A number is rewritten only if the text has one reading. Never guesses a country. The characters are
in ``_writing``, what digits may mean in ``_number_lookup``, the sentences of refusals in
``_number_refusals``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kataven.contacts._number_lookup import (
    BRACKETED_END,
    BRACKETED_ZERO,
    LONGEST,
    MOST_PARTS,
    NOT_WITHIN_A_NUMBER,
    Lookup,
    best,
    digits_of,
)
from kataven.contacts._number_readings import readings
from kataven.contacts._number_refusals import (
    Refused,
    ambiguous_number,
    grouping_advice,
    missing_country_code,
    not_in_use,
    odd_character,
    several_numbers,
    unassigned_country_code,
    wrong_length,
)
from kataven.contacts._numbering import (
    Candidate,
    all_fit_their_countries,
    are_settled,
    fits_country,
    is_settled,
)
from kataven.contacts._writing import parts_of, too_few_digits, writing_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kataven.contacts._numbering import Numbering

__all__ = ["Phone", "Phones"]

_REGION: Final = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164 and its extension.

    Attributes:
        number: ``+`` and 7 to 15 digits, without a trunk prefix.
        extension: The digits after ``ext.`` and the like, empty if there are none.
        in_use: Whether the number is known to be in use. None if it was not looked up, because it
            was written in E.164.
    """

    number: str
    extension: str
    in_use: bool | None = None


class Phones:
    """Reads numbers.

    Args:
        region: The two-letter country code (``US``, ``GB``) of numbers without a country code;
            None to refuse such numbers.
        numbers: ``valid`` to read a number without ``+`` only if it is in use, ``possible`` if its
            length is possible.
    """

    def __init__(
        self, region: str | None = None, numbers: Literal["valid", "possible"] = "valid"
    ) -> None:
        """Validate the form of the region.

        Raises:
            ValueError: The region is not two letters, or ``numbers`` is another word.
            TypeError: The region is not a ``str``.
        """
        given: object = region
        if not (given is None or isinstance(given, str)):
            raise TypeError(f"region must be two letters such as 'US' or 'GB', not {given!r:.80}")
        self.region = region.upper() if region is not None else None
        if self.region is not None and not _REGION.fullmatch(self.region):
            raise ValueError(f"region must be two letters such as 'US' or 'GB', not {region!r:.80}")
        if numbers not in ("valid", "possible"):
            raise ValueError(f"numbers must be 'valid' or 'possible', not {numbers!r:.80}")
        self.numbers = numbers
        self._lookup = Lookup(self.region)

    def read(self, value: str, region: str | None = None) -> Phone | Refused:
        """Read the number in the text of a cell.

        Args:
            value: The text.
            region: The two-letter code of a region for this number, in place of that of the list.

        Returns:
            The number if the text has exactly one reading, else why it is refused.

        Raises:
            ValueError: The region is not the code of a country.
            ImportError: phonenumbers is not installed, and the text is not in E.164 or may contain
                a trunk prefix (``+44020...``).
        """
        if is_settled(value) and fits_country(value):
            return Phone(value, "")
        writing = writing_of(value)
        if isinstance(writing, Refused):
            return writing
        text = writing.text
        if is_settled(text) and fits_country(text):
            return Phone(text, writing.extension)
        region = region or self.region
        digits = digits_of(text)
        if region is None and not text.startswith(("+", "00")):
            return missing_country_code()
        parts = parts_of(text)
        for count in range(1, min(len(parts), MOST_PARTS)):
            before = "/".join(part.text for part in parts[:count])
            if not too_few_digits(before) and self._lookup.in_use(before, region):
                return several_numbers()
        if odd := NOT_WITHIN_A_NUMBER.search(text):
            return odd_character(odd[0])
        if text.startswith("+"):
            found = self._with_plus(text, digits)
        else:
            found = self._without_plus(text, digits, region)
        if isinstance(found, Candidate):
            if bracket := BRACKETED_END.search(text):
                without = self._lookup.in_use(text[: bracket.start()], region)
                if without - {found.number}:
                    return ambiguous_number({found.number, *without})
            return Phone(found.number, writing.extension, found.in_use)
        if found.reason == "too_long" and any(self._lookup.spaced(text, region)):
            return several_numbers()
        return found

    def readings(self, value: str) -> frozenset[str]:
        """Return every number that a text may mean, for a list of numbers not to be called.

        Args:
            value: The text. It may contain several numbers, labels and trunk prefixes.

        Returns:
            The numbers in E.164, in use or of a possible length. Empty if there is none, or if
            a part of the text may be a number that cannot be read.

        Raises:
            ValueError: The region is not the code of a country.
            ImportError: As for ``read``.
        """
        return readings(self._lookup, value)

    def any_in_use(self, numbers: Iterable[str]) -> bool:
        """Tell whether at least one of some numbers in E.164 is known to be in use."""
        numbering = self._lookup.numbering()
        return any(
            each.in_use for number in numbers for each in numbering.international(number[1:])
        )

    def keys(self, numbers: list[str]) -> list[str]:
        """Return what tells telephones apart: the numbers without trunk prefixes.

        Args:
            numbers: Numbers of ``+`` and 7 to 15 digits.

        Returns:
            A number for each. Those that may contain a trunk prefix stay as they are if
            phonenumbers is not installed.
        """
        return numbers if are_settled(numbers) else list(map(self._key, numbers))

    def doubtful(self, numbers: list[str]) -> list[tuple[int, Refused]]:
        """Return the index of each number in E.164 that ``read`` refuses, and why.

        Args:
            numbers: Numbers of ``+`` and 7 to 15 digits.
        """
        if are_settled(numbers) and all_fit_their_countries(numbers):
            return []
        outcomes = enumerate(map(self.read, numbers))
        return [(index, each) for index, each in outcomes if isinstance(each, Refused)]

    def _key(self, number: str) -> str:
        if is_settled(number):
            return number
        try:
            phone = self.read(number)
        except ImportError:
            return number
        return phone.number if isinstance(phone, Phone) else number

    # One number.

    def _with_plus(self, text: str, digits: str) -> Candidate | Refused:
        numbering = self._lookup.numbering()
        found = best(numbering.international(digits))
        if found is None:
            return self._impossible(digits)
        if found.in_use and (shorter := BRACKETED_ZERO.sub(" ", text)) != text:
            # Where 0 is part of the number, the zero in brackets may be or not.
            other = best(numbering.international(digits_of(shorter)))
            if other is not None and other.in_use and other != found:
                return ambiguous_number({found.number, other.number})
        return found

    def _without_plus(self, text: str, digits: str, region: str | None) -> Candidate | Refused:
        domestic, international = self._lookup.meanings(digits, region)
        certain = {each.number for each in (*domestic, *international) if each.in_use}
        if len(certain) > 1 and region is not None:
            certain = self._lookup.grouped(text, domestic) or certain
        if not certain and self.numbers == "possible":
            certain = {each.number for each in (*domestic, *international)}
            if len(certain) == 1:
                return Candidate(certain.pop(), in_use=False)
        if len(certain) == 1:
            return Candidate(certain.pop(), in_use=True)
        if certain:
            return ambiguous_number(certain, self._grouping_advice(domestic))
        return self._unused(digits, region, possible=bool(domestic or international))

    def _grouping_advice(self, domestic: list[Candidate]) -> str:
        """Say how to write the only domestic number without a plus, so that it has one reading.

        Empty if its groups do not tell it from a number that has lost its plus.
        """
        numbers = {each.number for each in domestic if each.in_use}
        if len(numbers) != 1:
            return ""
        (number,) = numbers
        written = self._lookup.numbering().national_format(number)
        if not self._lookup.grouped(written, domestic):
            return ""
        return grouping_advice(number, written)

    # Refusals.

    def _impossible(self, digits: str) -> Refused:
        """Refuse a number with a country code whose length is not possible."""
        numbering = self._lookup.numbering()
        code, national = numbering.split(digits)
        if not code:
            return unassigned_country_code(digits[:LONGEST])
        return _wrong_length(numbering, code, national)

    def _unused(self, digits: str, region: str | None, *, possible: bool) -> Refused:
        """Refuse digits without a plus that are not a number in use."""
        if region is None:
            # What follows 00 is not a number: it may be the prefix of another region.
            return missing_country_code()
        if possible:
            return not_in_use(region)
        numbering = self._lookup.numbering()
        rest = numbering.abroad(digits, region)
        if rest is None and digits.startswith("00"):
            rest = digits[2:]
        if rest:
            return self._impossible(rest)
        national = numbering.national_number(digits, region)
        return _wrong_length(numbering, numbering.code_of(region), national)


def _wrong_length(numbering: Numbering, code: str, national: str) -> Refused:
    too_long = numbering.is_too_long(code, national)
    return wrong_length(code, national, numbering.expected_length(code), too_long=too_long)
