"""Says which command installs what a script needs and does not find.

The package needs less than its scripts do, so a script may be started without its tools. It imports
nothing but the standard library.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = "run `make setup`, or: pip install -e '.[dev]'"


@contextmanager
def imported() -> Iterator[None]:
    """End the script with one sentence and exit code 1 if an import in the block fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        print(f"error: the module {error.name} is not installed; {INSTALL}", file=sys.stderr)
        raise SystemExit(1) from None
