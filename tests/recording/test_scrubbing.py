"""No token and no personal datum is in any byte of a recording."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from kataven.recording.masks import E164, mask, reserved_number
from kataven.recording.scrubbing import Scrubber
from kataven.sandbox.http.csv_reader import CsvError, read_contacts
from tests.recording.conftest import FORM, NAMES

NUMBERS = [f"+4917612345{row:03}" for row in range(130)]
CELLS = [*NAMES, *(f"Prefers Thulsa{row:03} after lunch" for row in range(130))]
WORDS = [
    "Quellmann",
    "Blixt",
    "Tharsis",
    "Vexley",
    "Zymandis",
    "Thulsa",
    "Grobnar",
    "984000",
    "98400",
]


def forms(text: str) -> set[str]:
    """How a text may be written in a recording."""
    raw = text.encode()
    found = {
        text,
        quote(text),
        quote_plus(text),
        json.dumps(text)[1:-1],
        text.lower(),
        text.upper(),
    }
    for start in range(3):
        # Base64 of a longer text: what does not depend on the neighbours.
        coded = base64.b64encode(b"\0" * start + raw).decode()
        found.add(coded[4 if start else 0 : -4])
    return {one for one in found if len(one) > 3}


def assert_clean(data: bytes, *texts: str) -> None:
    shown = data.decode("ascii")
    for text in texts:
        for form in forms(text):
            assert form not in shown, f"{text!r} as {form!r}"


@pytest.mark.slow
def test_recording_has_no_cell_no_number_and_no_key(record):
    recorded = record()
    data = recorded.path.read_bytes()

    assert_clean(data, *NUMBERS, *CELLS, *WORDS, FORM["name"], "Kunden")
    assert_clean(data, *(number[1:] for number in NUMBERS), "17612345")
    assert_clean(data, recorded.hub_key, recorded.recorder_key)
    assert b"sandbox" not in data.replace(b"x-sandbox-time-scale", b"")
    assert recorded.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_numbers_are_mapped_consistently(record):
    recorded = record()
    lines = [json.loads(line) for line in recorded.path.read_text().splitlines()]
    create = next(one for one in lines if one.get("path") == "/campaigns" and "form" in one)
    page = next(one for one in lines if one.get("query") == "page=0")

    uploaded = re.findall(r"\+\d+", create["form"][-1]["data"])
    read = [one["phone_number"] for one in page["response"]["json"]["contacts"]]

    assert len(set(uploaded)) == 130
    assert read == uploaded[:100]
    assert all(re.fullmatch(r"\+1[2-9]\d\d55501\d\d", number) for number in uploaded)


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber(["sk_live_acme_Sesame123"], ["acme"])


def test_reserved_numbers_are_distinct_and_valid():
    found = [reserved_number(index) for index in range(100_000)]

    assert len(set(found)) == 100_000
    assert all(E164.fullmatch(number) for number in found)
    assert found[0] != "+12015550100"


@pytest.mark.parametrize(
    "text",
    [
        "phone_number,name\n+4917612345000,Zoë\n",
        '\ufeffphone_number,name\r\n+4917612345000,"Blixt, Ömer"\r\n',
        "phone_number\n",
        "",
        "phone_number,name\n+4917612345000\n",
        "phone_number,name\n+4917612345000,a,b\n",
        "phone_number,name\n+049176,x\n",
        "phone_number,name\n004917612345000,x\n",
        "phone_number,name\n+49 176 123,x\n",
        "phone_number,name\n+123456,x\n",
        "phone_number,name\n+1234567890123456,x\n",
        "phone_number,name\n +4917612345000,x\n",
        'phone_number,name\n+4917612345000,"open\n',
        'phone_number,name\n+4917612345000,a"b\n',
        'phone_number,name\n+4917612345000,"a"b\n',
        "phone_number,name\n+4917612345000,a\0b\n",
        "phone_number,name\r+4917612345000,a\r",
        "phone_number,name\n\n\n+4917612345000,a\n",
        "Phone_Number,name\n+4917612345000,a\n",
        "phone_number,name,name\n+4917612345000,a,b\n",
        "phone_number;name\n+4917612345000;a\n",
        "phone_number,name\n+٤٩١٧٦١٢٣٤٥,a\n",
    ],
)
def test_masked_list_is_judged_like_the_original(scrubber, text):
    def verdict(data: bytes) -> str:
        try:
            found = read_contacts(data)
        except CsvError as error:
            return re.sub(r"'[^']*'", "...", str(error))
        return f"{len(found.numbers)} contacts"

    masked = scrubber.csv(text)

    assert verdict(masked.encode()) == verdict(text.encode())
    for cell in ("Zoë", "Blixt", "Ömer", "4917612345000"):
        assert cell not in masked


def test_list_without_a_header_has_no_row_that_stays(scrubber):
    masked = scrubber.csv("+4917612345000,Zoë,Quellmann\n+4917612345001,Ömer,Blixt\n")

    assert "Zo" not in masked
    assert "Quellmann" not in masked
    assert "49176" not in masked


def test_bytes_that_are_not_utf8_stay_so(scrubber):
    text = "phone_number,name\n+4917612345000,M\udcfcller\n"

    masked = scrubber.csv(text)

    assert masked.endswith(",X\udcffxxxx\n")


def test_contacts_in_a_response_of_a_list_that_was_never_seen(scrubber):
    contact = {
        "id": "contact_1",
        "phone_number": "+4917612345000",
        "custom_fields": {"name": "Zoë", "amount": 98_400, "vip": True, "born": "1990-02-03"},
        "variables": {"note": "done"},
        "first_name": "Zoë",
        "salary": 98_400,
        "status": "dialled",
        "attempts": 2,
        "last_attempt_at": "2026-11-28T10:00:00.5Z",
        "last_error": None,
    }

    assert scrubber.json({"contacts": [contact]}) == {
        "contacts": [
            {
                "id": "contact_1",
                "phone_number": reserved_number(0),
                "custom_fields": {"name": "Xxé", "amount": 0, "vip": True, "born": "5555-05-05"},
                "variables": {"note": "xxxx"},
                "first_name": "Xxé",
                "salary": 0,
                "status": "dialled",
                "attempts": 2,
                "last_attempt_at": "2026-11-28T10:00:00.5Z",
                "last_error": None,
            }
        ]
    }


def test_other_ways_to_write_a_number(scrubber):
    scrubber.number("+4917612345000")
    mapped = reserved_number(0)

    text = scrubber.text(
        "tel:+4917612345000, 49 176 123-45000, (415) 555-2671, row 1200, +4915112345"
    )

    assert text == (f"tel:{mapped}, {mapped[1:]}, (555) 555-5555, row 1200, {reserved_number(1)}")
    assert scrubber.json({"number": 4917612345000, "other": 14155552671, "total": 120}) == {
        "number": int(mapped[1:]),
        "other": 55555555555,
        "total": 120,
    }


def test_error_texts_lose_what_was_uploaded(scrubber):
    scrubber.csv("phone_number,name,mail\n+4917612345000,Zoë Quellmann,zoe@example.com\n")

    text = scrubber.text(
        "row 2: ZOË QUELLMANN (zoe@example.com) is on no list of Quellmann, column 'first_name', "
        "value 'Blixt', key sk_live_acme_Sesame123, Bearer abcdefgh, account acme"
    )

    assert text == (
        "row 2: XXÉ XXXXXXXXX (xxx@xxxxxxx.xxx) is on no list of Xxxxxxxxx, column 'first_name', "
        "value 'Xxxxx', key [key], Bearer [key] account account"
    ).replace("É", "é")


def test_ids_paths_and_queries(scrubber):
    scrubber.number("+4917612345000")

    assert scrubber.path("/campaigns/camp_1f/contacts") == "/campaigns/camp_1f/contacts"
    assert scrubber.path("/campaigns/acme_1") == "/campaigns/account_1"
    assert "49176" not in scrubber.path("/campaigns/%2B4917612345000")
    assert "49176" not in scrubber.path("/campaigns/4917612345000")
    assert scrubber.query("page=3&status=failed") == "page=3&status=failed"
    assert scrubber.query("search=Zo%C3%AB&api_key=hunter22&page=2") == (
        "search=Xx%C3%A9&api_key=%5Bkey%5D&page=2"
    )


def test_keys_that_are_data_are_masked(scrubber):
    found = scrubber.json({"by_number": {"+4917612345000": 1}, "Zoë <zoe@example.com>": 2})

    assert list(found) == ["by_number", "Xxé <xxx@xxxxxxx.xxx>"]
    assert list(found["by_number"]) == [reserved_number(0)]


def test_mask_keeps_the_form():
    assert mask('Ann "O\'Hara" (42), 007\r\n') == 'Xxx "X\'Xxxx" (55), 055\r\n'
