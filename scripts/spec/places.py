"""Knows where in kataven/ a change has to be followed up; it reads no code and compares nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .draft import Covered

_OPERATIONS = "kataven/campaigns/operations.py"
_CLIENTS = "kataven/campaigns/methods.py and kataven/campaigns/async_methods.py"
_TYPES = "kataven/types.py and kataven/models.py"


def snake_case(operation_id: str) -> str:
    """The name of an operation's module and builder."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


class Places:
    """Names the places in the hand-written layer by operation.

    Args:
        covered: The operations that rules.yaml names.
    """

    def __init__(self, covered: list[Covered]) -> None:
        self._sdk = {one.id: one.sdk for one in covered}

    def of(self, operations: list[str], direction: str, verb: str) -> str:
        """Name what a change of these operations touches.

        Args:
            operations: Our operationIds.
            direction: "request", "response", or "" for the operation itself.
            verb: What has to be done to a builder and a method, such as "add it to".
        """
        if direction == "response":
            methods = ", ".join(self.sdk_name(one) for one in operations)
            return f"touches {_TYPES}; users see it in the answers of {methods or 'none yet'}"
        if not operations:
            return "touches nothing in kataven/"
        builders = ", ".join(snake_case(one) for one in operations)
        methods = ", ".join(self.method(one) for one in operations)
        return f"{verb} {builders} in {_OPERATIONS} and {methods} in {self._file(operations[0])}"

    def sdk_name(self, operation_id: str) -> str:
        """What users call an operation, such as "campaigns.create"."""
        return self._sdk.get(operation_id, snake_case(operation_id))

    def method(self, operation_id: str) -> str:
        """The name of the method that users call."""
        return self.sdk_name(operation_id).rpartition(".")[2]

    def _file(self, operation_id: str) -> str:
        campaigns = self._sdk.get(operation_id, "campaigns.").startswith("campaigns.")
        return _CLIENTS if campaigns else "kataven/client.py"

    def removal(self, operation_id: str) -> str:
        """What to take out when an operation is gone."""
        return (
            f"take {snake_case(operation_id)} and its line in OPERATIONS out of {_OPERATIONS}, "
            f"the method {self.method(operation_id)} out of {self._file(operation_id)}, and the "
            f"line of {operation_id} out of scripts/spec/rules.yaml"
        )

    def addition(self, operation_id: str) -> str:
        """What to add for an operation that is new to the SDK."""
        return (
            f"add {snake_case(operation_id)} and its line in OPERATIONS to {_OPERATIONS} and the "
            f"method {self.method(operation_id)} to {self._file(operation_id)}; docs/spec.md has "
            "the recipe"
        )
