"""The example list: what a CRM exports, all of it invented."""

import csv
import re

from kataven import contacts
from kataven.cli.example import example_contacts

# Set aside for fiction by the authorities of their countries.
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


def test_it_is_the_copy_in_the_checkout(example_csv):
    assert example_contacts() == example_csv


def test_it_is_an_export_that_can_be_uploaded_as_it_is(example_csv):
    report = contacts.check(example_csv)

    assert report.ok, report.summary()
    assert report.rows == 500


def test_its_numbers_ring_nobody(example_csv):
    with example_csv.open(encoding="utf-8", newline="") as file:
        numbers = [row["phone_number"] for row in csv.DictReader(file)]

    assert [number for number in numbers if not FICTION.fullmatch(number)] == []
    assert len(set(numbers)) == len(numbers)


def test_it_has_what_makes_exports_hard(example_csv):
    text = example_csv.read_text(encoding="utf-8")

    assert '"Austin, TX"' in text
    assert "São Paulo" in text
    assert ",," in text
    assert '""' in text
    assert "First line\n" in text
