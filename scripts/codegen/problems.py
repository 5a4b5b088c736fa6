"""The exception of this package. It knows nothing beyond its sentences."""

from __future__ import annotations


class CodegenError(Exception):
    """Generation is not possible, or its result is not up to date.

    Args:
        problems: One sentence each: what is wrong, in which file, and what to do.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
