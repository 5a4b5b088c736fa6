"""Where the tables of an export go: paths, pipes and devices, and open files.

Knows how a target is checked before anything is read. Does not know contacts.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, cast

from kataven.contacts.export.failures import explained
from kataven.contacts.export.formats import FORMATS, load_pyarrow

if TYPE_CHECKING:
    from kataven.types import ExportFormat

    AnyTarget: TypeAlias = str | os.PathLike[str] | IO[bytes] | IO[str]

__all__ = ["Target", "format_of", "is_text", "targets_of"]

_ENDINGS: Final[Mapping[str, ExportFormat]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class Target:
    """One place for the finished table.

    Args:
        given: A path, or an open file (text or binary for CSV and JSON Lines, binary for Parquet).
        format: ``csv``, ``jsonl`` or ``parquet``; None to use the ending of the path or of the
            file's name (CSV for a file without a name).

    Attributes:
        given: The path as it was passed, or None for an open file.
        path: Where the table goes, with links followed; None for an open file.
        file: The open file, or None.
        special: Whether the path is a pipe or a device. It cannot be replaced, and its folder is
            not a place for other files.
        format: The format of the table.
    """

    def __init__(self, given: AnyTarget, format: ExportFormat | None) -> None:
        self.given: Path | None = None
        self.path: Path | None = None
        self.file: IO[Any] | None = None
        self.special = False
        value: object = given
        if isinstance(value, str | os.PathLike):
            self.given = Path(cast("str", value))
            self.special = _is_special(self.given)
            self.path = self.given if self.special else _followed(cast("str", value))
        elif callable(getattr(value, "write", None)):
            self.file = cast("IO[Any]", value)
        else:
            raise TypeError(
                "the target must be a path, an open file, or a list of these, not "
                f"{type(value).__name__}"
            )
        self.format: Final = _format(format, self.path, self.file)
        if self.format == "parquet":
            load_pyarrow()
            if self.file is not None and is_text(self.file):
                raise TypeError("Parquet is binary: open the file in binary mode ('wb')")

    @property
    def replaced(self) -> Path | None:
        """The path of a regular file, which the finished table replaces; None for others."""
        return None if self.special else self.path

    def draft(self, spool: Path) -> Path:
        """Return the path at which the table is written before it replaces the target."""
        path = cast("Path", self.path)
        # Two targets may be in one folder, and exports with other spools may write into it too.
        key = os.fsencode(spool.parent / path.name)
        return path.with_name(f"{spool.stem}.{hashlib.sha256(key).hexdigest()[:8]}.kataven-table")

    def check(self, spool: Path | None) -> None:
        """Find out whether the target can be written, by creating and removing the draft.

        Args:
            spool: The file that keeps the pages; None if no target is a regular file.

        Raises:
            OSError: It cannot; the error names the target.
        """
        if self.special and not os.access(cast("Path", self.path), os.W_OK):
            code = errno.EACCES if cast("Path", self.path).exists() else errno.ENOENT
            reason = f"{os.strerror(code)}; the target cannot be written to. Nothing was sent"
            raise OSError(code, reason, str(self.path))
        path = self.replaced
        if path is None or spool is None:
            return
        draft = self.draft(spool)
        try:
            draft.open("wb").close()
            draft.unlink()
        except OSError as error:
            raise explained(error, path, unwritable(error)) from None


def unwritable(error: OSError) -> str:
    """Return what to do about a folder in which nothing can be created."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "the folder of the target does not exist: create it first. Nothing was sent"
    return (
        "an export writes other files into the folder of its target, and this one does not allow "
        "it: choose another folder. Nothing was sent"
    )


def targets_of(
    target: AnyTarget | Sequence[AnyTarget], format: ExportFormat | None
) -> tuple[Target, ...]:
    """Return the targets of an export.

    Raises:
        ValueError: The list is empty, names one file twice, or a format is unknown.
        TypeError: One is neither a path nor a file, or a text file for Parquet.
        ImportError: Parquet, and pyarrow is not installed.
        IsADirectoryError: One is a folder.
    """
    value: object = target
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
    given = list(cast("Sequence[AnyTarget]", value)) if several else [value]
    if not given:
        raise ValueError("the list of targets is empty; name at least one")
    targets = tuple(Target(cast("AnyTarget", one), format) for one in given)
    seen: set[object] = set()
    for one in targets:
        place: object = id(one.file) if one.path is None else one.path
        if place in seen:
            raise ValueError(f"the list of targets names {str(one.given or one.file)!r} twice")
        seen.add(place)
    return targets


def copy_mode(draft: IO[bytes], target: Path) -> None:
    """Give the new table the permissions of the one it replaces."""
    if target.exists() and hasattr(os, "fchmod"):
        os.fchmod(draft.fileno(), stat.S_IMODE(target.stat().st_mode))


def is_text(file: object) -> bool:
    """Return whether a file takes text."""
    return isinstance(file, io.TextIOBase) or hasattr(file, "encoding")


def _followed(given: str | os.PathLike[str]) -> Path:
    """Return what a path leads to: the target of a link is replaced, and not the link."""
    text = os.fspath(given)
    path = Path(os.path.realpath(text))
    if path.is_dir() or text.endswith(("/", os.sep)):
        raise IsADirectoryError(errno.EISDIR, "the target is a folder; name a file in it", text)
    return path


def _is_special(path: Path) -> bool:
    """Tell whether a target is a pipe, a device, or the system's name for an open file."""
    given = str(path.absolute())
    if given.startswith(("/dev/", "/proc/")) and given != os.path.realpath(path):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def _format(requested: ExportFormat | None, path: Path | None, file: object) -> ExportFormat:
    if requested is not None:
        if requested not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {requested!r}")
        return requested
    name = path if path is not None else getattr(file, "name", None)
    named = Path(name) if isinstance(name, str | Path) else Path()
    return "csv" if path is None and not named.suffix else format_of(named)


def format_of(path: Path) -> ExportFormat:
    """Return the format that the ending of a path stands for.

    Raises:
        ValueError: It is not known.
    """
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise ValueError(
            f"the ending of {str(path)!r} is not a known format: use one of "
            f"{', '.join(_ENDINGS)}, or pass format="
        )
    return _ENDINGS[ending]
