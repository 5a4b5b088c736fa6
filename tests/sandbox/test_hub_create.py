"""Creating a campaign: the form, its ranges, and the rules of the CSV."""

import re
from datetime import timedelta

import pytest

FIELDS = {
    "id",
    "name",
    "agent_id",
    "phone_number_id",
    "status",
    "max_concurrent_calls",
    "retries_per_contact",
    "retry_delay_seconds",
    "scheduled_at",
    "started_at",
    "completed_at",
    "created_at",
    "created_by",
}


def rows(*lines: bytes, end: bytes = b"\n") -> bytes:
    return end.join([b"phone_number,name", *lines, b""])


def test_create_returns_201_with_a_draft_and_its_thirteen_fields(http):
    response = http.send_form()
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    campaign = response.json()
    assert set(campaign) == FIELDS
    assert campaign["status"] == "draft"
    assert campaign["scheduled_at"] is campaign["started_at"] is campaign["completed_at"] is None


def test_the_defaults_are_5_calls_no_retry_and_300_seconds(http):
    campaign = http.send_form().json()
    assert campaign["max_concurrent_calls"] == 5
    assert campaign["retries_per_contact"] == 0
    assert campaign["retry_delay_seconds"] == 300


@pytest.mark.parametrize("field", ["name", "agent_id", "phone_number_id"])
@pytest.mark.parametrize("value", [None, "", "x" * 1001])
def test_name_agent_id_and_phone_number_id_are_required(http, field, value):
    response = http.send_form(**{field: value})
    assert (response.status_code, field in response.text) == (400, True)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert http.get("/campaigns").json() == {"campaigns": []}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "max_concurrent_calls",
            ["1", "100"],
            ["0", "101", "-1", "5.0", "", "x", "1e2", "٥", " 5"],
        ),
        ("retries_per_contact", ["0", "5"], ["-1", "6", "1.5", ""]),
        ("retry_delay_seconds", ["60", "86400"], ["59", "0", "-60", "9" * 30]),
    ],
)
def test_the_range_of_each_number(http, field, good, bad):
    for value in good:
        assert http.send_form(**{field: value}).json()[field] == int(value)
    for value in bad:
        response = http.send_form(**{field: value})
        assert (response.status_code, field in response.text) == (400, True), value


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2100-01-02T03:04:05Z", "2100-01-02T03:04:05Z"),
        ("2100-01-02t03:04:05z", "2100-01-02T03:04:05Z"),
        ("2100-01-02T03:04:05.120+02:00", "2100-01-02T03:04:05.12+02:00"),
        ("2100-01-02T03:04:05.000000000-00:00", "2100-01-02T03:04:05Z"),
        ("2100-01-02T03:04:05.123456789-11:30", "2100-01-02T03:04:05.123456789-11:30"),
    ],
)
def test_scheduled_at_is_rfc_3339_and_is_returned_as_go_prints_it(http, sent, shown):
    campaign = http.send_form(scheduled_at=sent).json()
    assert campaign["status"] == "scheduled"
    assert campaign["scheduled_at"] == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        "2100-01-02",
        "2100-01-02 03:04:05Z",
        "2100-01-02T03:04:05",
        "2100-13-02T03:04:05Z",
        "2100-02-30T03:04:05Z",
        "2100-01-02T24:00:00Z",
        "2100-01-02T03:04:05+24:00",
        "2100-01-02T03:04:05.1234567890Z",
        "2100-W01-1T03:04:05Z",
        "9999-01-01T00:00:00Z",
    ],
)
def test_an_invalid_scheduled_at_is_400(http, value):
    response = http.send_form(scheduled_at=value)
    assert (response.status_code, "scheduled_at" in response.text) == (400, True)


def test_scheduled_at_is_rejected_if_in_the_past(hub, http):
    past = (hub.now() - timedelta(seconds=1)).isoformat()
    response = http.send_form(scheduled_at=past)
    assert response.status_code == 400
    assert "past" in response.text


def test_timestamps_are_go_rfc_3339_in_hub_time(hub, http):
    hub.advance(0.5)
    campaign = http.send_form().json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", campaign["created_at"])
    assert campaign["created_at"][:19] == hub.now().isoformat()[:19]


def test_unknown_fields_are_ignored_and_a_duplicate_field_is_400(http):
    assert http.send_form(colour="red").status_code == 201
    response = http.send_form(name=["a", "b"])
    assert (response.status_code, "duplicate" in response.text) == (400, True)


def test_contacts_must_be_a_file_part(http):
    form = {"name": "n", "agent_id": "a", "phone_number_id": "p"}
    assert http.post("/campaigns", data=form).status_code == 400
    parts = {
        **{k: (None, v) for k, v in form.items()},
        "contacts": (None, "phone_number\n+15550100001"),
    }
    response = http.post("/campaigns", files=parts)
    assert (response.status_code, "file" in response.text) == (400, True)
    response = http.post(
        "/campaigns", files={"contacts": ("c.csv", b"x")} | {"name": ("n.txt", b"n")}
    )
    assert (response.status_code, "name is a file" in response.text) == (400, True)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"name=n"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--y\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nn',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/csv\r\n\r\nn\r\n--x--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b""),
    ],
)
def test_a_bad_form_is_400(http, content_type, body):
    response = http.post("/campaigns", content=body, headers={"Content-Type": content_type})
    assert response.status_code == 400, response.text
    assert "form" in response.text


