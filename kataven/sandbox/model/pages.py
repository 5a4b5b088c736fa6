"""Pages of a campaign's contacts.

Knows how a page is read from the campaign's roster and the store. Must not know HTTP or what
changes a campaign. Documented: 100 contacts per page, pages counted from 0, and a status filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from kataven.sandbox.model import outcomes
from kataven.sandbox.model.contacts import BLOCK, CONTACT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.sandbox.model.campaign import Campaign, ContactFields
    from kataven.sandbox.model.store import Store

PAGE: Final = BLOCK
_MAX_CACHED: Final = 16


class ContactPage(TypedDict):
    """One page of contacts as clients see it (assumed keys)."""

    contacts: list[ContactFields]
    page: int
    page_size: int
    total: int


class ContactPages:
    """Reads pages, and caches the rows of a filter between the pages of a campaign.

    Args:
        store: The database, which holds the custom fields.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # By the campaign's key and the codes of the status and of the last error.
        self._rows: dict[tuple[int, int | None, int | None], list[int]] = {}

    def read(
        self, campaign: Campaign, status: str | None, page: int, last_error: str | None = None
    ) -> ContactPage:
        """Return one page, in the order of the CSV.

        Args:
            campaign: The campaign.
            status: Only contacts of this status, or None for all. An unknown status finds none.
            page: The page, counted from 0.
            last_error: Only contacts with this last error, or None for all. An unknown one finds
                none.
        """
        roster = campaign.roster
        matching: Sequence[int] = range(len(roster))
        if status is not None or last_error is not None:
            matching = self._rows_of(campaign, status, last_error)
        fields: dict[int, list[list[str]]] = {}
        contacts: list[ContactFields] = []
        for row in matching[page * PAGE : (page + 1) * PAGE]:
            block, place = divmod(row, BLOCK)
            if block not in fields:
                fields[block] = self._store.fields(campaign, block)
            contacts.append(campaign.contact(row, fields[block][place]))
        return {"contacts": contacts, "page": page, "page_size": PAGE, "total": len(matching)}

    def clear(self) -> None:
        """Clear the cache, because a campaign changed."""
        self._rows.clear()

    def _rows_of(self, campaign: Campaign, status: str | None, error: str | None) -> list[int]:
        if status not in {None, *CONTACT_STATUSES} or error not in {None, *outcomes.WORDS}:
            return []
        codes = (
            None if status is None else CONTACT_STATUSES.index(status),
            None if error is None else outcomes.code_of(error),
        )
        found = self._rows.get((campaign.key, *codes))
        if found is None:
            if len(self._rows) >= _MAX_CACHED:
                self._rows.clear()
            found = self._rows[campaign.key, *codes] = campaign.roster.rows_of(*codes)
        return found
