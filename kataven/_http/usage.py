"""Refusals of ``with`` for ``async with`` and the reverse, which say what to write.

Knows the names of the special methods and nothing else. Type checkers do not see these methods, so
that they report the mistake as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn


def wrong_keyword(thing: object, right: str, wrong: str) -> NoReturn:
    """Raise the error of a statement that the other client would need.

    Raises:
        TypeError: Always.
    """
    raise TypeError(f"write '{right}' and not '{wrong}' for a {type(thing).__name__}")


class Usage:
    """Something blocking that is used in a ``with`` statement."""

    if not TYPE_CHECKING:

        def __aenter__(self) -> NoReturn:
            wrong_keyword(self, "with", "async with")

        def __aexit__(self, *_exc: object) -> NoReturn:
            wrong_keyword(self, "with", "async with")


class AsyncUsage:
    """Something async that is used in an ``async with`` statement."""

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            wrong_keyword(self, "async with", "with")

        def __exit__(self, *_exc: object) -> NoReturn:
            wrong_keyword(self, "async with", "with")
