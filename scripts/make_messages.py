"""Writes docs/messages.md, the page of messages, from scripts/messages.yaml and the code.

::

    python scripts/make_messages.py          write the page
    python scripts/make_messages.py --check  compare, and change nothing

Exit code: 0, or 1 if a text of the code is missing in the table or the other way round, or if
``--check`` found a difference.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import messages
from tools import imported

with imported():
    import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "scripts" / "messages.yaml"
PAGE: Final = ROOT / "docs" / "messages.md"
# How the collector calls a text whose class or kind the code does not show at that place.
_UNNAMED: Final = frozenset(
    {"Failure", "Refused", "_dropped", "keep", "problem", "refusal", "spreadsheet_refusal"}
    | {"created_unreadable", "dropped row", "TransportError", "BodyError", "RemoteProtocolError"}
)
_INTRODUCTION: Final = """\
<!-- Written by scripts/make_messages.py from scripts/messages.yaml: change that file. -->

# I get this message

Every text of an error, a warning or a problem of a list, with its cause and what to do about it.
Search for a few words of yours: a part that is filled in, such as a name or a number, is shown as
`…`. In the command, a message begins with `Error:`, and a line with the advice and the exit code
follows. A problem of a list has its row and column in front: `row 7, column phone_number: ...`.
"""


def table() -> dict[str, Any]:
    """Return the table."""
    loaded: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return loaded


def differences(found: messages.Collector, content: dict[str, Any]) -> list[str]:
    """Return in which texts the code and the table differ, as sentences."""
    places = {text.template: text.place for text in found.texts}
    texts = [
        text
        for section in content["sections"]
        for entry in section["entries"]
        for text in entry["texts"]
    ]
    carried = content["carried"]
    return [
        *(f"not in the table: {text!r} ({places[text]})" for text in sorted(places.keys() - texts)),
        *(f"not in the code: {text!r}" for text in sorted(set(texts) - places.keys())),
        *(f"twice in the table: {text!r}" for text in sorted(set(texts)) if texts.count(text) > 1),
        *(f"not in 'carried': {place}" for place in sorted(found.unseen.keys() - carried.keys())),
        *(f"not raised: {place}" for place in sorted(carried.keys() - found.unseen.keys())),
    ]


def page(found: messages.Collector, content: dict[str, Any]) -> str:
    """Return the page."""
    kinds = defaultdict(set)
    for text in found.texts:
        if text.kind not in _UNNAMED:
            kinds[text.template].add(text.kind)
    parts = [_INTRODUCTION]
    for section in content["sections"]:
        parts.append(f"## {section['section']}\n")
        if about := section.get("about"):
            parts.append(f"{about}\n")
        parts += (_entry(entry, kinds) for entry in section["entries"])
    parts.append(
        "## Kinds of problems\n\n`problem.kind`, as `contacts.check` reports it. The last six are "
        "warnings, the others are errors.\n"
    )
    parts.append("".join(_rows("kind", content["kinds"])))
    parts.append(
        "## Reasons of dropped rows\n\n`dropped.reason`, as `contacts.clean` reports it.\n"
    )
    parts.append("".join(_rows("reason", content["reasons"])))
    return "\n".join(parts)


def _entry(entry: dict[str, Any], kinds: dict[str, set[str]]) -> str:
    names = entry.get("kinds") or sorted({kind for text in entry["texts"] for kind in kinds[text]})
    shown = ", ".join(f"`{name}`" for name in names if name not in {"log", "note"})
    lines = "  \n  ".join(_code(text) for text in entry["texts"])
    end = f" ({shown})" if shown else ""
    return f"- {lines}\n\n  {entry['cause']} **{entry['remedy']}**{end}\n"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _rows(title: str, meanings: dict[str, str]) -> Iterator[str]:
    yield f"| {title} | meaning |\n|---|---|\n"
    for name, meaning in meanings.items():
        yield f"| `{name}` | {meaning} |\n"


def main() -> int:
    """Write or compare the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    check = parser.parse_args().check
    found, content = messages.collect(ROOT), table()
    if wrong := differences(found, content):
        print("scripts/messages.yaml and the texts in kataven/ differ:", *wrong, sep="\n  ")
        return 1
    wanted = page(found, content)
    present = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if wanted == present:
        return 0
    if check:
        print("docs/messages.md is not what the table says; run scripts/make_messages.py:")
        before, after = present.splitlines(keepends=True), wanted.splitlines(keepends=True)
        sys.stdout.writelines(
            difflib.unified_diff(before, after, "docs/messages.md", "expected", n=1)
        )
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print("wrote docs/messages.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
