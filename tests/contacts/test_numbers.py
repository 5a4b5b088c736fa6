"""A number is rewritten only if it has one reading, and a refusal names its reason."""

import subprocess
import sys
from typing import get_args

import pytest

from kataven import ContactsWarning, contacts
from kataven.contacts._number_refusals import NumberReason, Refused
from kataven.contacts._phones import Phone, Phones


def read(written: str, region: str | None = None, **options: str) -> str:
    """Return the number that is read, or the reason of the refusal."""
    found = Phones(region, **options).read(written)  # type: ignore[arg-type]
    if isinstance(found, Refused):
        assert found.reason in get_args(NumberReason)
        return found.reason
    return found.number


READ = [
    # Each region's own way abroad.
    ("0011 65 8323 4567", "AU", "+6583234567"),
    ("001 47 922 34 567", "SG", "+4792234567"),
    ("8~10 44 20 7946 0018".replace("~", ""), "RU", "+442079460018"),
    ("010 44 20 7946 0018", "JP", "+442079460018"),
    ("011 44 20 7946 0018", "US", "+442079460018"),
    ("0014 44 20 7946 0018", "BR", "+442079460018"),
    # 00 where it is not the prefix, and without a region.
    ("0044 20 7946 0018", "US", "+442079460018"),
    ("0044 (0)20 7946 0018", None, "+442079460018"),
    ("001 415 555 0100", None, "+14155550100"),
    # A lost plus, where it is the only reading.
    ("442079460018", "US", "+442079460018"),
    ("442079460018", "GB", "+442079460018"),
    ("14155550100", "US", "+14155550100"),
    # Grouped as the region groups its numbers.
    ("(646) 555-0100", "US", "+16465550100"),
    ("646-555-0100", "US", "+16465550100"),
    # Trunk prefixes, and the zero in brackets.
    ("06 1 234 5678", "HU", "+3612345678"),
    ("8 (812) 123-45-67", "RU", "+78121234567"),
    ("044 55 1234 5678", "MX", "+525512345678"),
    ("01 55 1234 5678", "MX", "+525512345678"),
    ("011 15 2345-6789", "AR", "+5491123456789"),
    ("0 15 11 98765-4321", "BR", "+5511987654321"),
    ("+48 (0) 512 345 619", None, "+48512345619"),
    ("+30 (0) 21 0123 4567", None, "+302101234567"),
    ("+39 (0) 6 1234 5678", None, "+390612345678"),
]


@pytest.mark.parametrize(("written", "region", "number"), READ)
def test_a_number_with_one_reading_is_read(written: str, region: str | None, number: str) -> None:
    assert read(written, region) == number


REFUSED = [
    ("", "US", "empty_number"),
    ("\u200b\u2060", "US", "empty_number"),
    ("1.4155550100E+10", "US", "spreadsheet_number"),
    ("n/a", "US", "no_digits"),
    ("unknown", None, "no_digits"),
    ("-", None, "no_digits"),
    ("1-800-FLOWERS", "US", "letters"),
    ("fax: +1 415 555 0100", None, "letters"),
    ("+1 415 555 0100 (do not call)", None, "letters"),
    ("555-0100", "US", "too_short"),
    ("99", "US", "too_short"),
    ("+1 415 555 010", None, "too_short"),
    ("+1415555010", None, "too_short"),
    ("0044 20", "GB", "too_short"),
    ("0044 20", None, "missing_country_code"),
    ("0011 65 8323 4567", None, "missing_country_code"),
    ("+14155550100123", None, "too_long"),
    ("+1 415 555 0100 - 15", None, "too_long"),
    ("+336123456789", None, "too_long"),
    ("+14155550100, +14155550101", "US", "several_numbers"),
    ("(415) 555-0100 ::: (415) 555-0101", "US", "several_numbers"),
    ("415-555-0100 415-555-0101", "US", "several_numbers"),
    ("020 7946 0018\n020 7946 0019", "GB", "several_numbers"),
    ("491711234567", "DE", "ambiguous_number"),
    ("62812345678", "ID", "ambiguous_number"),
    ("6465550100", "US", "ambiguous_number"),
    ("64 6 555 0100", "US", "ambiguous_number"),
    ("001 47 922 34 567", None, "ambiguous_number"),
    ("+39 (0) 352 306 1763", None, "ambiguous_number"),
    ("+49 30 123456 (2)", None, "ambiguous_number"),
    ("030 123456 (2)", "DE", "ambiguous_number"),
    ("0303871813", "US", "not_in_use"),
    ("123-456-7890", "US", "not_in_use"),
    ("9876 5432", "AU", "not_in_use"),
    ("07700 900123", "GB", "not_in_use"),
    ("00447700900123", "GB", "not_in_use"),
    ("+999 1234 5678", None, "not_in_use"),
    ("+2105550100", None, "not_in_use"),
    ("4155550100", None, "missing_country_code"),
]


