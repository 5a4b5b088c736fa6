"""Do-not-call lists with several number columns: every one of them is read, or the list refused."""

import csv
import io
from collections.abc import Iterator

import pyarrow as pa
import pytest

from kataven import contacts
from kataven.contacts._number_columns import form_of, name_kind
from kataven.errors import ContactsError

# Not installed where only an archive is tested.
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

LIST = b"phone_number\n+14155550100\n+14155550101\n+14155550102\n"
ONE, TWO = "+14155550100", "+14155550101"


def cleaned(exclude: object, **options: object) -> tuple[list[str], contacts.CleanReport]:
    """Clean a list of three numbers; return the last digits of those kept, and the report."""
    with contacts.clean(LIST, exclude=exclude, **options) as result:  # type: ignore[arg-type]
        return [line[-1] for line in result.read().decode().split()[1:]], result.report


def columns_of(report: contacts.CleanReport) -> list[tuple[str | None, int]]:
    return [(column.name, column.numbers) for column in report.exclusions]


EXPORTS = {
    "google": (
        f"""Name,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value
Ida,Mobile,{ONE},Home,{TWO}""",
        ["Phone 1 - Value", "Phone 2 - Value"],
    ),
    "outlook": (
        f"""First Name,Business Phone,Home Phone,Mobile Phone,Business Fax,Pager
Ida,,{TWO},{ONE},,""",
        ["Home Phone", "Mobile Phone"],
    ),
    "salesforce": (f"Name,Phone,HomePhone\nIda,{ONE},{TWO}\n", ["Phone", "HomePhone"]),
    "hubspot": (
        f"Phone Number,WhatsApp Phone Number\n{ONE},{TWO}\n",
        ["Phone Number", "WhatsApp Phone Number"],
    ),
    "by hand": (f"phone,phone2\n{ONE},{TWO}\n", ["phone", "phone2"]),
    "vcard": (
        f"FN,TEL;TYPE=CELL,TEL;TYPE=HOME\nIda,{ONE},{TWO}\n",
        ["TEL;TYPE=CELL", "TEL;TYPE=HOME"],
    ),
    "by content": (f"Name,Main,Other\nIda,{ONE},{TWO}\n", ["Main", "Other"]),
}


@pytest.mark.parametrize("program", EXPORTS)
def test_every_number_column_of_an_export_is_read(program: str) -> None:
    text, columns = EXPORTS[program]
    rows = [dict(zip(*[line.split(",") for line in text.splitlines()], strict=True))]
    sources = [text.encode(), io.BytesIO(text.encode())]
    sources += [rows, pd.DataFrame(rows), pl.DataFrame(rows), pa.Table.from_pylist(rows)]
    for source in sources:
        kept, report = cleaned(source)
        assert kept == ["2"]
        assert columns_of(report) == [(name, 1) for name in columns]
        assert all(f"1 number from column {name}" in report.summary() for name in columns)


@pytest.mark.parametrize(
    "name",
    [
        "Téléphone 2",
        "Telefon (privat)",
        "Tel. geschäftlich",
        "Móvil",
        "Teléfono fijo",
        "Telefone",
        "Telemóvel",
        "Handynr.",
        "Cellulare",
        "Fax",
        "Rufnummer",
        "Nr telefonu",
        "MobilePhone__c",
        "Phone #2",
        "ALTERNATE PHONE",
        "Cell #",
        "Mobile No.",
        "Tel2",
        "携帯電話",
        "Телефон",
        "TEL;TYPE=CELL",
        "Whatsapp",
        "Pager",
        "Car Phone",
        "phoneNumbers",
        "Company Main Phone",
        "WhatsApp number",
        "Мобильный",
        "Κινητό τηλέφωνο",
        "Matkapuhelin",
        "No. Telp",
        "Mobiele nummer",
        "טלפון נייד",
        "رقم الهاتف",
        "โทรศัพท์มือถือ",
        "Số điện thoại",
        "휴대폰 번호",
        "मोबाइल नंबर",
    ],
)
def test_a_name_of_numbers_is_recognised(name: str) -> None:
    assert name_kind(name) == "numbers"
    # Without its area code it is read as nothing, which is an error in a column of numbers.
    with pytest.raises(ContactsError, match="might be called"):
        cleaned(f'phone,"{name}"\n{ONE},1234\n'.encode())


