"""What an upload must look like: the Hub's documented rules and, where it has none, our choices.

Knows names, limits and the pattern of a number. Reads nothing and judges nothing.
"""

import re
from typing import Final

PHONE_COLUMN: Final = "phone_number"
"""The header every list needs (documented)."""

MAX_BYTES: Final = 10 * 1024 * 1024
"""The largest file: the Hub documents "10 MB"; that this means 10 MiB is our reading."""

MAX_ROWS: Final = 100_000
"""About how many contacts a file may hold (documented as "about", so more is a warning)."""

MAX_HEADER: Final = 64 * 1024
"""The most bytes of all header names with a separator each (our choice: each contact that is read
back repeats them)."""

PIECE: Final = 1024 * 1024
"""How many bytes are read from a source at once, at most."""

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""A number as the Hub takes it: `+` and 7 to 15 ASCII digits (documented), none leading zero."""
