"""How long tests wait for what must happen."""

from __future__ import annotations

from typing import Final

# Seconds. No test that passes waits that long, so the limit may be one that a machine under load
# does not reach either.
PATIENCE: Final = 60
