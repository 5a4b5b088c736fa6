"""``kataven bulk prepare``: what it makes and prints, and what it says about bad input."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import time

import pytest

from tests.cli.bulk import write_list

MIXED = (
    "Phone,name\n"
    "(415) 555-0100,Ann\n"
    "(415) 555-0101,Ben\n"
    "+1 415 555 0100,Ann again\n"
    "(415) 555-0102,Cem\n"
    ",Dan\n"
    "no number,Eve\n"
)
OPTIONS = ("--region=US", "--directory")


@pytest.fixture
def mixed(bulk):
    """A list with rows that are dropped."""
    (bulk.folder / "mixed.csv").write_text(MIXED)
    (bulk.folder / "dnc.csv").write_text("phone\n+14155550102\n")


def parts_of(folder):
    return [part["sha256"] for part in json.loads((folder / "plan.json").read_text())["parts"]]


# A list of which a third is lost is a warning, which the tests make an error.
@pytest.mark.filterwarnings("default::kataven.ContactsWarning")
@pytest.mark.usefixtures("mixed")
def test_it_prints_totals_and_what_was_dropped(bulk, hub):
    done = bulk("prepare", "mixed.csv", *OPTIONS, "spring", "--exclude", "dnc.csv")

    assert done.code == 0
    head, *reasons = done.out.splitlines()
    assert head == "6 rows, 2 kept, 4 dropped; 1 part"
    with (bulk.folder / "spring" / "dropped.csv").open(newline="") as file:
        dropped = {row["reason"]: row for row in csv.DictReader(file)}
    assert {line.split(":")[0] for line in reasons} == {f"dropped {each}" for each in dropped}
    assert any(
        line.startswith("dropped duplicate: 1; the first: row 4 of mixed.csv, the number is in row")
        for line in reasons
    )
    assert "kataven bulk launch spring --name" in done.err
    assert hub.requests == []


@pytest.mark.filterwarnings("default::kataven.ContactsWarning")
@pytest.mark.usefixtures("mixed")
def test_json_has_the_counts_and_the_same_command_the_same_plan(bulk):
    command = ("prepare", "mixed.csv", *OPTIONS, "spring", "--exclude=dnc.csv", "--json")
    first, again = bulk(*command), bulk(*command)

    assert first.json == again.json
    assert first.json["rows"] == 6
    assert first.json["kept"] == 2
    assert sum(first.json["dropped"].values()) == 4
    assert first.json["dropped"]["excluded"] == 1
    assert first.json["directory"] == "spring"


def test_several_lists_and_an_earlier_plan(bulk):
    write_list(bulk.folder / "a.csv", 5)
    write_list(bulk.folder / "b.csv", 9)
    assert bulk("prepare", "a.csv", "--directory", "first").code == 0
    both = bulk("prepare", "a.csv", "b.csv", "--directory", "both", "--json")
    pattern = bulk("prepare", "?.csv", "--directory", "pattern", "--json")
    rest = bulk("prepare", "b.csv", "--directory", "rest", "--exclude", "first", "--json")

    assert both.json["kept"] == pattern.json["kept"] == 9
    assert both.json["dropped"] == {"duplicate": 5}
    assert parts_of(bulk.folder / "both") == parts_of(bulk.folder / "pattern")
    assert rest.json["kept"] == 4
    assert rest.json["dropped"] == {"excluded": 5}


def test_parts_are_as_large_as_asked(bulk):
    write_list(bulk.folder / "list.csv", 10)
    assert (
        bulk("prepare", "list.csv", "--directory=rows", "--max-rows=4", "--json").json["parts"] == 3
    )
    assert (
        bulk("prepare", "list.csv", "--directory=bytes", "--max-bytes=100", "--json").json["parts"]
        == 3
    )


@pytest.mark.slow
def test_processes_and_standard_input_make_the_same_parts(kataven):
    write_list(kataven.folder / "list.csv", 500)
    text = (kataven.folder / "list.csv").read_text()
    command = ("bulk", "prepare", "--max-rows", "100", "--directory")
    one = kataven.run(*command, "one", "list.csv")
    two = kataven.run(*command, "two", "list.csv", "--processes", "2")
    given = kataven.run(*command, "given", "-", given=text)

    for done in (one, two, given):
        assert done.returncode == 0, done.stderr
    plans = [parts_of(kataven.folder / name) for name in ("one", "two", "given")]
    assert plans[0] == plans[1] == plans[2]
    assert len(plans[0]) == 5


def test_local_hours_say_that_they_are_no_legal_advice(bulk):
    (bulk.folder / "list.csv").write_text("phone_number\n+14155550100\n+12125550100\n")
    done = bulk("prepare", "list.csv", "--directory", "spring", "--windows", "MO-FR 09:00-17:00")
    status = bulk("status", "spring")

    assert done.code == 0, done.err
    assert "an aid, not legal advice" in done.err
    assert "MO-FR 09:00-17:00: " in status.out
    assert " of 2 time-zone groups open" in status.out


BAD = [
    ((), 2, "Missing argument"),
    (("list.csv",), 2, "Missing option '--directory'"),
    (("missing.csv", "--directory=p"), 10, "missing.csv: No such file"),
    (("no*.csv", "--directory=p"), 10, "no file matches 'no*.csv'"),
    (("folder", "--directory=p"), 10, "is a folder: name the lists in it"),
    (("list.csv", "--directory=list.csv"), 2, "is a file"),
    (("empty.csv", "--directory=p"), 3, "empty.csv: "),
    (("other.csv", "list.csv", "--directory=p"), 3, "columns"),
    (("binary.csv", "--directory=p"), 3, "binary.csv"),
    (("list.csv", "--directory=p", "--region=Mars"), 2, "Mars"),
    (("list.csv", "--directory=p", "--region-column=Land"), 3, "Land"),
    (("list.csv", "--directory=p", "--encoding=klingon"), 2, "klingon"),
    (("list.csv", "--directory=p", "--max-rows=0"), 2, "--max-rows"),
    (("list.csv", "--directory=p", "--max-bytes=15"), 3, "increase --max-bytes"),
    (("list.csv", "--directory=p", "--processes=0"), 2, "--processes"),
    (("list.csv", "--directory=p", "--exclude=missing.csv"), 10, "missing.csv"),
    (("list.csv", "--directory=p", "--exclude=folder"), 10, "there is no plan in 'folder'"),
    (("list.csv", "--directory=p", "--exclude=empty.csv"), 3, "empty.csv"),
    (("list.csv", "--directory=p", "--exclude-column=x"), 2, "exclu"),
    (("list.csv", "--directory=p", "--windows=always"), 2, "windows has 'always'"),
    (("list.csv", "--directory=taken"), 10, "choose another directory"),
    (("-", "-", "--directory=p"), 2, "'-' once"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD)
def test_bad_input_is_one_sentence(bulk, arguments, code, words):
    write_list(bulk.folder / "list.csv", 3)
    (bulk.folder / "empty.csv").write_text("")
    (bulk.folder / "other.csv").write_text("phone_number,age\n+14155550100,7\n")
    (bulk.folder / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (bulk.folder / "folder").mkdir()
    write_list(bulk.folder / "before.csv", 2)
    assert bulk("prepare", "before.csv", "--directory=taken").code == 0

    done = bulk("prepare", *arguments)

    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.err
    assert len(done.err.splitlines()) <= 3
    assert f"(exit code {code})" in done.err
    assert not (bulk.folder / "p" / "plan.json").exists()


@pytest.mark.usefixtures("mixed")
def test_a_list_that_loses_more_than_allowed_is_refused(bulk):
    done = bulk("prepare", "mixed.csv", *OPTIONS, "spring", "--max-dropped=0.1")

    assert done.code == 3
    assert "2 of 6 rows (33%) were dropped" in done.err


@pytest.mark.slow
def test_an_interrupted_prepare_continues(kataven):
    write_list(kataven.folder / "list.csv", 300_000)
    command = ("bulk", "prepare", "list.csv", "--directory", "spring", "--processes", "2")
    with kataven.start(*command) as process:
        end = time.monotonic() + 10
        while not list(kataven.folder.glob("spring/.work-*")):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    again = kataven.run(*command)

    assert process.returncode == 130
    assert err == "Interrupted: there is no plan yet; the same command continues.\n"
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("300,000 rows, 300,000 kept, 0 dropped; 3 parts")
    assert not list(kataven.folder.glob("spring/.work-*"))
    shutil.rmtree(kataven.folder / "spring")
