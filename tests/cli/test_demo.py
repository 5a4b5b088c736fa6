"""``kataven demo``: its output and its results, in a pipe and on a terminal, complete and stopped."""

from __future__ import annotations

import csv
import re
import signal
from pathlib import Path

import pytest

COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3|4|9|10)[0-9]")
FAST = ("demo", "--speed", "1000")
SLOW = ("demo", "--speed", "10")

# Runs one statement just before the results are renamed, and one just after.
AROUND_THE_RENAME = """
import os, pathlib, shutil, signal, sys
from kataven.cli.app import main
replace = pathlib.Path.replace
def around(fresh, target):
    ours = os.fspath(target) == os.path.join("kataven-demo", "results.csv")
    if ours:
        {}
    replace(fresh, target)
    if ours:
        {}
pathlib.Path.replace = around
sys.exit(main())
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def shown(text: str) -> list[str]:
    """Return the lines on the terminal, without escape sequences."""
    return [
        line
        for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))
        if line.strip()
    ]


@pytest.mark.slow
def test_pipe_gets_plain_lines_and_one_row_per_contact(piped, example_csv):
    folder, done = piped

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    first, second, *_ = done.stdout.splitlines()
    assert re.fullmatch(
        r"Embedded Hub at http://127\.0\.0\.1:\d+/, running at 1000 times real time\. "
        r"No real calls are made\.",
        first,
    )
    assert re.match(r"Campaign \S+ is calling contacts\.csv: 20 concurrent calls, 1 retry", second)
    written = rows(folder / "kataven-demo" / "results.csv")
    uploaded = rows(example_csv)
    assert [row["phone_number"] for row in written] == [row["phone_number"] for row in uploaded]
    assert [row["note"] for row in written] == [row["note"] for row in uploaded]
    assert {row["status"] for row in written} == {"completed", "failed"}
    assert done.stdout.splitlines()[-1] == (
        "Results: kataven-demo/results.csv, 500 rows, one per contact."
    )


@pytest.mark.slow
def test_progress_lines_never_go_back_and_always_add_up(piped):
    _, done = piped

    lines = re.findall(r"^(running|completed) +(\d+) %: (.*)$", done.stdout, re.MULTILINE)
    assert [int(share) for _, share, _ in lines] == sorted(int(share) for _, share, _ in lines)
    assert len(lines) >= 2
    assert lines[-1][:2] == ("completed", "100")
    for _, _, counts in lines:
        of_statuses = re.findall(r"(\d+) (pending|in progress|completed|failed|cancelled)", counts)
        assert sum(int(count) for count, _ in of_statuses) == 500
    assert all(re.search("calls? in flight, ETA ", counts) for _, _, counts in lines[:-1])


@pytest.mark.slow
def test_table_agrees_with_the_results_file(piped):
    folder, done = piped

    written = rows(folder / "kataven-demo" / "results.csv")
    table = re.findall(
        r"^(completed|failed|all) +([a-z_]+)? +(\d+) +([\d.]+)% +(\d+)$", done.stdout, re.MULTILINE
    )
    assert table[-1][2:] == ("500", "100.0", str(sum(int(row["attempts"]) for row in written)))
    for status, error, contacts, share, calls in table[:-1]:
        same = [row for row in written if (row["status"], row["last_error"]) == (status, error)]
        assert (int(contacts), int(calls)) == (len(same), sum(int(r["attempts"]) for r in same))
        assert float(share) == pytest.approx(len(same) / 5, abs=0.051)
    assert sum(int(contacts) for _, _, contacts, _, _ in table[:-1]) == 500


@pytest.mark.slow
def test_outcomes_depend_on_the_seed_only(kataven):
    def outcomes(*more: str) -> list[tuple[str, str, str]]:
        assert kataven.run(*FAST, *more).returncode == 0
        found = rows(kataven.folder / "kataven-demo" / "results.csv")
        return [(row["phone_number"], row["status"], row["attempts"]) for row in found]

    first = outcomes()
    assert outcomes() == first
    assert outcomes("--seed", "2") != first


@pytest.mark.slow
def test_next_demo_overwrites_the_results_and_leaves_no_other_file(kataven):
    folder = kataven.folder / "kataven-demo"
    folder.mkdir()
    (folder / "results.csv").write_text("from before")

    assert kataven.run(*FAST).returncode == 0

    assert [path.name for path in folder.iterdir()] == ["results.csv"]
    assert len(rows(folder / "results.csv")) == 500


@pytest.mark.slow
@pytest.mark.parametrize("columns", [30, 44, 80, 120])
def test_terminal_shows_a_bar_that_fits_and_restores_the_cursor(drawn, columns):
    code, text = drawn(columns)

    assert code == 0
    assert "━" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    lines = shown(text)
    assert max(len(line.rstrip()) for line in lines) <= columns
    assert any(re.match(r"completed ━+ 500 / 500 100 %", line) for line in lines)
    words = " ".join(lines)
    for word in ("pending", "in progress", "calls in flight", "ETA", "Hub time"):
        assert word in words
    assert COLOUR.search(text)


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "stacked"), [(50, True), (100, False)])
def test_counts_take_several_lines_if_they_do_not_fit_on_one(drawn, columns, stacked):
    _, text = drawn(columns)

    together = [line for line in shown(text) if re.match(r" *\d+ pending .* cancelled", line)]
    assert bool(together) == (not stacked)
    assert "cancelled" in text


@pytest.mark.slow
def test_no_color_switches_colours_off(kataven):
    code, text = kataven.on_terminal(*FAST, env={"NO_COLOR": "1"}).finish()

    assert code == 0
    assert "━" in text
    assert not COLOUR.search(text)


@pytest.mark.slow
def test_dumb_terminal_gets_plain_lines(kataven):
    code, text = kataven.on_terminal(*FAST, env={"TERM": "dumb"}).finish()

    assert code == 0
    assert "\x1b" not in text
    assert re.search(r"^running +\d+ %: \d+ pending, ", text, re.MULTILINE)


@pytest.mark.slow
def test_ascii_terminal_gets_ascii(kataven):
    code, text = kataven.on_terminal(*FAST, env={"PYTHONIOENCODING": "ascii"}).finish()

    assert code == 0
    assert text.isascii()


@pytest.mark.slow
def test_ctrl_c_in_a_pipe_exits_with_130_and_one_sentence(kataven):
    with kataven.start(*SLOW) as process:
        while not process.stdout.readline().startswith("running"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert process.returncode == 130
    assert re.fullmatch(
        r"Interrupted at \d+ %: the embedded Hub and its campaign are gone, and "
        r"kataven-demo/results\.csv was not written\.\n",
        err,
    )
    assert list((kataven.folder / "kataven-demo").iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_on_a_terminal_leaves_it_usable(kataven):
    terminal = kataven.on_terminal(*SLOW)
    terminal.read_until("calls in flight")
    terminal.press(b"\x03")
    code, text = terminal.finish()

    assert code == 130
    assert "Traceback" not in text
    assert "Interrupted at" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.slow
def test_sigterm_on_a_terminal_leaves_it_usable(kataven):
    terminal = kataven.on_terminal(*SLOW)
    terminal.read_until("calls in flight")
    terminal.process.terminate()
    code, text = terminal.finish()

    assert code == 143
    assert "Traceback" not in text
    assert re.search(r"Stopped by SIGTERM at \d+ %: ", text)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert list((kataven.folder / "kataven-demo").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("columns", [30, 44, 80, 120])
def test_message_about_an_interruption_is_wrapped_at_words(kataven, columns):
    terminal = kataven.on_terminal(*SLOW, columns=columns)
    terminal.read_until("calls in flight")
    terminal.press(b"\x03")
    _, text = terminal.finish()

    message = shown(text[text.index("Interrupted") :])
    assert max(len(line.rstrip()) for line in message) <= columns
    words = " ".join(line.strip() for line in message)
    assert "kataven-demo/results.csv was not written." in words


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_ctrl_c_around_the_rename_says_whether_the_results_were_written(kataven, before):
    press = "os.kill(os.getpid(), signal.SIGINT)"
    code = AROUND_THE_RENAME.format(press if before else "pass", press)
    results = kataven.folder / "kataven-demo" / "results.csv"
    results.parent.mkdir()
    results.write_text("from before")

    done = kataven.run(*FAST, code=code)

    assert done.returncode == 130
    if before:
        assert results.read_text() == "from before"
        expected = "at 100 %: the embedded Hub and its campaign are gone, and {} was not written"
    else:
        assert len(rows(results)) == 500
        expected = (
            "after the last call: the embedded Hub and its campaign are gone, and {} was written, "
            "one row per contact"
        )
    assert done.stderr == f"Interrupted {expected.format('kataven-demo/results.csv')}.\n"
    assert list(results.parent.iterdir()) == [results]


@pytest.mark.slow
def test_ctrl_c_after_the_last_output_is_ignored(kataven):
    # Exit handlers run after the command is done, while the interpreter shuts down.
    code = (
        "import atexit, os, signal, sys; from kataven.cli.app import main; "
        "atexit.register(os.kill, os.getpid(), signal.SIGINT); sys.exit(main())"
    )

    done = kataven.run(*FAST, code=code)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("500 rows, one per contact.\n")


@pytest.mark.slow
def test_own_list_is_checked_and_then_run(kataven, contacts):
    done = kataven.run(*FAST, "--contacts", contacts.name)

    assert (done.returncode, done.stderr) == (0, "")
    assert "is calling contacts.csv" in done.stdout
    written = rows(kataven.folder / "kataven-demo" / "results.csv")
    assert [row["phone_number"] for row in written] == [
        row["phone_number"] for row in rows(contacts)
    ]


@pytest.mark.slow
def test_own_list_with_problems_is_refused_as_by_run(kataven):
    (kataven.folder / "twice.csv").write_text("phone_number\n+14155550100\n+14155550100\n")

    done = kataven.run(*FAST, "--contacts", "twice.csv")
    allowed = kataven.run(*FAST, "--contacts", "twice.csv", "--allow-duplicates", "--quiet")

    assert (done.returncode, done.stdout) == (3, "")
    assert "duplicate" in done.stderr
    assert "the list has 1 problem that must be corrected first" in done.stderr
    assert allowed.returncode == 0
    assert "Embedded Hub" not in allowed.stdout
    assert "Results: kataven-demo/results.csv, 2 rows" in allowed.stdout


@pytest.mark.slow
def test_closed_pipe_ends_the_demo_silently(kataven):
    with kataven.start(*SLOW) as process:
        assert process.stdout.readline().startswith("Embedded Hub")
        process.stdout.close()
        err = process.stderr.read()
        process.wait()

    assert err == ""
    assert process.returncode == 141


def test_file_in_place_of_the_folder_is_reported_before_the_campaign_runs(kataven):
    (kataven.folder / "kataven-demo").write_text("mine")

    done = kataven.run(*FAST)

    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr == (
        "Error: kataven-demo is a file, but the demo needs a folder with that name; "
        "move the file or run the demo in another folder\n(exit code 10)\n"
    )
    assert (kataven.folder / "kataven-demo").read_text() == "mine"


@pytest.mark.parametrize(
    ("target", "what"),
    [("gone", "a link to gone, which does not exist"), ("contacts.txt", "a file")],
)
@pytest.mark.slow
def test_link_in_place_of_the_folder_is_reported_as_a_link(kataven, target, what):
    (kataven.folder / "contacts.txt").write_text("mine")
    (kataven.folder / "kataven-demo").symlink_to(target)

    done = kataven.run(*FAST)

    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr == (
        f"Error: kataven-demo is {what}, but the demo needs a folder with that name; "
        "move the link or run the demo in another folder\n(exit code 10)\n"
    )


@pytest.mark.slow
def test_folder_in_place_of_the_results_is_reported_before_the_campaign_runs(kataven):
    (kataven.folder / "kataven-demo" / "results.csv").mkdir(parents=True)

    done = kataven.run(*FAST)

    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr == (
        "Error: kataven-demo/results.csv is a folder, but the demo writes a file with that name; "
        "move the folder or run the demo in another folder\n(exit code 10)\n"
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that rejects new files")
@pytest.mark.slow
def test_read_only_folder_is_reported_before_the_campaign_runs(kataven):
    (kataven.folder / "kataven-demo").symlink_to("/proc/self")

    done = kataven.run(*FAST)

    assert (done.returncode, done.stdout) == (10, "")
    assert re.fullmatch(
        r"Error: cannot create a file in kataven-demo \(.+\), where the results go; "
        r"make the folder writable or run the demo in another one\n\(exit code 10\)\n",
        done.stderr,
    )


@pytest.mark.slow
def test_failure_to_write_results_prints_one_line_without_scratch_names(kataven):
    # The folder is removed during the run, to make writing fail.
    code = AROUND_THE_RENAME.format("shutil.rmtree('kataven-demo')", "pass")

    done = kataven.run(*FAST, code=code)

    assert done.returncode == 10
    assert done.stderr == (
        "Error: cannot write kataven-demo/results.csv: No such file or directory; "
        "free some space or run the demo in another folder\n(exit code 10)\n"
    )
