"""Finds the example contact list, in the installed package or in the checkout.

The repository has one copy, ``examples/contacts.csv``; the build puts it into the wheel as
``kataven/cli/data/contacts.csv``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).parent / "data" / "contacts.csv"
_IN_CHECKOUT: Final = Path(__file__).parents[2] / "examples" / "contacts.csv"


def example_contacts() -> Path:
    """Return the path of the example contact list.

    Raises:
        FileNotFoundError: It is in neither place; the text names both.
    """
    for path in (_PACKAGED, _IN_CHECKOUT):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"the example contacts are missing: neither {_PACKAGED} nor {_IN_CHECKOUT} exists; "
        "reinstall kataven"
    )
