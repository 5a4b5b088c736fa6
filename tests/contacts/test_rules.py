"""The rules of headers, sizes and numbers at their edges, with the sentence of each problem."""

from __future__ import annotations

import pytest

from kataven.contacts._duplicates import FirstRows
from kataven.contacts._problems import Problem, problem
from kataven.contacts._rules import (
    all_well_formed,
    header_problems,
    missing_header_message,
    number_problem,
)

CLEAN = "or let kataven.contacts.clean() do it"


# Headers.


def nameless(column: int) -> Problem:
    return problem(
        "missing_header", f"column {column} has no name: name it, {CLEAN}", row=1, value=""
    )


def doubled(column: int) -> Problem:
    text = f"column {column} has the same name as column 2: rename one of them, {CLEAN}"
    return problem("doubled_header", text, row=1, column="a", value="a")


def test_each_problem_of_a_header_says_where_it_is_and_what_to_do() -> None:
    assert header_problems(["phone_number", "a", "b"]) == []
    assert header_problems(["phone_number", "a", "", "a", "", "a"]) == [
        nameless(3),
        doubled(4),
        nameless(5),
        doubled(6),
    ]
    names = ["phone", "name"]
    assert header_problems(names) == [
        problem("missing_header", missing_header_message(names), row=1)
    ]


def test_the_names_may_take_64_kib_with_their_separators() -> None:
    longest = "n" * (64 * 1024 - len("phone_number,,"))
    assert header_problems(["phone_number", longest]) == []
    too_large = problem(
        "too_large",
        "the column names take 65,537 bytes, the maximum is 65,536: shorten them",
        row=1,
    )
    assert header_problems(["phone_number", longest + "n"]) == [too_large]
    assert header_problems(["phone_number", longest[1:] + "é"]) == [too_large]
    assert too_large == Problem(1, None, None, "too_large", "error", too_large.message)


RENAME = f"rename the phone number column, {CLEAN}"
UTF_16 = (
    "this seems to be UTF-16 without a byte order mark: save the list as CSV (UTF-8), "
    "or let kataven.contacts.clean(encoding={!r}) do it"
)
NO_NAMES = "these are not names, so it may not be CSV at all: save the list as CSV (UTF-8)"
NO_COMMAS = "the columns are not separated by commas; kataven.contacts.clean() fixes that"
NOTE = f"this line is a note to Excel: delete it, {CLEAN}"
CONTACT = "this looks like a contact, and the first row must name the columns: add a header row"


@pytest.mark.parametrize(
    ("names", "shown", "advice"),
    [
        ([], "no names", RENAME),
        (["First Name", "Tel"], "'First Name', 'Tel'", RENAME),
        (["fax"], "'fax'", RENAME),
        (["faX"], "'faX'", RENAME),
        (["aXbX"], "'aXbX'", RENAME),
        (list("abcdefgh"), "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'", RENAME),
        (list("abcdefghi"), "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 1 more", RENAME),
        (list("abcdefghij"), "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 2 more", RENAME),
        (["n" * 41], repr("n" * 40), RENAME),
        (["p\0h\0o\0"], r"'p\x00h\x00o\x00'", UTF_16.format("utf-16-le")),
        (["\0p\0h\0o"], r"'\x00p\x00h\x00o'", UTF_16.format("utf-16-be")),
        (["sep=;"], "'sep=;'", NOTE),
        (['"SEP=,', '"'], "'\"SEP=,', '\"'", NOTE),
        (["a", "b\1"], r"'a', 'b\x01'", NO_NAMES),
        (["a\tb"], r"'a\tb'", NO_COMMAS),
        (["a;b"], "'a;b'", NO_COMMAS),
        (["a|b"], "'a|b'", NO_COMMAS),
        (["a;b", "c"], "'a;b', 'c'", RENAME),
        (["Ana", "+14155550100"], "'Ana', '+14155550100'", CONTACT),
        (["Ana;(415) 555-0100"], "'Ana;(415) 555-0100'", CONTACT),
        (["2024-01-31"], "'2024-01-31'", RENAME),
    ],
)
def test_a_header_without_the_column_is_described_with_advice(
    names: list[str], shown: str, advice: str
) -> None:
    assert missing_header_message(names) == (
        f"the first row must name a column 'phone_number' (exact spelling); it has {shown}: "
        f"{advice}"
    )


def test_the_advice_of_clean_is_not_to_call_it() -> None:
    for names, advice in (
        (["fax"], "rename the phone number column"),
        (["a;b"], "rename the phone number column"),
        (
            ["sep=;"],
            "this line is a note to Excel: delete it, and separate the columns with commas",
        ),
    ):
        assert missing_header_message(names, cleaning=True).endswith(f": {advice}")


def test_a_list_in_another_format_is_named() -> None:
    assert missing_header_message(["%PDF-1.7", "x"]) == (
        "the list seems to be a PDF file, not CSV: save it as CSV (UTF-8)"
    )


# Numbers.


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("+1234567", None),
        ("+123456789012345", None),
        ("+123456", "bad_number"),
        ("+1234567890123456", "bad_number"),
        ("+0234567", "bad_number"),
        (" +1234567", "bad_number"),
        ("", "empty_number"),
        (" \t", "empty_number"),
        (" 1.4155550101E+10 ", "spreadsheet_number"),
        ("14155550100.0", "spreadsheet_number"),
    ],
)
def test_a_number_is_judged_by_its_form(value: str, kind: str | None) -> None:
    assert number_problem(value) == kind
    assert all_well_formed([value]) is (kind is None)
    assert all_well_formed(["+14155550100", value, "+123456789012345"]) is (kind is None)


@pytest.mark.parametrize(
    "value",
    ["+1415555010٣", "14155550100", "+1415+55501", "1\n+2345678", "+1234567\n", "++2345678"],
)
def test_one_wrong_number_among_many_is_noticed(value: str) -> None:
    assert number_problem(value) == "bad_number"
    assert not all_well_formed([value])
    assert not all_well_formed(["+14155550100", value, "+14155550101"])


def test_no_numbers_are_well_formed() -> None:
    assert all_well_formed([])
    assert all_well_formed(["+14155550100", "+14155550101"])


# Duplicates.


def test_the_first_rows_of_numbers_are_known_after_blocks_of_either_kind() -> None:
    seen = FirstRows()
    assert seen.add(["+1", "+2", "+3"], range(1, 4)) == []
    # Not consecutive, with duplicates of this block and of the one before.
    assert seen.add(["+4", "+2", "+5", "+4", "+6"], [5, 6, 7, 8, 9]) == [1, 3]
    assert seen.add(["+7", "+1", "+8"], range(20, 23)) == [1]
    assert seen.add([], range(30, 30)) == []
    assert seen.add(["+9"], range(40, 41)) == []
    rows = {"+1": 1, "+2": 2, "+3": 3, "+4": 5, "+5": 7, "+6": 9, "+7": 20, "+8": 22, "+9": 40}
    assert seen.rows_of(rows) == rows
    assert seen.rows_of(["+5", "+0"]) == {"+5": 7}


def test_a_first_row_may_be_the_first_of_a_list() -> None:
    seen = FirstRows()
    assert seen.add(["+1", "+2"], [1, 2]) == []
    assert seen.rows_of(["+1", "+2"]) == {"+1": 1, "+2": 2}
