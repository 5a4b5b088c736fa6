"""Texts of the SDK for readers who use commands: calls of the library become commands.

Knows only the names that command and library share. Must not know what a text is about.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["as_commands"]

_REPLACED: Final = (
    (re.compile(r"client\.call_limits\(\)"), "'kataven limits'"),
    (re.compile(r"client\.campaigns\.(\w+)\(\)"), r"'kataven campaigns \1'"),
    (re.compile(r"client\.campaigns\.(\w+)\('([\w-]+)'\)"), r"'kataven campaigns \1 \2'"),
    (re.compile(r"\bor get\(\)"), "or 'kataven campaigns get ID'"),
    (re.compile(r"\b(\w+)= of kataven\.contacts\.(\w+)\(\)"), r"--\1 of 'kataven contacts \2'"),
    (re.compile(r"\b(region|encoding|exclude|windows)=(?=[\s,;:.]|$)"), r"--\1"),
    (re.compile(r"call kataven\.bulk\.(\w+)\(\)"), r"run 'kataven bulk \1'"),
    (re.compile(r"\bkataven\.bulk\.(\w+)\(\)"), r"'kataven bulk \1'"),
    (re.compile(r"\bcall (launch|resume|prepare)\(\)"), r"run 'kataven bulk \1'"),
    (re.compile(r"\brun watch\(\) or apply\(\)"), "run 'kataven bulk watch'"),
    (re.compile(r" with a new executor(?=, and it continues)"), ""),
    (re.compile(r"\b(larger than|increase) max_bytes\b"), r"\1 --max-bytes"),
    (re.compile(r"\ballow_lossy_store=True\b"), "--allow-lossy-store"),
    (re.compile(r"\bdrop_duplicates=False\b"), "--keep-duplicates"),
    (re.compile(r", or pass format="), ""),
    (re.compile(r"\bkataven\.contacts\.(\w+)(?:\(\))?"), r"'kataven contacts \1'"),
)


def as_commands(text: str) -> str:
    """Return a text in which calls such as ``client.campaigns.list()`` are commands."""
    for pattern, command in _REPLACED:
        text = pattern.sub(command, text)
    return text
