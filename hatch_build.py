"""Puts the example contacts into the wheel, where `kataven demo` looks for them.

A build hook and not the table `force-include`, which would drop a stray copy into the site-packages
of every editable install.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExampleContacts(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each wheel; hatch finds it by its base class."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, but not to an editable install, which reads it from the checkout."""
        if version != "editable":
            build_data["force_include"]["examples/contacts.csv"] = "kataven/cli/data/contacts.csv"
