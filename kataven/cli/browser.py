"""Opening an address in a browser.

Knows the machine's browser. Must not know what the address shows.
"""

from __future__ import annotations

import webbrowser

from kataven.cli.output import note

__all__ = ["open_page"]


def open_page(url: str) -> None:
    """Open an address in the user's browser; say so if there is none."""
    if not webbrowser.open(url):
        note(f"No browser was found: open {url} yourself.", fg="yellow")
