"""What clean writes, and that no row is lost silently."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven import contacts
from kataven.contacts._number_refusals import Refused
from kataven.contacts._phones import Phone, Phones
from kataven.contacts.source.upload import read_upload
from kataven.errors import ContactsError


def cleaned_rows(text: str, **options: object) -> tuple[list[list[str]], contacts.CleanReport]:
    """Clean a list; return the rows of the result and the report."""
    with contacts.clean(text.encode(), **options) as cleaned:  # type: ignore[arg-type]
        data = cleaned.read().decode()
        return list(csv.reader(io.StringIO(data, newline=""))), cleaned.report


NORMALISED = [
    ("+14155550100", None, "+14155550100", ""),
    (" +14155550100 ", None, "+14155550100", ""),
    ("+1 (415) 555-0100", None, "+14155550100", ""),
    ("+44 (0)20 7946 0018", None, "+442079460018", ""),
    ("0044 20 7946 0018", None, "+442079460018", ""),
    ("0044 20 7946 0018", "US", "+442079460018", ""),
    ("00442079460018", "GB", "+442079460018", ""),
    ("(415) 555-0100", "US", "+14155550100", ""),
    ("14155550100", "US", "+14155550100", ""),
    ("0161 496 0123", "GB", "+441614960123", ""),
    ("020 7946 0018", "gb", "+442079460018", ""),
    ("+1 415 555 0100 ext. 7", None, "+14155550100", "7"),
    ("+1 415 555 0100 x7", None, "+14155550100", "7"),
    ("tel:+1-415-555-0100;ext=7", None, "+14155550100", "7"),
    (
        "\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff10\uff10",
        None,
        "+14155550100",
        "",
    ),
    ('="+14155550100"', None, "+14155550100", ""),
    ("'+14155550100", None, "+14155550100", ""),
]


def test_numbers_are_normalised() -> None:
    for written, region, number, extension in NORMALISED:
        phone = Phones(region).read(written)
        assert isinstance(phone, Phone), written
        assert (phone.number, phone.extension) == (number, extension)


NOT_GUESSED = [
    ("", "US"),
    ("2079460000", None),
    ("4155550100", None),
    ("1-800-FLOWERS", "US"),
    ("1.4155550100E+10", "US"),
    ("14155550100.0", "US"),
    ("0044 1", "US"),
    ("0044 20", None),
    ("+1 415 555 0100 / +1 415 555 0101", None),
    ("+1 415 555 0100 ::: +44 20 7946 0018", None),
    ("my +14155550100", None),
    ("++14155550100", None),
    ("+14155550100+", None),
    ("12", "US"),
    ("+0 415 555 0100", None),
    ("none", "US"),
]


def test_ambiguous_and_invalid_numbers_are_not_guessed() -> None:
    for written, region in NOT_GUESSED:
        assert isinstance(Phones(region).read(written), Refused), written


def test_the_header_is_cleaned_and_renamed_columns_are_reported() -> None:
    rows, report = cleaned_rows(" Name , Mobile,,Name\nAna,+14155550100,x,y\n")
    assert rows[0] == ["Name", "phone_number", "column_3", "Name_2"]
    assert [(each.column, each.old, each.new) for each in report.renamed] == [
        (1, " Name ", "Name"),
        (2, " Mobile", "phone_number"),
        (3, "", "column_3"),
        (4, "Name", "Name_2"),
    ]
    assert report.columns == tuple(rows[0])
    assert "column 2: ' Mobile' is now 'phone_number'" in report.summary()


@pytest.mark.parametrize(
    "name", ["Phone", "mobile", "phone number", "PHONE-NUMBER", "Phone Number ", "Telefonnummer"]
)
def test_aliases_become_phone_number(name: str) -> None:
    rows, report = cleaned_rows(f"{name},a\n+14155550100,b\n")
    assert rows[0] == ["phone_number", "a"]
    assert len(report.renamed) == 1


def test_an_exact_name_takes_precedence_over_an_alias() -> None:
    rows, report = cleaned_rows("mobile,phone_number\n+14155550101,+14155550100\n")
    assert rows == [["mobile", "phone_number"], ["+14155550101", "+14155550100"]]
    assert report.renamed == ()


def test_an_exact_name_takes_precedence_over_another_spelling() -> None:
    rows, report = cleaned_rows("Phone Number,phone_number\n12,+14155550100\n")
    assert rows[0] == ["Phone Number", "phone_number"]
    assert report.kept == 1


def test_duplicates_and_exclusions_are_compared_after_normalising() -> None:
    text = "phone_number\n+1 415 555 0100\n+14155550100\n(415) 555-0101\n"
    _, report = cleaned_rows(text, region="US", exclude=["+14155550101"])
    assert [(each.row, each.reason) for each in report.dropped] == [
        (3, "duplicate"),
        (4, "excluded"),
    ]


def test_each_dropped_row_has_a_reason() -> None:
    text = (
        "phone_number,name\n+14155550100,a\n\n+1 415 555 0100,b\n2079460000,c\n,d\n1.4E+10,e\n"
        '+14155550101\n+14155550102,f\0\n+14155550103,"g" h\n+14155550104,i\n'
    )
    rows, report = cleaned_rows(text, exclude=["+1 415 555 0104"])
    assert rows == [["phone_number", "name"], ["+14155550100", "a"]]
    assert [(each.row, each.reason, each.value) for each in report.dropped] == [
        (3, "blank_row", ""),
        (4, "duplicate", "+1 415 555 0100"),
        (5, "missing_country_code", "2079460000"),
        (6, "empty_number", ""),
        (7, "spreadsheet_number", "1.4E+10"),
        (8, "ragged_row", "+14155550101"),
        (9, "nul", "+14155550102"),
        (10, "malformed", '+14155550103,"g" h'),
        (11, "excluded", "+14155550104"),
    ]
    assert "region=" in report.dropped[2].message
    assert report.rows == report.kept + len(report.dropped) == 10


def test_duplicates_can_be_kept() -> None:
    text = "phone_number\n+14155550100\n+14155550100\n"
    assert cleaned_rows(text)[1].kept == 1
    assert cleaned_rows(text, drop_duplicates=False)[1].kept == 2


def test_an_extension_goes_into_a_new_column() -> None:
    text = 'phone_number,extension\n+14155550100,a\n+1 415 555 0101 ext 9,"b\nc"\n'
    rows, report = cleaned_rows(text)
    assert rows == [
        ["phone_number", "extension", "extension_2"],
        ["+14155550100", "a", ""],
        ["+14155550101", "b\nc", "9"],
    ]
    assert report.columns == ("phone_number", "extension", "extension_2")


def test_stray_quotes_and_extra_empty_cells_are_fixed() -> None:
    rows, report = cleaned_rows('phone_number,note\n+14155550100,5" pipe\n+14155550101,x,,\n')
    assert rows[1:] == [["+14155550100", '5" pipe'], ["+14155550101", "x"]]
    assert report.dropped == ()


def test_a_carriage_return_in_a_cell_is_quoted() -> None:
    text = 'phone_number,note\n+14155550100,"a\rb"\n'
    with contacts.clean(text.encode()) as cleaned:
        assert b'"a\rb"' in cleaned.read()
        cleaned.seek(0)
        assert contacts.check(cleaned).ok


@pytest.mark.parametrize("form", ["list", "csv", "lines", "path", "rows"])
def test_an_exclusion_list_may_have_any_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "dnc.csv"
    path.write_text("name;phone\nx;+1 415 555 0101\n")
    forms: dict[str, object] = {
        "list": iter(["+1 (415) 555-0101", ""]),
        "csv": b"Phone,why\n+14155550101,asked\n",
        "lines": io.BytesIO(b"+14155550101\n\n+14155550199\n"),
        "path": path,
        "rows": [{"why": "asked", "phone_number": "+14155550101"}],
    }
    text = "phone_number\n+14155550100\n+14155550101\n"
    rows, report = cleaned_rows(text, exclude=forms[form])
    assert rows == [["phone_number"], ["+14155550100"]]
    assert report.counts == {"excluded": 1}


def test_an_unreadable_exclusion_is_an_error() -> None:
    with pytest.raises(ContactsError, match="might be called") as caught:
        cleaned_rows("phone_number\n+14155550100\n", exclude=["+14155550101", "415-555-0100"])
    assert [(p.row, p.value) for p in caught.value.problems] == [(2, "415-555-0100")]
    with pytest.raises(ContactsError, match="no phone number column"):
        cleaned_rows("phone_number\n+14155550100\n", exclude=b"name\nAna\n")
    with pytest.raises(TypeError, match="numbers as text"):
        cleaned_rows("phone_number\n+14155550100\n", exclude=[14155550100])


def test_the_header_must_be_readable() -> None:
    with pytest.raises(ContactsError, match="must name a column"):
        contacts.clean(b"name\nAna\n")
    with pytest.raises(ContactsError, match=r"byte 14 \(0xe9\) of the header"):
        contacts.clean(b"phone_number,t\xe9l\n+14155550100,x\n")


def test_the_result_can_be_uploaded_unchanged() -> None:
    # Collecting an open result must not cause a ResourceWarning.
    cleaned = contacts.clean(b"Phone\n+14155550100\n")
    assert cleaned.seekable()
    upload = read_upload(cleaned)
    assert upload.file.read() == b"phone_number\r\n+14155550100\r\n"
    assert upload.filename == "contacts.csv"
    assert not cleaned.closed
    del cleaned


def test_phonenumbers_is_loaded_only_for_numbers_that_need_it() -> None:
    # Its geocoder, which takes three seconds to load, never is.
    program = (
        "import sys\nfrom kataven import contacts\n"
        "contacts.clean(b'phone_number\\n+14155550100\\n', region='US').close()\n"
        "assert 'phonenumbers' not in sys.modules\n"
        "contacts.clean(b'phone_number\\n4155550100\\n', region='US').close()\n"
        "assert 'phonenumbers' in sys.modules\n"
        "contacts.by_timezone(b'phone_number\\n+14155550100\\n')\n"
        "assert 'phonenumbers.geocoder' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


cells = st.text(
    alphabet=st.one_of(
        st.sampled_from('",;|\t\r\n =+\'"é\u2028\U0001f600'),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=6,
)
written_numbers = st.sampled_from(
    ["+14155550100", "+442079460001", "+1 415 555 0102", "4155550103", "", "1.4E+10", "x"]
)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.tuples(written_numbers, *[cells] * (width - 1)), max_size=6)
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_kept_rows_are_read_back_unchanged_by_the_csv_module(
    table: list[tuple[str, ...]], mark: str, encoding: str
) -> None:
    width = len(table[0]) if table else 1
    file = io.StringIO()
    writer = csv.writer(file, delimiter=mark, lineterminator="\r\n")
    writer.writerow(["phone_number", *(f"c{index}" for index in range(1, width))])
    writer.writerows(table)
    with contacts.clean(
        file.getvalue().encode(encoding), region="US", drop_duplicates=False
    ) as cleaned:
        report = cleaned.report
        written = list(csv.reader(io.StringIO(cleaned.read().decode(), newline="")))
        cleaned.seek(0)
        assert contacts.check(cleaned).rows == report.kept
    assert report.rows == len(table) == report.kept + len(report.dropped)
    dropped = {each.row - 2 for each in report.dropped}
    kept = [row for index, row in enumerate(table) if index not in dropped]
    assert [row[1:] for row in written[1:]] == [list(row[1:]) for row in kept]
    assert all(isinstance(Phones("US").read(row[0]), Phone) for row in kept)
