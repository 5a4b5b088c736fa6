"""``kataven bulk results | retry`` on an embedded Hub."""

from __future__ import annotations

import csv

import pytest

from tests.cli.bulk import QUICK, SETTINGS


@pytest.fixture
def speed():
    return 1000.0


@pytest.fixture
def finished(bulk, hub, spring):
    """A run in which the first contact was busy and the second not reached."""
    for number in range(8):
        hub.outcomes[f"+1415{number:07}"] = "answered"
    hub.outcomes["+14150000000"] = "busy"
    hub.outcomes["+14150000001"] = "no_answer"
    done = bulk("launch", "spring", *SETTINGS, QUICK, "--watch", "--yes")
    assert done.code == 0, done.err
    return spring


def rows(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("finished")
def test_results_have_the_row_of_each_contact(bulk):
    done = bulk("results", "spring", "-o", "results.csv", "--json")
    report = bulk("results", "spring", "-o", "again.csv")

    assert done.code == 0, done.err
    assert done.json["rows"] == 8
    assert done.json["counts"] == {"completed": 6, "failed": 2}
    found = rows(bulk.folder / "results.csv")
    assert [(each["file"], each["row"]) for each in found] == [
        ("list.csv", str(row)) for row in range(2, 10)
    ]
    assert "kataven campaigns report --results again.csv -o report.html" in report.err


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("-o", "x.txt"), 2), (("-o", "missing/x.csv"), 10)],
)
def test_results_refuse_a_bad_path_in_one_sentence(bulk, arguments, code):
    done = bulk("results", "spring", *arguments)

    assert (done.code, done.out) == (code, ""), done.err
    assert f"(exit code {code})" in done.err


@pytest.mark.usefixtures("finished")
def test_retry_writes_the_list(bulk):
    both = bulk("retry", "spring", "-o", "retry.csv")
    busy = bulk("retry", "spring", "--last-error", "busy", "-o", "busy.csv", "--json")

    assert (both.code, both.out) == (0, "2 contacts: retry.csv\n")
    assert {each["phone_number"] for each in rows(bulk.folder / "retry.csv")} == {
        "+14150000000",
        "+14150000001",
    }
    assert busy.json == {"path": "busy.csv", "rows": 1}


@pytest.mark.usefixtures("finished")
def test_retry_run_asks_and_calls_only_those_again(bulk, hub):
    (bulk.folder / "dnc.csv").write_text("phone_number\n+14150000001\n")
    command = ("retry", "spring", "--run", "--directory", "again", "--exclude", "dnc.csv", QUICK)
    tried = bulk(*command, "--dry-run")
    assert tried.code == 0
    assert "This calls 1 person in 1 campaign:" in tried.err
    assert not (bulk.folder / "again").exists()
    asked = bulk(*command)
    assert asked.code == 2
    sent = [each.path for each in hub.requests if each.method == "POST"]
    done = bulk(*command, "--yes", "--json")

    assert done.code == 0, done.err
    assert done.json["contacts"] == 1
    assert len([e for e in hub.requests if e.method == "POST"]) == len(sent) + 2
    status = bulk("status", "again").out
    assert "Spring (retry)" in status
    assert "agent_1" in status


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize(
    "arguments",
    [(), ("-o", "a.csv", "--run"), ("--run",), ("-o", "a.csv", "--directory", "x")],
)
def test_retry_needs_a_file_or_a_folder(bulk, arguments):
    done = bulk("retry", "spring", *arguments)

    assert (done.code, done.out) == (2, "")
