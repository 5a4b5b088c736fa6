"""Which list each command refuses with exit code 3: the table of docs/reference/cli.md."""

from __future__ import annotations

import pytest

from kataven.cli.app import main

LISTS = {
    "empty.csv": b"",
    "blank.csv": b"\n\n",
    "excel.xlsx": b"PK\x03\x04\x14\x00\x06\x00",
    "binary.csv": b"\x00\x01\x02",
    "header.csv": b"phone_number,name\n",
    "other.csv": b"colour,name\nred,Ann\n",
    "bare.csv": b"+14155550101,Ann\n+14155550102,Bob\n",
    "semicolon.csv": b"phone_number;name\n+14155550101;Ann\n",
    "no_country.csv": b"phone_number\n4155550101\n",
    "latin.csv": b"phone_number,name\n+14155550101,Jos\xe9\n",
    "twice.csv": b"phone_number\n+14155550101\n+14155550101\n",
    "good.csv": b"phone_number\n+14155550101\n",
}
FORM = ("--name=Spring", "--agent-id=agent_1", "--phone-number-id=number_1")
COMMANDS = {
    "check": ("contacts", "check", "LIST"),
    "create": ("campaigns", "create", *FORM, "--contacts", "LIST", "--dry-run"),
    "run": ("campaigns", "run", *FORM, "--contacts", "LIST", "--dry-run", "--quiet", "--yes"),
    "clean": ("contacts", "clean", "LIST", "-o", "clean.csv"),
    "prepare": ("bulk", "prepare", "LIST", "--directory", "plan"),
    "split": ("contacts", "split", "LIST", "-o", "parts"),
    "estimate": ("contacts", "estimate", "LIST"),
}
# What refuses each list, by the groups of the table.
SENDS = {"check", "create", "run"}
CLEANS = {"clean", "prepare"}
COUNTS = {"split", "estimate"}
REFUSED = {
    "empty.csv": SENDS | CLEANS | COUNTS,
    "blank.csv": SENDS | CLEANS | COUNTS,
    "excel.xlsx": SENDS | CLEANS | COUNTS,
    "binary.csv": SENDS | CLEANS | COUNTS,
    "header.csv": SENDS | COUNTS,
    "other.csv": SENDS | CLEANS,
    "bare.csv": SENDS | CLEANS,
    "semicolon.csv": SENDS,
    "no_country.csv": SENDS,
    "latin.csv": SENDS,
    "twice.csv": SENDS,
    "good.csv": set(),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in this process, in an empty folder; no request is sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KATAVEN_API_KEY", "sk_live_a_1")
    monkeypatch.setenv("KATAVEN_BASE_URL", "http://127.0.0.1:9")

    def run(*arguments):
        code = main(arguments)
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", LISTS)
def test_a_refused_list_exits_with_3(run, tmp_path, name, command):
    (tmp_path / name).write_bytes(LISTS[name])
    code, out, err = run(*(name if word == "LIST" else word for word in COMMANDS[command]))

    assert code == (3 if command in REFUSED[name] else 0), err
    assert "Traceback" not in err
    if code and command != "check":
        assert out == ""
        assert err.endswith("(exit code 3)\n")
        assert not (tmp_path / "clean.csv").exists()


# Do-not-call lists that cannot be used: people on them would be called.
EXCLUSIONS = {
    "empty.csv": b"",
    "excel.xlsx": b"PK\x03\x04\x14\x00\x06\x00",
    "other.csv": b"colour,name\nred,Ann\n",
    "no_country.csv": b"phone_number\n4155550101\n",
}


@pytest.mark.parametrize("command", sorted(CLEANS))
@pytest.mark.parametrize("name", EXCLUSIONS)
def test_a_refused_exclusion_list_exits_with_3(run, tmp_path, name, command):
    (tmp_path / "good.csv").write_bytes(LISTS["good.csv"])
    (tmp_path / name).write_bytes(EXCLUSIONS[name])
    words = ("good.csv" if word == "LIST" else word for word in COMMANDS[command])
    code, out, err = run(*words, "--exclude", name)

    assert (code, out) == (3, "")
    assert err.endswith("(exit code 3)\n")
    assert not (tmp_path / "clean.csv").exists()


@pytest.mark.parametrize("command", ["prepare", "split"])
def test_a_row_that_fits_into_no_part_exits_with_3(run, tmp_path, command):
    (tmp_path / "list.csv").write_bytes(LISTS["good.csv"])
    words = ("list.csv" if word == "LIST" else word for word in COMMANDS[command])
    code, out, err = run(*words, "--max-bytes", "5")

    assert (code, out) == (3, "")
    assert "increase --max-bytes" in err


@pytest.mark.parametrize("command", sorted(CLEANS))
def test_a_list_that_loses_too_many_rows_exits_with_3(run, tmp_path, command):
    (tmp_path / "list.csv").write_bytes(LISTS["no_country.csv"])
    words = ("list.csv" if word == "LIST" else word for word in COMMANDS[command])
    code, out, err = run(*words, "--max-dropped", "0.5")

    assert (code, out) == (3, "")
    # The report of what was lost is on the line of the error.
    assert len(err.splitlines()) == 2
    assert "; dropped missing_country_code: 1; the first: row 2" in err
