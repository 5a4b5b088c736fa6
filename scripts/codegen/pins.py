"""Knows which versions of the tools pyproject.toml pins, and that these are the installed ones.

It must not know what the tools are called with.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .problems import CodegenError

# Each of these shapes the output: another version writes other code from the same specification.
TOOLS = ("openapi-python-client", "datamodel-code-generator", "ruff")

_INSTALL = "run: pip install -e '.[dev]'"


def pinned(pyproject: Path) -> dict[str, str]:
    """Read the exact versions of the tools out of the extras ``test`` and ``dev``.

    Args:
        pyproject: The project's pyproject.toml.

    Returns:
        The version of each tool, by name.

    Raises:
        CodegenError: If a tool is not pinned with ``==``.
    """
    extras = tomllib.loads(pyproject.read_text("utf-8"))["project"]["optional-dependencies"]
    found: dict[str, str] = {}
    for requirement in [*extras.get("test", ()), *extras.get("dev", ())]:
        pin = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;*]+)", requirement)
        if pin:
            found[pin[1].lower()] = pin[2]
    missing = [tool for tool in TOOLS if tool not in found]
    if missing:
        raise CodegenError(
            *(
                f"{pyproject.name} does not pin {tool}: add {tool}==<version> to the extra test, "
                "for another version of it writes other code"
                for tool in missing
            )
        )
    return {tool: found[tool] for tool in TOOLS}


def check_installed(pins: dict[str, str]) -> None:
    """Compare the pins with what this interpreter has.

    Raises:
        CodegenError: If a tool is missing or has another version.
    """
    problems = []
    for tool, wanted in pins.items():
        try:
            installed = version(tool)
        except PackageNotFoundError:
            problems.append(f"{tool} is not installed; {_INSTALL}")
            continue
        if installed != wanted:
            problems.append(
                f"{tool} {installed} is installed, but pyproject.toml pins {wanted}, and another "
                f"version writes other code; {_INSTALL}"
            )
    if problems:
        raise CodegenError(*problems)


def executable(name: str) -> Path:
    """Find a tool beside this interpreter: another one on the PATH may have another version.

    Raises:
        CodegenError: If it is not there.
    """
    folder = Path(sys.executable).parent
    for candidate in (folder / name, folder / f"{name}.exe"):
        if candidate.is_file():
            return candidate
    raise CodegenError(f"{name} is not beside the interpreter {sys.executable}; {_INSTALL}")
