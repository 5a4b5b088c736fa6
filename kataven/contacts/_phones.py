"""Phone numbers: which are well formed, and what can be made of the others.

Knows E.164 and, through phonenumbers (imported at the first number that is not well formed
already), how people write numbers. A country is never guessed.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kataven.contacts._problems import Kind
from kataven.contacts._rules import E164

__all__ = ["Phone", "Phones", "all_well_formed", "explained", "kind_of"]

# What spreadsheets make of a number: 1.4155550100E+10, 1,41556E+10, 14155550100.0
_SPREADSHEET: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+|[+-]?[0-9]{4,}[.,]0*")
_REGION: Final = re.compile(r"[A-Z]{2}")
# Words that people write in a number, beside the digits. Other letters make it something else:
# a vanity number, a name, two numbers in one cell.
_WORDS: Final = re.compile(r"(?i)(?:;?ext(?:ension|n)?[.=:]?|\bint\.?|\bx\.?|[0-9)]\s?x)(?=\s?\d)")
# What parts two numbers in a cell; a few digits behind a comma or semicolon are an extension.
_PARTING: Final = re.compile(r"[/&|\r\n]|[,;](?=[\s(]*\d[\d\s().-]{4})")
# An area code alone may pass for a number (German pagers have five digits).
_FEWEST_DIGITS: Final = 7
# Well-formed numbers that may hold the digit by which their country begins calls inside it: the
# same person is then listed without it too. Italy and some others really have a 0 there.
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
_SHORTEST_LENGTH: Final = 8
_LONGEST_LENGTH: Final = 16


def all_well_formed(numbers: Sequence[str]) -> bool:
    """Tell whether every one of many cells is a number in E.164, at C speed.

    Args:
        numbers: The cells' text.

    Returns:
        True if each is `+` and 7 to 15 ASCII digits, the first not 0; False if one is not.
    """
    if not numbers:
        return True
    lengths = set(map(len, numbers))
    if min(lengths) < _SHORTEST_LENGTH or max(lengths) > _LONGEST_LENGTH:
        return False
    text = "\n" + "\n".join(numbers)
    count = len(numbers)
    # Each cell begins with a plus, or there are fewer of them behind line ends; what is left when
    # they are taken out must be digits.
    if not text.isascii() or text.count("\n+") != count:
        return False
    return "+0" not in text and text.replace("\n+", "").isdigit()


def kind_of(value: str) -> Kind | None:
    """Judge one cell of the phone number column.

    Args:
        value: The cell's text.

    Returns:
        None for a well-formed number, else what is wrong with it.
    """
    if E164.fullmatch(value):
        return None
    bare = value.strip()
    if not bare:
        return "empty_number"
    return "spreadsheet_number" if _SPREADSHEET.fullmatch(bare) else "bad_number"


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164 and its extension.

    Args:
        number: `+` and 7 to 15 digits.
        extension: The digits behind `ext.` and the like, empty if there are none.
    """

    number: str
    extension: str


class Phones:
    """Makes numbers of what people write.

    Args:
        region: The country of numbers without a country code, two letters (`US`, `GB`); None to
            make nothing of them.
    """

    def __init__(self, region: str | None = None) -> None:
        """Check the region's form.

        Raises:
            ValueError: The region is not two letters.
            TypeError: The region is no text.
        """
        given: object = region
        if not (given is None or isinstance(given, str)):
            raise TypeError(f"region must be two letters such as 'US' or 'GB', not {given!r:.80}")
        self.region = region.upper() if region is not None else None
        if self.region is not None and not _REGION.fullmatch(self.region):
            raise ValueError(f"region must be two letters such as 'US' or 'GB', not {region!r:.80}")
        self._library: Any = None

    def of(self, value: str) -> Phone | None:
        """Make a number of a cell's text.

        Args:
            value: The text.

        Returns:
            The number, or None if the text is none, is ambiguous, or lacks its country code while
            no region is given.

        Raises:
            ValueError: The region is unknown to phonenumbers.
            ImportError: phonenumbers is not installed, and the text is not in E.164 already, or
                has a trunk zero in it (`+44020...`).
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
            return self._abroad(text)
        return self._parsed(text, self.region) if self.region else None

    def _has_two(self, text: str) -> bool:
        """Tell whether what stands before a slash or the like is a whole number already."""
        if not _PARTING.search(text):
            return False
        library = self._loaded()
        for parting in _PARTING.finditer(text):
            before = text[: parting.start()]
            if sum(map(str.isdigit, before)) < _FEWEST_DIGITS:
                continue
            try:
                number = library.parse(before, self.region)
            except library.NumberParseException:
                continue
            if library.is_valid_number(number):
                return True
        return False

    def _abroad(self, text: str) -> Phone | None:
        phone = self._parsed("+" + text[2:], None)
        if phone is None or self.region is None:
            return phone
        # Where people do not dial 00 to get abroad, it may be something else: only a number that
        # is really in use is taken for one.
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
        # Not is_possible_number, which is content with a number that lacks its area code.
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
                raise ValueError(f"region {self.region!r} is unknown to phonenumbers{hint}")
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
    """Take off what spreadsheets are told to keep text as text: ="+1..." and '+1..."""
    text = unicodedata.normalize("NFKC", value).strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    text = text.removeprefix("'").strip()
    return text[4:].strip() if text[:4].lower() == "tel:" else text


def _plausible(text: str) -> bool:
    if _SPREADSHEET.fullmatch(text) or "+" in text[1:] or "*" in text:
        return False
    if len(_WORDS.findall(text)) + text.count("#") > 1:
        return False
    return not any(map(str.isalpha, _WORDS.sub("", text)))


def explained(value: str, kind: Kind, phones: Phones) -> str:
    """Say what is wrong with a number, and how to mend it.

    Args:
        value: The cell's text.
        kind: What `kind_of` made of it.
        phones: Knows the region, if one is given.

    Returns:
        A sentence for people.

    Raises:
        ValueError: The region is unknown to phonenumbers.
        ImportError: A region is given, and phonenumbers is not installed.
    """
    if kind == "empty_number":
        return "there is no phone number: fill it in or delete the row"
    if kind == "spreadsheet_number":
        return (
            "a spreadsheet turned the number into a value and may have lost digits: format the "
            "column as text there, and export it again"
        )
    bare = value.strip()
    if bare.startswith("+"):
        return (
            "a number is '+' and 7 to 15 digits, the first not 0, and nothing else: "
            "kataven.contacts.clean() takes out spaces, brackets and dashes"
        )
    if phones.region is None:
        return (
            "the number has no '+' and country code: add them, or let kataven.contacts.clean("
            "region=...) do it for the numbers of one country"
        )
    made = phones.of(value)
    if made is None:
        return (
            "the number has no '+' and country code, and is no number of the region "
            f"{phones.region}: correct it"
        )
    return (
        f"the number has no '+' and country code: with region={phones.region!r} "
        f"kataven.contacts.clean() makes {made.number} of it"
    )
