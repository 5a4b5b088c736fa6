"""Replaces tokens and personal data before anything is written.

Knows which values are personal: everything in a contact list, and in a response everything that is
not known to be harmless. Must not know how requests travel or where they are stored. Numbers are
mapped, each always to the same reserved one; other cells are masked; ids and the words of states
are kept; the account's name and tokens are replaced by a word.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from kataven.recording import masks
from kataven.recording.masks import mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kataven.recording.forms import Part

KEY: Final = "[key]"
ACCOUNT: Final = "account"
# Words of an error text that may be a part of a longer cell.
_LONGEST_CELL: Final = 8
_EDGES: Final = ".,:;!?'\"()[]{}<>`"
_QUOTED: Final = re.compile(r"""(["'`])((?:(?!\1)[^\\]|\\.){1,400})\1""")
_SNAKE: Final = re.compile(r"[a-z]+(?:_[a-z]+)+")
_SECRET_NAME: Final = re.compile(r"key|token|secret|auth|password|signature|jwt", re.IGNORECASE)
_SMALL: Final = re.compile(r"-?[0-9]{1,6}")


class Scrubber:
    """Replaces what must not be written; it remembers what it replaced.

    Args:
        secrets: Tokens. Others that look like tokens are found by their form.
        accounts: Names of accounts.
    """

    def __init__(self, secrets: Iterable[str], accounts: Iterable[str] = ()) -> None:
        self._secrets = {secret for secret in secrets if secret}
        names = sorted({name for name in accounts if name}, key=len, reverse=True)
        self._accounts = (
            re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, names))})(?![A-Za-z0-9])")
            if names
            else None
        )
        self._cells: set[str] = set()
        self._long_cells: set[str] = set()
        # By digits, so that other ways to write a number are found.
        self._numbers: dict[str, str] = {}
        self._next_number = 0

    def learn_secret(self, token: str) -> None:
        """Remember a token that a client sent."""
        if len(token) >= 8:
            self._secrets.add(token)

    def number(self, number: str) -> str:
        """Return the reserved number for a number in E.164, always the same one."""
        digits = number[1:]
        if digits not in self._numbers:
            while (mapped := masks.reserved_number(self._next_number))[1:] in self._numbers:
                self._next_number += 1
            self._next_number += 1
            self._numbers[digits] = mapped
        return self._numbers[digits]

    def leaks(self, line: str) -> bool:
        """Whether a line that is about to be written contains a token, as a last check."""
        return any(
            form in line for secret in self._secrets for form in (secret, quote(secret, safe=""))
        )

    # Values

    def json(self, value: Any) -> Any:
        """Return a JSON value without personal data; its keys, types and order stay."""
        self._learn_json(value, personal=False)
        return self._json(value, "", personal=False, contact=False)

    def text(self, text: str) -> str:
        """Return a text for people, such as an error, without the values that are known."""
        text = self._without_secrets(text)
        text = _QUOTED.sub(self._quoted, text)
        for cell in self._long_cells:
            if cell in text.casefold():
                text = re.sub(
                    re.escape(cell), lambda found: mask(found[0]), text, flags=re.IGNORECASE
                )
        return self._without_cells(self._without_numbers(text))

    def identifier(self, text: str) -> str:
        """Return an id, as in a path."""
        return self._string(text, "id", personal=False)

    def path(self, path: str) -> str:
        """Return a path whose unknown segments are treated as ids."""
        return "/".join(
            quote(self.identifier(unquote(segment)), safe="*:@=~") if segment else ""
            for segment in path.split("/")
        )

    def query(self, query: str) -> str:
        """Return a query without personal data."""
        return urlencode(
            [
                (
                    name if masks.is_name(name) else mask(name),
                    KEY if _SECRET_NAME.search(name) else self._field(name, value),
                )
                for name, value in parse_qsl(query, keep_blank_values=True)
            ]
        )

    def form(self, parts: Iterable[Part]) -> list[dict[str, str]]:
        """Return the parts of a form, with their data as text.

        A byte that is not UTF-8 is a lone surrogate in it, as ``surrogateescape`` reads it.
        """
        found = []
        for part in parts:
            text = part.data.decode("utf-8", "surrogateescape")
            one = {"name": part.name if masks.is_name(part.name) else mask(part.name)}
            if part.filename is not None:
                one["filename"] = mask(part.filename)
            if part.content_type:
                one["content_type"] = mask_type(part.content_type)
            is_list = part.filename is not None or part.name == "contacts"
            one["data"] = self.csv(text) if is_list else self._field(part.name, text)
            found.append(one)
        return found

    def csv(self, text: str) -> str:
        """Return a contact list with the same rows, separators, quotes and line ends.

        The header row stays if it is one. Numbers in E.164 are mapped, everything else is masked.
        """
        header = _header_end(text)
        self._learn_rows(text[header:])
        return text[:header] + self._masked(text[header:])

    # Learning

    def _learn(self, cell: str) -> None:
        cell = cell.strip().casefold()
        if len(cell) < 2 or not any(map(str.isalnum, cell)):
            return
        if cell.count(" ") < _LONGEST_CELL:
            self._cells.add(cell)
        else:
            self._long_cells.add(cell)

    def _learn_cell(self, cell: str) -> None:
        self._learn(cell)
        for number in masks.E164.findall(cell):
            self.number(number)
        words = cell.split()
        if len(words) > 1:
            for word in words:
                bare = word.strip(_EDGES)
                if len(bare) > 2 and (bare[0].isupper() or not bare.isascii() or "@" in bare):
                    self._learn(bare)

    def _learn_rows(self, text: str) -> None:
        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error:
            rows = [re.split(r'[,;\t"]', line) for line in text.splitlines()]
        for row in rows:
            for cell in row:
                self._learn_cell(cell)
                if ";" in cell or "\t" in cell:
                    for inner in re.split(r"[;\t]", cell):
                        self._learn_cell(inner)

    def _learn_json(self, value: Any, *, personal: bool) -> None:
        if isinstance(value, dict):
            nested = personal or _is_contact(value)
            for key, inner in value.items():
                inside = personal or key in masks.PERSONAL_KEYS
                self._learn_json(inner, personal=inside or (nested and isinstance(inner, dict)))
        elif isinstance(value, list):
            for inner in value:
                self._learn_json(inner, personal=personal)
        elif isinstance(value, str):
            if personal:
                self._learn_cell(value)
            elif masks.E164.fullmatch(value):
                self.number(value)

    # Replacing

    def _json(self, value: Any, key: str, *, personal: bool, contact: bool) -> Any:
        if isinstance(value, dict):
            of_contact = contact or _is_contact(value)
            return {
                self._key(name): self._json(
                    inner,
                    name,
                    personal=personal
                    or name in masks.PERSONAL_KEYS
                    or (of_contact and isinstance(inner, dict)),
                    contact=of_contact,
                )
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._json(one, key, personal=personal, contact=contact) for one in value]
        if isinstance(value, str):
            return self._string(value, key, personal=personal)
        if isinstance(value, bool) or value is None:
            return value
        return self._json_number(value, key, hidden=personal or contact)

    def _json_number(self, value: float, key: str, *, hidden: bool) -> float:
        if isinstance(value, float):
            return 0.0 if hidden else value
        digits = str(abs(value))
        if digits in self._numbers:
            return int(self._numbers[digits])
        if hidden and key not in masks.COUNT_KEYS and key not in masks.ID_KEYS:
            return 0
        return value if len(digits) < 10 else int(mask(digits))

    def _key(self, key: str) -> str:
        return key if masks.is_name(key) else self._masked(self._without_secrets(key))

    def _string(self, text: str, key: str, *, personal: bool) -> str:
        text = self._without_secrets(text, keep_word=key in masks.STATUS_KEYS)
        if personal:
            return self._masked(text)
        if key in masks.STATUS_KEYS and masks.is_word(text):
            return text
        if masks.TIME_KEYS.fullmatch(key) and masks.RFC3339.fullmatch(text):
            return text
        known = text.strip().casefold() in self._cells or text.lstrip("+") in self._numbers
        if not known:
            if masks.is_word(text) or (key in masks.STATUS_KEYS and masks.WORD.fullmatch(text)):
                return text
            if key in masks.ID_KEYS and masks.ID.fullmatch(text) and not masks.E164.search(text):
                return text
        if key in masks.TEXT_KEYS:
            return self.text(text)
        return self._masked(text)

    def _field(self, name: str, text: str) -> str:
        """Return a value of a form or of a query."""
        if _SMALL.fullmatch(text) and name != "phone_number":
            return text
        if masks.RFC3339.fullmatch(text):
            return text
        return self._string(text, name, personal=False)

    def _masked(self, text: str) -> str:
        """Mask a text, but map the numbers in it."""
        parts = []
        at = 0
        for found in masks.E164.finditer(text):
            parts += [mask(text[at : found.start()]), self.number(found.group())]
            at = found.end()
        parts.append(mask(text[at:]))
        return "".join(parts)

    def _without_secrets(self, text: str, *, keep_word: bool = False) -> str:
        for secret in self._secrets:
            text = text.replace(secret, KEY)
        text = masks.TOKEN.sub(KEY, text)
        if self._accounts is None or (keep_word and masks.is_word(text)):
            return text
        return self._accounts.sub(ACCOUNT, text)

    def _without_numbers(self, text: str) -> str:
        def replaced(found: re.Match[str]) -> str:
            written = found.group()
            digits = re.sub(r"\D", "", written)
            if digits in self._numbers:
                mapped = self._numbers[digits]
                return mapped if written.startswith("+") else mapped[1:]
            if masks.E164.fullmatch(written):
                return self.number(written)
            return mask(written) if len(digits) >= 7 else written

        return masks.PHONE_LIKE.sub(replaced, text)

    def _without_cells(self, text: str) -> str:
        tokens = re.split(r"(\s+)", text)
        at = 0
        while at < len(tokens):
            for end in range(min(len(tokens), at + 2 * _LONGEST_CELL), at, -1):
                if end - at > 1 and not tokens[end - 1].strip():
                    continue
                found = "".join(tokens[at:end])
                if found.casefold() in self._cells or found.strip(_EDGES).casefold() in self._cells:
                    tokens[at:end] = [mask(found)]
                    break
            at += 1
        return "".join(tokens)

    def _quoted(self, found: re.Match[str]) -> str:
        sign, inner = found.group(1), found.group(2)
        known = inner.strip().casefold() in self._cells
        if not known and (masks.is_word(inner) or _SNAKE.fullmatch(inner)):
            return found.group()
        return f"{sign}{self._masked(inner)}{sign}"


def mask_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, except the charset."""
    kind, *options = (each.strip() for each in content_type.split(";"))
    kept = [each for each in options if each.lower().startswith("charset=")]
    return "; ".join([kind, *kept])[:100]


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON body.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _is_contact(value: dict[str, Any]) -> bool:
    """Whether an object is about a person: one of its values is a number in E.164."""
    return "agent_id" not in value and any(
        isinstance(one, str) and masks.E164.fullmatch(one) for one in value.values()
    )


def _header_end(text: str) -> int:
    """Return where the header row of a contact list ends; 0 if its first row is data."""
    start = 0
    while start < len(text) and text[start] in "\ufeff\r\n":
        start += 1
    end = min(
        (at for at in (text.find("\n", start), text.find("\r", start)) if at >= 0),
        default=len(text),
    )
    cells = [cell.strip(' \t"') for cell in re.split(r"[,;\t]", text[start:end])]
    named = any(re.search(r"phone|number|tel|mobil", cell, re.IGNORECASE) for cell in cells)
    harmless = all(not cell or masks.is_name(cell) for cell in cells)
    return end if named and harmless else 0