def test_a_name_that_is_not_utf_8_is_400(http):
    body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--x--\r\n'
    response = http.post(
        "/campaigns", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (response.status_code, response.text) == (400, "name is not UTF-8")


def test_the_first_row_is_headers_and_other_columns_become_custom_fields(http):
    csv = (
        b'first name,phone_number,Ort\n"Smith, ""Bo""",+15550100001,K\xc3\xb6ln\n,+442079460000,\n'
    )
    contacts = http.contacts(http.create(csv))
    assert [c["phone_number"] for c in contacts] == ["+15550100001", "+442079460000"]
    assert contacts[0]["custom_fields"] == {"first name": 'Smith, "Bo"', "Ort": "Köln"}
    assert contacts[1]["custom_fields"] == {"first name": "", "Ort": ""}


@pytest.mark.parametrize("number", ["+1234567", "+123456789012345"])
def test_numbers_are_e_164_with_7_to_15_digits(http, number):
    assert http.contacts(http.create(rows(number.encode() + b",a")))[0]["phone_number"] == number


ACCEPTED = {
    "one BOM": (b"\xef\xbb\xbf" + rows(b"+15550100001,a"), 1),
    "CRLF": (rows(b"+15550100001,a", b"+15550100002,b", end=b"\r\n"), 2),
    "mixed line ends": (b"phone_number,name\r\n+15550100001,a\n+15550100002,b", 2),
    "no line end at the end": (b"phone_number\n+15550100001", 1),
    "blank lines": (b"phone_number,name\n\n+15550100001,a\r\n\r\n\n+15550100002,b\n\n", 2),
    "a quoted line end": (b'phone_number,name\n+15550100001,"a\nb\r\nc\rd"\n', 1),
    "a quoted header": (b'"phone_number","na""me"\n+15550100001,a\n', 1),
    "a quoted number": (b'phone_number\n"+15550100001"\n', 1),
    "duplicate numbers": (rows(b"+15550100001,a", b"+15550100001,a"), 2),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_files_that_the_strict_reader_accepts(http, name):
    csv, count = ACCEPTED[name]
    assert len(http.contacts(http.create(csv))) == count


REFUSED = {
    "an empty file": (b"", "empty"),
    "only a BOM": (b"\xef\xbb\xbf", "row 1"),
    "a blank first line": (b"\nphone_number\n+15550100001\n", "row 1"),
    "headers only": (b"phone_number,name\n", "no contact"),
    "headers and blank lines only": (b"phone_number,name\n\n\n", "no contact"),
    "no phone_number": (b"phone,name\n+15550100001,a\n", "row 1"),
    "phone_number in another case": (b"Phone_Number\n+15550100001\n", "row 1"),
    "spaces around phone_number": (b" phone_number\n+15550100001\n", "row 1"),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbfphone_number\n+15550100001\n", "row 1"),
    "an empty header": (b"phone_number,\n+15550100001,a\n", "row 1"),
    "a duplicate header": (b"phone_number,a,a\n+15550100001,1,2\n", "row 1"),
    "semicolons": (b"phone_number;name\n+15550100001;a\n", "row 1"),
    "a number without plus": (rows(b"+15550100001,a", b"15550100001,a"), "row 3"),
    "a number with a leading 0": (rows(b"+05550100001,a"), "row 2"),
    "six digits": (rows(b"+123456,a"), "row 2"),
    "sixteen digits": (rows(b"+1234567890123456,a"), "row 2"),
    "a space after the number": (rows(b"+15550100001 ,a"), "row 2"),
    "full-width digits": (rows("+1555010000１,a".encode()), "row 2"),
    "an empty number": (rows(b",a"), "row 2"),
    "too few fields": (rows(b"+15550100001,a", b"", b"+15550100001"), "row 4"),
    "too many fields": (rows(b"+15550100001,a,b"), "row 2"),
    "an invalid byte": (rows(b"+15550100001,a", b"+15550100002,caf\xe9"), "row 3"),
    "UTF-16": ("phone_number\n+15550100001\n".encode("utf-16"), "row 1"),
    "NUL": (rows(b"+15550100001,a\0b"), "row 2"),
    "a quoted NUL": (rows(b'+15550100001,"a\0b"'), "row 2"),
    "a lone CR": (rows(b"+15550100001,a\rb"), "row 2"),
    "old Mac line ends": (b"phone_number\r+15550100001\r", "row 1"),
    "a lone CR beside a quoted field": (rows(b'+15550100001,"a"\rb'), "row 2"),
    "a quote in an unquoted field": (rows(b'+15550100001,5" pipe'), "row 2"),
    "text after a closing quote": (rows(b'+15550100001,"a"b'), "row 2"),
    "an unclosed quote": (rows(b"+15550100001,a", b'+15550100002,"b', b"+15550100003,c"), "row 3"),
    "a quoted record counts as one row": (rows(b'+15550100001,"a\n\nb"', b"x,a"), "row 3"),
    "a header row of 70,000 bytes": (
        b"phone_number," + b"x" * 70_000 + b"\n+15550100001,a\n",
        "row 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_bad_row_refuses_the_file_and_is_named(http, name):
    csv, place = REFUSED[name]
    response = http.send_form(csv)
    assert response.status_code == 400, response.text
    assert re.search(rf"\b{place}\b", response.text), response.text
    assert http.get("/campaigns").json() == {"campaigns": []}


def test_the_csv_file_is_at_most_10_mib(http):
    row = b"+15550100001," + b"x" * 1000 + b"\n"
    header = b"phone_number,name\n"
    size = 10 * 1024 * 1024
    body = header + row * ((size - len(header)) // len(row))
    body += b"\n" * (size - len(body))
    assert http.send_form(body).status_code == 201
    response = http.send_form(body + b"\n")
    assert (response.status_code, "10 MiB" in response.text) == (400, True)
    assert len(http.get("/campaigns").json()["campaigns"]) == 1


def test_the_same_request_twice_makes_two_campaigns(http):
    assert http.create() != http.create()
    assert len(http.get("/campaigns").json()["campaigns"]) == 2
