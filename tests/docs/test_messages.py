"""The page of messages: each text of the code is in its table, and the other way round."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import make_messages  # noqa: E402
import messages  # noqa: E402

from kataven.contacts import Kind  # noqa: E402
from kataven.contacts._clean_report import Reason  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found():
    return messages.collect(ROOT)


def test_every_text_of_the_code_is_in_the_table_and_no_other(found):
    assert make_messages.differences(found, make_messages.table()) == []
    assert len(found.texts) > 300


def test_page_is_what_the_table_says():
    done = subprocess.run(
        [sys.executable, "scripts/make_messages.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_kind_and_reason_has_a_meaning():
    table = make_messages.table()

    assert list(table["kinds"]) == list(get_args(Kind))
    reasons = {word for part in get_args(Reason) for word in (get_args(part) or (part,))}
    assert set(table["reasons"]) == reasons


ADDED = """
TEXT = "the list is too green"

def filled_in(x):
    raise ConfigurationError(f"the {x} is too blue: paint it")

def constant():
    raise refusal("malformed", TEXT)

class A:
    def grown(self):
        text = "far too green"
        text += ". Paint all of it."
        raise ValueError(text)

def logged():
    logger.warning("the %s is too yellow", 1)

def carried(text):
    raise ContactsError(text)
"""


def test_text_without_an_entry_is_found(tmp_path):
    shutil.copytree(
        ROOT / "kataven", tmp_path / "kataven", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "kataven" / "added.py").write_text(ADDED, encoding="utf-8")

    differences = make_messages.differences(messages.collect(tmp_path), make_messages.table())

    assert differences == [
        "not in the table: 'Paint all of it.' (added.py:A.grown)",
        "not in the table: 'far too green' (added.py:A.grown)",
        "not in the table: 'the list is too green' (added.py:constant)",
        "not in the table: 'the … is too blue: paint it' (added.py:filled_in)",
        "not in the table: 'the … is too yellow' (added.py:logged)",
        "not in 'carried': added.py:carried: ContactsError(text)",
    ]


def test_entry_without_a_text_is_found(found):
    table = make_messages.table()
    table["sections"][0]["entries"][0]["texts"].append("a text that was removed")

    assert make_messages.differences(found, table) == ["not in the code: 'a text that was removed'"]


def test_every_entry_says_cause_and_remedy():
    for section in make_messages.table()["sections"]:
        for entry in section["entries"]:
            assert entry["texts"]
            assert entry["cause"].endswith(".")
            assert entry["remedy"].endswith(".")
