"""What an error of the disk says: which target, and whether an export continues.

Knows operating system errors. Opens nothing.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

__all__ = ["explained"]


def explained(error: OSError, target: str | os.PathLike[str], advice: str) -> OSError:
    """Return an error of the same class that names a target and says what to do.

    Args:
        error: What the operating system reported, perhaps of a file that the caller never named.
        target: The file or folder to name.
        advice: What is kept, and what to do.
    """
    reason = error.strerror or str(error) or type(error).__name__
    return OSError(error.errno or errno.EIO, f"{reason}; {advice}", str(target))
