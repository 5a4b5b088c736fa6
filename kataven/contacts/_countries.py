"""Which country a cell names: by an ISO code, or by a name in English or in its own languages.

Reads its table when the first cell needs it. Knows nothing of lists and numbers.
"""

from __future__ import annotations

import re
import unicodedata
from importlib import resources
from typing import Final

from kataven.contacts._number_refusals import Refused
from kataven.contacts._problems import escaped

__all__ = ["Countries"]

_STOP_WORDS: Final = frozenset({"the", "of", "and"})
_WORD: Final = re.compile(r"\w+")
_BRACKETS: Final = re.compile(r"\s*\([^()]*\)")


class Countries:
    """Finds the region code of a country."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._names: dict[tuple[str, ...], list[str]] = {}
        self._found: dict[str, str | Refused] = {}

    def region(self, text: str) -> str | Refused:
        """Find the country that a cell names.

        Args:
            text: The text of the cell: a code of two or three letters, or a name. Case, accents,
                punctuation and the order of words do not matter.

        Returns:
            The code of two letters, or a refusal if no country has this name or two have it.
        """
        found = self._found.get(text)
        if found is None:
            found = self._found[text] = self._region(text)
        return found

    def _region(self, text: str) -> str | Refused:
        if not self._codes:
            self._load()
        regions = self._named(text)
        if not regions and (brackets := _BRACKETS.search(text)):
            # "Germany (DE)", but not "China (Taiwan)". "Congo (Kinshasa)" is a name of its own.
            regions = self._named(_BRACKETS.sub("", text))
            inside = self._named(brackets[0].strip().strip("()"))
            if inside and set(inside) <= set(regions):
                regions = inside
            else:
                regions = sorted({*regions, *inside}) if regions and inside else []
        if len(regions) == 1:
            return regions[0]
        problem = f"may be {' or '.join(regions)}" if regions else "is not a country"
        return Refused(
            "unknown_region",
            f"the country of the row, '{escaped(text)}', {problem}: write its code with two "
            "letters, such as 'US' or 'GB'",
        )

    def _named(self, text: str) -> list[str]:
        code = self._codes.get(text.strip().replace(".", "").upper())
        return self._names.get(_key(text), []) if code is None else [code]

    def _load(self) -> None:
        table = resources.files("kataven.contacts").joinpath("countries.csv")
        for line in table.read_text("utf-8").splitlines():
            if line.startswith("#"):
                continue
            two, three, names = line.split(";", 2)
            self._codes[two] = self._codes[three] = two
            for name in names.split("|"):
                regions = self._names.setdefault(_key(name), [])
                if two not in regions:
                    regions.append(two)


def _key(name: str) -> tuple[str, ...]:
    """Return the words of a name, so that "Korea, Republic of" is "Republic of Korea"."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace(".", "").replace("\u2019", "'"))
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    words = ("saint" if word == "st" else word for word in _WORD.findall(bare))
    return tuple(sorted(word for word in words if word not in _STOP_WORDS))
