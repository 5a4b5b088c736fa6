"""Check that this checkout can be released, and print a checklist.

    python scripts/release_check.py            everything; takes twenty minutes
    python scripts/release_check.py --quick    without the tests of installed archives

Builds the archives, looks into them, installs them with each Python that is found, once with the
lowest supported and once with the newest libraries, and runs tests there. Uploads nothing. The
checklist ends with what only a person can do. Exits with 1 if a check failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, field
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constraints import TOOLS
from problems import ScriptError
from tools import imported

with imported():
    from readme_renderer import markdown
    from trove_classifiers import classifiers as known_classifiers

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "scripts" / "constraints"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# What runs where only an archive is installed: requests, uploads, event streams, contact lists.
INSTALLED_TESTS = (
    "tests/unit",
    "tests/client",
    "tests/events",
    "tests/transport",
    "tests/contacts",
)
QUICK_TESTS = "not proof and not wheel and not types and not slow"


class CheckFailedError(ScriptError):
    """A release must not be made like this."""


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a command; its output, or CheckFailedError with the last lines of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise CheckFailedError(
            f"{Path(str(command[0])).name} exited with {done.returncode}:\n{last}"
        )
    return done.stdout


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pyproject() -> dict[str, Any]:
    """Return the content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@dataclass
class Release:
    """What the checks hand on to each other.

    Attributes:
        folder: A folder outside the checkout.
        sdist: The source archive, once it is built.
        wheel: The wheel, once it is built.
    """

    folder: Path
    sdist: Path = field(default_factory=Path)
    wheel: Path = field(default_factory=Path)

    def unpacked(self, name: str) -> Path:
        """Unpack the source archive into a folder of this name; the folder with its files."""
        with tarfile.open(self.sdist) as archive:
            archive.extractall(self.folder / name, filter="data")
        (found,) = (self.folder / name).iterdir()
        return found


def committed(_: Release) -> str:
    """Check that the archives will contain what is committed."""
    if not (ROOT / ".git").exists():
        return "not a git checkout: not checked"
    if changed := run("git", "status", "--porcelain").strip():
        raise CheckFailedError(f"not committed:\n{changed}")
    return "nothing is uncommitted"


def lowest_versions(_: Release) -> str:
    """Check the constraint file of the lowest versions."""
    run(sys.executable, "scripts/constraints.py", "--check")
    return "scripts/constraints/lowest.txt agrees with pyproject.toml"


