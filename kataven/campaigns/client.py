"""``client.campaigns``: the documented methods and what is built on them.

Knows what people do with campaigns beyond single requests: read every contact, export, watch, wait,
run. Passes each to a flow and decides nothing.

Written by ``scripts/make_blocking.py`` from ``async_client.py``: change that file.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from kataven import _validate
from kataven.campaigns.create import creation
from kataven.campaigns.export import export, retry_list
from kataven.campaigns.interruption import name_followed
from kataven.campaigns.iterators import ContactIterator, ProgressIterator
from kataven.campaigns.methods import CampaignMethods
from kataven.campaigns.operations import campaign_form
from kataven.campaigns.pages import every_page, page_query
from kataven.campaigns.run import RunState, add_campaign_id, run
from kataven.campaigns.wait import wait
from kataven.campaigns.watch import watch, watch_settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime
    from typing import IO, BinaryIO

    from kataven.campaigns.export import ExportProgress
    from kataven.campaigns.progress import CampaignProgress
    from kataven.campaigns.with_response import CampaignsWithResponse
    from kataven.contacts import ContactsSource
    from kataven.contacts.export import ExportFormat
    from kataven.types import Campaign


class CampaignsClient(CampaignMethods):
    """Outbound campaigns, as ``client.campaigns``.

    Every documented method returns the Hub's JSON unchanged: a plain ``dict``, typed as a TypedDict
    of ``kataven.types``. Created by a client, not by you.
    """

    @property
    def with_response(self) -> CampaignsWithResponse:
        """The same methods, each returning the data with status, headers and request id."""
        from kataven.campaigns.with_response import CampaignsWithResponse  # noqa: PLC0415 - rare

        return CampaignsWithResponse(self._driver, self._options)

    def iter_contacts(
        self, campaign_id: str, status: str | None = None, *, start_page: int = 0
    ) -> ContactIterator:
        """Iterate over every contact of a campaign, page by page, in constant memory.

        Each page of 100 is one request. With ``status`` on a campaign that is still dialling, the
        pages shift while they are read: a contact may be missed or come twice.

        Args:
            campaign_id: The campaign's id.
            status: Only contacts of this status; None for all.
            start_page: The page to begin with, counted from 0.

        Returns:
            An iterator of contacts (dicts). Its ``page`` is the page that would be read next; the
            ``page`` of an error is where reading can continue later without a gap.

        Raises:
            NotFoundError: The account has no such campaign.
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of each page.
            ResponseFormatError: The response is not a JSON object, or its rows are unclear.
            KatavenError: The iterator was interrupted; ``page`` is where to continue.
            ValueError: The id is empty or dots, or the page negative; nothing is sent.
        """
        query, state = page_query(campaign_id, status, start_page)
        flow = every_page(query, self._options, self._clock, state)
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

        While the pages are read they are kept next to the target, so that an interrupted export
        continues after its last complete page. The table is then written in one pass and renamed
        into place. Columns are the contact's fields and all custom fields, under the names of the
        uploaded file. In CSV, cells that a spreadsheet would run as a formula get a ``'`` in front,
        except phone numbers.

        Args:
            campaign_id: The campaign's id.
            path_or_file: Where to write. A file receives the finished table, stays open, and cannot
                be continued.
            format: ``"csv"``, ``"jsonl"`` or ``"parquet"`` (extra ``parquet``). Default: by the
                suffix of the path.
            status: Only contacts of this status; None for all.
            on_progress: Called with an ``ExportProgress`` after each page.

        Raises:
            KatavenError: Reading failed; ``page`` is where it stopped. Call again to continue.
            ValueError: The format is unknown, or the id empty or dots; nothing is sent.
            OSError: The target cannot be written.
        """
        _validate.progress_function(on_progress, "a kataven.ExportProgress", awaited=False)
        flow = export(campaign_id, path_or_file, format, status, self._options, self._clock)
        self._driver.run(flow, on_progress)

    def retry_list(self, campaign_id: str, *, status: str = "failed") -> BinaryIO:
        """Make a list of a campaign's contacts for the next ``create``.

        Args:
            campaign_id: The campaign's id.
            status: Which contacts; by default those that failed.

        Returns:
            A binary CSV file at its start, spooled to disk: ``phone_number`` and the custom fields,
            each number once. Close it after the upload.

        Raises:
            ValueError: For any status but ``failed`` the campaign must have finished, because its
                contacts may still be dialled. ``in_progress`` and an empty status are always
                refused: such a list would hold people who are in a call.
            KatavenError: Reading failed.
        """
        flow = retry_list(campaign_id, status, self._options, self._clock)
        return self._driver.run(flow)

    def watch(
        self, campaign_id: str, *, poll_fallback: bool = True, poll_interval: float = 10.0
    ) -> ProgressIterator:
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
        return ProgressIterator(self._driver, flow, campaign_id)

    def wait(
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
            on_progress: Called with each ``CampaignProgress``.

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
        _validate.progress_function(on_progress, "a kataven.CampaignProgress", awaited=False)
        campaign_id = _validate.campaign_id(campaign_id)
        flow = wait(campaign_id, timeout, self._options, self._clock)
        on_error = partial(name_followed, campaign_id=campaign_id)
        return self._driver.run(flow, on_progress, on_error)

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
            on_progress: Called with each ``CampaignProgress``.
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
        plan = creation(form, contacts, check, allow_duplicates, on_ambiguous, find_timeout)
        _validate.optional_seconds("timeout", timeout, zero=True)
        _validate.progress_function(on_progress, "a kataven.CampaignProgress", awaited=False)
        state = RunState()
        flow = run(plan, timeout, self._options, self._clock, state)
        return self._driver.run(flow, on_progress, partial(add_campaign_id, state=state))
