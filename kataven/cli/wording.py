"""Texts of the SDK for readers who use commands: calls and parameters become commands and options.

Knows only the names that command and library share. Must not know what a text is about.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["as_commands"]

# The parameters of the library that have an option of the same meaning.
_OPTIONS: Final = {
    "account_id": "--account-id",
    "encoding": "--encoding",
    "exclude": "--exclude",
    "exclude_columns": "--exclude-column",
    "last_error": "--last-error",
    "max_bytes": "--max-bytes",
    "max_dropped": "--max-dropped",
    "max_rows": "--max-rows",
    "numbers": "--numbers",
    "region": "--region",
    "region_column": "--region-column",
    "status": "--status",
}
# A value is quoted in Python, and not in a shell.
_GIVEN: Final = re.compile(rf"\b({'|'.join(_OPTIONS)})='([\w.-]+)'")
_NAMED: Final = re.compile(rf"\b({'|'.join(_OPTIONS)})=(?=[\s,;:.)]|$)")
_REPLACED: Final = (
    (re.compile(r"client\.call_limits\(\)"), "'kataven limits'"),
    (re.compile(r"client\.campaigns\.(\w+)\(\)"), r"'kataven campaigns \1'"),
    (re.compile(r"client\.campaigns\.(\w+)\('([\w-]+)'\)"), r"'kataven campaigns \1 \2'"),
    (re.compile(r"\bor get\(\)"), "or 'kataven campaigns get ID'"),
    (re.compile(r"\b(\w+)= of kataven\.contacts\.(\w+)\(\)"), r"--\1 of 'kataven contacts \2'"),
    (re.compile(r"with region='(\w+)' kataven\.contacts\.(\w+)\(\)"),
     r"'kataven contacts \2 --region \1'"),
    (re.compile(r"kataven\.contacts\.split\(max_rows=\.\.\.\)"),
     "'kataven contacts split --max-rows N'"),
    (re.compile(r"\bIs base_url right\?"), "Is the URL right?"),
    (re.compile(r"\bpass exclude=None\b"), "leave out --exclude"),
    (re.compile(r"\blast_error must name (.*); None selects"),
     r"--last-error must name \1; without it, the command selects"),
    (re.compile(r"\b(region|encoding|exclude|windows)=(?=[\s,;:.]|$)"), r"--\1"),
    (re.compile(r"call kataven\.bulk\.(\w+)\(\)"), r"run 'kataven bulk \1'"),
    (re.compile(r"\bkataven\.bulk\.(\w+)\(\)"), r"'kataven bulk \1'"),
    (re.compile(r"\bcall (launch|resume|prepare)\(\)"), r"run 'kataven bulk \1'"),
    (re.compile(r"\brun watch\(\) or apply\(\)"), "run 'kataven bulk watch'"),
    (re.compile(r" with a new executor(?=, and it continues)"), ""),
    (re.compile(r"\ballow_lossy_store=True\b"), "--allow-lossy-store"),
    (re.compile(r"\bdrop_duplicates=False\b"), "--keep-duplicates"),
    (re.compile(r"\ballow_duplicates=True\b"), "--allow-duplicates"),
    (re.compile(r"(?<![\w/.-])max_(bytes|rows)(?![\w/.=-])"), r"--max-\1"),
    (re.compile(r"(?<![\w/.-])exclude_columns(?![\w/.=-])"), "--exclude-column"),
    # What has no option.
    (re.compile(r", or pass (?:format|http_client)="), ""),
    (re.compile(r" \(option \w+\)"), ""),
    (re.compile(r"\bkataven\.contacts\.(\w+)(?:\(\))?"), r"'kataven contacts \1'"),
)  # fmt: skip


# The same sentence is said of many rows.
@lru_cache(maxsize=1024)
def as_commands(text: str) -> str:
    """Return a text in which calls such as ``client.campaigns.list()`` are commands."""
    for pattern, command in _REPLACED:
        text = pattern.sub(command, text)
    text = _GIVEN.sub(lambda found: f"{_OPTIONS[found[1]]} {found[2]}", text)
    return _NAMED.sub(lambda found: _OPTIONS[found[1]], text)
