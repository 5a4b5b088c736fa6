"""The exceptions of the scripts. They know nothing beyond their sentences."""

from __future__ import annotations


class ScriptError(Exception):
    """A script cannot do its work.

    Args:
        problems: One sentence each: what is wrong, where, and what to do.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingToolError(ScriptError):
    """A script needs something that is not installed."""
