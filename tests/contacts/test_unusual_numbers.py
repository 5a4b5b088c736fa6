"""Cells that are nearly a number: what is read, and why the others are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kataven.contacts._number_refusals import Refused
from kataven.contacts._phones import Phone, Phones


@pytest.mark.parametrize(
    ("written", "region", "reason"),
    [
        ("020 7946 0018 * 2", "GB", "odd_character"),
        ("415#555-0100", "US", "odd_character"),
        ("415=5550100", "US", "odd_character"),
        ("415;5550100", "US", "odd_character"),
        ("415, 555 0100", "US", "odd_character"),
        # An extension in brackets, or the last digits: both are numbers in use.
        ("030 123456 (78)", "DE", "ambiguous_number"),
        # Two countries, and none in the region itself.
        ("001649 7127812", "TJ", "ambiguous_number"),
        ("415 555 0100 415 555 0101", "US", "several_numbers"),
        # More digits than two numbers have.
        ("415 555 0100 " * 4, "US", "too_long"),
    ],
)
def test_what_is_not_one_number_is_refused(written, region, reason):
    found = Phones(region).read(written.strip())

    assert isinstance(found, Refused)
    assert found.reason == reason


def test_last_digits_in_brackets_belong_to_the_number_if_nothing_else_is_in_use():
    assert Phones("GB").read("+44 20 7946 00 (18") == Phone("+442079460018", "", in_use=True)


@pytest.mark.parametrize(("hidden", "found"), [("", True), ("phonenumbers", False)])
def test_cells_are_not_decided_to_be_numbers_without_phonenumbers(hidden, found):
    code = (
        f"import sys; sys.modules[{hidden!r}] = None\n"
        "from kataven.contacts._number_columns import are_numbers\n"
        "from kataven.contacts._phones import Phones\n"
        "print(are_numbers(['020 7946 0018', '020 7946 0019'], Phones('GB')))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == f"{found}\n"
