"""Puts the page that explains a word first in the search, also where its title has another word.

Sphinx searches titles, index entries and text, and never finds a number such as ``401``. Each word
here becomes an index entry of a page or of a section, which is an exact match of the search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sphinx.addnodes import index
from sphinx.util import logging

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

# By page and by the anchor of a section ("" for the page).
_STATUSES: Final = ("400", "401", "403", "404", "409", "429", "500", "502", "503")
WORDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "start/first-look": {"install": ("install",)},
    "start/real-hub": {"": ("api key", "key", "dry-run")},
    "howto/several-countries": {"": ("region", "country", "country code")},
    "howto/do-not-call": {"": ("exclude", "exclusion", "opt-out")},
    "howto/celery-and-cron": {"": ("celery", "cron")},
    "howto/scheduled": {"": ("schedule", "local hours", "time zone", "timezone")},
    "howto/shared-quota": {"": ("quota", "redis")},
    "howto/follow-many": {"": ("asyncio", "async")},
    "howto/bulk": {"": ("large list", "millions", "bulk")},
    "messages": {"the-hub-refuses": _STATUSES},
    "reference/errors": {"": _STATUSES},
    "reference/contacts": {
        "": ("csv",),
        "check": ("check",),
        "numbers": ("phone number", "phone number format", "e.164", "number format"),
        "clean": ("clean", "duplicate", "duplicates"),
        "sources": ("encoding", "csv encoding", "excel", "delimiter", "semicolon"),
        "split": ("split",),
        "results": ("export", "results", "retry list"),
        "status-and-last-error": ("status", "last error"),
        "estimate": ("estimate",),
    },
    "reference/events": {"": ("webhook", "sse"), "watch": ("progress", "watch")},
    "reference/delivery": {
        "retries": ("retry", "retries"),
        "timeouts-and-deadlines": ("timeout", "deadline"),
        "the-rate-limiter": ("rate limit", "rate limits"),
    },
    "reference/cli": {"scripting": ("exit code", "exit codes", "json")},
}


def add_words(app: Sphinx, doctree: nodes.document) -> None:
    """Add the index entries of a page; a section that it does not have is a warning."""
    for anchor, words in WORDS.get(app.env.docname, {}).items():
        if anchor and anchor not in doctree.ids:
            logging.getLogger(__name__).warning(
                "search_words.py names the section %r, which this page does not have",
                anchor,
                location=app.env.docname,
            )
        entries = [("single", word, anchor, "main", None) for word in words]
        doctree.append(index(entries=entries))


def check_pages(app: Sphinx, *_: object) -> None:
    """Warn of a page that does not exist."""
    for name in WORDS.keys() - app.env.found_docs:
        logging.getLogger(__name__).warning("search_words.py names the page %r", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handlers with Sphinx."""
    app.connect("doctree-read", add_words)
    app.connect("env-check-consistency", check_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