@pytest.mark.parametrize(
    "name",
    ["Name", "Phonetic Name", "Phone Type", "Phone 1 - Label", "Phone verified at", "Phone ext",
     "Mobile App Version", "Hotel", "Address", "Cellar", "id", "Faculty"],
)  # fmt: skip
def test_another_name_is_not_taken_for_one_of_numbers(name: str) -> None:
    assert name_kind(name) != "numbers"
    kept, report = cleaned(f"phone,{name}\n{ONE},1234\n".encode())
    assert kept == ["1", "2"]
    assert columns_of(report) == [("phone", 1)]


@pytest.mark.parametrize(
    "name",
    ["Preferred Phone", "Phone (Country: US)", "Phone at home", "Phone in E.164", "Contact No",
     "Phone Number (with country code)", "Mobile No. (Home Country)", "DNC Number"],
)  # fmt: skip
def test_a_number_in_a_column_that_may_be_of_numbers_is_not_passed_over(name: str) -> None:
    text = f"phone,{name}\n{ONE},4155550101\n{ONE},Mobile 1\n".encode()
    with pytest.raises(ContactsError, match="might be called"):
        cleaned(text)
    kept, report = cleaned(text, region="US")
    assert kept == ["2"]
    assert columns_of(report) == [("phone", 2), (name, 1)]


