"""Links the words of docstrings that name an assumption to the row that explains it.

A docstring says "assumed" or "not known" in the place that relies on it. Here is which row of
explanation/known-and-assumed.md is meant; a name without a row links to the top of the page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx.application import Sphinx

_TRANSITION: Final = ("transition-body", "transition-body")
_LAST_ERROR: Final = ("last-error", "last-error")
_SNAPSHOT: Final = ("snapshot-keys", "streams-of-drafts")
# The rows for "assumed" and for "not known", by the last part of the name.
_ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "list": ("list-keys", "list-pages"),
    "iter_campaigns": ("list-keys", "list-pages"),
    "create": ("ten-megabytes", "a-scheduled-campaign"),
    "run": ("a-scheduled-campaign", "a-scheduled-campaign"),
    "start": _TRANSITION,
    "pause": _TRANSITION,
    "resume": _TRANSITION,
    "stop": _TRANSITION,
    "delete": ("wrong-state", "delete-status"),
    "list_contacts": ("in-progress-and-completed", "keys-of-a-page"),
    "iter_contacts": _LAST_ERROR,
    "export_contacts": _LAST_ERROR,
    "retry_list": _LAST_ERROR,
    "stream_events": _SNAPSHOT,
    "watch": _SNAPSHOT,
    "wait": _SNAPSHOT,
    "CampaignProgress": _SNAPSHOT,
    "types": ("fields-of-a-contact", "fields-of-a-contact"),
    "Contact": ("fields-of-a-contact", "fields-of-a-contact"),
    "RateLimits": ("windows", "a-stream-is-in-flight"),
    "split": ("ten-megabytes", "ten-megabytes"),
}
_PAGE: Final = "what-is-known"


def link(
    _app: Sphinx, _what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Turn the words into references."""
    if name.startswith("kataven.sandbox"):
        return  # The embedded Hub has a list of its own.
    assumed, unknown = _ROWS.get(name.rpartition(".")[2], (_PAGE, _PAGE))
    for number, line in enumerate(lines):
        lines[number] = re.sub(
            r"\b(?:(assumed)|not known)\b(?![^`]*``[^`]*$)",
            lambda found: f":ref:`{found[0]} <{assumed if found[1] else unknown}>`",
            line,
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handler with Sphinx."""
    app.connect("autodoc-process-docstring", link, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
