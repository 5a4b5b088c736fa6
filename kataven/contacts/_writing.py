"""The characters of a written phone number: what they mean, and which a number cannot contain.

Turns the text of a cell into ASCII digits, a leading plus and punctuation, or refuses it. Does not
know countries, lengths, or which numbers exist. The sentences are in ``_number_refusals``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, NamedTuple

from kataven.contacts._number_refusals import (
    Refused,
    empty_number,
    letters,
    no_digits,
    odd_character,
    several_numbers,
    spreadsheet_number,
)
from kataven.contacts._rules import SPREADSHEET_NUMBER

__all__ = [
    "PUNCTUATION",
    "Part",
    "Writing",
    "has_masked_digits",
    "lenient_texts",
    "parts_of",
    "too_few_digits",
    "without_extension",
    "writing_of",
]


@dataclass(frozen=True, slots=True)
class Writing:
    """A number as it was written, in ASCII.

    Attributes:
        text: Digits, punctuation, and perhaps a plus in front.
        extension: The digits after ``ext.`` and the like, empty if there are none.
    """

    text: str
    extension: str


# Characters.

_ODD: Final = "\ufffd"
# Keep their meaning. Square brackets are brackets too; a line end separates numbers.
_KEPT: Final = "+()-./,;:#=&| "
# Format characters that are visible, or that mean an operation.
_VISIBLE_FORMAT: Final = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u2061-\u2064\U000110bd\U000110cd]"
)
# Invisible, but letters or combining marks by their category: fillers and variation selectors.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)
# A plus in another size or weight. Superscript and circled ones may be a footnote or an operator.
_PLUSES: Final = "\u2795\ufe62"


class _Characters(dict[int, str]):
    """For ``str.translate``: what each character means in a number, found when it first occurs."""

    def __missing__(self, code: int) -> str:
        meaning = self[code] = _meaning(code)
        return meaning


def _meaning(code: int) -> str:
    """Return what a character means, ``_ODD`` if it cannot be part of a number.

    Decimal digits of all scripts are digits. Superscripts, circled digits and fractions are not:
    they may be footnotes.
    """
    if code in _FULL_WIDTH:
        code -= 0xFEE0
    char = chr(code)
    if char in _KEPT:
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if _INVISIBLE.match(char) or (category == "Cf" and not _VISIBLE_FORMAT.match(char)):
        return ""
    if category[0] == "L":
        return char
    if category == "Zs":
        return " "
    if category == "Pd" or char == "\N{MINUS SIGN}":
        return "-"
    for meaning, chars in (
        ("(", "["),
        (")", "]"),
        ("+", _PLUSES),
        (".", "\u00b7\u2022\u2219"),
        ("\n", "\t\n\v\f\r\x85\u2028\u2029"),
    ):
        if char in chars:
            return meaning
    return _ODD


_CHARACTERS: Final = _Characters()


# Labels and extensions.

_WORDS: Final = (
    r"(?:tel(?:e(?:phone|fon|fono|fone))?|t[eé]l(?:[eé](?:phone|fono))?|phone|ph|mob(?:ile|il)?"
    r"|m[oó]vil|cell?(?:phone|ular)?|handy|whatsapp|wa|home|work|office|business|private|personal"
    r"|main|direct|landline|sms|callto|voice|number)"
)
# One letter needs a colon or a dot: "p:" is how Facebook exports numbers.
_LABEL: Final = re.compile(
    rf"(?i)(?:{_WORDS}(?:\s+{_WORDS})?\s*[:.=-]*|[ptmchwo]\s*[:.]+)[/\s]*(?=[+(\d])"
)
_LABEL_AFTER: Final = re.compile(rf"(?i)\s*\(\s*(?:{_WORDS}(?:\s+{_WORDS})?|[pmchwo])[.:]?\s*\)$")
# More digits after a comma or semicolon are another number.
_EXTENSION: Final = re.compile(
    r"""(?ix)(?<=[\d)])[\s,;.(]*
    (?:(?:ext(?:ension|n)?|\bint|(?<![a-z])x)[\s.:=]*(\d{1,9})|\#\s*(\d{1,7})|[,;]\s*(\d{1,5}))
    \#?[\s)]*"""
)
# Of the first of two numbers: 020 7946 0018 ext 5 020 7946 0019
_INNER_EXTENSION: Final = re.compile(
    r"(?i)(?<=[\d)])[\s,;.(]*(?:ext(?:ension|n)?|(?<![a-z])x|[,;])[\s.:=]*\d{1,5}\)?(?=[\s(-]+[+\d])"
)


def _unwrapped(value: str) -> str:
    """Remove what makes a spreadsheet keep a number as text: ="+1..." and '+1..."""
    text = (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text.removeprefix("'").strip()


def _in_ascii(bare: str) -> str:
    # Without long runs of spaces, which the patterns below would look at again and again.
    text = bare.translate(_CHARACTERS).strip()
    return re.sub("[ \n]+", lambda run: "\n" if "\n" in run[0] else " ", text)


def _without_labels(text: str) -> str:
    if label := _LABEL.match(text):
        text = text[label.end() :]
    return _LABEL_AFTER.sub("", text)


def without_extension(text: str) -> tuple[str, str]:
    """Split a text into the number and the digits of its extension, empty if there is none."""
    start = 0
    while found := _EXTENSION.search(text, start):
        if found.end() == len(text):
            return text[: found.start()], next(filter(None, found.groups()))
        start = found.start() + 1
    return text, ""


# Texts.

PUNCTUATION: Final = " ()-./"
"""What can be around and within a number without a meaning of its own."""

# An area code alone can be a valid number (German pagers have five digits).
_FEWEST_DIGITS: Final = 7


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def writing_of(value: str) -> Writing | Refused:
    """Read the characters of a cell that should contain one number.

    Args:
        value: The text of the cell.

    Returns:
        The number in ASCII, or why the characters are not those of one number.
    """
    bare = _unwrapped(value)
    text = _in_ascii(bare)
    if not text:
        return empty_number()
    if SPREADSHEET_NUMBER.fullmatch(text):
        return spreadsheet_number()
    if not any(map(str.isnumeric, bare)):
        return no_digits()
    if _ODD in text:
        odd = next(char for char in bare if _CHARACTERS[ord(char)] == _ODD)
        return odd_character(odd)
    body, extension = without_extension(_without_labels(text))
    body = body.strip(PUNCTUATION)
    plus = body.find("+", 1)
    if plus > 0 and min(_digits(body[:plus]), _digits(body[plus:])) >= _FEWEST_DIGITS:
        return several_numbers()
    if any(map(str.isalpha, body)):
        return letters()
    for char in "+#=":
        if char in body[1:]:
            return odd_character(char)
    return Writing(body, extension)


# Everything between two numbers. A slash can also be within one number.
_BETWEEN: Final = re.compile(r"[/&|,;:#\n]|(?<=\d)[\s(]*(?=\+)|[^\W\d_]+")


class Part(NamedTuple):
    """A part of a text that may be a number, or belong to one.

    Attributes:
        text: The part.
        after_slash: Whether a slash separates it from the part before it.
    """

    text: str
    after_slash: bool


def parts_of(text: str) -> list[Part]:
    """Split a text where one number may end and another begin.

    Args:
        text: A text in ASCII, without its extension.

    Returns:
        The parts that contain digits, at least one unless the text contains none.
    """
    parts: list[Part] = []
    end = 0
    slash = False
    for found in (*_BETWEEN.finditer(text), None):
        part = text[end : found.start() if found else len(text)]
        if _digits(part):
            parts.append(Part(part, slash))
            slash = True
        if found:
            slash = slash and found[0] == "/"
            end = found.end()
    return parts


# A digit that is hidden (123xxx), or a letter in its place: O171, 0171 12345O7
_LETTER: Final = r"[^\W\d_]"
_MASKED: Final = re.compile(
    rf"(?i)(?<!{_LETTER})(?:({_LETTER})\1+|(?:[oqil]|(?![a-z]){_LETTER})(?=\d))(?!{_LETTER})"
    rf"|\d[ ().-]*{_LETTER}(?=\d)|(?<=\d){_LETTER}(?!{_LETTER})"
)
# The place of a carrier code in Brazil: 0xx11 91234-5678
_CARRIER: Final = re.compile(r"(?i)(?<!\w)0xx(?=\s?\d)")
_HIDDEN: Final = re.compile(r"\d[\s.-]*[*?]+[\s.-]*\d|[*?][\s.-]*[*?]")


def has_masked_digits(text: str) -> bool:
    """Tell whether letters are in the place of digits, so that the number cannot be known.

    Args:
        text: A text without its extension.
    """
    return bool(_MASKED.search(_CARRIER.sub("0", text)))


def lenient_texts(value: str) -> list[str]:
    """Return the texts in ASCII that a cell may mean, however it is written.

    Args:
        value: The text of the cell.

    Returns:
        Texts with digits. A character that is not part of a number is left out in one; it is the
        digit whose value it has in another, and separates numbers in a third. Empty if there are no
        digits, or if some are hidden (``123***``).
    """
    bare = _unwrapped(value)
    text = _in_ascii(bare)
    if SPREADSHEET_NUMBER.fullmatch(text) or "\0" in text or _HIDDEN.search(bare):
        return []
    texts = [text]
    if _ODD in text:
        if any(char.isnumeric() and unicodedata.digit(char, None) is None for char in bare):
            # A fraction or a Roman numeral may be in the place of any digits.
            return []
        texts = [
            "".join(
                _CHARACTERS[ord(char)]
                if _CHARACTERS[ord(char)] != _ODD
                else str(unicodedata.digit(char, between)) * as_digits or between
                for char in bare
            ).strip()
            for as_digits, between in ((0, ""), (1, ""), (1, ";"))
        ]
    texts += [_INNER_EXTENSION.sub(";", text) for text in texts]
    return [_without_labels(each) for each in dict.fromkeys(texts) if _digits(each)]


def too_few_digits(text: str) -> bool:
    """Tell whether a text has fewer digits than any complete number that people write."""
    return _digits(text) < _FEWEST_DIGITS
