"""``kataven contacts ...`` as processes."""

from __future__ import annotations

import csv
import json

import pytest

MESSY = "Name;Mobile\nAda;020 7946 0018\nGrace;+442079460018\nEdith;no number\nIda;+14155550100\n"


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("phone_number\n+14155550100\n", [], 0),
        ("phone_number\n+14155550100\n+14155550100\n", [], 3),
        ("phone_number\n+14155550100\n+14155550100\n", ["--allow-duplicates"], 0),
        ("phone_number\n415\n", [], 3),
        ("phone\n+14155550100\n", [], 3),
    ],
)
def test_check_exits_with_3_for_what_run_refuses(kataven, text, options, code):
    done = kataven.run("contacts", "check", "-", *options, "--json", given=text)

    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["ok"] is (code == 0)


@pytest.mark.slow
def test_check_prints_the_first_problems_as_a_table_and_counts_the_others(kataven):
    rows = "".join(f"415555{number:04}\n" for number in range(30))

    done = kataven.run("contacts", "check", "-", given=f"phone_number\n{rows}")

    lines = done.stdout.splitlines()
    assert lines[0].split() == ["row", "column", "kind", "problem"]
    assert sum(" bad_number " in line for line in lines) == 20
    assert "The first 20 of 30 are shown: 30 bad_number." in lines
    assert lines[-1] == "The list (30 rows) has 30 problems that must be corrected."


@pytest.mark.slow
def test_clean_writes_the_list_the_dropped_rows_and_the_counts(kataven):
    (kataven.folder / "in.csv").write_text(MESSY)
    (kataven.folder / "dnc.csv").write_text("phone\n+14155550100\n")

    done = kataven.run(
        "contacts", "clean", "in.csv", "-o", "out.csv", "--dropped", "dropped.csv",
        "--report", "report.json", "--region", "GB", "--exclude", "dnc.csv",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    with (kataven.folder / "out.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"Name": "Ada", "phone_number": "+442079460018"}]
    with (kataven.folder / "dropped.csv").open(newline="", encoding="utf-8-sig") as file:
        dropped = [(row["Name"], row["reason"]) for row in csv.DictReader(file)]
    assert dropped == [("Grace", "duplicate"), ("Edith", "no_digits"), ("Ida", "excluded")]
    report = json.loads((kataven.folder / "report.json").read_text())
    assert (report["rows"], report["kept"]) == (4, 1)
    assert report["dropped"] == {"duplicate": 1, "no_digits": 1, "excluded": 1}
    assert "4 rows, 1 kept, 3 dropped" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["clean", "in.csv", "-o", "in.csv"], 2, "must be different files"),
        (["clean", "in.csv", "-o", "out.csv", "--region", "XX"], 2, "region 'XX'"),
        (["clean", "in.csv", "-o", "out.csv", "--encoding", "nonsense"], 2, "nonsense"),
        (["clean", "in.csv", "-o", "out.csv", "--max-dropped", "0.1"], 3, "dropped"),
        (["clean", "gone.csv", "-o", "out.csv"], 10, "gone.csv: No such file"),
        (["clean", "in.csv", "-o", "no/out.csv"], 10, "out.csv"),
        (["check", "gone.csv"], 10, "gone.csv: No such file"),
        (["estimate"], 2, "--rows"),
    ],
)
def test_bad_input_says_what_and_where(kataven, arguments, code, words):
    (kataven.folder / "in.csv").write_text(MESSY)

    done = kataven.run("contacts", *arguments)

    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (kataven.folder / "in.csv").read_text() == MESSY
    assert not (kataven.folder / "out.csv").exists()


@pytest.mark.slow
def test_split_writes_parts_and_never_over_another_list(kataven):
    rows = "".join(f"+1415555{number:04}\n" for number in range(25))
    (kataven.folder / "in.csv").write_text(f"phone_number\n{rows}")
    split = ("contacts", "split", "in.csv", "-o", "parts", "--max-rows", "10")

    done = kataven.run(*split, "--json")
    again = kataven.run(*split)

    parts = json.loads(done.stdout)["parts"]
    assert [part["rows"] for part in parts] == [10, 10, 5]
    texts = [(kataven.folder / part["path"]).read_text() for part in parts]
    assert "".join(text.partition("\n")[2] for text in texts) == rows
    assert again.returncode == 10
    assert "contacts-001.csv exists already" in again.stderr or "in-001.csv exists" in again.stderr


@pytest.mark.slow
def test_estimate_shows_hours_and_minutes(kataven):
    done = kataven.run("contacts", "estimate", "--rows", "12000", "--max-concurrent-calls", "20")

    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first == "12,000 contacts, 12,000 calls"
    assert " h " in second
    assert " min to " in second
