"""Compares and replaces folders of generated files. It must not know how they are generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_COMMAND = "python scripts/generate.py"


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder, by relative path, without Python's caches."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(built: Path, committed: Path) -> list[str]:
    """Compare two folders in both directions.

    Args:
        built: The folder as it was just generated.
        committed: The folder in the repository.

    Returns:
        One sentence for each file that differs, is missing or should not exist.
    """
    new, old = contents(built), contents(committed)
    name = committed.name
    sentences = [
        f"{name}/{path} is missing; run: {_COMMAND}" for path in sorted(new.keys() - old.keys())
    ]
    sentences += [
        f"{name}/{path} is not generated from openapi.yaml; move it out of {name}/ (hand-written "
        f"code belongs in kataven/), or run {_COMMAND}, which deletes it"
        for path in sorted(old.keys() - new.keys())
    ]
    sentences += [
        f"{name}/{path} is not what is generated from openapi.yaml, generator-config.yml and "
        f"scripts/templates/: it was edited by hand, or one of these changed; run: {_COMMAND}"
        for path in sorted(new.keys() & old.keys())
        if new[path] != old[path]
    ]
    return sentences


def replace(built: Path, committed: Path) -> int:
    """Make ``committed`` equal to ``built``, writing only files that differ.

    Returns:
        The number of files written or deleted.
    """
    new, old = contents(built), contents(committed)
    changed = 0
    for path in old.keys() - new.keys():
        (committed / path).unlink()
        changed += 1
    for path, content in new.items():
        if old.get(path) != content:
            target = committed / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            changed += 1
    # Deepest first, so that folders that hold only empty folders are removed too.
    for folder in sorted(committed.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return changed
