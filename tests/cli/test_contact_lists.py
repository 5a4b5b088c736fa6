"""``kataven contacts ...``: what is printed and written, and what is refused."""

from __future__ import annotations

import json

import pytest

from kataven.cli.app import main
from kataven.cli.wording import as_commands

BAD = "phone_number,name\n+14155550100,Ann\n+14155550100,Bob\n415,Cy\n,Di\n"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["contacts", *arguments])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def write(tmp_path):
    return lambda name, text, **how: (tmp_path / name).write_text(text, **how)


def test_check_exits_with_3_for_what_run_refuses(command, write):
    write("bad.csv", BAD)
    code, out, err = command("check", "bad.csv")

    assert (code, err) == (3, "")
    rows = [line.split()[:3] for line in out.splitlines()[1:-1]]
    assert rows == [
        ["3", "phone_number", "duplicate"],
        ["4", "phone_number", "bad_number"],
        ["5", "phone_number", "empty_number"],
    ]
    assert out.endswith("The list (4 rows) has 3 problems that must be corrected.\n")
    # What it advises are commands.
    assert "let 'kataven contacts clean' do it" in out
    assert "kataven.contacts" not in out


def test_check_allows_duplicates_only_if_asked(command, write):
    write("twice.csv", "phone_number\n+14155550100\n+14155550100\n")

    assert command("check", "twice.csv")[0] == 3
    code, out, _ = command("check", "twice.csv", "--allow-duplicates")
    assert code == 0
    assert out.endswith("The list (2 rows) is ready.\n")


def test_check_shows_20_problems_and_counts_the_rest(command, write):
    write("long.csv", "phone_number\n" + "x\n" * 50)
    _, out, _ = command("check", "long.csv")

    assert len(out.splitlines()) == 1 + 20 + 2
    assert "The first 20 of 50 are shown; --jsonl prints all. There are 50 bad_number." in out
    _, out, _ = command("check", "long.csv", "--jsonl")
    assert len(out.splitlines()) == 50
    write("longer.csv", "phone_number\n" + "x\n" * 1001)
    assert "--jsonl prints 1,000." in command("check", "longer.csv")[1]


def test_check_prints_one_document_or_a_line_for_each_problem(command, write):
    write("bad.csv", BAD)
    code, out, _ = command("check", "bad.csv", "--json")
    found = json.loads(out)

    assert code == 3
    assert (found["ok"], found["rows"], len(found["problems"])) == (False, 4, 3)
    code, out, _ = command("check", "bad.csv", "--jsonl")
    assert code == 3
    assert [json.loads(line) for line in out.splitlines()] == found["problems"]
    assert "let 'kataven contacts clean' do it" in found["problems"][0]["message"]
    assert "kataven.contacts" not in out


def test_clean_writes_dropped_rows_with_options_of_the_command(command, write, tmp_path):
    write("list.csv", "phone_number\n07700 900123\n+14155550100\n+14155550100\n")
    arguments = ("list.csv", "-o", "clean.csv", "--dropped", "dropped.csv", "--region", "GB")
    code, out, _ = command("clean", *arguments)

    assert code == 0
    dropped = (tmp_path / "dropped.csv").read_text("utf-8")
    for text in (out, dropped):
        assert "with --numbers possible" in text
        assert "(--keep-duplicates keeps both)" in text
        assert "=" not in text


def test_clean_recognises_the_rows_that_it_dropped(command, write, tmp_path):
    write("list.csv", "Tel,Plan\n415 555 0100,a\n+14155550101,b\n+14155550101,c\n")
    command("clean", "list.csv", "-o", "clean.csv", "--dropped", "dropped.csv")
    code, out, err = command("clean", "dropped.csv", "-o", "more.csv", "--region", "US")

    assert (code, err) == (0, "Written: more.csv\n")
    assert (tmp_path / "more.csv").read_bytes() == b"phone_number,Plan\r\n+14155550100,a\r\n"
    assert "'row', 'reason', 'message' left out; exclude" in out
    assert "(--exclude)" in out
    arguments = ("dropped.csv", "-o", "more.csv", "--region", "US", "--exclude", "clean.csv")
    _, out, _ = command("clean", *arguments, "--json")
    assert json.loads(out)["left_out"] == ["row", "reason", "message"]