@pytest.mark.parametrize(("written", "region", "reason"), REFUSED)
def test_a_refusal_names_its_reason(written: str, region: str | None, reason: str) -> None:
    assert read(written, region) == reason


@pytest.mark.parametrize("written", ["0011 65 8323 4567", "011 44 20 7946 0018", "2079460018"])
def test_without_a_region_no_prefix_but_00_is_read(written: str) -> None:
    assert isinstance(Phones().read(written), Refused)


def test_an_ambiguous_number_shows_its_readings() -> None:
    found = Phones("US").read("6465550100")
    assert isinstance(found, Refused)
    assert found.message == (
        "the number can be read as +16465550100 or +6465550100: write it with '+' and country "
        "code, or group it as (646) 555-0100 if it is +16465550100"
    )
    assert read("(646) 555-0100", "US") == "+16465550100"


def test_many_ambiguous_numbers_are_loud_and_say_what_to_do() -> None:
    rows = [{"phone": f"{area}555{n:04}"} for area in (646, 415) for n in range(100, 160)]
    with pytest.warns(ContactsWarning, match=r"ambiguous_number: 60.*write it with '\+'.*\(646\)"):
        cleaned = contacts.clean(rows, region="US")
    assert "ambiguous_number: 60; the first: row 2, the number can" in cleaned.report.summary()
    cleaned.close()


def test_a_number_with_a_plus_is_kept_if_its_length_is_possible() -> None:
    assert Phones().read("+44 7700 900123") == Phone("+447700900123", "", in_use=False)
    assert Phones().read("+447700900123") == Phone("+447700900123", "", in_use=None)
    assert Phones().read("+44 20 7946 0018") == Phone("+442079460018", "", in_use=True)


def test_possible_numbers_are_read_where_that_is_wanted() -> None:
    assert read("07700 900123", "GB", numbers="possible") == "+447700900123"
    assert read("00447700900123", None, numbers="possible") == "+447700900123"
    assert read("123-456-7890", "US", numbers="possible") == "+11234567890"
    assert read("555-0100", "US", numbers="possible") == "too_short"
    assert read("491711234567", "DE", numbers="possible") == "ambiguous_number"
    with pytest.raises(ValueError, match="'valid' or 'possible'"):
        Phones(numbers="all")  # type: ignore[arg-type]


def test_a_region_for_one_number_replaces_that_of_the_list() -> None:
    phones = Phones("US")
    assert phones.read("020 7946 0018", "GB") == Phone("+442079460018", "", in_use=True)
    assert isinstance(phones.read("020 7946 0018"), Refused)
    with pytest.raises(ValueError, match="no country has the code 'ZZ'"):
        phones.read("020 7946 0018", "ZZ")


UNDERSTOOD = [
    "(+1) 415-555-0101",
    "[+1] 415-555-0101",
    "+(1) 415-555-0101",
    "(001) 415-555-0101",
    "\u202d+1 415-555-0101\u202c",
    "\u200b+1\u00ad415\u2060555\u20680101\u2069",
    "\ufeff+14155550101",
    "+1\u00a0415\u2009555\u30000101",
    "+1\u2011415\u2013555\u22120101",
    "+1\u00b7415\u00b7555\u00b70101",
    "\uff0b\uff11\uff08\uff14\uff11\uff15\uff09\uff15\uff15\uff15\uff0d\uff10\uff11\uff10\uff11",
    "\u2795" + "14155550101",
    "+\u0661\u0664\u0661\u0665\u0665\u0665\u0665\u0660\u0661\u0660\u0661",
    "tel:+14155550101",
    "Tel.: +1 415 555 0101",
    "TEL://+14155550101",
    "whatsapp:+14155550101",
    "p:+14155550101",
    "Mobile: +1 415 555 0101",
    "work phone +1 415 555 0101",
    "+1 415 555 0101 (mobile)",
    "+1 415 555 0101 [Home]",
    "+1 415 555 0101 (w)",
    '"+14155550101"',
]


@pytest.mark.parametrize("written", UNDERSTOOD)
def test_marks_brackets_and_labels_are_understood(written: str) -> None:
    assert read(written) == "+14155550101"
    assert Phones().readings(written) == {"+14155550101"}


