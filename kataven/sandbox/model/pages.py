"""Pages of a campaign's contacts.

Knows how a page is read from the campaign's roster and the store. Must not know HTTP or what
changes a campaign. Documented: 100 contacts per page, pages counted from 0, and a status filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from kataven.sandbox.model.contacts import BLOCK, CONTACT_STATUSES

if TYPE_CHECKING:
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
    """Reads pages, and caches the rows of a status between the pages of a campaign.

    Args:
        store: The database, which holds the custom fields.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # By the campaign's key and the code of the status.
        self._rows: dict[tuple[int, int], list[int]] = {}

    def read(self, campaign: Campaign, status: str | None, page: int) -> ContactPage:
        """Return one page, in the order of the CSV.

        Args:
            campaign: The campaign.
            status: Only contacts of this status, or None for all. An unknown status finds none.
            page: The page, counted from 0.
        """
        roster = campaign.roster
        matching = range(len(roster)) if status is None else self._rows_of(campaign, status)
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

    def _rows_of(self, campaign: Campaign, status: str) -> list[int]:
        if status not in CONTACT_STATUSES:
            return []
        code = CONTACT_STATUSES.index(status)
        found = self._rows.get((campaign.key, code))
        if found is None:
            if len(self._rows) >= _MAX_CACHED:
                self._rows.clear()
            found = self._rows[campaign.key, code] = campaign.roster.rows_of(code)
        return found
