"""Contacts of a campaign as a table: pages in, CSV, JSON Lines or Parquet out.

Does not know where the pages come from.
"""

from __future__ import annotations

from kataven.contacts.export.summary import ExportSummary
from kataven.contacts.export.writer import ExportWriter

__all__ = ["ExportSummary", "ExportWriter"]
