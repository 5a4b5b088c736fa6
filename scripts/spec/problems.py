"""The exception of this package. It knows nothing beyond its sentences."""

from __future__ import annotations


class SpecError(Exception):
    """A document cannot be used, or a rule no longer applies.

    Args:
        problems: One sentence each: what is wrong, where, and what to do.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
