"""The words that arguments accept beside those of the specification.

Knows neither the Hub nor a file, so that every package may import it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["ExportFormat", "KnownLastError", "LastError"]

ExportFormat: TypeAlias = Literal["csv", "jsonl", "parquet"]
"""The format of an exported table."""

KnownLastError: TypeAlias = Literal["no_answer", "voicemail", "busy", "failed"]
"""The reasons for which a call fails, as far as they are known (assumed)."""

LastError: TypeAlias = KnownLastError | str
"""Why the last call of a contact failed; any word is accepted, and editors complete known ones."""
