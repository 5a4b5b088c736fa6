"""``kataven campaigns report``: what the page says, and what it must not contain."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from kataven.cli.campaigns.report_findings import Findings
from kataven.cli.campaigns.report_page import page
from tests.cli.test_campaigns import FORM

MADE = datetime(2026, 11, 28, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'&"
CAMPAIGN = {"id": "camp_1", "name": HOSTILE, "status": "completed", "agent_id": HOSTILE}


def contact(number, status, error="", attempts=1, when="2026-11-28T13:40:00Z"):
    return {
        "phone_number": f"+1415555{number:04}",
        "status": status,
        "last_error": error,
        "attempts": attempts,
        "last_attempt_at": when,
        "variables": {"name": HOSTILE},
    }


CONTACTS = [
    *(contact(number, "completed", attempts=2) for number in range(3)),
    contact(3, "failed", HOSTILE),
    contact(4, "cancelled", attempts=0, when=None),
]


class Parsed(HTMLParser):
    """The text of a page, its elements and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.references = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.words += data.split()


def made(*, keep=False, losses=None, contacts=CONTACTS):
    findings = Findings()
    for each in contacts:
        findings.add(each, keep=keep)
    return page(CAMPAIGN, findings, losses, MADE)


def test_page_is_one_file_without_scripts_and_text_of_the_hub_stays_text():
    text = made(keep=True)
    parsed = Parsed(text)

    assert "script" not in parsed.tags
    assert parsed.references == []
    assert "url(" not in text
    assert "@import" not in text
    assert "<script>alert(1)</script>\"'&" in " ".join(parsed.words)


def test_page_counts_outcomes_attempts_and_who_was_not_called():
    words = " ".join(Parsed(made()).words)

    assert "completed 3 60.0%" in words
    assert "completed 3 60.0% 6" in words
    assert "cancelled 1 20.0% 0" in words
    assert "all 5 100.0% 7" in words
    assert "Contacts that were not called: 1." in words
    assert "Only the last attempt of each contact is known." in words


def test_page_has_phone_numbers_only_if_asked_for():
    assert "+1415555" not in made()
    assert all(f"+1415555{number:04}" in made(keep=True) for number in range(5))


def test_page_shows_what_the_list_lost():
    losses = {"rows": 9, "kept": 5, "dropped": {"duplicate": 3, "bad_number": 1}}
    words = " ".join(Parsed(made(losses=losses)).words)

    assert "5 of 9 rows" in words
    assert "duplicate 3" in words
    assert "Contacts that were not uploaded" not in " ".join(Parsed(made()).words)


@pytest.mark.parametrize("contacts", [[], [contact(1, "pending", attempts=0, when=None)], [{}]])
def test_page_of_a_campaign_without_calls(contacts):
    words = " ".join(Parsed(made(contacts=contacts)).words)

    assert "The Hub sent no times of attempts." in words


@pytest.mark.slow
@pytest.mark.parametrize("speed", [1000])
@pytest.mark.usefixtures("contacts")
def test_report_of_a_cleaned_list_that_was_run(on_hub):
    clean = ["contacts", "clean", "contacts.csv", "-o", "c.csv", "--report", "report.json"]
    assert on_hub.run(*clean).returncode == 0
    campaign = json.loads(on_hub.run("campaigns", "run", *FORM, "--yes", "--json").stdout)
    command = ["campaigns", "report", campaign["id"], "-o", "page.html"]

    done = on_hub.run(*command, "--cleaned", "report.json")
    page = (on_hub.folder / "page.html").read_text("utf-8")
    wrong = on_hub.run(*command, "--cleaned", "contacts.csv")

    assert (done.returncode, done.stdout) == (0, "30 contacts: page.html\n")
    assert re.search(r"30 of 30 rows", page)
    assert wrong.returncode == 2
    assert "contacts.csv is not a report of 'kataven contacts clean'" in wrong.stderr
    assert (on_hub.folder / "page.html").read_text("utf-8") == page
