"""The iterators over campaigns, contacts and progress, blocking and awaited.

Knows what they offer in addition to the items. How they run and end is up to the HTTP layer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kataven._http.async_iterator import AsyncFlowIterator
from kataven._http.iterator import FlowIterator
from kataven.campaigns.interruption import name_followed
from kataven.campaigns.progress import CampaignProgress
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._http.async_driver import AsyncDriver
    from kataven._http.driver import Driver
    from kataven.campaigns.pages import PageState
    from kataven.types import Campaign, Contact
else:
    # The generated types are not needed to iterate, so they are not loaded for it. The names are
    # the same, because editors show them.
    Campaign = Contact = dict


def _interrupted(state: PageState) -> KatavenError:
    page = state.resume_page
    error = KatavenError(
        "reading the contacts was interrupted, so this iterator is closed; continue with "
        f"iter_contacts(..., start_page={page}), which repeats the contacts of page {page}"
    )
    error.page = page
    return error


class ContactIterator(FlowIterator[Contact]):
    """Every contact of a campaign, one by one; what ``iter_contacts`` returns."""

    def __init__(self, driver: Driver, flow: Flow[None], state: PageState) -> None:
        super().__init__(driver, flow)
        self._pages = state

    @property
    def page(self) -> int:
        """The page that would be read next, counted from 0.

        After an interruption it is the page at which to continue without a gap.
        """
        return self._pages.resume_page if self.interrupted else self._pages.page

    def _interrupted_error(self) -> KatavenError:
        return _interrupted(self._pages)


class AsyncContactIterator(AsyncFlowIterator[Contact]):
    """Every contact of a campaign, one by one; what ``iter_contacts`` returns."""

    def __init__(self, driver: AsyncDriver, flow: Flow[None], state: PageState) -> None:
        super().__init__(driver, flow)
        self._pages = state

    @property
    def page(self) -> int:
        """The page that would be read next, counted from 0.

        After an interruption it is the page at which to continue without a gap.
        """
        return self._pages.resume_page if self.interrupted else self._pages.page

    def _interrupted_error(self) -> KatavenError:
        return _interrupted(self._pages)


class CampaignIterator(FlowIterator[Campaign]):
    """The campaigns of the account, one by one; what ``iter_campaigns`` returns."""


class AsyncCampaignIterator(AsyncFlowIterator[Campaign]):
    """The campaigns of the account, one by one; what ``iter_campaigns`` returns."""


class ProgressIterator(FlowIterator[CampaignProgress]):
    """The progress of a campaign until its end; what ``watch`` returns."""

    def __init__(self, driver: Driver, flow: Flow[object], campaign_id: str) -> None:
        super().__init__(driver, flow)
        # Not in an override of `__next__`: a Ctrl-C between the two would lose an item.
        self._run.on_error = partial(name_followed, campaign_id=campaign_id)


class AsyncProgressIterator(AsyncFlowIterator[CampaignProgress]):
    """The progress of a campaign until its end; what ``watch`` returns."""

    def __init__(self, driver: AsyncDriver, flow: Flow[object], campaign_id: str) -> None:
        super().__init__(driver, flow)
        self._campaign_id = campaign_id

    async def __anext__(self) -> CampaignProgress:
        """Return the next progress; a cancellation carries the campaign's id in a note."""
        try:
            return await super().__anext__()
        except BaseException as error:
            name_followed(error, self._campaign_id)
            raise
