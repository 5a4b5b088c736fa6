"""`python -m kataven`: the `kataven` command where its script is not on the path."""

import sys

from kataven.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