ODD = [
    ("+1 415 555 0100\u00b9", "U+00B9", "SUPERSCRIPT ONE"),
    ("\u2460 415 555 0100", "U+2460", "CIRCLED DIGIT ONE"),
    ("415 555 010\u00bd", "U+00BD", "VULGAR FRACTION ONE HALF"),
    ("\u207a14155550100", "U+207A", "SUPERSCRIPT PLUS SIGN"),
    ("\ufb2914155550100", "U+FB29", "HEBREW LETTER ALTERNATIVE PLUS SIGN"),
    ("1\ufe0f\u20e3415 555 0100", "U+20E3", "COMBINING ENCLOSING KEYCAP"),
    ("4\u033615 555 0100", "U+0336", "COMBINING LONG STROKE OVERLAY"),
    ("\u2064" + "14155550100", "U+2064", "INVISIBLE PLUS"),
    ("\U0001f4de +1 415 555 0100", "U+1F4DE", "TELEPHONE RECEIVER"),
    ("+1 415 555 0100 *5", "U+002A", "ASTERISK"),
    ("02-555-1234~5", "U+007E", "TILDE"),
    ("++14155550100", "U+002B", "PLUS SIGN"),
    ("\x07+14155550100", "U+0007", "control character"),
]


@pytest.mark.parametrize(("written", "code", "name"), ODD)
def test_an_odd_character_is_named_and_is_never_a_digit(written: str, code: str, name: str) -> None:
    found = Phones("US").read(written)
    assert isinstance(found, Refused)
    assert found.reason == "odd_character"
    assert code in found.message
    assert name in found.message


EXCLUDED = [
    ("+48 (0) 512 345 619", None, {"+48512345619"}),
    ("+48 0512345619", None, {"+48512345619"}),
    ("+48(0)512345619 (mobile)", None, {"+48512345619"}),
    ("+420 (0) 601 123 456", None, {"+420601123456"}),
    ("+974 (0) 3312 3456", None, {"+97433123456"}),
    ("+57 (0) 321 1234567", None, {"+573211234567"}),
    ("+36 (0) 20 123 4567", None, {"+36201234567"}),
    ("+39 (0) 352 306 1763", None, {"+393523061763", "+3903523061763"}),
    ("491711234567", "DE", {"+491711234567", "+49491711234567"}),
    ("+1 415 555 0100 / 0101", None, {"+14155550100", "+14155550101"}),
    ("+49 30 12345 / 12346", None, {"+493012345", "+493012346"}),
    ("+14155550100, +14155550101", None, {"+14155550100", "+14155550101"}),
    ("+14155550100 or +14155550101", None, {"+14155550100", "+14155550101"}),
    ("415-555-0100 415-555-0101", "US", {"+14155550100", "+14155550101"}),
    ("Ida: +1 415 555 0100, ext 7", None, {"+14155550100"}),
    ("+1 415 555 0100 x 12 x 13", None, {"+14155550100"}),
    ("+1 415 555 0100\u00b9", None, {"+14155550100"}),
    ("07700 900123", "GB", {"+447700900123"}),
    ("+5215512345678", None, {"+525512345678"}),
    ("+54 9 11 15 2345 6789", None, {"+5491123456789"}),
    ("+39 0 02 1234 5678", None, {"+390212345678"}),
    ("+972 050 123 4567", None, {"+972501234567"}),
    ("030 123456 (2)", "DE", {"+4930123456", "+49301234562"}),
    # A slash may be within a number, next to labels and other numbers.
    ("Tel. Nr.: 030/123456", "DE", {"+4930123456"}),
    ("030/123 456, 0171/1234567", "DE", {"+4930123456", "+491711234567"}),
    ("030/123456 0171/1234567", "DE", {"+4930123456", "+491711234567"}),
    ("030/123456/0171/1234567", "DE", {"+4930123456", "+491711234567"}),
    ("030/123456/57", "DE", {"+4930123456", "+4930123457", "+493012345657"}),
    ("020 7946 0018 / 19 / 20", "GB", {"+442079460018", "+442079460019", "+442079460020"}),
    ("+3903132285050", None, {"+3903132285050", "+393132285050"}),
    ("020 7946 0018 ext 5 020 7946 0019", "GB", {"+442079460018", "+442079460019"}),
    ("+44 7407 574648, 12 - 0121/706 5939", "GB", {"+447407574648", "+441217065939"}),
    ("+48 517 520 195, 12 345 67 89", "PL", {"+48517520195", "+48123456789"}),
    ("030 1234~030 1235", "DE", {"+49301234", "+49301235"}),
    ("0171~1234567", "DE", {"+491711234567"}),
    ("#31#0171 1234567", "DE", {"+491711234567"}),
    ("(0xx11) 91234-5678", "BR", {"+5511912345678"}),
]


