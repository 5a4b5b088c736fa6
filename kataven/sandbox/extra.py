"""The extra ``sandbox``: what an error says if it is not installed.

Knows its name. Must not know who needs it.
"""

from __future__ import annotations


def missing_extra(what: str, error: ModuleNotFoundError) -> str:
    """Return the text of an ImportError.

    Args:
        what: What needs the extra, such as ``the embedded Hub``.
        error: The module that was not found.
    """
    return f"{what} needs {error.name}, which is not installed: pip install 'kataven[sandbox]'"
