"""The iterators over a campaign's contacts, blocking and awaited.

Know what a reader may ask beside the contacts: which page would be read next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from kataven._core.iteration import AsyncFlowIterator, FlowIterator
from kataven.events.ports import AsyncPort, BlockingPort

if TYPE_CHECKING:
    from kataven._core.operation import Flow
    from kataven._core.senders import AsyncDriver, BlockingDriver
    from kataven.campaigns.recipes import PageState
    from kataven.types import Contact

    _Contact: TypeAlias = Contact
else:
    # The generated types are not needed to iterate, so they are not loaded for it.
    _Contact = dict


class ContactIterator(FlowIterator[_Contact]):
    """Every contact of a campaign, one by one."""

    def __init__(self, driver: BlockingDriver, flow: Flow[Any], state: PageState) -> None:
        super().__init__(driver, flow, BlockingPort(driver))
        self._state = state

    @property
    def page(self) -> int:
        """The page that would be read next, counted from 0."""
        return self._state.page


class AsyncContactIterator(AsyncFlowIterator[_Contact]):
    """Every contact of a campaign, one by one."""

    def __init__(self, driver: AsyncDriver, flow: Flow[Any], state: PageState) -> None:
        super().__init__(driver, flow, AsyncPort(driver))
        self._state = state

    @property
    def page(self) -> int:
        """The page that would be read next, counted from 0."""
        return self._state.page
