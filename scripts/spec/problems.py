"""The one exception of this package; it knows nothing beyond its sentences."""

from __future__ import annotations


class SpecError(Exception):
    """The document cannot be used, or a rule of ours has lost its cause.

    Args:
        problems: One sentence each: what is wrong, where, and what to do.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
