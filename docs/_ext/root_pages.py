"""Shows the documents of the repository's root, such as CONTRIBUTING.md, as pages of the site.

A page whose only line is ``<!-- page: NAME -->`` becomes that document, with its links changed to
lead from the page's place. Links of other pages to such a document lead to its page.
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
_DOCUMENTS: Final = f"({'|'.join(map(re.escape, _PAGES))})"


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the line by the document, and links to documents by links to their pages."""
    up = "../" * docname.count("/")
    if found := _PAGE.fullmatch(source[0]):
        path = _ROOT / found[1]
        app.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8")
        source[0] = re.sub(r"\]\(docs/", f"]({up}", text)
        links = _DOCUMENTS
    else:
        links = rf"\.\./{up}{_DOCUMENTS}"
    source[0] = re.sub(rf"\]\({links}", lambda link: f"]({up}{_PAGES[link[1]]}", source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handler with Sphinx."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
