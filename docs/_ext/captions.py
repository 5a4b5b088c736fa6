"""Shows the name of the file that a code block is saved as, which a comment before it says.

``<!-- file: NAME -->`` before a block is read by ``scripts/run_pages.py``; on the site, the name
becomes the caption of the block.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_NAMED: Final = re.compile(r"^<!-- file: (\S+) -->\n```(\w+)\n", re.MULTILINE)


def captioned(text: str) -> str:
    """Return the source of a page with captions instead of comments."""
    return _NAMED.sub(r"```{code-block} \2\n:caption: \1\n\n", text)


def read(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Give the blocks of a page their captions."""
    source[0] = captioned(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handler with Sphinx."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
