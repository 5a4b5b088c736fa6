"""Phone numbers as people write them, made into numbers in E.164, and what is wrong with others.

Uses phonenumbers, which it imports when the first number needs it. Never guesses a country.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from kataven.contacts._rules import E164, NUMBER_FORM, SPREADSHEET_NUMBER

if TYPE_CHECKING:
    from kataven.contacts._problems import Kind

__all__ = ["NumberReason", "Phone", "Phones", "Refused", "number_message"]

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

_REGION: Final = re.compile(r"[A-Z]{2}")
# Words in a number that introduce an extension. Other letters mean something else: a vanity
# number, a name, two numbers in one cell.
_WORDS: Final = re.compile(r"(?i)(?:;?ext(?:ension|n)?[.=:]?|\bint\.?|\bx\.?|[0-9)]\s?x)(?=\s?\d)")
# Separates two numbers in a cell. A few digits after a comma or semicolon are an extension.
_SEPARATOR: Final = re.compile(r"[/&|\r\n]|[,;](?=[\s(]*\d[\d\s().-]{4})")
# An area code alone can be a valid number (German pagers have five digits).
_FEWEST_DIGITS: Final = 7
# Well-formed numbers that may contain the trunk prefix, the digit that starts a call inside the
# country: the same person may be listed without it too. In Italy and some other countries the 0 is
# part of the number.
_TRUNK: Final = re.compile(
    r"""\+(?:
    (?:2[07]|3[1236]|4[013469]|5[134578]|6[0-46]|8[1246]|9[0-58]
    |2(?:1[1238]|3[1-4]|4[139]|5[012456]|6[0-5]|91)
    |3(?:5[3589]|7[03457]|8[01235679])|42[13]
    |5(?:08|9[0134568])|6(?:72|86)|8(?:5[056]|80|86)
    |9(?:6[1-467]|7[01267]|9[456]))0
    |11|78[0-9]{10}\Z|3708[0-9]{8}\Z)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164 and its extension.

    Attributes:
        number: ``+`` and 7 to 15 digits.
        extension: The digits after ``ext.`` and the like, empty if there are none.
        in_use: Whether the number is known to be in use; None if it was not parsed.
    """

    number: str
    extension: str
    in_use: bool | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a text is not read as a number.

    Attributes:
        reason: One of the fixed words.
        message: A sentence that says what is wrong and what to do.
    """

    reason: NumberReason
    message: str


