"""The code of the pages runs, and prints what they show."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import run_pages  # noqa: E402

from kataven.cli.commands import COMMANDS, LazyGroup  # noqa: E402

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("start/*", "howto/*", "explanation/*", "reference/raw")
    for path in ROOT.glob(f"docs/{pattern}.md")
    # Its tests run in tests/plugin.
    if path.name != "testing.md"
    and any(language in run_pages.RUN for language, _ in run_pages.blocks(path))
)
# Pages whose blocks are parts of a program, or name files and campaigns of the reader.
PARTS = ["contacts.md", "events.md", "delivery.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_runs_and_prints_what_the_page_shows(page):
    path = ROOT / page

    assert run_pages.run_page(path) == path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", PARTS)
def test_code_of_a_reference_runs(page, tmp_path):
    (path,) = (path for path in ROOT.glob(f"docs/**/{page}") if path.parent.name != "api")
    found = [text for language, text in run_pages.blocks(path) if language == "python"]
    around = (ROOT / "tests" / "docs" / "around_blocks.py").read_text(encoding="utf-8")
    (tmp_path / "page.md").write_text(
        f"<!-- file: blocks.json -->\n```json\n{json.dumps(found)}\n```\n\n```python\n{around}```\n",
        encoding="utf-8",
    )

    run_pages.run_page(tmp_path / "page.md")

    assert len(found) >= 3


def test_pages_with_code_are_found():
    assert len(PAGES) >= 12


PAGE = """\
<!-- file: kept.txt -->
```text
kept
```

```python
from pathlib import Path\n\nprint(Path("kept.txt").read_text().strip())
```

```text
{shown}
```

```console
$ echo camp_'0'123456789abcdef01234567 and camp_'1'123456789abcdef01234567; exit 3
camp_aaaaaaaaaaaaaaaaaaaaaaaa and camp_bbbbbbbbbbbbbbbbbbbbbbbb
$ printf 'a\\nb\\nc\\n'
a
...
c
```
"""


def test_output_that_differs_is_an_error_and_can_be_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(shown="lost"))

    with pytest.raises(run_pages.PageError, match=r"(?s)shows.*lost.*printed.*kept"):
        run_pages.run_page(page)
    assert run_pages.run_page(page, write=True) == PAGE.format(shown="kept")


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import warnings; warnings.warn('old')"])
def test_program_that_fails_or_warns_is_an_error(tmp_path, code):
    page = tmp_path / "page.md"
    page.write_text(f"```python\n{code}\n```\n")

    with pytest.raises(run_pages.PageError):
        run_pages.run_page(page)


def test_output_without_a_program_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\nText.\n\n```text\n1\n```\n")

    with pytest.raises(run_pages.PageError, match="follows no program"):
        run_pages.run_page(page)


def commands(table=COMMANDS, names=("kataven",)):
    for name, (module, attribute, _) in table.items():
        command = getattr(import_module(module), attribute)
        if isinstance(command, LazyGroup):
            yield from commands(command.table, (*names, name))
        if not isinstance(command, LazyGroup) or command.invoke_without_command:
            yield (*names, name), command


def test_every_command_that_a_page_names_exists_with_its_options():
    known = dict(commands())
    checked = 0
    for path in ROOT.glob("docs/**/*.md"):
        for language, text in run_pages.blocks(path):
            if language not in {"sh", "console"}:
                continue
            lines = text.replace("\\\n", " ").splitlines()
            for line in lines:
                found = re.search(r"(?:^|[ /(])(kataven [a-z].*)", line.partition(" #")[0])
                if not found or line.startswith(("Results:", "Call again:")):
                    continue
                words = shlex.split(found[1].split("|")[0].split(";")[0])
                both = (tuple(words[:3]), tuple(words[:2]))
                names = next((name for name in both if name in known), None)
                assert names, f"{path.name}: {line}"
                options = {
                    option for each in known[names].params for option in (*each.opts, "--help")
                }
                used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
                assert used <= options, f"{path.name}: {line}"
                checked += 1
    assert checked > 20