def test_clean_writes_the_list_what_was_dropped_and_the_counts(command, write, tmp_path):
    write(
        "list.csv",
        "Land,Telefon\nDE,030 123456\nUS,415-555-0100\nUS,+1 415 555 0101\n",
        encoding="cp1252",
    )
    write("dnc.csv", "phone_number\n+14155550101\n")
    code, out, err = command(
        *("clean", "list.csv", "-o", "clean.csv", "--dropped", "dropped.csv"),
        *("--region-column", "Land", "--exclude", "dnc.csv", "--encoding", "cp1252"),
        *("--report", "report.json", "--json"),
    )

    counts = json.loads(out)
    assert (code, err) == (0, "")
    assert (counts["rows"], counts["kept"]) == (3, 2)
    assert json.loads((tmp_path / "report.json").read_text()) == counts
    cleaned = (tmp_path / "clean.csv").read_text()
    assert "+4930123456" in cleaned
    assert "+14155550100" in cleaned
    assert "+14155550101" not in cleaned
    assert "0101" in (tmp_path / "dropped.csv").read_text()
    assert command("check", "clean.csv")[0] == 0


def test_split_writes_parts_and_never_over_a_file(command, write, tmp_path):
    write("list.csv", "phone_number\n" + "".join(f"+1415555{n:04}\n" for n in range(100, 105)))

    code, out, _ = command("split", "list.csv", "-o", "parts", "--max-rows", "2")
    again, _, err = command("split", "list.csv", "-o", "parts", "--max-rows", "2")

    assert (code, again) == (0, 10)
    assert out.splitlines() == [
        "parts/list-001.csv  2 rows",
        "parts/list-002.csv  2 rows",
        "parts/list-003.csv  1 row",
    ]
    assert "parts/list-001.csv exists already" in err
    assert len(list((tmp_path / "parts").iterdir())) == 3


def test_estimate_is_in_hours_and_minutes(command):
    code, out, _ = command("estimate", "--rows", "12000", "--max-concurrent-calls", "10")

    assert code == 0
    first, second = out.splitlines()
    assert first == "12,000 contacts, 12,000 calls"
    low, high = second.split(" to ")
    assert " h " in low
    assert " min" in high


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "list.csv", "--encoding", "nonsense"], "not 'nonsense'"),
        (["clean", "list.csv", "-o", "c.csv", "--region", "Germany"], "not 'Germany'"),
        (["clean", "list.csv", "-o", "c.csv", "--exclude-column", "x"], "exclude"),
        (["clean", "list.csv", "-o", "list.csv"], "must be different files"),
        (["clean", "list.csv", "-o", "c.csv", "--dropped", "c.csv"], "must be different files"),
        (["split", "list.csv", "-o", "p", "--max-bytes", "0"], "--max-bytes"),
        (["estimate"], "Name a contact list, or pass --rows."),
        (["estimate", "list.csv", "--rows", "2"], "Name a contact list, or pass --rows."),
    ],
)
def test_values_that_are_refused_are_usage_errors(command, write, tmp_path, arguments, words):
    write("list.csv", "phone_number\n+14155550100\n")
    code, out, err = command(*arguments)

    assert (code, out) == (2, "")
    assert words in err
    assert err.splitlines()[-1].endswith("--help' explains the usage (exit code 2)")
    assert (tmp_path / "list.csv").read_text() == "phone_number\n+14155550100\n"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (
            "The Hub may have processed it: check with client.campaigns.list() or get() before.",
            (
                "The Hub may have processed it: check with 'kataven campaigns list' or "
                "'kataven campaigns get ID' before."
            ),
        ),
        (
            "client.campaigns.start('camp_1') starts it",
            "'kataven campaigns start camp_1' starts it",
        ),
        ("see client.call_limits().", "see 'kataven limits'."),
        ("region= of kataven.contacts.clean()", "--region of 'kataven contacts clean'"),
        ("run kataven.contacts.check (and clean)", "run 'kataven contacts check' (and clean)"),
        ("twice (drop_duplicates=False keeps both)", "twice (--keep-duplicates keeps both)"),
        ("a link https://x/?region=US&get=1", "a link https://x/?region=US&get=1"),
    ],
)
def test_texts_of_the_sdk_name_commands(text, command):
    assert as_commands(text) == command