@pytest.mark.parametrize(("written", "region", "numbers"), EXCLUDED)
def test_an_exclusion_means_every_number_that_it_may_mean(
    written: str, region: str | None, numbers: set[str]
) -> None:
    assert numbers <= Phones(region).readings(written)


UNREADABLE = [
    ("n/a", "US"),
    ("555-0100", "US"),
    ("7946 0018", "GB"),
    ("2079460018", None),
    ("6465550100", None),
    ("+1 415 555 010\u00b9", None),
    ("1.4155550100E+10", "US"),
    # A digit is hidden, or another character is in its place. A shorter number is another person.
    ("0171 123456O", "DE"),
    ("O171 1234567", "DE"),
    ("0171 1234O67", "DE"),
    ("0171 1234XXX", "DE"),
    ("+49 171 123 XXXX", None),
    ("+49 171 1234***", None),
    ("+49 171 1***567", None),
    ("0171 12345?7", "DE"),
    ("+49171\u2160234567", None),
    # One of two numbers cannot be read, so who is meant is unclear.
    ("020 7946 0018; 030 7946 00181234", "GB"),
]


@pytest.mark.parametrize(("written", "region"), UNREADABLE)
def test_an_exclusion_that_cannot_be_read_has_no_reading(written: str, region: str) -> None:
    expected = {"+14155550101"} if written.endswith("\u00b9") else set()
    assert Phones(region).readings(written) == expected


def test_lists_in_e164_are_read_without_phonenumbers() -> None:
    program = (
        "import sys\nsys.modules['phonenumbers'] = None\n"
        "from kataven.contacts._phones import Phones\n"
        "for number in ('+14155550100', '+44207946001', '+999123456789'):\n"
        "    assert Phones().read(number).number == number\n"
        "    assert Phones().readings(number) == {number}\n"
        "assert Phones().read('n/a').reason == 'no_digits'\n"
        "assert Phones().read('4155550100').reason == 'missing_country_code'\n"
        "for text in ('+4402079460018', '+44 20 7946 0018'):\n"
        "    for method in (Phones().read, Phones().readings):\n"
        "        try:\n            method(text)\n"
        "        except ImportError as error:\n            assert 'kataven[contacts]' in str(error)\n"
        "        else:\n            raise AssertionError(text)\n"
        "from kataven import contacts\n"
        "data = b'phone_number\\n+4402079460018\\n+442079460018\\n'\n"
        "assert contacts.check(data).counts['duplicate'] == 0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_check_names_the_reason_of_each_number() -> None:
    data = "phone_number\nn/a\n1-800-FLOWERS\n123-456-7890\n6465550100\n(415) 555-0100\n"
    report = contacts.check(data.encode(), region="US")
    assert {problem.kind for problem in report.problems} == {"bad_number"}
    ends = ["(no_digits)", "(letters)", "(not_in_use)", "(ambiguous_number)", "to +14155550100"]
    assert [
        each.message.endswith(end) for each, end in zip(report.problems, ends, strict=True)
    ] == [True] * 5
    without = contacts.check(data.encode())
    assert without.counts == report.counts
    assert "(missing_country_code)" in without.problems[2].message


def test_a_check_with_a_region_warns_of_numbers_that_clean_would_drop() -> None:
    data = b"phone_number\n+14155550100\n+1415555010\n+999123456789\n+447700900123\n"
    assert contacts.check(data).counts["doubtful_number"] == 0
    report = contacts.check(data, region="US")
    assert report.ok
    assert [(each.kind, each.row, each.severity) for each in report.problems] == [
        ("doubtful_number", 3, "warning"),
        ("doubtful_number", 4, "warning"),
    ]
    assert "(too_short)" in report.problems[0].message
    with contacts.clean(data, region="US") as cleaned:
        assert [each.row for each in cleaned.report.dropped] == [3, 4]


def test_a_check_finds_the_same_telephone_in_two_writings() -> None:
    data = b"phone_number\n+525512345678\n+14155550100\n+5215512345678\n+4402079460018\n"
    report = contacts.check(data + b"+442079460018\n")
    assert [(each.kind, each.row, each.value) for each in report.problems] == [
        ("duplicate", 4, "+5215512345678"),
        ("duplicate", 6, "+442079460018"),
    ]
    assert "row 2 " in report.problems[0].message
    assert "row 5 " in report.problems[1].message
