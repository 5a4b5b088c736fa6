"""Makes the pictures of the documentation in docs/pictures/ again.

::

    python scripts/make_pictures.py            every set
    python scripts/make_pictures.py cli report only these
    python scripts/make_pictures.py page --all FOLDER   every view of a set, to look at

A set is a module of scripts/pictures/ whose ``make(folder)`` writes its files and returns them; its
``make_all(folder)``, if it has one, writes every view, width and colour scheme. The pictures show
real programs on an embedded Hub. They are looked at by a person, so nothing compares them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Final

from tools import imported

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "pictures"
SETS: Final = sorted(
    path.stem for path in (ROOT / "scripts" / "pictures").glob("*.py") if path.stem[0] != "_"
)


def main() -> int:
    """Make the sets that are named; return 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="default: every set")
    parser.add_argument("--all", metavar="FOLDER", type=Path, help="write every view there")
    given = parser.parse_args()
    folder = given.all or FOLDER
    sys.path[:0] = [str(ROOT), str(ROOT / "generated")]
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.sets or SETS:
        with imported():
            module = importlib.import_module(f"pictures.{name}")
        make = getattr(module, "make_all", module.make) if given.all else module.make
        for path in make(folder):
            print(f"wrote {path} ({path.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
