"""Shows the documents of the repository's root, such as CONTRIBUTING.md, as pages of the site.

A page whose only line is ``<!-- page: NAME -->`` becomes that document, with its links changed to
lead from the page's place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ROOT: Final = Path(__file__).resolve().parents[2]
_PAGE: Final = re.compile(r"<!-- page: (\S+) -->\s*")
_PAGES: Final = {
    "CHANGELOG.md": "maintainers/changelog.md",
    "CONTRIBUTING.md": "maintainers/contributing.md",
    "README.md": "index.md",
}


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the line by the document."""
    found = _PAGE.fullmatch(source[0])
    if found is None:
        return
    path = _ROOT / found[1]
    app.env.note_dependency(str(path))
    up = "../" * docname.count("/")

    def target(link: re.Match[str]) -> str:
        name = link[1]
        return f"]({up}{_PAGES.get(name) or name.removeprefix('docs/')}"

    links = re.compile(rf"\]\((docs/[^)#\s]+|{'|'.join(map(re.escape, _PAGES))})")
    source[0] = links.sub(target, path.read_text(encoding="utf-8"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handler with Sphinx."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
