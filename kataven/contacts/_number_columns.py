"""Which columns of a do-not-call list hold phone numbers, by their names and by their content.

A number that is not read belongs to a person who is called, so doubt is decided for reading a
column. Knows names and cells of one column; does not know files and rows.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from kataven.contacts._phones import Phone, Phones
from kataven.contacts._rules import E164

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Form",
    "NameKind",
    "are_numbers",
    "form_of",
    "has_enough_digits",
    "is_grouped",
    "is_id_name",
    "name_kind",
]

Form: TypeAlias = Literal["international", "national", "digits", "prose", "other", "words"]
"""How a cell is written: with a ``+``; as people write national numbers; as enough digits for a
number, which may be an id; as a text with enough digits; with other digits; without digits."""

NameKind: TypeAlias = Literal["numbers", "likely", "other"]
"""What the name of a column says: that it holds numbers; that it may; nothing."""

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER_WORD: Final = re.compile(
    r"""(?:
    \w*(?:phone|telefon|telefoon|telemovel|handy|whatsapp|msisdn|celular|cellulare|rufnummer
        |puhelin|τηλεφων|телефон|мобильн|мобільн)\w{0,8}
    |\w*(?:fone|fax)|(?:mobil|fax)nummer|faxn[or]
    |tel|telno|telp|telepon|tlf|tfno|tele|mob|mobile|mobiel|mobiele|mobil|mobilny|mobilni|mobilnr
    |mobilszam|mobitel|movil|cel|cell|cellno|cellnumber|gsm|pager|sms|e164|natel|natelnummer
    |landline|festnetz|portable|komorka|kom|ponsel|talrunis|farsimi|mobiles|cells|ph|phn|phno
    |κινητο|моб|sđt
    |mobile(?:no|nr|number|num)
    )\d{0,3}""",
    re.VERBOSE,
)
# "Phone Type" and "Mobile App Version" are not numbers, and "phonetic" is not a phone. Their cells
# decide.
_OTHER_WORD: Final = re.compile(
    r"""app|calls|carrier|comments?|consent|cost|count|date|ext
   |extension|ids?|last|model|notes?|operator|opt(?:in|out)?|os
   |out|plan|price|provider|status|time|uuid|verification|verified
   |version""",
    re.VERBOSE,
)
# "Phone Type" is not a number, "Phone (country: US)" and "Phone at home" may be.
_SOFT_WORD: Final = re.compile(r"at|code|country|in|kind|label|preferred|type?")
_ID_WORD: Final = re.compile(
    r"account|card|cep|cnpj|code|cpf|customer|dni|ean|guid|iban|ids?|imei|invoice|ip|isbn|key|nif"
    r"|order|passport|plz|policy|postal|postcode|ref(?:erence)?|sku|ssn|tax|ticket|tin|uuid|vat|zip"
)
_PHONETIC: Final = re.compile(r"phonetic")
_LIKELY: Final = re.compile(
    r"\b(?:contact|caller|callback|call back|dial+ed|blocked|dnc|direct)"
    r" (?:no|nr|num|numbers?|line|dial)\b|\b(?:no|nomor) hp\b"
)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


# In scripts whose words the pattern above cannot find.
_OTHER_SCRIPTS: Final = re.compile(
    _plain(
        "电话|手机|電話|手機|携帯|전화|휴대폰|핸드폰|טלפון|נייד|هاتف|جوال|موبايل|محمول|تليفون|โทรศัพท์|เบอร์โทร"
        "|มือถือ|फ़ोन|मोबाइल|ফোন|মোবাইল|đien thoai|di đong"
    )
)

_DIGIT: Final = re.compile(r"\d")
_FEWEST_DIGITS: Final = 7
# Longer texts than a number with an extension and a label, or two numbers, are prose.
_MOST_LETTERS: Final = 12
_LONGEST: Final = 60
_PLUS: Final = re.compile(r"[^\w@]*(?:[^\W\d]+[^\w@]*){0,2}[+\uff0b\u2795\u207a\ufe62][^\d]{0,4}\d")
_NATIONAL_CHARACTERS: Final = re.compile(r"[\d\s().\-/\u2010-\u2015\u00a0\u202f]+")
_DATE: Final = re.compile(
    r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4})(?:[T ,]+\d{1,2}:.*)?"
)
# With spaces, as in 601 123 456, it may be a number: which numbers are in use decides.
_AMOUNT: Final = re.compile(r"\d+[.,]\d{1,2}|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?")
_NOTE: Final = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])[.:]*|[()]")
_CODE: Final = re.compile(r"[^\W\d_][-_#]\d")
# As numbers are written, and ids seldom: in three groups or more, or with a trunk zero.
_GROUPED: Final = re.compile(r"\W*(?:0[1-9][\W\d]*|\d+(?:\W+\d+){2,}\W*)")
_UNGROUPED: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\d{1,2}(?: \d{3})+")
_MOST_DIGITS: Final = 13
_NATIONAL: Final = re.compile(
    r"(?:1[-. ])?\(\d{1,5}\)[-. ]?\d[-\d. ]{4,}|(?:1[-. ])?\d{3}([-. ])\d{3}\1\d{4}"
    r"|0\d{1,4}[ /-]\d[-\d ]{4,}"
)
_MOSTLY: Final = 0.9


def name_kind(name: str) -> NameKind:
    """Tell whether the name of a column says that it holds phone, mobile or fax numbers.

    Args:
        name: The name, in English or another language: ``Phone 2 - Value``, ``HomePhone``,
            ``Téléphone (bureau)``.

    Returns:
        ``likely`` for names that may also be of something else: ``Phone Type``, ``Contact No``.
    """
    spaced = _CAMEL.sub(" ", name.removeprefix("\ufeff").replace("WhatsApp", "Whatsapp"))
    # The name of a vCard is TEL;TYPE=CELL.
    plain = _plain(spaced.casefold().replace("type=", ""))
    words = _WORD.findall(plain)
    if any(map(_OTHER_WORD.fullmatch, words)) or words[-1:] in (["at"], ["in"]):
        return "other"
    if any(_NUMBER_WORD.fullmatch(word) and not _PHONETIC.match(word) for word in words) or (
        _OTHER_SCRIPTS.search(plain)
    ):
        return "likely" if any(map(_SOFT_WORD.fullmatch, words)) else "numbers"
    return "likely" if _LIKELY.search(" ".join(words)) else "other"


def is_id_name(name: str) -> bool:
    """Tell whether the name of a column says that it holds ids."""
    return any(map(_ID_WORD.fullmatch, _WORD.findall(_CAMEL.sub(" ", name).casefold())))


def form_of(cell: str) -> Form:
    """Tell how a cell is written, without asking which numbers are in use.

    Args:
        cell: The text of the cell.

    Returns:
        ``words``, ``other`` and ``prose`` for what is not a number: names, short codes, dates and
        amounts, sentences.
    """
    if E164.fullmatch(cell):
        return "international"
    digits = len(_DIGIT.findall(cell))
    if not digits:
        return "words"
    if digits < _FEWEST_DIGITS:
        return "other"
    text = cell.strip()
    if not text.isascii():
        text = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
    letters = sum(map(str.isalpha, text))
    if letters > _MOST_LETTERS or len(text) > _LONGEST or "@" in text:
        return "prose"
    if _PLUS.match(text):
        return "international"
    if letters:
        if _CODE.search(text):
            return "other"
        # A label or a note: 0171 1234567 (home)
        text = _NOTE.sub(" ", text).strip()
    if not _NATIONAL_CHARACTERS.fullmatch(text) or _DATE.fullmatch(text) or _AMOUNT.fullmatch(text):
        return "other"
    return "national" if _NATIONAL.fullmatch(text) else "digits"


def has_enough_digits(cell: str) -> bool:
    """Tell whether a cell has as many digits as the shortest number, in any form."""
    return len(_DIGIT.findall(cell)) >= _FEWEST_DIGITS


def is_grouped(cell: str) -> bool:
    """Tell whether a cell without a country code is written like a number rather than an id."""
    text = _NOTE.sub(" ", cell).strip()
    return (
        len(_DIGIT.findall(text)) <= _MOST_DIGITS
        and bool(_GROUPED.fullmatch(text))
        and not _UNGROUPED.fullmatch(text)
    )


def are_numbers(cells: Sequence[str], phones: Phones, share: float = _MOSTLY) -> bool:
    """Tell whether a share of the cells are numbers in use, and not ids that look like them.

    Args:
        cells: Cells of the forms ``national`` and ``digits``.
        phones: Reads them.
        share: The share, nine in ten by default.

    Returns:
        False if phonenumbers is not installed.
    """
    try:
        found = sum(_in_use(cell, phones) for cell in cells)
    except ImportError:
        return False
    return found >= share * len(cells) > 0


def _in_use(cell: str, phones: Phones) -> bool:
    cell = _NOTE.sub(" ", cell) if any(map(str.isalpha, cell)) else cell
    found = phones.read(cell)
    if isinstance(found, Phone):
        return found.in_use is not False
    if found.reason == "ambiguous_number":
        return True
    digits = cell.strip()
    if not digits.isdecimal() or digits.startswith("0"):
        return False
    # The same digits after a lost plus. With a space, so that they are looked up: an E.164 number
    # is taken as it is.
    found = phones.read(f"+{digits[0]} {digits[1:]}")
    return isinstance(found, Phone) and found.in_use is not False
