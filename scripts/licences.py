"""List the licence of every library that a user of kataven installs.

    python scripts/licences.py            writes the table in docs/maintainers/dependencies.md
    python scripts/licences.py --check    exits with 1 if the table differs, and changes nothing

Follows the requirements of the installed kataven, of its extras, and of what they require in turn,
and reads the licences from the metadata of the installed libraries. Exits with 1 if a licence is
missing or is not in ``ACCEPTED``.
"""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path

from tools import imported

with imported():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "maintainers" / "dependencies.md"
BEGIN = "<!-- written by scripts/licences.py -->\n"
END = "<!-- end -->\n"

# Extras that are not for users.
INTERNAL = {"all", "test", "docs", "dev"}

# What a library may be used under without a duty beyond its notice. MPL 2.0 (certifi) applies to
# the files of that library only.
ACCEPTED = {"MIT", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0", "MPL-2.0", "PSF-2.0", "0BSD"}
# Licences as older metadata writes them, and the expression that means the same.
SPELLINGS = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
}


def requirements(name: str, extras: set[str]) -> list[Requirement]:
    """Return what an installed library requires here, with these extras."""
    found = [Requirement(line) for line in metadata.requires(name) or []]
    environments = [{"extra": extra} for extra in extras or {""}]
    return [
        requirement
        for requirement in found
        if requirement.marker is None
        or any(requirement.marker.evaluate(environment) for environment in environments)
    ]


def required_by(extra: str) -> set[str]:
    """Return the libraries that kataven with one extra (or none, ``""``) brings."""
    found: set[str] = set()
    waiting = requirements("kataven", {extra} if extra else set())
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            waiting += requirements(name, requirement.extras)
    return found


def licence(name: str) -> str:
    """Return the licence of an installed library, as an SPDX expression if that is possible."""
    found = metadata.metadata(name).json
    if expression := found.get("license_expression"):
        return str(expression)
    classifiers = [line for line in found.get("classifier", []) if "License ::" in line]
    names = {line.rpartition(" :: ")[2] for line in classifiers} - {"OSI Approved"}
    names = names or {str(found.get("license", "")).partition("\n")[0]}
    return " OR ".join(sorted(SPELLINGS.get(one, one) for one in names))


def is_accepted(expression: str) -> bool:
    """Whether every licence of ``A AND B``, or one of ``A OR B``, is accepted."""
    choices = expression.strip("()").split(" OR ")
    return any(all(part in ACCEPTED for part in one.split(" AND ")) for one in choices)


def table(rows: dict[str, tuple[str, str]]) -> str:
    """Return the Markdown table of ``{library: (licence, origin)}``."""
    lines = ["| library | licence | comes with |", "|---|---|---|"]
    lines += [f"| {name} | {text} | {origin} |" for name, (text, origin) in sorted(rows.items())]
    return "\n".join([*lines, ""])


def main() -> int:
    """Write or compare the table; return the exit code."""
    parser = argparse.ArgumentParser(description="List the licences of the dependencies.")
    parser.add_argument("--check", action="store_true", help="compare the table, write nothing")
    check = parser.parse_args().check

    extras = metadata.metadata("kataven").get_all("Provides-Extra") or []
    rows = {name: (licence(name), "core") for name in required_by("")}
    for extra in extras:
        if extra not in INTERNAL:
            for name in required_by(extra) - rows.keys():
                rows[name] = (licence(name), f"`{extra}`")

    for name, (text, _) in sorted(rows.items()):
        if not is_accepted(text):
            print(f"{name}: {text or 'no licence'} is not in ACCEPTED", file=sys.stderr)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = before + BEGIN + table(rows) + END + after
    if check and PAGE.read_text("utf-8") != wanted:
        print("docs/maintainers/dependencies.md has other licences; run", file=sys.stderr)
        print("  .venv/bin/python scripts/licences.py", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(wanted, "utf-8")
    return 0 if all(is_accepted(text) for text, _ in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
