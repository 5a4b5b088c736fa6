"""Reads what the comparison needs from a project's files; the only module here that opens files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import document
from .normalise import Tables, read_tables
from .order import seal_is_whole
from .problems import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from .document import Json

EDITED = (
    "openapi.yaml was edited by hand, but it is output only: put the change into "
    "scripts/spec/rules.yaml (what the vendor says) or scripts/spec/assumed.yaml (what we choose), "
    "then run: python scripts/update_spec.py tests/data/vendor-openapi.yaml"
)


def text_of(path: Path) -> str:
    """Read a file as UTF-8.

    Raises:
        SpecError: If it is not there or no UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}") from None


def tables(root: Path) -> Tables:
    """Read rules.yaml and assumed.yaml."""
    folder = root / "scripts" / "spec"
    return read_tables(
        document.load(text_of(folder / "rules.yaml"), "scripts/spec/rules.yaml"),
        document.parse(text_of(folder / "assumed.yaml"), "scripts/spec/assumed.yaml"),
    )


def current(root: Path) -> Json:
    """Read openapi.yaml as it stands."""
    return document.load(text_of(root / "openapi.yaml"), "openapi.yaml")


def edited_by_hand(root: Path) -> bool:
    """Say whether openapi.yaml is not as update_spec.py wrote it."""
    return not seal_is_whole(text_of(root / "openapi.yaml"))


def version(root: Path) -> str:
    """Read the version of kataven.

    Raises:
        SpecError: If kataven/_version.py names none.
    """
    found = re.search(
        r'^__version__ = "(\d+\.\d+\.\d+)', text_of(root / "kataven" / "_version.py"), re.MULTILINE
    )
    if found is None:
        raise SpecError("kataven/_version.py names no version like 1.2.3")
    return found[1]
