"""The marker ``@pytest.mark.kataven``: its options, and how those of several are combined.

Knows the names of the options. Must not know the embedded Hub, which checks their values.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

MARKER: Final = "kataven"
# The fixtures that start a Hub.
FIXTURES: Final = frozenset(
    {"kataven_hub", "kataven_client", "async_kataven_client", "kataven_env"}
)
_OPTIONS: Final = ("seed", "time_scale", "limits", "call_limits", "outcomes", "faults")
# What the command line calls an option.
_OTHER_NAMES: Final = {"speed": "time_scale"}


def checked_names(marker: pytest.Mark) -> str | None:
    """Return what is wrong with the names of a marker's options, or None."""
    if marker.args:
        return f"pass its options by name; they are {', '.join(_OPTIONS)}"
    for name in marker.kwargs:
        if name not in _OPTIONS:
            similar = difflib.get_close_matches(name, _OPTIONS, 1)
            meant = _OTHER_NAMES.get(name, similar[0] if similar else None)
            hint = "" if meant is None else f" (did you mean {meant!r}?)"
            return f"unknown option {name!r}{hint}; the options are {', '.join(_OPTIONS)}"
    return None


def options_of(node: pytest.Item) -> dict[str, Any]:
    """Return the options of a test. Each is taken from the closest marker that has it."""
    options: dict[str, Any] = {}
    for marker in node.iter_markers(MARKER):
        options = {**marker.kwargs, **options}
    return options
