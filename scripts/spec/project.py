"""Reads the files of a project. The only module here that opens files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from problems import ScriptError

from . import document
from .importer import read_rules

if TYPE_CHECKING:
    from pathlib import Path

    from .document import Json

# The document that openapi.yaml was last imported from: what differs from it is a hand edit.
LAST_IMPORTED = "tests/data/reconstructed-openapi.yaml"


def text_of(path: Path) -> str:
    """Read a file as UTF-8.

    Raises:
        ScriptError: If it cannot be read or is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path} cannot be read: {error}") from None


def rules(root: Path) -> list[Json]:
    """Read rules.yaml."""
    path = root / "scripts" / "spec" / "rules.yaml"
    return read_rules(document.load(text_of(path), "scripts/spec/rules.yaml"))


def current(root: Path) -> Json:
    """Read openapi.yaml."""
    return document.load(text_of(root / "openapi.yaml"), "openapi.yaml")


def version(root: Path) -> str:
    """Read the version of kataven.

    Raises:
        ScriptError: If kataven/_version.py does not have one.
    """
    found = re.search(
        r'^__version__ = "(\d+\.\d+\.\d+)', text_of(root / "kataven" / "_version.py"), re.MULTILINE
    )
    if found is None:
        raise ScriptError("kataven/_version.py does not contain a version such as 1.2.3")
    return found[1]
