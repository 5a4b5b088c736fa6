"""Contacts of a campaign written as a table: pages in, CSV, JSON Lines or Parquet out.

Does not know where the pages come from.
"""

from __future__ import annotations

from kataven.contacts.export.writer import ExportFormat, ExportWriter

__all__ = ["ExportFormat", "ExportWriter"]
