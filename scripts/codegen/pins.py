"""Knows the versions of the tools that pyproject.toml pins, and checks that they are installed.

It must not know how the tools are called.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .problems import CodegenError

# Each of these determines the output: another version generates different code.
TOOLS = ("openapi-python-client", "datamodel-code-generator", "ruff")

_INSTALL = "run: pip install -e '.[dev]'"


def pinned(pyproject: Path) -> dict[str, str]:
    """Read the exact versions of the tools from the extras ``test`` and ``dev``.

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
                "because another version generates different code"
                for tool in missing
            )
        )
    return {tool: found[tool] for tool in TOOLS}


def check_installed(pins: dict[str, str]) -> None:
    """Compare the pins with the installed versions.

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
                f"version generates different code; {_INSTALL}"
            )
    if problems:
        raise CodegenError(*problems)


def executable(name: str) -> Path:
    """Find a tool next to this interpreter: one on the PATH may have another version.

    Raises:
        CodegenError: If there is none.
    """
    folder = Path(sys.executable).parent
    for candidate in (folder / name, folder / f"{name}.exe"):
        if candidate.is_file():
            return candidate
    raise CodegenError(f"{name} is not installed next to {sys.executable}; {_INSTALL}")
