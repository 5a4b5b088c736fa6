"""One person has one number in any spelling, and two numbers are never merged into one."""

import csv
import io

import phonenumbers
import pytest

from kataven import contacts
from kataven.contacts._number_refusals import Refused
from kataven.contacts._phones import Phone, Phones
from kataven.errors import ContactsError


def kept(numbers: list[str], **options: object) -> list[str]:
    """Clean a list of numbers; return those that are kept."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["phone_number"], *([number] for number in numbers)])
    data = text.getvalue().encode()
    with contacts.clean(data, **options) as cleaned:  # type: ignore[arg-type]
        return cleaned.read().decode().split()[1:]


TRUNK_PREFIXES = [
    ("+4402079460018", "+442079460018"),
    ("+610255501234", "+61255501234"),
    ("+114155550100", "+14155550100"),
    ("+789161234567", "+79161234567"),
    ("'+4402079460018", "+442079460018"),
    ("+44 (0)20 7946 0018", "+442079460018"),
    ("+360612345678", "+3612345678"),
    ("+37061234567", "+37061234567"),
    ("+370861234567", "+37061234567"),
    ("+5215512345678", "+525512345678"),
    ("+54111523456789", "+5491123456789"),
    ("+5491115234567", "+5491115234567"),
    ("+5501511987654321", "+5511987654321"),
    ("+3750291234567", "+375291234567"),
    ("+37580291234567", "+375291234567"),
    ("+998 8 90 123 45 67", "+998901234567"),
    ("+480512345619", "+48512345619"),
    ("+3900212345678", "+390212345678"),
    # Not known to be in use, with the 0 or without it.
    ("+972-(0)50-123-4567", "+972501234567"),
    ("+9720501234567", "+972501234567"),
    # Here the 0, or the 8, is part of the number.
    ("+390612345678", "+390612345678"),
    ("+2250123456789", "+2250123456789"),
    ("+242061234567", "+242061234567"),
    ("+3780549123456", "+3780549123456"),
    ("+78123456789", "+78123456789"),
]


def test_a_trunk_prefix_does_not_hide_a_duplicate_or_an_exclusion() -> None:
    for spelled, number in TRUNK_PREFIXES:
        assert kept([spelled, number]) == [number]
        assert kept([spelled], exclude=[number]) == []
        assert kept([number], exclude=[spelled]) == []


def test_the_trunk_zero_of_every_country_is_known() -> None:
    left: list[str] = []
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        example = phonenumbers.example_number(regions[0])
        if example is None:
            continue
        plain = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        zero = f"+{code}0{plain[len(str(code)) + 1 :]}"
        meant = phonenumbers.format_number(
            phonenumbers.parse(zero), phonenumbers.PhoneNumberFormat.E164
        )
        made = Phones().read(zero)
        if meant == plain and not (isinstance(made, Phone) and made.number == plain):
            left.append(zero)
    assert not left


def test_the_trunk_prefixes_of_every_country_are_known() -> None:
    """Compare our pattern with the installed metadata, for numbers that have two forms there."""
    left: list[str] = []
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        prefixes = phonenumbers.PhoneMetadata.metadata_for_region(regions[0])
        example = phonenumbers.example_number(regions[0])
        if example is None or prefixes is None or not prefixes.national_prefix:
            continue
        national = phonenumbers.national_significant_number(example)
        written = f"+{code}{prefixes.national_prefix}{national}"
        made = Phones().read(written)
        if not (isinstance(made, Phone) and made.number == f"+{code}{national}"):
            left.append(written)
    assert not left


TWO_NUMBERS = [
    ("+1 415 555 0100 / 0101", None),
    ("+1 415 555 0100 x 12 x 13", None),
    ("+1 415 555 0100 # 12 # 13", None),
    ("+1 415 555 0100 *5", None),
    ("+1 415 555 0100 - 15", None),
    ("+49 30 12345 / 12346", None),
    ("020 7946 0018 / 19", "GB"),
    ("020 7946 0018; 020 7946 0019", "GB"),
    ("020 7946 0018, 020 7946 0019", "GB"),
]


def test_a_cell_with_two_numbers_is_not_a_number() -> None:
    for written, region in TWO_NUMBERS:
        assert isinstance(Phones(region).read(written), Refused)


ONE_NUMBER = [
    ("030/123456", "DE", "+4930123456", ""),
    ("0164/1234567", "DE", "+491641234567", ""),
    ("+49 30/123456", None, "+4930123456", ""),
    ("01/5123456", "AT", "+4315123456", ""),
    ("+1 415 555 0100, ext 7", None, "+14155550100", "7"),
    ("+1 415 555 0100 # 5", None, "+14155550100", "5"),
    ("020 7946 0018,,5", "GB", "+442079460018", "5"),
]


def test_a_slash_or_an_extension_does_not_make_two_numbers() -> None:
    for written, region, number, extension in ONE_NUMBER:
        phone = Phones(region).read(written)
        assert isinstance(phone, Phone)
        assert (phone.number, phone.extension) == (number, extension)


@pytest.mark.parametrize(("written", "region"), [("555-0100", "US"), ("7946 0018", "GB")])
def test_a_number_without_its_area_code_is_not_a_number(written: str, region: str) -> None:
    assert kept([written], region=region) == []
    with pytest.raises(ContactsError, match="not a valid number"):
        kept(["+14155550100"], exclude=[written], region=region)
    assert kept(["9123 4567"], region="SG") == ["+6591234567"]


def test_a_number_with_more_digits_than_any_number_has_is_too_long():
    # Germany has no maximum of its own, so that of E.164 counts.
    found = Phones().read("+49 171 12345678901")

    assert isinstance(found, Refused)
    assert found.reason == "too_long"
    assert "has 5 to 13 digits after it, this one has 14" in found.message
