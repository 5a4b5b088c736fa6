"""Where the example list of contacts lies: in the installed package, or in the checkout.

There is one copy, examples/contacts.csv; building the wheel puts it into `kataven/cli/data`.
"""

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).parent / "data" / "contacts.csv"
_IN_CHECKOUT: Final = Path(__file__).parents[2] / "examples" / "contacts.csv"


def example_contacts() -> Path:
    """The path of the example list.

    Raises:
        FileNotFoundError: It is in neither place; the text names both.
    """
    for path in (_PACKAGED, _IN_CHECKOUT):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"the example contacts are missing: neither {_PACKAGED} nor {_IN_CHECKOUT} is there; "
        "install kataven again"
    )
