"""Generate generated/kataven_hub from openapi.yaml, or check that it is up to date.

    python scripts/generate.py            write the package
    python scripts/generate.py --check    change nothing; fail if the package is not up to date

Nothing in generated/ is edited by hand. What the generators are called with stands in
codegen/build.py, their settings in generator-config.yml, our templates in templates/.

Exit codes: 0 done or up to date, 1 not up to date or not possible, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from codegen import build, tree
from codegen.problems import CodegenError
from spec import project
from spec.problems import SpecError

ROOT = Path(__file__).resolve().parent.parent


def generate(root: Path, *, check: bool) -> str:
    """Generate the package from the specification of a project.

    Args:
        root: The project.
        check: Compare with what lies there instead of writing it.

    Returns:
        A sentence that says what was done.

    Raises:
        CodegenError: If it is not possible, or the check finds a difference.
    """
    spec = root / "openapi.yaml"
    if project.edited_by_hand(root):
        if check:
            raise CodegenError(project.EDITED)
        print(f"note: {project.EDITED}; until then --check fails", file=sys.stderr)
    build.validate_spec(spec)
    with tempfile.TemporaryDirectory(prefix="kataven-generate-") as folder:
        built = Path(folder) / "generated"
        built.mkdir()
        build.build(root, spec, built)
        committed = root / "generated"
        if not check:
            changed = tree.replace(built, committed)
            return f"generated/{build.PACKAGE}: {changed} files changed"
        if problems := tree.differences(built, committed):
            raise CodegenError(*problems)
        return f"generated/{build.PACKAGE} is up to date"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Generate kataven_hub from openapi.yaml.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the package is not up to date"
    )
    options = parser.parse_args()
    try:
        print(generate(ROOT, check=options.check))
    except (CodegenError, SpecError) as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
