"""Whatever the budget's tests share serves the long proofs too."""

import sys
from pathlib import Path

# Test folders are no packages.
sys.path.insert(0, str(Path(__file__).parent.parent / "budget"))
