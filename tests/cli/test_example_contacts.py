"""The example contact list: like an export of a CRM, all of it invented."""

from __future__ import annotations

import csv
import re

from kataven import contacts
from kataven.cli.example import example_contacts

# Numbers that national regulators reserve for fiction.
FICTION = re.compile(
    r"\+1\d{3}55501\d\d"  # North America, freephone too: 555-0100 to 555-0199
    r"|\+4420794(60|6)\d{3,4}|\+447700900\d{3}|\+448081570\d{3}|\+449098790\d{3}"
    r"|\+443069990\d{3}|\+441134960\d{3}"  # United Kingdom
    r"|\+61491570\d{3}|\+6125550\d{4}"  # Australia
    r"|\+353209100\d{3}"  # Ireland
    r"|\+33199\d{6}|\+3363998\d{4}"  # France
    r"|\+4631390\d{4}|\+467017406\d\d"  # Sweden
    r"|\+4930231\d{5,6}"  # Germany
)


def test_checkout_uses_its_own_copy(example_csv):
    assert example_contacts() == example_csv


def test_list_passes_the_check_unchanged(example_csv):
    report = contacts.check(example_csv)

    assert report.ok, report.summary()
    assert report.rows == 500


def test_all_numbers_are_reserved_for_fiction(example_csv):
    with example_csv.open(encoding="utf-8", newline="") as file:
        numbers = [row["phone_number"] for row in csv.DictReader(file)]

    assert [number for number in numbers if not FICTION.fullmatch(number)] == []
    assert len(set(numbers)) == len(numbers)


def test_list_contains_the_hard_cases_of_real_exports(example_csv):
    text = example_csv.read_text(encoding="utf-8")

    assert '"Austin, TX"' in text
    assert "São Paulo" in text
    assert ",," in text
    assert '""' in text
    assert "First line\n" in text
