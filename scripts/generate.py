"""Generate generated/kataven_hub from openapi.yaml, or check that it is up to date.

    python scripts/generate.py            write the package
    python scripts/generate.py --check    change nothing; fail if the package is not up to date

Never edit generated/ by hand. The calls of the generators are in codegen/build.py, their settings
in generator-config.yml, our templates in templates/.

Exit codes: 0 done or up to date, 1 not up to date or not possible, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools import imported

with imported():
    from codegen import build, pins, tree
    from problems import ScriptError
    from spec import document, project
    from spec.assumptions import check_marks
    from spec.references import inlined

ROOT = Path(__file__).resolve().parent.parent


def generate(root: Path, *, check: bool) -> str:
    """Generate the package from the openapi.yaml of a project.

    Args:
        root: The project.
        check: Compare with the present package instead of writing it.

    Returns:
        A sentence that says what was done.

    Raises:
        ScriptError: If it is not possible, openapi.yaml cannot be read or marks an assumption
            wrongly, or the check finds a difference.
        MissingToolError: If a tool is not installed.
    """
    pins.check_installed(pins.pinned(root / "pyproject.toml"))
    present = project.current(root)
    if problems := check_marks(present):
        raise ScriptError(*(f"openapi.yaml: {problem}" for problem in problems))
    build.validate_spec(present, "openapi.yaml")
    document = inlined(present, "openapi.yaml")
    with tempfile.TemporaryDirectory(prefix="kataven-generate-") as folder:
        built = Path(folder) / "generated"
        built.mkdir()
        build.build(root, document, built)
        committed = root / "generated"
        if not check:
            changed = tree.replace(built, committed)
            return f"generated/{build.PACKAGE}: {changed} files changed"
        if problems := tree.differences(built, committed):
            raise ScriptError(*problems)
        return f"generated/{build.PACKAGE} is up to date"


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; those of the process by default.
        root: The project.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Generate kataven_hub from openapi.yaml.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the package is not up to date"
    )
    options = parser.parse_args(arguments)
    try:
        print(generate(root, check=options.check))
    except ScriptError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1
    except RecursionError:
        print(f"error: openapi.yaml {document.CIRCULAR}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
