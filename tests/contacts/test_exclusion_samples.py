"""Long do-not-call lists: the order of their rows does not decide who is called."""

from __future__ import annotations

import pytest

from kataven import contacts
from kataven.errors import ContactsError

LIST = b"phone_number\n+14155550100\n+14155550101\n+14155550102\n"
TEXTS = [f"please never call +1 415 555 {i:04d} again thank you" for i in range(100, 350)]
NUMBERS = [f"+1415555{i:04d}" for i in range(400, 800)]
IDS = [f"90000{i:05d}" for i in range(250)]
NATIONAL = [f"(415) 555-{i:04d}" for i in range(100, 500)]


def cleaned(cells, *, header="name,who", region=None):
    """Clean a list of three numbers without those in the second column; the last digits kept."""
    rows = "\n".join([header, *(f"a,{cell}" for cell in cells)])
    with contacts.clean(LIST, exclude=rows.encode(), region=region) as result:
        return [line[-1] for line in result.read().decode().split()[1:]]


def test_texts_of_a_column_of_numbers_are_read_if_they_come_last():
    assert cleaned(NUMBERS + TEXTS) == []


def test_texts_of_a_column_of_numbers_are_read_if_they_are_few():
    assert cleaned(TEXTS[:100] + NUMBERS) == []


def test_many_texts_before_the_numbers_are_refused_rather_than_passed_over():
    with pytest.raises(ContactsError, match=r"never call .* cannot be read as one") as caught:
        cleaned(TEXTS + NUMBERS)

    assert (caught.value.problems[0].row, caught.value.problems[0].column) == (2, "who")


def test_texts_with_digits_are_not_numbers_where_nothing_else_is():
    header = "phone_number,who"
    rows = "\n".join([header, *(f"+14155550102,{text}" for text in TEXTS)])

    with contacts.clean(LIST, exclude=rows.encode()) as result:
        assert result.read().split() == [b"phone_number", b"+14155550100", b"+14155550101"]


def test_national_numbers_before_ids_are_read():
    assert cleaned(NATIONAL + IDS, region="US") == []


def test_many_ids_before_national_numbers_are_refused_rather_than_the_numbers_passed_over():
    rows = [f"+14155550109,{cell}" for cell in IDS + NATIONAL]
    text = "\n".join(["phone_number,who", *rows]).encode()

    with pytest.raises(ContactsError, match="'9000000000' cannot be read as one"):
        contacts.clean(LIST, exclude=text, region="US")


@pytest.mark.slow
def test_ids_are_passed_over_however_many():
    rows = "\n".join(["phone_number,who", *(f"+14155550100,{cell}" for cell in IDS * 8)])

    with contacts.clean(LIST, exclude=rows.encode(), region="US") as result:
        assert result.read().split() == [b"phone_number", b"+14155550101", b"+14155550102"]


def test_the_first_thousand_problems_are_named():
    text = "\n".join(["phone_number", *(f"none {i}" for i in range(1100))])

    with pytest.raises(ContactsError) as caught:
        contacts.clean(LIST, exclude=text.encode())

    assert [problem.row for problem in caught.value.problems] == [*range(2, 1002)]


def test_words_in_a_column_with_a_telling_name_are_not_numbers():
    assert cleaned(["none", "+14155550101"], header="name,Telefon privat") == ["0", "2"]


def test_a_number_with_bytes_that_are_not_utf8_is_refused():
    with pytest.raises(ContactsError, match="not UTF-8") as caught:
        contacts.clean(LIST, exclude=b"phone_number\n+1415555\xff0100\n")

    assert caught.value.problems[0].kind == "bad_encoding"


@pytest.mark.parametrize(
    "entry", [{"phone_number": 14155550101}, {"name": "Ida"}, {"other": "+14155550101"}]
)
def test_an_entry_without_a_number_as_text_is_refused(entry):
    with pytest.raises(TypeError, match="entry 2 is"):
        contacts.clean(LIST, exclude=[{"phone_number": "+14155550100"}, entry])


def test_digits_that_no_number_has_are_refused_in_a_column_of_numbers_without_a_region():
    # Nine in ten cells are numbers that lost their plus, so the last one is one too.
    cells = [*(f"44207946{i:04d}" for i in range(60)), "12345678"]

    with pytest.raises(ContactsError, match="'12345678' cannot be read as one"):
        cleaned(cells)
