"""Entries of do-not-call lists that are easily read wrong: a person would be called, or none be."""

from __future__ import annotations

import pytest

from kataven.contacts._number_refusals import Refused
from kataven.contacts._phones import Phone, Phones

EXCLUDED = [
    # A plus in front of the international prefix.
    ("Ida +0061412356520 *", "AU", {"+61412356520"}),
    # The zero in brackets may be part of the number.
    ("+39 (0) 6 1234 5678", None, {"+390612345678", "+39612345678"}),
    # A 0 that is not a trunk prefix in the region.
    ("020 7946 0018 / 19 / 20", "US", {"+12079460018", "+12079460019", "+12079460020"}),
    # Only the last digits of the second number are written.
    ("415-555-0100 / 01", "US", {"+14155550100", "+14155550101"}),
    ("(+1) 415 555 0100 / 01", None, {"+14155550100", "+14155550101"}),
    ("020 7946 0018, 19", "GB", {"+442079460018", "+442079460019"}),
    ("020 7946 0018; 19", "GB", {"+442079460018", "+442079460019"}),
    # Two numbers with only a space between.
    ("(+1) 415 555 0100 (+1) 415 555 0101", None, {"+14155550100", "+14155550101"}),
    # An extension of letters and digits is not a number.
    ("Büro: 8 (301) 579-80-3X2", "RU", {"+78301579803"}),
]


@pytest.mark.parametrize(("written", "region", "numbers"), EXCLUDED)
def test_an_exclusion_means_each_number_that_it_may_mean(
    written: str, region: str | None, numbers: set[str]
) -> None:
    assert numbers <= Phones(region).readings(written)


@pytest.mark.parametrize(
    ("written", "region"),
    [
        # One of two numbers is not in use.
        ("810 44 20 7946 0018", "FI"),
        ("010 44 20 7946 0018", "DE"),
        # The second number has no country code, and is not an ending of the first.
        ("+39.02.1828.8457|Büro: 393113851534", None),
        ("+14155550100 14155550101", None),
        ("+14155550100, 14155550101", None),
    ],
)
def test_an_entry_of_which_a_part_cannot_be_read_has_no_reading(
    written: str, region: str | None
) -> None:
    assert Phones(region).readings(written) == frozenset()


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        # The prefix of the region, and a trunk zero after the country code.
        ("000 683 0 7012", "KE", "+6837012"),
        ("001 683 0 7012", "KR", "+6837012"),
        ("008 683 0 7013", "ID", "+6837013"),
    ],
)
def test_a_number_after_the_prefix_of_its_region_is_read(
    written: str, region: str, number: str
) -> None:
    for text in (written, written.replace(" ", "")):
        assert Phones(region).read(text) == Phone(number, "", in_use=True)


def test_groups_that_begin_with_a_country_code_do_not_tell_a_number_apart() -> None:
    found = Phones("KW").read("500 72707")
    assert isinstance(found, Refused)
    assert found.message == (
        "the number can be read as +50072707 or +96550072707: write it with '+' and country code"
    )


def test_an_ambiguous_number_names_the_groups_that_have_one_reading() -> None:
    for written, region, advice in (
        ("6465550100", "DE", ", or group it as 06465 550100 if it is +496465550100"),
        ("2908505", "DE", ", or group it as 02908 505 if it is +492908505"),
        ("62812345678", "ID", ", or group it as (0628) 12345678 if it is +6262812345678"),
    ):
        found = Phones(region).read(written)
        assert isinstance(found, Refused)
        assert found.message.endswith(f"write it with '+' and country code{advice}")


@pytest.mark.parametrize(("region", "hint"), [("UK", ": the United Kingdom is 'GB'"), ("ZZ", "")])
def test_an_unknown_region_is_refused_by_its_name(region: str, hint: str) -> None:
    for phones, where in ((Phones(region), None), (Phones("US"), region)):
        with pytest.raises(ValueError, match="no country") as caught:
            phones.read("020 7946 0018", where)
        assert str(caught.value) == f"no country has the code {region!r}{hint}"
