"""Knows the versions of the tools that pyproject.toml pins, and checks that they are installed.

It must not know how the tools are called.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from problems import MissingToolError, ScriptError
from tools import INSTALL

# Each of these determines the output: another version generates different code.
TOOLS = ("openapi-python-client", "datamodel-code-generator", "ruff")
# These do not; any version serves.
OTHERS = ("openapi-spec-validator", "PyYAML")


def pinned(pyproject: Path) -> dict[str, str]:
    """Read the exact versions of the tools from the extras ``test`` and ``dev``.

    Args:
        pyproject: The project's pyproject.toml.

    Returns:
        The version of each tool, by name.

    Raises:
        ScriptError: If a tool is not pinned with ``==``.
    """
    extras = tomllib.loads(pyproject.read_text("utf-8"))["project"]["optional-dependencies"]
    found: dict[str, str] = {}
    for requirement in [*extras.get("test", ()), *extras.get("dev", ())]:
        pin = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;*]+)", requirement)
        if pin:
            found[pin[1].lower()] = pin[2]
    missing = [tool for tool in TOOLS if tool not in found]
    if missing:
        raise ScriptError(
            *(
                f"{pyproject.name} does not pin {tool}: add {tool}==<version> to the extra test, "
                "because another version generates different code"
                for tool in missing
            )
        )
    return {tool: found[tool] for tool in TOOLS}


def check_installed(pins: dict[str, str]) -> None:
    """Compare the pins with the installed versions.

    Raises:
        MissingToolError: If a tool is missing.
        ScriptError: If a tool has another version.
    """
    found = {tool: _installed(tool) for tool in (*pins, *OTHERS)}
    if missing := [tool for tool, installed in found.items() if installed is None]:
        are = "is" if len(missing) == 1 else "are"
        raise MissingToolError(f"{', '.join(missing)} {are} not installed; {INSTALL}")
    problems = [
        f"{tool} {found[tool]} is installed, but pyproject.toml pins {wanted}, and another version "
        f"generates different code; {INSTALL}"
        for tool, wanted in pins.items()
        if found[tool] != wanted
    ]
    if problems:
        raise ScriptError(*problems)


def _installed(tool: str) -> str | None:
    try:
        return version(tool)
    except PackageNotFoundError:
        return None


def executable(name: str) -> Path:
    """Find a tool next to this interpreter: one on the PATH may have another version.

    Raises:
        MissingToolError: If there is none.
    """
    folder = Path(sys.executable).parent
    for candidate in (folder / name, folder / f"{name}.exe"):
        if candidate.is_file():
            return candidate
    raise MissingToolError(f"{name} is not installed next to {sys.executable}; {INSTALL}")
