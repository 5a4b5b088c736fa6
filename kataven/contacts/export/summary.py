"""What an export wrote. Knows contacts as counts; opens nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kataven.types import ContactStatus

__all__ = ["ExportSummary"]


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export wrote; what ``export_contacts`` returns.

    Attributes:
        rows: The number of contacts in the table.
        paths: The paths that were written, as they were passed and in their order. Empty if the
            only target was an open file.
        counts: The number of contacts by status, in order of first occurrence. A contact whose
            status is missing or not text is not counted here.
    """

    rows: int
    paths: tuple[Path, ...] = ()
    counts: Mapping[ContactStatus, int] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """The first of ``paths``, or None."""
        return self.paths[0] if self.paths else None
