"""The files of the page: style, scripts and icon, as they lie in ``static``.

Knows the folder. Must not know HTTP. A path that is not in the folder's list has no file.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

# By the end of a name.
TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@cache
def files() -> dict[str, bytes]:
    """Return each file by its name."""
    folder = resources.files("kataven.sandbox.page").joinpath("static")
    return {
        one.name: one.read_bytes()
        for one in folder.iterdir()
        if one.name.rpartition(".")[2] in TYPES
    }
