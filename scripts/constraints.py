"""Write the constraint files of pip: the lowest supported versions and the newest ones.

    python scripts/constraints.py            writes both files of scripts/constraints
    python scripts/constraints.py --lowest   writes lowest.txt only, which needs no network
    python scripts/constraints.py --check    exits with 1 if lowest.txt differs from pyproject.toml

``lowest.txt`` has the lower bounds of pyproject.toml, and the pins of the test tools that work with
them. ``newest.txt`` has what pip resolves now for all extras, with what they require in turn.
Neither contains hashes or the address of a package index.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "scripts" / "constraints"

# What the tests of `make lowest` import. The other tools of the extra test require newer libraries.
TOOLS = (
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "pytest-rerunfailures",
    "hypothesis",
    "psutil",
    "pyte",
    "socksio",
    "h2",
)
# The SDK of OpenTelemetry requires the API of the same version.
SAME_VERSION = {"opentelemetry-sdk": "opentelemetry-api"}

HEADERS = {
    "lowest.txt": "# Written by scripts/constraints.py from the lower bounds of pyproject.toml.",
    "newest.txt": "# Written by scripts/constraints.py: the newest versions that pip found.",
}


def lowest() -> list[str]:
    """Return the lower bound of each requirement of a user, and the pins of ``TOOLS``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"]]
    for name, requirements in extras.items():
        if name not in {"all", "test", "docs", "dev"}:
            required += requirements
    versions = {}
    for requirement in required:
        found = re.match(r"([\w.-]+)>=([\w.]+)", requirement)
        if found is None:
            sys.exit(
                f"pyproject.toml: {requirement!r} has no lower bound of the form name>=version"
            )
        versions[found[1]] = found[2]
    for requirement in extras["test"]:
        name, _, version = requirement.partition("==")
        if name in TOOLS:
            versions[name] = version
    versions |= {name: versions[other] for name, other in SAME_VERSION.items()}
    return sorted(f"{name}=={version}" for name, version in versions.items())


def newest() -> list[str]:
    """Return what pip would install now for ``kataven[all]``, with what that requires in turn."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    done = subprocess.run(
        [*command, "--report", "-", f"{ROOT}[all]"], stdout=subprocess.PIPE, text=True, check=True
    )
    found = [item["metadata"] for item in json.loads(done.stdout)["install"]]
    return sorted(
        f"{item['name'].lower()}=={item['version']}" for item in found if item["name"] != "kataven"
    )


def text(name: str, lines: list[str]) -> str:
    """Return the content of a constraint file."""
    return "\n".join([HEADERS[name], *lines, ""])


def main() -> int:
    """Write or compare the files; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the constraint files of pip.")
    parser.add_argument("--lowest", action="store_true", help="write lowest.txt only")
    parser.add_argument("--check", action="store_true", help="compare lowest.txt, write nothing")
    options = parser.parse_args()
    path = FOLDER / "lowest.txt"
    wanted = text("lowest.txt", lowest())
    if options.check:
        if path.read_text("utf-8") == wanted:
            return 0
        print("scripts/constraints/lowest.txt differs from pyproject.toml; run", file=sys.stderr)
        print("  .venv/bin/python scripts/constraints.py --lowest", file=sys.stderr)
        return 1
    path.write_text(wanted, "utf-8")
    if not options.lowest:
        (FOLDER / "newest.txt").write_text(text("newest.txt", newest()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
