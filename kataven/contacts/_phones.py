"""Phone numbers as people write them, read as numbers in E.164 or refused with a reason.

A number is rewritten only if the text has one reading. Never guesses a country. The characters are
in ``_writing``, the numbering plans in ``_numbering``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kataven.contacts._numbering import (
    COUNTRY_CODE,
    Candidate,
    Numbering,
    all_fit_their_countries,
    are_settled,
    fits_country,
    is_settled,
)
from kataven.contacts._writing import (
    PUNCTUATION,
    NumberReason,
    Refused,
    has_masked_digits,
    lenient_texts,
    odd_character,
    parts_of,
    several_numbers,
    too_few_digits,
    without_extension,
    writing_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["NumberReason", "Phone", "Phones", "Refused", "missing_country_code"]

_REGION: Final = re.compile(r"[A-Z]{2}")
_DIGITS: Final = re.compile(r"[0-9]+")
_NOT_WITHIN_A_NUMBER: Final = re.compile(r"[&|,;:\n]")
# A zero in brackets is left out abroad, except where it is part of the number.
_BRACKETED_ZERO: Final = re.compile(r"\(\s*0\s*\)")
# Or a line with a long area code.
_ITALIAN_MOBILE_WITH_ZERO: Final = re.compile(r"\+3903[0-9]{9}")
# Digits in brackets at the end may be part of the number, or a note: 030 123456 (2)
_BRACKETED_END: Final = re.compile(r"\(\s*[0-9]{1,3}\s*$")
# Without a region, 00 is read as the international prefix. These are prefixes of other regions
# that begin with it, and in whose place 00 and a North American number may be seen.
_OTHER_PREFIXES: Final = ("001", "0011")
_LONGEST: Final = 17
# More parts than one number is ever written in.
_MOST_PARTS: Final = 8


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
        self._numbering: Numbering | None = None

    def read(self, value: str, region: str | None = None) -> Phone | Refused:
        """Read the number in the text of a cell.

        Args:
            value: The text.
            region: The two-letter code of a region for this number, in place of that of the list.

        Returns:
            The number if the text has exactly one reading, else why it is refused.

        Raises:
            ValueError: phonenumbers does not know the region.
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
        digits = "".join(_DIGITS.findall(text))
        if region is None and not text.startswith(("+", "00")):
            return missing_country_code()
        parts = parts_of(text)
        for count in range(1, min(len(parts), _MOST_PARTS)):
            before = "/".join(part.text for part in parts[:count])
            if not too_few_digits(before) and self._in_use(before, region):
                return several_numbers()
        if odd := _NOT_WITHIN_A_NUMBER.search(text):
            return odd_character(odd[0])
        if text.startswith("+"):
            found = self._with_plus(text, digits)
        else:
            found = self._without_plus(text, digits, region)
        if isinstance(found, Candidate):
            if bracket := _BRACKETED_END.search(text):
                without = self._in_use(text[: bracket.start()], region)
                if without - {found.number}:
                    return _ambiguous({found.number, *without})
            return Phone(found.number, writing.extension, found.in_use)
        if found.reason == "too_long" and any(self._spaced(text, region)):
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
            ValueError: phonenumbers does not know the region.
            ImportError: As for ``read``.
        """
        if _has_one_meaning(value):
            return frozenset({value})
        return frozenset(
            number for text in lenient_texts(value) for number in self._numbers_in(text)
        )

    def any_in_use(self, numbers: Iterable[str]) -> bool:
        """Tell whether at least one of some numbers in E.164 is known to be in use."""
        numbering = self._loaded()
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
        numbering = self._loaded()
        found = _best(numbering.international(digits))
        if found is None:
            return self._impossible(digits)
        if found.in_use and (shorter := _BRACKETED_ZERO.sub(" ", text)) != text:
            # Where 0 is part of the number, the zero in brackets may be or not.
            other = _best(numbering.international("".join(_DIGITS.findall(shorter))))
            if other is not None and other.in_use and other != found:
                return _ambiguous({found.number, other.number})
        return found

    def _without_plus(self, text: str, digits: str, region: str | None) -> Candidate | Refused:
        domestic, international = self._meanings(digits, region)
        certain = {each.number for each in (*domestic, *international) if each.in_use}
        if len(certain) > 1 and region is not None:
            certain = self._as_grouped(text, domestic) or certain
        if not certain and self.numbers == "possible":
            certain = {each.number for each in (*domestic, *international)}
            if len(certain) == 1:
                return Candidate(certain.pop(), in_use=False)
        if len(certain) == 1:
            return Candidate(certain.pop(), in_use=True)
        if certain:
            return _ambiguous(certain, self._grouping_advice(domestic))
        return self._unused(digits, region, possible=bool(domestic or international))

    def _meanings(self, digits: str, region: str | None) -> tuple[list[Candidate], list[Candidate]]:
        """Return what digits without a plus may mean inside the region, and with a country code.

        A lost plus counts only if the number is in use.
        """
        numbering = self._loaded(region)
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
        found = _best(self._loaded().international(digits))
        # 0011 is a prefix too: do not read its last digit as the trunk prefix of North America.
        if found is None or (digits.startswith("1") and found.number != f"+{digits}"):
            return []
        return [found]

    def _with_other_prefixes(self, digits: str) -> Iterator[Candidate]:
        for prefix in _OTHER_PREFIXES:
            if digits.startswith(prefix):
                yield from (each for each in self._abroad(digits[len(prefix) :]) if each.in_use)

    def _as_grouped(self, text: str, domestic: list[Candidate]) -> set[str]:
        """Return the only domestic number, if the text is grouped as its country groups it.

        646-555-0100 is a number in New York, 64 6 555 0100 may have lost its plus.
        """
        groups = _DIGITS.findall(text)
        if len(groups) == 1 or COUNTRY_CODE.fullmatch(groups[0]):
            return set()
        numbers = {each.number for each in domestic if each.in_use}
        if len(numbers) != 1:
            return set()
        numbering = self._loaded()
        return {
            each for each in numbers if _DIGITS.findall(numbering.national_format(each)) == groups
        }

    def _grouping_advice(self, domestic: list[Candidate]) -> str:
        """Say how to write the only domestic number without a plus, so that it has one reading.

        Empty if its groups do not tell it from a number that has lost its plus.
        """
        numbers = {each.number for each in domestic if each.in_use}
        if len(numbers) != 1:
            return ""
        (number,) = numbers
        written = self._loaded().national_format(number)
        if not self._as_grouped(written, domestic):
            return ""
        return f", or group it as {written} if it is {number}"

    # Several numbers.

    def _in_use(self, text: str, region: str | None) -> set[str]:
        """Return the numbers in use that a text may mean."""
        digits = "".join(_DIGITS.findall(text))
        if text.startswith("+"):
            found: Iterable[Candidate] = self._loaded().international(digits)
        else:
            domestic, international = self._meanings(digits, region)
            found = (*domestic, *international)
        return {each.number for each in found if each.in_use}

    def _spaced(self, text: str, region: str | None) -> Iterator[str]:
        """Yield the numbers in use of a text that consists of two, with a space between."""
        if sum(map(str.isdigit, text)) > 2 * _LONGEST:
            return
        for space in re.finditer(r"\s+", text):
            two = text[: space.start()], text[space.end() :]
            if any(map(too_few_digits, two)):
                continue
            first, second = (self._in_use(each.strip(PUNCTUATION), region) for each in two)
            if first and second:
                yield from first | second

    def _numbers_in(self, text: str) -> set[str]:
        """Return the numbers in a text, however many; empty if one of them cannot be read."""
        body, extension = without_extension(text)
        if extension and re.fullmatch(r"\s*[,;][\s,;]*[0-9]+", text[len(body) :]):
            # 020 7946 0018, 19 may be an extension or a second number.
            body = text
        if has_masked_digits(body):
            return set()
        parts = parts_of(body)
        read = [False] * len(parts)
        found: set[str] = set()
        for first in range(len(parts)):
            for last in range(first, min(len(parts), first + _MOST_PARTS)):
                if last > first and not parts[last].after_slash:
                    break
                # A slash may be within a number: 030/123456, 0171/1234567
                joined = "/".join(part.text for part in parts[first : last + 1])
                if sum(map(str.isdigit, joined)) > 2 * _LONGEST:
                    break
                numbers = self._all_meanings(joined) | set(self._spaced(joined, self.region))
                if numbers:
                    rest = [part.text for part in parts[last + 1 : last + _MOST_PARTS]]
                    ends = list(self._ends_only(joined, rest))
                    end = last + 1 + len(ends)
                    read[first:end] = [True] * (end - first)
                    found |= numbers.union(*ends)
        complete = all(
            was_read or too_few_digits(part.text)
            for part, was_read in zip(parts, read, strict=True)
        )
        return found if complete else set()

    def _ends_only(self, first: str, rest: list[str]) -> Iterator[set[str]]:
        """Yield what each following part may mean if only its last digits are written again.

        020 7946 0018 / 19 / 20
        """
        plus = "+" if first.lstrip(PUNCTUATION).startswith("+") else ""
        digits = "".join(_DIGITS.findall(first))
        for text in rest:
            end = "".join(_DIGITS.findall(text))
            numbers: set[str] = set()
            if len(end) < len(digits):
                numbers = self._all_meanings(plus + digits[: -len(end)] + end)
            if not numbers:
                return
            yield numbers

    def _all_meanings(self, text: str) -> set[str]:
        """Return every number that the text of one number may mean, in use or not."""
        found: set[str] = set()
        texts = text, _BRACKETED_ZERO.sub(" ", text), _BRACKETED_END.sub(" ", text.rstrip(" )"))
        for each in set(texts):
            bare = each.strip(PUNCTUATION)
            digits = "".join(_DIGITS.findall(bare))
            if not digits or _NOT_WITHIN_A_NUMBER.search(bare) or any(map(str.isalpha, bare)):
                continue
            if bare.startswith("+") and not digits.startswith("0"):
                if _has_one_meaning(bare):
                    found.add(bare)
                else:
                    found.update(one.number for one in self._loaded().international(digits))
            elif self.region is not None or digits.startswith("00"):
                found |= self._all_without_plus(digits)
        return found

    def _all_without_plus(self, digits: str) -> set[str]:
        numbering = self._loaded()
        # A lost plus counts only if the number is in use: else a domestic number that cannot be
        # read would seem to be one of another country.
        found = [each for each in numbering.international(digits) if each.in_use]
        international: list[str] = []
        if self.region is not None:
            found += numbering.domestic(digits, self.region, zero=True)
            international.append(numbering.abroad(digits, self.region) or "")
        for prefix in ("00", *_OTHER_PREFIXES):
            if digits.startswith(prefix):
                international.append(digits[len(prefix) :])
        for each in international:
            found += numbering.international(each)
        return {each.number for each in found}

    # Refusals.

    def _impossible(self, digits: str) -> Refused:
        """Refuse a number with a country code whose length is not possible."""
        numbering = self._loaded()
        code, national = numbering.split(digits)
        if not code:
            return Refused(
                "not_in_use",
                f"there is no country code at the start of +{digits[:_LONGEST]}: correct it",
            )
        return _wrong_length(numbering, code, national)

    def _unused(self, digits: str, region: str | None, *, possible: bool) -> Refused:
        """Refuse digits without a plus that are not a number in use."""
        if region is None:
            # What follows 00 is not a number: it may be the prefix of another region.
            return missing_country_code()
        if possible:
            return Refused(
                "not_in_use",
                f"this is not a number in use in the region {region}, with or without a country "
                "code: correct it, add its area code if that is missing, or keep every number of a "
                "possible length with numbers='possible'",
            )
        numbering = self._loaded()
        rest = numbering.abroad(digits, region)
        if rest is None and digits.startswith("00"):
            rest = digits[2:]
        if rest:
            return self._impossible(rest)
        national = numbering.national_number(digits, region)
        return _wrong_length(numbering, numbering.code_of(region), national)

    def _loaded(self, region: str | None = None) -> Numbering:
        if self._numbering is None:
            self._numbering = Numbering()
            _check_region(self._numbering, self.region)
        if region != self.region:
            _check_region(self._numbering, region)
        return self._numbering


def _has_one_meaning(text: str) -> bool:
    """Tell whether a text is a number in E.164 that cannot mean another one."""
    return bool(
        is_settled(text) and fits_country(text) and not _ITALIAN_MOBILE_WITH_ZERO.fullmatch(text)
    )


def _check_region(numbering: Numbering, region: str | None) -> None:
    if region is not None and not numbering.knows(region):
        hint = ": the United Kingdom is 'GB'" if region == "UK" else ""
        raise ValueError(f"phonenumbers does not know the region {region!r}{hint}")


def _best(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the first number in use, or the first of a possible length."""
    possible: Candidate | None = None
    for each in candidates:
        if each.in_use:
            return each
        possible = possible or each
    return possible


def _ambiguous(numbers: set[str], advice: str = "") -> Refused:
    return Refused(
        "ambiguous_number",
        f"the number can be read as {' or '.join(sorted(numbers))}: write it with '+' and country "
        f"code{advice}",
    )


def _wrong_length(numbering: Numbering, code: str, national: str) -> Refused:
    reason: NumberReason = "too_long" if numbering.is_too_long(code, national) else "too_short"
    advice = "remove what is not part of it" if reason == "too_long" else "add its area code"
    return Refused(
        reason,
        f"a number with country code +{code} has {numbering.expected_length(code)} digits after "
        f"it, this one has {len(national)}: correct it, or {advice}",
    )


def missing_country_code() -> Refused:
    """Refuse a number without a country code, where no region is given."""
    return Refused(
        "missing_country_code",
        "the number has no '+' and country code: add them, or name the country with region= of "
        "kataven.contacts.clean()",
    )
