"""The one exception of these scripts; it knows nothing of what went wrong beyond its sentences."""

from __future__ import annotations


class CodegenError(Exception):
    """Generation cannot go on, or its result is not what it should be.

    Args:
        problems: One sentence each: what is wrong, in which file, and what to do.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
