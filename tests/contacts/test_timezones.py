"""Rows grouped by the time zones of their numbers."""

import io

import pytest

from kataven import contacts
from kataven.errors import ContactsError

LIST = (
    "phone_number,name,timezone\n"
    '+442079460001,a,\n+18005550199,b,\n+12125550100,c,\n+442079460002,"d\n""e""",\n'
    "+12125550101,f,Europe/Paris\n12,g,\n"
)


def test_rows_are_grouped_by_zones_largest_first() -> None:
    groups = contacts.by_timezone(LIST.encode())
    assert [(group.rows, len(group.zones)) for group in groups] == [
        (2, 1),
        (1, 0),
        (1, 42),
        (1, 1),
        (1, 1),
    ]
    assert groups[0].zones == ("Europe/London",)
    assert groups[3].zones == ("America/New_York",)
    assert groups[4].zones == ("Europe/Paris",)
    assert sum(group.rows for group in groups) == 6


def test_a_group_opens_as_a_list_of_its_own() -> None:
    first = contacts.by_timezone(LIST.encode())[0]
    for _ in range(2):
        with first.open() as file:
            assert file.read() == (
                b'phone_number,name,timezone\r\n+442079460001,a,\r\n+442079460002,"d\n""e""",\r\n'
            )
            assert file.name == "contacts-europe-london.csv"
            file.seek(0)
            assert contacts.check(file).ok


def test_the_file_keeps_its_position() -> None:
    file = io.BytesIO(LIST.encode())
    contacts.by_timezone(file)
    assert file.tell() == 0


@pytest.mark.parametrize(
    "text",
    ["", "name\nx\n", "phone_number,a\n+14155550100\n", 'phone_number\n+1415"5550100\n'],
)
def test_only_clean_lists_are_grouped(text: str) -> None:
    with pytest.raises(ContactsError):
        contacts.by_timezone(text.encode())


def test_the_docstring_says_it_is_not_legal_advice() -> None:
    assert "not legal advice" in (contacts.by_timezone.__doc__ or "")