def archives(release: Release) -> str:
    """Build twice, from two folders, and build the wheel from the source archive too."""
    epoch = {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1577836800")}
    first, second = release.folder / "first", release.folder / "second"
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir")
    run(*build, first, env=epoch)
    (release.sdist,) = first.glob("*.tar.gz")
    (release.wheel,) = first.glob("*.whl")
    run(*build, second, release.unpacked("unpacked"), env=epoch)
    run(*build, release.folder / "direct", "--wheel", env=epoch)
    for path in (*second.iterdir(), *(release.folder / "direct").iterdir()):
        if digest(path) != digest(first / path.name):
            raise CheckFailedError(f"two builds of {path.name} have different bytes")
    return f"{release.sdist.name} and {release.wheel.name}: the same bytes from two folders"


def description(release: Release) -> str:
    """Check the wheel's description and the classifiers as a package index does."""
    with zipfile.ZipFile(release.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    page = markdown.render(str(metadata.get_payload()))
    if not page:
        raise CheckFailedError("the description cannot be rendered")
    if relative := re.findall(r'(?:href|src)="(?!https?:|#)([^"]*)"', page):
        raise CheckFailedError(f"the description has relative links: {', '.join(relative)}")
    listed = pyproject()["project"]["classifiers"]
    if unknown := [name for name in listed if name not in known_classifiers]:
        raise CheckFailedError(f"not classifiers of the package index: {unknown}")
    return "the description renders, without relative links; the classifiers exist"


def licences(_: Release) -> str:
    """Check the licences of the libraries that a user installs."""
    run(sys.executable, "scripts/licences.py", "--check")
    return "docs/maintainers/dependencies.md names the licence of each library; all are accepted"


def wheel_tests(_: Release) -> str:
    """Check the wheel's content, and an installation without extras."""
    lines = run(sys.executable, "-m", "pytest", "-q", "-m", "wheel").splitlines()
    return f"tests marked wheel: {lines[-1]}"


def source_tests(release: Release) -> str:
    """Run the quick tests from the unpacked source archive, with the current environment."""
    folder = release.unpacked("source-tests")
    # The generated package of the checkout is importable here; the archive's own must come first.
    path = f"{folder}{os.pathsep}{folder / 'generated'}"
    command = (sys.executable, "-m", "pytest", "-q", "-n", "3", "-m", QUICK_TESTS)
    lines = run(*command, cwd=folder, env={"PYTHONPATH": path}).splitlines()
    return lines[-1]


def is_tool(line: str) -> bool:
    """Whether a line of lowest.txt pins a tool of the tests."""
    return line.partition("==")[0] in TOOLS


def find_python(version: str) -> Path | None:
    """Return a Python of this version, from PATH or pyenv's folder, that can make environments."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [Path(found)] if (found := shutil.which(f"python{version}")) else []
    candidates += sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for python in candidates:
        # A version manager's shim may exist and fail.
        works = (
            "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != sys.argv[1])"
        )
        done = subprocess.run([python, "-c", works, version], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    return None


def installed(version: str, python: Path, libraries: str) -> Callable[[Release], str]:
    """Return the check of an archive in an environment of its own.

    The wheel meets the lowest libraries and the source archive the newest: ``archives`` has shown
    that the source archive gives the same wheel.
    """

    def check(release: Release) -> str:
        folder = release.folder / f"{version}-{libraries}"
        run(python, "-m", "venv", folder / "venv")
        own = folder / "venv" / "bin" / "python"
        install = (own, "-m", "pip", "install", "--quiet")
        lowest = CONSTRAINTS / "lowest.txt"
        if libraries == "lowest":
            archive = release.wheel
            run(*install, f"{archive}[all]", "-r", lowest)
        else:
            archive = release.sdist
            pins = [line for line in lowest.read_text("utf-8").splitlines() if is_tool(line)]
            run(*install, f"{archive}[all]", "opentelemetry-sdk", *pins)
        # The tests come from the source archive, the package does not.
        source = release.unpacked(f"{version}-{libraries}/source")
        for package in ("kataven", "generated"):
            shutil.rmtree(source / package)
        where = run(own, "-c", "import kataven; print(kataven.__file__)", cwd=source).strip()
        if not Path(where).is_relative_to(folder / "venv"):
            raise CheckFailedError(f"kataven was imported from {where}")
        command = (own, "-m", "pytest", "-q", "-n", "2", "-m", QUICK_TESTS, *INSTALLED_TESTS)
        return f"{archive.name}: {run(*command, cwd=source).splitlines()[-1]}"

    return check


def by_a_person() -> list[str]:
    """Return what nothing here can decide or do."""
    settings = pyproject()
    version = re.search(
        r'__version__ = "(.+)"', (ROOT / "kataven" / "_version.py").read_text("utf-8")
    )
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    todo = []
    if version and f"## {version[1]}" not in changelog:
        todo.append(
            f"CHANGELOG.md has no heading for {version[1]}: set the version in "
            "kataven/_version.py, and rename the heading Unreleased"
        )
    urls = settings["project"].get("urls", {})
    todo += [
        f"pyproject.toml: {name} is the placeholder {url}; give the real address"
        for name, url in urls.items()
        if "example.com" in url
    ]
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    todo += [
        f"pyproject.toml: [tool.hatch.metadata.hooks.custom] has no address of {name}; without it "
        f"the page of the package index shows README.md without {lost}"
        for name, lost in (("files", "its links to files"), ("pictures", "its pictures"))
        if not hook[name]
    ]
    todo += [
        "look at the goals that `make bench` missed, and at the survivors of `make mutation`",
        "read security-policy.md and support.md in docs/explanation: are they still true?",
        "tag the commit with the version, and upload the archives of `python -m build`",
    ]
    return todo


def main() -> int:
    """Run the checks and print the list; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that this checkout can be released.")
    parser.add_argument("--quick", action="store_true", help="without tests of installed archives")
    quick = parser.parse_args().quick

    checks: list[tuple[str, Callable[[Release], str]]] = [
        ("committed", committed),
        ("lowest versions", lowest_versions),
        ("archives", archives),
        ("description", description),
        ("licences", licences),
    ]
    missing = []
    if not quick:
        checks += [("wheel", wheel_tests), ("source archive", source_tests)]
        for version in PYTHONS:
            python = find_python(version)
            if python is None:
                missing.append(version)
                continue
            for libraries in ("lowest", "newest"):
                name = f"Python {version}, {libraries}"
                checks.append((name, installed(version, python, libraries)))

    failed = 0
    with tempfile.TemporaryDirectory(prefix="kataven-release-") as folder:
        release = Release(Path(folder))
        for name, check in checks:
            try:
                print(f"[ok]     {name}: {check(release)}", flush=True)
            except ScriptError as error:
                failed += 1
                print(f"[FAILED] {name}: {error}", flush=True)
    for version in missing:
        print(f"[ ]      Python {version} is not installed here: test it on another machine")
    for line in by_a_person():
        print(f"[ ]      {line}")
    print(f"{len(checks) - failed} checks passed, {failed} failed; [ ] is for a person")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