class Phones:
    """Normalises numbers.

    Args:
        region: The two-letter country code (``US``, ``GB``) of numbers without a country code;
            None to reject such numbers.
        numbers: ``valid`` to accept only numbers in use, ``possible`` for any of a possible length.
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
        self._library: Any = None

    def read(self, value: str, region: str | None = None) -> Phone | Refused:
        """Read the number in the text of a cell.

        Args:
            value: The text.
            region: The region of this number, in place of that of the list.

        Returns:
            The number, or why the text is not one.
        """
        phones = self if region is None else Phones(region, self.numbers)
        phone = phones.of(value)
        if phone is not None:
            return phone
        text = value.strip()
        if not text:
            return Refused("empty_number", number_message(value, "empty_number", phones))
        if SPREADSHEET_NUMBER.fullmatch(text):
            message = number_message(value, "spreadsheet_number", phones)
            return Refused("spreadsheet_number", message)
        message = number_message(value, "bad_number", phones)
        if phones.region is None and not text.startswith(("+", "00")):
            return Refused("missing_country_code", message)
        return Refused("not_in_use", message)

    def readings(self, value: str) -> frozenset[str]:
        """Return every number that a text may mean, in E.164; empty if there is none."""
        phone = self.of(value)
        return frozenset() if phone is None else frozenset({phone.number})

    def of(self, value: str) -> Phone | None:
        """Normalise the text of a cell.

        Args:
            value: The text.

        Returns:
            The number, or None if the text is not a number, is ambiguous, or lacks a country code
            and no region is given.

        Raises:
            ValueError: phonenumbers does not know the region.
            ImportError: phonenumbers is not installed, and the text is not in E.164 or contains a
                trunk prefix (``+44020...``).
        """
        if _is_settled(value):
            return Phone(value, "")
        text = _unwrapped(value)
        if _is_settled(text):
            return Phone(text, "")
        if not _plausible(text) or self._has_two(text):
            return None
        if text.startswith("+"):
            return self._parsed(text, None)
        if text.startswith("00"):
            return self._international(text)
        return self._parsed(text, self.region) if self.region else None

    def _has_two(self, text: str) -> bool:
        """Tell whether the text before a slash or the like is a complete number."""
        if not _SEPARATOR.search(text):
            return False
        library = self._loaded()
        for separator in _SEPARATOR.finditer(text):
            before = text[: separator.start()]
            if sum(map(str.isdigit, before)) < _FEWEST_DIGITS:
                continue
            try:
                number = library.parse(before, self.region)
            except library.NumberParseException:
                continue
            if library.is_valid_number(number):
                return True
        return False

    def _international(self, text: str) -> Phone | None:
        phone = self._parsed("+" + text[2:], None)
        if phone is None or self.region is None:
            return phone
        # In a region where 00 is not the international prefix, it may be something else: accept
        # only a number that is in use.
        if self._parsed(text, self.region) == phone:
            return phone
        library = self._loaded()
        return phone if library.is_valid_number(library.parse(phone.number, None)) else None

    def _parsed(self, text: str, region: str | None) -> Phone | None:
        library = self._loaded()
        try:
            parsed = library.parse(text, region)
        except library.NumberParseException:
            return None
        # Not is_possible_number, which accepts a number without its area code.
        if library.is_possible_number_with_reason(parsed) != library.ValidationResult.IS_POSSIBLE:
            return None
        number = str(library.format_number(parsed, library.PhoneNumberFormat.E164))
        if not E164.fullmatch(number):
            return None
        return Phone(number, str(parsed.extension or ""))

    def _loaded(self) -> Any:
        if self._library is None:
            self._library = _phonenumbers()
            if self.region is not None and self.region not in self._library.SUPPORTED_REGIONS:
                hint = ": the United Kingdom is 'GB'" if self.region == "UK" else ""
                raise ValueError(f"phonenumbers does not know the region {self.region!r}{hint}")
        return self._library


def _phonenumbers() -> Any:
    try:
        import phonenumbers  # noqa: PLC0415 - optional, and slow to load
    except ImportError as missing:
        raise ImportError(
            "numbers that are not in E.164 need phonenumbers, which is not installed: "
            "pip install 'kataven[contacts]'"
        ) from missing
    return phonenumbers


def _is_settled(text: str) -> bool:
    return E164.fullmatch(text) is not None and _TRUNK.match(text) is None


def _unwrapped(value: str) -> str:
    """Remove ``tel:`` and what makes a spreadsheet keep a number as text: ="+1..." and '+1..."""
    text = unicodedata.normalize("NFKC", value).strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    text = text.removeprefix("'").strip()
    return text[4:].strip() if text[:4].lower() == "tel:" else text


def _plausible(text: str) -> bool:
    if SPREADSHEET_NUMBER.fullmatch(text) or "+" in text[1:] or "*" in text:
        return False
    if len(_WORDS.findall(text)) + text.count("#") > 1:
        return False
    return not any(map(str.isalpha, _WORDS.sub("", text)))


def number_message(value: str, kind: Kind, phones: Phones) -> str:
    """Describe what is wrong with a number, and how to fix it.

    Args:
        value: The text of the cell.
        kind: The kind of the problem, from ``number_problem``.
        phones: Knows the region, if one is given.

    Returns:
        A sentence.

    Raises:
        ValueError: phonenumbers does not know the region.
        ImportError: A region is given, and phonenumbers is not installed.
    """
    if kind == "empty_number":
        return "there is no phone number: fill it in or delete the row"
    if kind == "spreadsheet_number":
        return (
            "a spreadsheet turned the number into a value and may have lost digits: format the "
            "column as text in the spreadsheet, and export it again"
        )
    bare = value.strip()
    if bare.startswith("+"):
        return (
            f"a number is {NUMBER_FORM}, and nothing else: kataven.contacts.clean() removes "
            "spaces, brackets and dashes"
        )
    if phones.region is None:
        return (
            "the number has no '+' and country code: add them, or let kataven.contacts.clean("
            "region=...) do it for the numbers of one country"
        )
    normalised = phones.of(value)
    if normalised is None:
        return (
            "the number has no '+' and country code, and is not a valid number in the region "
            f"{phones.region}: correct it"
        )
    return (
        f"the number has no '+' and country code: with region={phones.region!r} "
        f"kataven.contacts.clean() changes it to {normalised.number}"
    )
