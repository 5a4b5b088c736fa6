"""What the command prints has commands and options where the library has calls and parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kataven.cli.wording import as_commands

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]

# A keyword argument, a call, a name of the package, a constant. Quoted, it is text of a file.
PYTHON = re.compile(
    r"(?<![\w'-])[a-z_]+=|\w\(\)|\bkataven\.(?!ai\b)|\bclient\.\w|\b(?:True|False|None)\b"
)
# Texts about arguments in Python, which the command passes in one way only.
ARGUMENTS = ("Arguments of the client", "Bulk lists")
NEVER_PRINTED = (
    "no API key: pass api_key=",
    "api_key= is an async function",
    "api_key= returned no key",
    "reading the contacts was interrupted, so this iterator is closed",
    "rate_limits must be a kataven.RateLimits",
    "the row has the key …, which the first row lacks",
    "phone numbers must be text, and …: a number has lost",
    "a str is the path of the contacts file",
    "the contacts file has an async read()",
    "the contacts file's read() must return bytes",
    "the table is lazy",
)


def texts() -> list[str]:
    """Return the texts of errors, warnings and problems, with a word for what is filled in."""
    table = yaml.safe_load((ROOT / "scripts" / "messages.yaml").read_text("utf-8"))
    found = [
        text
        for section in table["sections"]
        if section["section"] not in ARGUMENTS
        for entry in section["entries"]
        for text in entry["texts"]
    ]
    for start in NEVER_PRINTED:
        assert any(text.startswith(start) for text in found), start
    return [text for text in found if not text.startswith(NEVER_PRINTED)]


def test_no_text_that_the_command_prints_has_python_in_it() -> None:
    found = texts()
    assert len(found) > 200
    shown = [as_commands(re.sub(r"=…|(?<=\()…(?=\) starts)", _value, text)) for text in found]
    assert [text for text in shown if PYTHON.search(text)] == []


def _value(found: re.Match[str]) -> str:
    return found[0].replace("…", "'cp1252'")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("name the country with region= of kataven.contacts.clean()",
         "name the country with --region of 'kataven contacts clean'"),
        ("with region='GB' kataven.contacts.clean() changes it to +442079460001",
         "'kataven contacts clean --region GB' changes it to +442079460001"),
        ("kataven.contacts.clean() converts it (with encoding='utf-16-le')",
         "'kataven contacts clean' converts it (with --encoding utf-16-le)"),
        ("in an earlier row (drop_duplicates=False keeps both)",
         "in an earlier row (--keep-duplicates keeps both)"),
        ("clean it again with another encoding=", "clean it again with another --encoding"),
        ("keep every number of a possible length with numbers='possible'",
         "keep every number of a possible length with --numbers possible"),
        ("split it with kataven.contacts.split(max_rows=...)",
         "split it with 'kataven contacts split --max-rows N'"),
        ("exclude_columns names columns of exclude=, which is not given",
         "--exclude-column names columns of --exclude, which is not given"),
        ("the client waits 60 s at most (option max_retry_wait).",
         "the client waits 60 s at most."),
        ("correct or unset NO_PROXY, or pass http_client=", "correct or unset NO_PROXY"),
        # Names of files, and what the Hub says, stay as they are.
        ("max_rows.csv: No such file or directory", "max_rows.csv: No such file or directory"),
        ("the Hub says: status=queued is unknown", "the Hub says: status=queued is unknown"),
    ],
)  # fmt: skip
def test_calls_and_parameters_become_commands_and_options(text: str, shown: str) -> None:
    assert as_commands(text) == shown
