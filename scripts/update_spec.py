"""Take over a new document of the vendor's: openapi.yaml, the generated package, a ranked report.

    python scripts/update_spec.py FILE [--dry-run] [--report REPORT.json]

FILE is JSON or YAML, OpenAPI 3.0 or 3.1. It is brought to our form by scripts/spec/rules.yaml, what
the vendor leaves open is filled from scripts/spec/assumed.yaml, and the result is validated and
generated from before anything is written. docs/spec.md has the recipes.

Exit codes: 0 nothing changes for users of kataven, 10 compatible changes, 20 breaking changes,
2 wrong usage, 3 the document cannot be used (then nothing was written).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from codegen import build, tree
from codegen.problems import CodegenError
from spec import compare, document, normalise, order, places, project, report
from spec.problems import SpecError

ROOT = Path(__file__).resolve().parent.parent


def update(root: Path, file: Path, *, dry_run: bool, report_to: Path | None) -> int:
    """Take over a document.

    Args:
        root: The project.
        file: The vendor's document.
        dry_run: Report only.
        report_to: Where the JSON report goes, if anywhere.

    Returns:
        The exit code: 0, 10 or 20.

    Raises:
        SpecError: If the document cannot be used.
        CodegenError: If nothing can be generated from it.
    """
    tables = project.tables(root)
    naming = places.Places(tables.covered)
    version = project.version(root)
    before = project.current(root)
    after = normalise.normalise(document.load(project.text_of(file), file.name), file.name, tables)
    text = order.write(after.document)
    notes = list(after.notes)
    if project.edited_by_hand(root):
        notes.insert(0, project.EDITED + " (this run replaces the edit)")
    changes = compare.compare(before, after.document, naming)
    with tempfile.TemporaryDirectory(prefix="kataven-spec-") as folder:
        candidate = Path(folder) / "openapi.yaml"
        candidate.write_text(text, "utf-8", newline="\n")
        build.validate_spec(candidate)
        built = Path(folder) / "generated"
        built.mkdir()
        build.build(root, candidate, built)
        if not dry_run:
            (root / "openapi.yaml").write_text(text, "utf-8", newline="\n")
            tree.replace(built, root / "generated")
            _check_drift(root, Path(folder))
    print(report.as_text(changes, notes, version, naming))
    left_out = after.document.get("x-left-out", [])
    if left_out:
        print(f"Left out, for the SDK does not cover them: {', '.join(left_out)}")
    print("Nothing was written." if dry_run else "openapi.yaml and generated/ are up to date.")
    found = report.as_json(changes)
    if report_to is not None:
        report_to.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return report.EXIT_CODES[found["rank"]]


def _check_drift(root: Path, folder: Path) -> None:
    """Generate once more from what was written; a generator that wavers is noticed here."""
    again = folder / "again"
    again.mkdir()
    build.build(root, root / "openapi.yaml", again)
    if problems := tree.differences(again, root / "generated"):
        raise RuntimeError("\n".join(problems))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Take over a new document of the vendor's.",
        epilog="exit codes: 0 nothing for users, 10 compatible, 20 breaking, 2 wrong usage, "
        "3 a document that cannot be used",
    )
    parser.add_argument("file", type=Path, help="the vendor's document, JSON or YAML")
    parser.add_argument("--dry-run", action="store_true", help="report only, write nothing")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON too")
    options = parser.parse_args()
    if not options.file.is_file():
        parser.error(f"there is no file {options.file}")
    if options.report is not None and (
        options.report.is_dir() or not options.report.absolute().parent.is_dir()
    ):
        parser.error(f"the report cannot be written to {options.report}")
    try:
        return update(ROOT, options.file, dry_run=options.dry_run, report_to=options.report)
    except (SpecError, CodegenError) as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print("Nothing was written.", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
