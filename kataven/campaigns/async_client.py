"""``client.campaigns``: the documented methods and what is built on them.

Knows what people do with campaigns beyond single requests: iterate, export, watch, wait, run.
Passes each to a flow and decides nothing.

``scripts/make_blocking.py`` writes the blocking twin, ``client.py``, from this file.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from kataven import _validate
from kataven.campaigns.async_methods import AsyncCampaignMethods
from kataven.campaigns.create import Creation
from kataven.campaigns.export import export, retry_list
from kataven.campaigns.interruption import name_followed
from kataven.campaigns.iterators import (
    AsyncCampaignIterator,
    AsyncContactIterator,
    AsyncProgressIterator,
)
from kataven.campaigns.listing import campaign_status, campaigns
from kataven.campaigns.operations import campaign_form
from kataven.campaigns.pages import page_query, page_state, wanted_contacts
from kataven.campaigns.run import RunState, add_campaign_id, run
from kataven.campaigns.wait import wait
from kataven.campaigns.watch import watch, watch_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from kataven.campaigns.export import ExportProgress, Targets
    from kataven.campaigns.progress import CampaignProgress
    from kataven.campaigns.with_response import AsyncCampaignsWithResponse
    from kataven.contacts import ContactsSource
    from kataven.contacts._retry import RetryList
    from kataven.contacts.export import ExportSummary
    from kataven.types import (
        Campaign,
        CampaignStatus,
        ContactStatus,
        ExportFormat,
        LastError,
    )


class AsyncCampaignsClient(AsyncCampaignMethods):
    """Outbound campaigns, as ``client.campaigns``.

    Every documented method returns the Hub's JSON unchanged: a plain ``dict``, typed as a TypedDict
    of ``kataven.types``. Created by a client, not by you.
    """

    @property
    def with_response(self) -> AsyncCampaignsWithResponse:
        """The same methods, each returning the data with status, headers and request id."""
        from kataven.campaigns.with_response import AsyncCampaignsWithResponse  # noqa: PLC0415 - rare

        return AsyncCampaignsWithResponse(self._driver, self._options)

    def iter_campaigns(self, status: CampaignStatus | None = None) -> AsyncCampaignIterator:
        """Iterate over the campaigns of the account, from one request.

        The Hub has no filter for this, so the SDK filters. Whether the Hub sends the list in pages
        is not known: a list of exactly 100, or of fewer than its ``total``, may be incomplete, and
        a warning in the log says so.

        Args:
            status: Only campaigns of this status; None for all.

        Returns:
            An iterator of campaigns (dicts), in the order of ``list``.

        Raises:
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of a read.
            ResponseFormatError: The response is not a JSON object, or its rows are unclear.
        """
        flow = campaigns(campaign_status(status), self._options, self._clock)
        return AsyncCampaignIterator(self._driver, flow)

    def iter_contacts(
        self,
        campaign_id: str,
        status: ContactStatus | None = None,
        *,
        last_error: LastError | Iterable[LastError] | None = None,
        start_page: int = 0,
    ) -> AsyncContactIterator:
        """Iterate over every contact of a campaign, page by page, in constant memory.

        Each page of 100 is one request. With ``status`` on a campaign that is still dialling, the
        pages shift while they are read: a contact may be missed or come twice.

        Args:
            campaign_id: The campaign's id.
            status: Only contacts of this status; None for all. The Hub filters.
            last_error: Only contacts with one of these last errors, such as ``{"busy"}``; None for
                all. The SDK filters, so every page is read. The field is assumed.
            start_page: The page to begin with, counted from 0.

        Returns:
            An iterator of contacts (dicts). Its ``page`` is the page that would be read next; the
            ``page`` of an error is where reading can continue later without a gap. If there is no
            contact and a word is unknown, it issues a ``ContactsWarning``.

        Raises:
            NotFoundError: The account has no such campaign.
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of each page.
            ResponseFormatError: The response is not a JSON object, or its rows are unclear.
            KatavenError: The iterator was interrupted; ``page`` is where to continue.
            ValueError: The id is empty or dots, the page negative, or the status a last error;
                nothing is sent.
        """
        query, state = page_query(campaign_id, status, last_error), page_state(start_page)
        flow = wanted_contacts(query, self._options, self._clock, state)
        return AsyncContactIterator(self._driver, flow, state)

    async def export_contacts(
        self,
        campaign_id: str,
        path_or_file: Targets,
        *,
        format: ExportFormat | None = None,
        status: ContactStatus | None = None,
        last_error: LastError | Iterable[LastError] | None = None,
        on_progress: Callable[[ExportProgress], object] | None = None,
    ) -> ExportSummary:
        """Write every contact of a campaign to a table: CSV, JSON lines or Parquet.

        While the pages are read they are kept next to the target, so that an interrupted export
        continues after its last complete page. The table is then written and renamed into place.
        Columns are the contact's fields and all custom fields, under the names of the uploaded
        file. In CSV, cells that a spreadsheet would run as a formula get a ``'`` in front, except
        phone numbers. In Parquet, the fields whose names end in ``_at`` are timestamps (UTC).

        Args:
            campaign_id: The campaign's id.
            path_or_file: Where to write, or a list of places that all get the same table from one
                reading. A file receives the finished table, stays open, and cannot be continued.
            format: ``"csv"``, ``"jsonl"`` or ``"parquet"`` (extra ``parquet``). Default: by the
                suffix of each path.
            status: Only contacts of this status; None for all. The Hub filters.
            last_error: Only contacts with one of these last errors, such as ``{"busy"}``; None for
                all. The SDK filters, so every page is read. The field is assumed.
            on_progress: Called with an ``ExportProgress`` after each page; may be async.

        Returns:
            What was written: ``rows``, ``paths`` and the ``counts`` by status. If there is no row
            and a word is unknown, a ``ContactsWarning`` names the known ones.

        Raises:
            KatavenError: Reading failed; ``page`` is where it stopped. Call again to continue.
            ValueError: The format is unknown, the list of targets empty, the status a last error,
                or the id empty or dots; nothing is sent.
            OSError: A target cannot be written, or the disk is full. The error names the target
                and what is kept; no path was changed unless all tables were complete.
        """
        _validate.progress_function(on_progress, "a kataven.ExportProgress", awaited=True)
        flow = export(
            campaign_id, path_or_file, format, status, last_error, self._options, self._clock
        )
        return await self._driver.run(flow, on_progress)

    async def retry_list(
        self,
        campaign_id: str | Iterable[str],
        *,
        status: ContactStatus = "failed",
        last_error: LastError | Iterable[LastError] | None = None,
    ) -> RetryList:
        """Make a list of the contacts of one or several campaigns for the next ``create``.

        Several campaigns are for lists that were split. A telephone that failed in one of them and
        was reached in another is in the list: for a further round, pass the last round only.

        Args:
            campaign_id: The campaign's id, or several.
            status: Which contacts; by default those that failed.
            last_error: Only contacts with one of these last errors, such as
                ``{"busy", "no_answer"}``; None for all. The SDK filters; the field is assumed.

        Returns:
            A binary CSV file at its start, spooled to disk: ``phone_number`` and the custom fields,
            each telephone once over all campaigns. Its ``rows`` is the number of contacts; with 0,
            it has only a header. Close it after the upload. If it is empty and a word is unknown,
            a ``ContactsWarning`` names the known ones.

        Raises:
            ValueError: For any status but ``failed`` each campaign must have finished, because its
                contacts may still be dialled. ``in_progress`` and an empty status are always
                refused: such a list would hold people who are in a call. So is a last error as the
                status, and an empty list of ids.
            KatavenError: Reading failed.
            OSError: The folder for temporary files is full.
        """
        flow = retry_list(campaign_id, status, last_error, self._options, self._clock)
        return await self._driver.run(flow)

    def watch(
        self, campaign_id: str, *, poll_fallback: bool = True, poll_interval: float = 10.0
    ) -> AsyncProgressIterator:
        """Follow a campaign, in any state, until it has certainly finished.

        A draft is followed too, with a warning in the log that it has not been started.

        Args:
            campaign_id: The campaign's id.
            poll_fallback: Whether to poll with ``get`` where there is no event stream.
            poll_interval: Seconds between two polls.

        Returns:
            An iterator of ``CampaignProgress``; the last one has the terminal status. Close it, or
            use it as a context manager.

        Raises:
            APIStatusError, APIConnectionError, ResponseFormatError: The campaign could not be
                followed.
            StreamError: The campaign could not be followed, or the iterator was interrupted.
            ValueError: The id is empty or dots; nothing is sent.
            KeyboardInterrupt: Passed on, with ``campaign_id`` and a note.
        """
        settings = watch_settings(poll_fallback, poll_interval)
        campaign_id = _validate.campaign_id(campaign_id)
        flow = watch(campaign_id, settings, self._options, self._clock)
        return AsyncProgressIterator(self._driver, flow, campaign_id)

    async def wait(
        self,
        campaign_id: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[CampaignProgress], object] | None = None,
    ) -> Campaign:
        """Wait until a campaign, in any state, has finished.

        A draft is waited for too, with a warning in the log that it has not been started.

        Args:
            campaign_id: The campaign's id.
            timeout: Maximum seconds for everything; None for as long as it takes.
            on_progress: Called with each ``CampaignProgress``; may be async.

        Returns:
            The final campaign, as ``get`` shows it. If ``get`` still shows no end a minute after a
            snapshot did, its ``status`` is that of the snapshot, and the log has a warning.

        Raises:
            WaitTimeoutError: It did not finish before the timeout expired; it continues.
            APIStatusError, APIConnectionError, StreamError, ResponseFormatError: The campaign could
                not be followed.
            ValueError: The id is empty or dots; nothing is sent.
            KeyboardInterrupt: Passed on, with ``campaign_id`` and a note.
        """
        _validate.optional_seconds("timeout", timeout, zero=True)
        _validate.progress_function(on_progress, "a kataven.CampaignProgress", awaited=True)
        campaign_id = _validate.campaign_id(campaign_id)
        flow = wait(campaign_id, timeout, self._options, self._clock)
        on_error = partial(name_followed, campaign_id=campaign_id)
        return await self._driver.run(flow, on_progress, on_error)

    async def run(
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
        check: bool = True,
        on_ambiguous: Literal["raise", "find"] = "raise",
        find_timeout: float = 10.0,
        timeout: float | None = None,
        on_progress: Callable[[CampaignProgress], object] | None = None,
        allow_duplicates: bool = False,
    ) -> Campaign:
        """Create a campaign, start it, and wait until it has finished.

        With ``scheduled_at`` it is not started, because that would dial at once; whether the Hub
        then begins by itself is not known. Nothing is ever undone: what was created continues.

        Args:
            name: As for ``create``, and so are all up to ``find_timeout``, except the default of
                ``check``.
            agent_id: See ``create``.
            phone_number_id: See ``create``.
            contacts: See ``create``.
            max_concurrent_calls: See ``create``.
            retries_per_contact: See ``create``.
            retry_delay_seconds: See ``create``.
            scheduled_at: See ``create``.
            check: See ``create``; here it is on by default, because nobody can look between the
                upload and the first call.
            on_ambiguous: See ``create``.
            find_timeout: See ``create``.
            timeout: Maximum seconds to wait once the campaign was created and started, or None.
            on_progress: Called with each ``CampaignProgress``; may be async.
            allow_duplicates: See ``create``.

        Returns:
            The final campaign.

        Raises:
            CampaignRunError: Something failed after the campaign was created; see ``campaign_id``,
                ``step`` and the cause.
            KatavenError: The create failed, as described there.
            KeyboardInterrupt: Passed on, with a note, and with ``campaign_id`` if a campaign was
                created.
        """
        form = campaign_form(
            name,
            agent_id,
            phone_number_id,
            max_concurrent_calls,
            retries_per_contact,
            retry_delay_seconds,
            scheduled_at,
        )
        plan = Creation(form, contacts, check, allow_duplicates, on_ambiguous, find_timeout)
        _validate.optional_seconds("timeout", timeout, zero=True)
        _validate.progress_function(on_progress, "a kataven.CampaignProgress", awaited=True)
        state = RunState()
        flow = run(plan, timeout, self._options, self._clock, state)
        return await self._driver.run(flow, on_progress, partial(add_campaign_id, state=state))
