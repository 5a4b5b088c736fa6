"""Build hook that puts the example contacts into the wheel, where ``kataven demo`` looks for them.

A hook instead of the ``force-include`` table, because that would also copy the file into the
site-packages of every editable install.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExampleContacts(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each wheel; hatchling finds it by its base class."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, except to an editable install, which reads it from the checkout."""
        if version != "editable":
            build_data["force_include"]["examples/contacts.csv"] = "kataven/cli/data/contacts.csv"