NOT_NUMBERS = [
    "4155550101", "2026-11-28", "28.11.2026", "2026-11-28T10:46:04+01:00", "94103-1234",
    "1234567.89", "1 234 567", "1700000000", "1700000000123", "4111 1111 1111 1111", "123-45-6789",
    "192.168.100.200", "37.7749; -122.4194", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "978-3-16-148410-0", "ann+14155550101@example.com", "call +14155550101 after five, not before",
    "000123456789", "#4155550101",
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_ids_dates_and_amounts_are_neither_read_nor_an_error(value: str) -> None:
    kept, report = cleaned(f'phone,reference\n{ONE},"{value}"\n'.encode())
    assert kept == ["1", "2"]
    assert columns_of(report) == [("phone", 1)]


def test_ids_that_are_sometimes_valid_numbers_are_not_an_error() -> None:
    ids = [f"{4000000000 + 7_654_321 * n}" for n in range(400)]
    text = "phone,id\n" + "".join(f"{ONE},{value}\n" for value in ids)
    kept, report = cleaned(text.encode(), region="US")
    assert kept == ["1", "2"]
    assert columns_of(report) == [("phone", 400)]


@pytest.mark.parametrize(
    "cells",
    [["4155550101"], ["4155550101"] * 300, ["(415) 555-0101", "415-555-0101"], ["14155550101"]],
)
def test_national_numbers_are_read_by_content_in_their_region(cells: list[str]) -> None:
    text = "phone,contact\n" + "".join(f"{ONE},{cell}\n" for cell in cells)
    kept, report = cleaned(text.encode(), region="US")
    assert kept == ["2"]
    assert columns_of(report) == [("phone", len(cells)), ("contact", len(cells))]


def test_a_column_of_numbers_that_lost_their_plus_is_read_without_a_region() -> None:
    kept, report = cleaned(f"phone,contact\n{ONE},14155550101\n".encode())
    assert kept == ["2"]
    assert columns_of(report) == [("phone", 1), ("contact", 1)]


@pytest.mark.parametrize("number", ["14155550101", "415-555-0101", "(415) 555-0101"])
def test_an_entry_without_a_country_is_an_error_without_a_region(number: str) -> None:
    lines = f"{number}\n+14155550102\n{number}\n"
    for source in ([number], lines.encode(), f"phone\n{lines}".encode()):
        with pytest.raises(ContactsError, match=r"might be called.*region="):
            cleaned(source)
        assert "1" not in cleaned(source, region="US")[0]


def test_the_first_of_many_numbers_is_not_a_header() -> None:
    for first in ("14155550100", "4155550100", "415-555-0100", "1.4155550100E+10"):
        for others in ("14155550101\n14155550102\n", f"{TWO}\n"):
            with pytest.raises(ContactsError, match=r"might be called.*region=") as caught:
                cleaned(f"{first}\n{others}".encode())
            assert caught.value.problems[0].row == 1
        if "E" in first:
            continue
        assert cleaned(f"{first}\n14155550101\n".encode(), region="US")[0] == ["2"]


GROUPED = [
    ("CZ", {"601 123 456": "+420601123456", "212 757 594": "+420212757594"}),
    ("ES", {"689 297 439": "+34689297439", "800 177 065": "+34800177065"}),
    ("FR", {"06.12.34.56.78": "+33612345678", "06-12-34-56-79": "+33612345679"}),
    ("NO", {"21 20 19 08 (home)": "+4721201908", "922 34 567": "+4792234567"}),
    ("DE", {"030/123456": "+4930123456", "0171 1234567 Ida": "+491711234567"}),
    ("DE", {"Tel.: 0171-1234567": "+491711234567", "Tel.: 030 123456": "+4930123456"}),
    ("IN", {"079958 91688 (home)": "+917995891688", "98765 43210": "+919876543210"}),
]


@pytest.mark.parametrize(("region", "numbers"), GROUPED)
def test_numbers_are_read_however_their_region_groups_them(
    region: str, numbers: dict[str, str]
) -> None:
    # Some look like dates or amounts.
    source = "\n".join(["phone_number", *numbers.values()]).encode()
    exclude = "phone,contact\n" + "".join(f"{ONE},{cell}\n" for cell in numbers)
    with contacts.clean(source, exclude=exclude.encode(), region=region) as result:
        assert result.report.kept == 0
        assert columns_of(result.report)[1] == ("contact", len(numbers))


NO_COUNTRY = [
    [f"6 12 34 56 {n}" for n in range(10, 24)],
    [f"0171 12345{n} (home)" for n in range(10, 24)],
    [f"01711234{n}" for n in range(101, 115)],
    [f"601 123 {n}" for n in range(101, 115)],
]


@pytest.mark.parametrize("cells", NO_COUNTRY, ids=lambda cells: cells[0])
def test_many_numbers_without_a_country_are_an_error_in_any_column(cells: list[str]) -> None:
    text = "phone,contact\n" + "".join(f"{ONE},{cell}\n" for cell in cells)
    with pytest.raises(ContactsError, match=r"looks like phone numbers.*exclude_columns="):
        cleaned(text.encode())


IDS = {
    "day": lambda n: f"2026-11-{n:02d} 10:46:04",
    "address of the computer": lambda n: f"192.168.{n}.200",
    "latitude": lambda n: f"37.77{n:04d}",
    "amount": lambda n: f"1 234 {n:03d}",
    "pan": lambda n: f"4111 1111 1111 {n:04d}",
    "SSN": lambda n: f"123-45-{n:04d}",
    "sequence": lambda n: f"{100234500 + n}",
    "padded": lambda n: f"{n:010d}",
    "epoch": lambda n: f"{1700000000 + n * 1000}",
    "invoice": lambda n: f"INV-{2024000000 + n}",
    "customer id": lambda n: f"{14155550100 + n}",
    "note": lambda n: f"called on 2026-11-{n}, agent 12345678, no response",
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("region", [None, "US"])
def test_many_ids_are_neither_read_nor_an_error(name: str, region: str | None) -> None:
    if name == "customer id":
        # All of these are numbers in use, with or without the region, so they are read.
        return
    text = f"phone,{name}\n" + "".join(f'{ONE},"{IDS[name](n)}"\n' for n in range(1, 29))
    kept, report = cleaned(text.encode(), region=region)
    assert kept == ["1", "2"]
    assert columns_of(report) == [("phone", 28)]


def test_a_number_with_a_long_note_in_a_column_of_numbers_is_read() -> None:
    note = "please only call my wife at the office"
    text = f"name,contact\nIda,{ONE}\nBob,{TWO} ({note})\n"
    assert cleaned(text.encode())[0] == ["2"]
    with pytest.raises(ContactsError, match="might be called"):
        cleaned(f"name,contact\nIda,{ONE}\nBob,4155550101 ({note})\n".encode())


def test_the_first_entry_of_a_list_without_a_header_is_read_from_rows_too() -> None:
    for text in (f"{ONE}\n{TWO}\n", f"{ONE},Ida\n{TWO},Bob\n", f"Ida,{ONE}\nBob,{TWO}\n"):
        assert cleaned(csv.DictReader(io.StringIO(text)))[0] == ["2"]
    national = csv.DictReader(io.StringIO("4155550100\n4155550101\n"))
    assert cleaned(national, region="US")[0] == ["2"]


@pytest.mark.parametrize("number", ["(415) 555-0101", "415-555-0101", "020 7946 0018"])
def test_a_column_that_looks_like_numbers_and_cannot_be_read_is_an_error(number: str) -> None:
    text = f"phone,contact\n{ONE},{number}\n".encode()
    with pytest.raises(
        ContactsError, match=r"looks like phone numbers.*exclude_columns="
    ) as caught:
        cleaned(text)
    (problem,) = caught.value.problems
    assert (problem.row, problem.column, problem.value) == (2, "contact", number)
    assert cleaned(text, exclude_columns=["phone"])[0] == ["1", "2"]


def test_a_number_in_a_column_of_ids_makes_it_an_error() -> None:
    ids = "".join(f"{ONE},{1_000_000 + n}\n" for n in range(250))
    text = f"phone,contact\n{ids}{ONE},{TWO}\n".encode()
    with pytest.raises(ContactsError, match="numbers and other digits") as caught:
        cleaned(text)
    assert caught.value.problems[0].column == "contact"


def test_a_list_without_any_number_column_is_refused() -> None:
    for source in (b"name,id\nAna,12345678\n", [{"name": "Ana", "id": "12345678"}], b"name\n"):
        with pytest.raises(ContactsError, match=r"no phone number column.*exclude_columns="):
            cleaned(source)


def test_exclude_columns_names_the_columns_to_read() -> None:
    text = f"phone,Notes,Mobile\n{ONE},{TWO},+14155550102\n".encode()
    rows = [{"phone": ONE, "Notes": TWO, "Mobile": "+14155550102"}]
    for source in (text, rows, pd.DataFrame(rows)):
        kept, report = cleaned(source, exclude_columns=["Notes"])
        assert kept == ["0", "2"]
        assert columns_of(report) == [("Notes", 1)]
        assert cleaned(source, exclude_columns=("phone", " Mobile "))[0] == ["1"]
        with pytest.raises(ContactsError, match=r"no column 'Fax'; its columns are 'phone'"):
            cleaned(source, exclude_columns=["phone", "Fax"])
    with pytest.raises(ContactsError, match="might be called"):
        cleaned(b"phone,id\n+14155550100,x\n", exclude_columns=["id"])


@pytest.mark.parametrize("columns", ["phone", b"phone", [], [1], 5])
def test_exclude_columns_must_be_names(columns: object) -> None:
    with pytest.raises(TypeError, match="exclude_columns must be a list of column names"):
        cleaned(LIST, exclude_columns=columns)
    with pytest.raises(ValueError, match="exclude="):
        contacts.clean(LIST, exclude_columns=["phone"])


def numbers() -> Iterator[str]:
    yield from (ONE, TWO)


@pytest.mark.parametrize(
    "exclude",
    [
        pd.Series([ONE, None, TWO]),
        pd.Series([ONE, TWO], dtype="category"),
        pd.Index([ONE, TWO]),
        pl.Series([ONE, None, TWO]),
        pa.array([ONE, None, TWO]),
        pa.chunked_array([[ONE], [TWO, None]]),
        np.array([ONE, TWO]),
        {ONE, TWO},
        {ONE: 1, TWO: 2}.keys(),
        numbers(),
        (ONE, "", TWO),
        f"{ONE}\n{TWO}\n".encode(),
        f"{ONE}, {TWO}\n".encode(),
        [f"{ONE} / {TWO}"],
    ],
    ids=lambda value: type(value).__module__ + "." + type(value).__name__,
)
def test_numbers_may_come_from_any_column_of_values(exclude: object) -> None:
    kept, report = cleaned(exclude)
    assert kept == ["2"]
    assert columns_of(report) in ([(None, 2)], [(None, 1)])
    assert "from a list without column names" in report.summary()


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, np.array, pa.array, list])
def test_numbers_that_are_not_text_are_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="numbers as text"):
        cleaned(kind([14155550100]))


def test_a_table_without_rows_excludes_nobody() -> None:
    empty = pd.DataFrame({"phone": pd.Series([], dtype=str)})
    assert cleaned(empty)[0] == ["0", "1", "2"]


def test_a_first_line_with_a_number_is_not_a_header() -> None:
    # Not even if another cell is the name of a number column.
    with pytest.raises(ContactsError, match="'mobile', which is not a valid number"):
        cleaned(f"{ONE},mobile\n".encode())


def test_no_value_is_shown_beyond_80_characters() -> None:
    long = "x" * 5_000
    for source in ([{"phone": long}], [{"name": long}], [object], f"phone\n{long}9\n".encode()):
        with pytest.raises((ContactsError, TypeError)) as caught:
            cleaned(source)
        assert "x" * 81 not in str(caught.value)


def test_the_form_of_a_cell_does_not_depend_on_invisible_characters() -> None:
    assert form_of("\u202d+1 415-555-0101\u202c") == "international"
    assert form_of("(+1) 415-555-0101") == "international"
    assert form_of("tel: +1 415-555-0101 (mobile)") == "international"
