"""``python -m kataven``: the ``kataven`` command when its script is not on the path."""

from __future__ import annotations

import sys

from kataven.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
