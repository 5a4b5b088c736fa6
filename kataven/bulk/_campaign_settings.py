"""What every campaign of a run is created with; the first launch fixes it in the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from kataven.campaigns.operations import campaign_form
from kataven.errors import ConfigurationError

__all__ = ["BulkSettings"]


@dataclass(frozen=True, slots=True)
class BulkSettings:
    """The fields of each create, without contacts and marker."""

    name: str
    agent_id: str
    phone_number_id: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int

    def __post_init__(self) -> None:
        """Check them as ``create`` would, before anything is recorded.

        Raises:
            TypeError, ValueError: A value has the wrong type or is not usable.
        """
        campaign_form(
            self.name,
            self.agent_id,
            self.phone_number_id,
            self.max_concurrent_calls,
            self.retries_per_contact,
            self.retry_delay_seconds,
            None,
        )

    def text(self) -> str:
        """Return the settings as the ledger keeps them."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, fixed: str) -> BulkSettings:
        """Return the settings that a ledger keeps."""
        return cls(**json.loads(fixed))

    def compare(self, fixed: str) -> None:
        """Refuse settings that differ from those that are fixed.

        Raises:
            ConfigurationError: They differ; the text says in what.
        """
        if fixed == self.text():
            return
        found = json.loads(fixed)
        different = "; ".join(
            f"{name} is {value!r:.80} and was {found.get(name)!r:.80}"
            for name, value in asdict(self).items()
            if found.get(name) != value
        )
        raise ConfigurationError(
            f"the first launch has fixed other settings in the ledger: {different}. Use the same "
            "settings, so that the rest of the list is called like its beginning"
        )
