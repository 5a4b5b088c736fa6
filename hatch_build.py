"""Build hooks: the example contacts in the wheel, and the readme as a package index shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

# A link or a picture of a Markdown document, with a path as its target.
_RELATIVE: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def without_relative_links(text: str, files: str, pictures: str) -> str:
    """Return a Markdown document as a package index can show it: that follows no relative link.

    Args:
        text: The document.
        files: The address of the repository's files, with a slash at its end. If it is empty, only
            the text of a link to a file remains.
        pictures: The same for pictures. If it is empty, they are left out.
    """

    def replace(link: re.Match[str]) -> str:
        picture, shown, path = link.groups()
        address = pictures if picture else files
        if address:
            return f"{picture}[{shown}]({address}{path})"
        return "" if picture else shown

    return _RELATIVE.sub(replace, text)


class Readme(MetadataHookInterface):
    """Called by hatchling for the metadata of each archive."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description, which a package index shows."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        files, pictures = (
            self.config[name].replace("{version}", metadata["version"])
            for name in ("files", "pictures")
        )
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": without_relative_links(text, files, pictures),
        }


# A hook instead of the force-include table, because that would also copy the file into the
# site-packages of every editable install.
class ExampleContacts(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each wheel: adds the contacts of ``kataven demo``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, except to an editable install, which reads it from the checkout."""
        if version != "editable":
            build_data["force_include"]["examples/contacts.csv"] = "kataven/cli/data/contacts.csv"
