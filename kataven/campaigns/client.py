"""``client.campaigns``, blocking: the documented methods and what is built on them.

Knows what people do with campaigns beyond single requests: read every contact, export, watch, wait,
run. Hands each to a recipe and decides nothing; the async client is the same methods, awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kataven._core.iteration import FlowIterator
from kataven.campaigns import operations, recipes, tables, watching
from kataven.campaigns.iterators import ContactIterator
from kataven.campaigns.methods import CampaignMethods
from kataven.events.ports import BlockingPort

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime
    from typing import IO, BinaryIO

    from kataven._core.operation import Flow
    from kataven.campaigns.progress import CampaignProgress
    from kataven.campaigns.responses import CampaignsWithResponse
    from kataven.campaigns.tables import ExportProgress
    from kataven.contacts.export import ExportFormat
    from kataven.contacts.source.open import ContactsSource
    from kataven.types import Campaign


class CampaignsClient(CampaignMethods):
    """Outbound campaigns, as ``client.campaigns``.

    Every documented method answers with the Hub's JSON, untouched: a plain ``dict``, typed as a
    TypedDict of ``kataven.types``. Made by a client, not by you.
    """

    @property
    def with_response(self) -> CampaignsWithResponse:
        """The same methods, each answering with status, headers and request id beside the data."""
        from kataven.campaigns.responses import CampaignsWithResponse  # noqa: PLC0415 - rare

        return CampaignsWithResponse(self._driver, self._options)

    def iter_contacts(
        self, campaign_id: str, status: str | None = None, *, start_page: int = 0
    ) -> ContactIterator:
        """Iterate over every contact of a campaign, page by page, in constant memory.

        Each page of 100 is one request. With ``status`` on a campaign that is still dialling the
        pages shift while they are read: a contact may be missed or come twice.

        Args:
            campaign_id: The campaign's id.
            status: Only contacts of this status; None for all.
            start_page: The page to begin with, counted from 0.

        Returns:
            An iterator of contacts (dicts). Its ``page`` is the page that would be read next, and
            so is ``page`` on an error: reading can go on there later.

        Raises:
            NotFoundError: No such campaign in this account.
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that each page is given.
            ResponseFormatError: The answer is no JSON object, or nobody can tell its rows.
            ValueError: The id is empty or dots, or the page negative; nothing is sent.
        """
        state = recipes.page_state(campaign_id, status, start_page)
        flow = recipes.every_page(campaign_id, status, self._options, self._driver.clock, state)
        return ContactIterator(self._driver, flow, state)

    def export_contacts(
        self,
        campaign_id: str,
        path_or_file: str | os.PathLike[str] | IO[bytes] | IO[str],
        *,
        format: ExportFormat | None = None,
        status: str | None = None,
        on_progress: Callable[[ExportProgress], object] | None = None,
    ) -> None:
        """Write every contact of a campaign to a table: CSV, JSON lines or Parquet.

        The pages are kept beside the target while they are read, so that an export that was
        interrupted goes on behind its last whole page; the table is then written in one pass and
        renamed into place. Columns are the contact's fields and all custom fields, under the names
        of the uploaded file. In CSV, cells that a spreadsheet would run as a formula get a ``'``
        before them, but for phone numbers.

        Args:
            campaign_id: The campaign's id.
            path_or_file: Where to write; a file gets the finished table, stays open and is not
                resumed.
            format: ``"csv"``, ``"jsonl"`` or ``"parquet"`` (extra ``parquet``); by the path's
                ending if not given.
            status: Only contacts of this status; None for all.
            on_progress: Called with an ``ExportProgress`` after each page.

        Raises:
            KatavenError: Reading failed; ``page`` is where it stood. Call again to go on.
            ValueError: The format is unknown, or the id empty or dots; nothing is sent.
            OSError: The target cannot be written.
        """
        watching.check_progress_function(on_progress, awaited=False)
        flow = tables.export(
            campaign_id, path_or_file, format, status, self._options, self._driver.clock
        )
        self._finish(flow, on_progress)

    def retry_list(self, campaign_id: str, *, status: str = "failed") -> BinaryIO:
        """Make a list of a campaign's contacts for the next ``create``.

        Args:
            campaign_id: The campaign's id.
            status: Which contacts; those that failed unless said otherwise.

        Returns:
            A binary CSV file at its start, spooled to disk: ``phone_number`` and the custom fields,
            each number once. Close it when it was uploaded.

        Raises:
            ValueError: For any status but ``failed`` the campaign must be over: its contacts may
                still be dialled. ``in_progress`` and an empty status are refused in any case: such
                a list would hold people who are on the phone.
            KatavenError: Reading failed.
        """
        flow = tables.retry_list(campaign_id, status, self._options, self._driver.clock)
        file: BinaryIO = self._finish(flow, None)
        return file

    def watch(
        self, campaign_id: str, *, poll_fallback: bool = True, poll_interval: float = 10.0
    ) -> FlowIterator[CampaignProgress]:
        """Follow a campaign, in any state, until it is over for certain.

        Args:
            campaign_id: The campaign's id.
            poll_fallback: Whether ``get`` is asked where no event stream can be had.
            poll_interval: Seconds between two of these.

        Returns:
            An iterator of ``CampaignProgress``; the last one carries the terminal status. Close it,
            or use it as a context manager.

        Raises:
            APIStatusError, APIConnectionError, StreamError, ResponseFormatError: The campaign could
                not be followed.
            ValueError: The id is empty or dots; nothing is sent.
        """
        settings = watching.watch_settings(poll_fallback, poll_interval)
        clock = self._driver.clock
        flow = watching.Watching(campaign_id, settings, self._options, clock).flow()
        return FlowIterator(self._driver, flow, BlockingPort(self._driver))

    def wait(
        self,
        campaign_id: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[CampaignProgress], object] | None = None,
    ) -> Campaign:
        """Wait until a campaign, in any state, is over.

        Args:
            campaign_id: The campaign's id.
            timeout: For at most so many seconds, everything counted; None for as long as it takes.
            on_progress: Called with each ``CampaignProgress``.

        Returns:
            The final campaign.

        Raises:
            WaitTimeoutError: It was not over in time; it goes on.
            APIStatusError, APIConnectionError, StreamError, ResponseFormatError: The campaign could
                not be followed.
            ValueError: The id is empty or dots; nothing is sent.
        """
        watching.check_wait(campaign_id, timeout)
        watching.check_progress_function(on_progress, awaited=False)
        flow = watching.wait(campaign_id, timeout, self._options, self._driver.clock)
        campaign: Campaign = self._finish(flow, on_progress)
        return campaign

    def run(
        self,
        name: str,
        agent_id: str,
        phone_number_id: str,
        contacts: ContactsSource,
        max_concurrent_calls: int = 5,
        retries_per_contact: int = 0,
        retry_delay_seconds: int = 300,
        scheduled_at: str | datetime | None = None,
        *,
        check: bool = False,
        on_ambiguous: Literal["raise", "find"] = "raise",
        find_timeout: float = 10.0,
        timeout: float | None = None,
        on_progress: Callable[[CampaignProgress], object] | None = None,
    ) -> Campaign:
        """Create a campaign, start it, and wait until it is over.

        With ``scheduled_at`` it is not started, for that would dial at once; whether the Hub begins
        by itself then is not known. Nothing is ever undone: what was made goes on.

        Args:
            name: As for ``create``, and so are all up to ``find_timeout``.
            agent_id: See ``create``.
            phone_number_id: See ``create``.
            contacts: See ``create``.
            max_concurrent_calls: See ``create``.
            retries_per_contact: See ``create``.
            retry_delay_seconds: See ``create``.
            scheduled_at: See ``create``.
            check: See ``create``.
            on_ambiguous: See ``create``.
            find_timeout: See ``create``.
            timeout: Seconds to wait for the end once the campaign is made and started, or None.
            on_progress: Called with each ``CampaignProgress``.

        Returns:
            The final campaign.

        Raises:
            CampaignRunError: Something failed after the campaign was made; ``campaign_id``,
                ``step`` and the cause tell what.
            KatavenError: The create failed, as ``create`` says it.
            KeyboardInterrupt: Passed on, with a note and ``campaign_id`` where one was made.
        """
        form = operations.campaign_form(
            name,
            agent_id,
            phone_number_id,
            max_concurrent_calls,
            retries_per_contact,
            retry_delay_seconds,
            scheduled_at,
        )
        wish = recipes.creation(form, contacts, check, on_ambiguous, find_timeout)
        watching.check_wait("-", timeout)
        watching.check_progress_function(on_progress, awaited=False)
        state = watching.RunState()
        flow = watching.run(wish, timeout, self._options, self._driver.clock, state)
        try:
            campaign: Campaign = self._finish(flow, on_progress)
        except BaseException as interruption:
            watching.say_what_runs(interruption, state)
            raise
        return campaign

    def _finish(self, flow: Flow[Any], on_progress: Callable[[Any], object] | None) -> Any:
        """Run a flow to its end, handing what it gives to the caller's function."""
        port = BlockingPort(self._driver)
        with FlowIterator[Any](self._driver, flow, port, resumes=False) as steps:
            for item in steps:
                if on_progress is not None:
                    on_progress(item)
            return steps.result
