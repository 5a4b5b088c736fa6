"""Import a vendor's OpenAPI document into openapi.yaml, and regenerate the package.

    python scripts/update_spec.py FILE [--dry-run] [--report REPORT.json]

FILE is JSON or YAML, OpenAPI 3.0 or 3.1. The import applies scripts/spec/rules.yaml and keeps what
openapi.yaml assumes wherever the document leaves it open. It reports what changes for users, which
assumptions give way, which hand edits of openapi.yaml are dropped, and what to change in kataven/.
The result is validated and generated from before anything is written. See docs/maintainers/spec.md.

Exit codes: 0 nothing changes for users of kataven, 10 compatible changes, 20 breaking changes,
1 something that the script needs is not installed, 2 wrong usage, 3 the document cannot be used.
After 1, 2 and 3 nothing was written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools import imported

with imported():
    from codegen import build, pins, tree
    from problems import MissingToolError, ScriptError
    from spec import (
        agreement,
        compare,
        document,
        findings,
        hand_edits,
        project,
        report,
        sdk,
        yaml_edit,
    )
    from spec.importer import Imported, import_document
    from spec.references import inlined

if TYPE_CHECKING:
    from spec.document import Json

ROOT = Path(__file__).resolve().parent.parent

_HAND_EDITS = "Hand edits of openapi.yaml that the import drops (a rule or x-assumed keeps them)"


@dataclass(frozen=True, slots=True)
class _Import:
    """An import that is ready to be written: the text of openapi.yaml and the report on it."""

    text: str
    changes: list[findings.Change]
    report: str


def _prepare(root: Path, file: Path) -> _Import:
    table = project.rules(root)
    present_text = project.text_of(root / "openapi.yaml")
    present = document.load(present_text, "openapi.yaml")
    vendor = document.load(project.text_of(file), file.name)
    imported = import_document(vendor, file.name, table, present)
    text = yaml_edit.edit(present_text, imported.document)
    new = document.load(text, "openapi.yaml")
    changes = compare.compare(present, new)
    sections = {
        "Assumptions that give way": imported.gave_way,
        _HAND_EDITS: _dropped(root, table, present, imported),
        "To look at": imported.notes,
        "To change in kataven/": agreement.disagreements(new, sdk.offered()),
        "In the document, but not covered by the SDK": new.get("x-left-out", []),
    }
    methods = {**findings.sdk_methods(present), **findings.sdk_methods(new)}
    return _Import(text, changes, report.as_text(changes, sections, project.version(root), methods))


def _dropped(root: Path, table: list[Json], present: Json, imported: Imported) -> list[str]:
    name = project.LAST_IMPORTED
    try:
        last = import_document(
            document.load(project.text_of(root / name), name), name, table, present
        )
    except ScriptError as error:
        # A rule that was changed for the new document need not match the last one.
        return [f"not known, because {name} cannot be imported any more: {error.problems[0]}"]
    return hand_edits.dropped(last.document, present, imported.document)


def update(root: Path, file: Path, *, dry_run: bool, report_to: Path | None) -> int:
    """Import a document.

    Args:
        root: The project.
        file: The vendor's document.
        dry_run: Report only.
        report_to: Where to write the report as JSON, if anywhere.

    Returns:
        The exit code: 0, 10 or 20.

    Raises:
        MissingToolError: If a tool is not installed.
        ScriptError: If the document cannot be used, or nothing can be generated from it.
    """
    pins.check_installed(pins.pinned(root / "pyproject.toml"))
    prepared = _prepare(root, file)
    candidate = document.load(prepared.text, "openapi.yaml")
    build.validate_spec(candidate, "openapi.yaml")
    with tempfile.TemporaryDirectory(prefix="kataven-spec-") as folder:
        built = Path(folder) / "generated"
        built.mkdir()
        build.build(root, inlined(candidate, "openapi.yaml"), built)
        if not dry_run:
            (root / "openapi.yaml").write_text(prepared.text, "utf-8", newline="\n")
            tree.replace(built, root / "generated")
    print(prepared.report)
    print("Nothing was written." if dry_run else "openapi.yaml and generated/ are up to date.")
    found = report.as_json(prepared.changes)
    if report_to is not None:
        report_to.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return report.EXIT_CODES[found["rank"]]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; those of the process by default.
        root: The project.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description="Import a vendor's OpenAPI document into openapi.yaml.",
        epilog="exit codes: 0 nothing changes for users, 10 compatible changes, 20 breaking "
        "changes, 1 a tool is not installed, 2 wrong usage, 3 the document cannot be used",
    )
    parser.add_argument("file", type=Path, help="the vendor's document, JSON or YAML")
    parser.add_argument("--dry-run", action="store_true", help="report only, write nothing")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON too")
    options = parser.parse_args(arguments)
    if not options.file.is_file():
        parser.error(f"there is no file {options.file}")
    if options.report is not None and (
        options.report.is_dir() or not options.report.absolute().parent.is_dir()
    ):
        parser.error(f"the report cannot be written to {options.report}")
    try:
        return update(root, options.file, dry_run=options.dry_run, report_to=options.report)
    except ScriptError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print("Nothing was written.", file=sys.stderr)
        return 1 if isinstance(error, MissingToolError) else 3
    except RecursionError:
        print(f"error: {options.file.name} {document.CIRCULAR}", file=sys.stderr)
        print("Nothing was written.", file=sys.stderr)
        return 3


if __name__ == "__main__":
    # The SDK of this checkout, whichever one is installed.
    sys.path[1:1] = [str(ROOT), str(ROOT / "generated")]
    sys.exit(main())
