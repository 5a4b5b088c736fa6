"""Every number that a text may mean, for lists of numbers that must not be called.

Knows the careless ways in which people write such lists: several numbers in a cell, labels, last
digits only. Rather finds a number too many than one too few. Must not know how a number that will
be called is read (``_phones``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kataven.contacts._number_lookup import (
    BRACKETED_END,
    BRACKETED_ZERO,
    LONGEST,
    MOST_PARTS,
    NOT_WITHIN_A_NUMBER,
    OTHER_PREFIXES,
    digits_of,
)
from kataven.contacts._numbering import fits_country, is_settled
from kataven.contacts._writing import (
    PUNCTUATION,
    has_masked_digits,
    lenient_texts,
    parts_of,
    too_few_digits,
    without_extension,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.contacts._number_lookup import Lookup

__all__ = ["readings"]

# Or a line with a long area code.
_ITALIAN_MOBILE_WITH_ZERO: Final = re.compile(r"\+3903[0-9]{9}")


def readings(lookup: Lookup, value: str) -> frozenset[str]:
    """Return every number that a text may mean; empty if a part of it cannot be read.

    Args:
        lookup: The region of the list, and what digits mean in it.
        value: The text. It may contain several numbers, labels and trunk prefixes.

    Raises:
        ValueError: The region is not the code of a country.
        ImportError: phonenumbers is needed, and is not installed.
    """
    if _has_one_meaning(value):
        return frozenset({value})
    return frozenset(
        number for text in lenient_texts(value) for number in _numbers_in(lookup, text)
    )


def _has_one_meaning(text: str) -> bool:
    """Tell whether a text is a number in E.164 that cannot mean another one."""
    return bool(
        is_settled(text) and fits_country(text) and not _ITALIAN_MOBILE_WITH_ZERO.fullmatch(text)
    )


def _numbers_in(lookup: Lookup, text: str) -> set[str]:
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
        for last in range(first, min(len(parts), first + MOST_PARTS)):
            if last > first and not parts[last].after_slash:
                break
            # A slash may be within a number: 030/123456, 0171/1234567
            joined = "/".join(part.text for part in parts[first : last + 1])
            if sum(map(str.isdigit, joined)) > 2 * LONGEST:
                break
            numbers = _all_meanings(lookup, joined) | set(lookup.spaced(joined, lookup.region))
            if numbers:
                rest = [part.text for part in parts[last + 1 : last + MOST_PARTS]]
                ends = list(_ends_only(lookup, joined, rest))
                end = last + 1 + len(ends)
                read[first:end] = [True] * (end - first)
                found |= numbers.union(*ends)
    complete = all(
        was_read or too_few_digits(part.text) for part, was_read in zip(parts, read, strict=True)
    )
    return found if complete else set()


def _ends_only(lookup: Lookup, first: str, rest: list[str]) -> Iterator[set[str]]:
    """Yield what each following part may mean if only its last digits are written again.

    020 7946 0018 / 19 / 20
    """
    plus = "+" if first.lstrip(PUNCTUATION).startswith("+") else ""
    digits = digits_of(first)
    for text in rest:
        end = digits_of(text)
        numbers: set[str] = set()
        if len(end) < len(digits):
            numbers = _all_meanings(lookup, plus + digits[: -len(end)] + end)
        if not numbers:
            return
        yield numbers


def _all_meanings(lookup: Lookup, text: str) -> set[str]:
    """Return every number that the text of one number may mean, in use or not."""
    found: set[str] = set()
    texts = text, BRACKETED_ZERO.sub(" ", text), BRACKETED_END.sub(" ", text.rstrip(" )"))
    for each in set(texts):
        bare = each.strip(PUNCTUATION)
        digits = digits_of(bare)
        if not digits or NOT_WITHIN_A_NUMBER.search(bare) or any(map(str.isalpha, bare)):
            continue
        if bare.startswith("+") and not digits.startswith("0"):
            if _has_one_meaning(bare):
                found.add(bare)
            else:
                found.update(one.number for one in lookup.numbering().international(digits))
        elif lookup.region is not None or digits.startswith("00"):
            found |= _all_without_plus(lookup, digits)
    return found


def _all_without_plus(lookup: Lookup, digits: str) -> set[str]:
    numbering = lookup.numbering()
    # A lost plus counts only if the number is in use: else a domestic number that cannot be
    # read would seem to be one of another country.
    found = [each for each in numbering.international(digits) if each.in_use]
    international: list[str] = []
    if lookup.region is not None:
        found += numbering.domestic(digits, lookup.region, zero=True)
        international.append(numbering.abroad(digits, lookup.region) or "")
    for prefix in ("00", *OTHER_PREFIXES):
        if digits.startswith(prefix):
            international.append(digits[len(prefix) :])
    for each in international:
        found += numbering.international(each)
    return {each.number for each in found}
