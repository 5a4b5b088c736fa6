"""The documented methods of ``client.campaigns``.

Knows their names, parameters, order and defaults, which are a contract, and passes each call to an
operation or a flow. Decides nothing.

``scripts/make_blocking.py`` writes the blocking twin, ``methods.py``, from this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from kataven._flow.call import call
from kataven._flow.stream import StreamState, follow
from kataven.campaigns import operations
from kataven.campaigns.create import Creation, create
from kataven.campaigns.operations import campaign_form
from kataven.events.stream import AsyncEventStream, stream_settings

if TYPE_CHECKING:
    from datetime import datetime

    from kataven._flow.operation import Operation
    from kataven._flow.options import Options
    from kataven._http.async_driver import AsyncDriver
    from kataven.contacts import ContactsSource, Progress
    from kataven.types import (
        Campaign,
        CampaignList,
        CampaignTransition,
        ContactPage,
        ContactStatus,
    )

T = TypeVar("T")


class AsyncCampaignMethods:
    """The documented methods of ``client.campaigns``."""

    def __init__(self, driver: AsyncDriver, options: Options) -> None:
        self._driver = driver
        self._options = options
        self._clock = driver.clock

    async def _call(self, operation: Operation[T]) -> T:
        return await self._driver.run(call(operation, self._options, self._clock))

    async def list(self) -> CampaignList:
        """List campaigns (``GET /campaigns``).

        Returns:
            A dict whose ``campaigns`` is a list of campaigns (the key is assumed: the Hub's
            envelope is not documented). Whether the Hub pages this list is not known.

        Raises:
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of a read.
            ResponseFormatError: The response is not a JSON object.
        """
        return await self._call(operations.list_campaigns())

    async def get(self, campaign_id: str) -> Campaign:
        """Get a campaign (``GET /campaigns/{id}``).

        Args:
            campaign_id: The campaign's id.

        Returns:
            The campaign: ``id``, ``name``, ``agent_id``, ``phone_number_id``, ``status``,
            ``max_concurrent_calls``, ``retries_per_contact``, ``retry_delay_seconds`` (seconds),
            ``created_at``, ``created_by``, and, if the Hub sends them, ``scheduled_at``,
            ``started_at``, ``completed_at`` (RFC 3339 or None). It has no counters.

        Raises:
            NotFoundError: The account has no such campaign.
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of a read.
            ResponseFormatError: The response is not a JSON object.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.get_campaign(campaign_id))

    async def create(
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
        allow_duplicates: bool = False,
        on_progress: Progress | None = None,
    ) -> Campaign:
        """Create a campaign from a CSV of contacts (``POST /campaigns``).

        The campaign is a draft: nobody is called before ``start``. The Hub has no idempotency keys,
        and a create that is sent twice makes two campaigns. So it is retried only if the Hub is
        known not to have processed it.

        Args:
            name: A name for people to read.
            agent_id: The agent that speaks.
            phone_number_id: The number that calls.
            contacts: A binary file (opened with ``"rb"``), read from its position to its end before
                anything is sent. Its first row is the header, which must have ``phone_number``;
                every other column becomes the contact's ``custom_fields``. At most 10 MiB. Paths,
                bytes, rows (mappings) and tables of pandas, polars or Arrow are accepted too.
            max_concurrent_calls: Calls of this campaign in flight at once; the Hub accepts 1 to
                100.
            retries_per_contact: How often a contact is dialled again; the Hub accepts 0 to 5.
            retry_delay_seconds: Seconds between two calls to one contact; the Hub accepts 60 or
                more.
            scheduled_at: When to begin: an RFC 3339 string, sent as given, or an aware datetime.
                Whether the Hub then begins by itself, without ``start``, is not known.
            check: Whether to check the contacts row by row first (``kataven.contacts.check``) and
                to refuse a list with errors or duplicates. Off by default: the Hub accepts
                duplicates, and calls a number once for each row that it stands in.
            on_ambiguous: What to do if the response is lost and the Hub may have processed it:
                ``"raise"``, or ``"find"``, which looks for the campaign. For that the ids of all
                campaigns are read before the create (one more request). After a lost response the
                list is read again until exactly one new campaign appears that was never started
                and has the same name, agent, number and settings. There is never a second POST.
                Give each campaign its own name: an identical one that is created at the same time
                could be mistaken for it.
            find_timeout: For how many seconds to look.
            allow_duplicates: With ``check``, whether a number may be in several rows.
            on_progress: Called as ``on_progress(done, total)`` while the contacts are read: the
                bytes so far, and how many there are, or None. It is called in the thread that
                reads; what it raises ends the call before anything is sent.

        Returns:
            The campaign, with its ``id``.

        Raises:
            ContactsError: The file cannot be a list of contacts, or with ``check`` has errors or
                duplicates; ``.problems`` are the rows. No campaign was created.
            BadRequestError: The Hub refused the form or a row.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may have been created.
            ResponseFormatError: The Hub accepted it and its response cannot be read.
            ValueError: ``scheduled_at`` is naive or not an RFC 3339 time; nothing was sent.
            TypeError: An argument has the wrong type; nothing was sent.
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
        plan = Creation(
            form, contacts, check, allow_duplicates, on_ambiguous, find_timeout, on_progress
        )
        return await self._driver.run(create(plan, self._options, self._clock))

    async def start(self, campaign_id: str) -> CampaignTransition:
        """Start a campaign: draft or paused to running (``POST /campaigns/{id}/start``).

        The Hub begins to call people, within the account's caps.

        Args:
            campaign_id: The campaign's id.

        Returns:
            The Hub's response (assumed: the campaign), or ``{}`` if the Hub accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The state or the account's concurrency budget does not allow it.
            RateLimitError: A limit; ``reason`` distinguishes a request limit from a cost cap.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may have started.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.start_campaign(campaign_id))

    async def pause(self, campaign_id: str) -> CampaignTransition:
        """Pause a running campaign (``POST /campaigns/{id}/pause``).

        No new calls begin; calls in flight finish.

        Args:
            campaign_id: The campaign's id.

        Returns:
            The Hub's response (assumed: the campaign), or ``{}`` if the Hub accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign is not running.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may have been paused.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.pause_campaign(campaign_id))

    async def resume(self, campaign_id: str) -> CampaignTransition:
        """Resume a paused campaign (``POST /campaigns/{id}/resume``).

        Args:
            campaign_id: The campaign's id.

        Returns:
            The Hub's response (assumed: the campaign), or ``{}`` if the Hub accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign is not paused, or the account's concurrency budget does not
                allow it.
            RateLimitError: A limit; ``reason`` distinguishes a request limit from a cost cap.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may have been resumed.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.resume_campaign(campaign_id))

    async def stop(self, campaign_id: str) -> CampaignTransition:
        """Stop a campaign permanently (``POST /campaigns/{id}/stop``).

        Terminal: pending contacts become cancelled, calls in flight finish. It cannot be undone;
        create a new campaign to redo the work.

        Args:
            campaign_id: The campaign's id.

        Returns:
            The Hub's response (assumed: the campaign), or ``{}`` if the Hub accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign has already finished.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may have been stopped.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.stop_campaign(campaign_id))

    async def delete(self, campaign_id: str) -> None:
        """Delete a campaign (``DELETE /campaigns/{id}``); refused while it is running.

        Args:
            campaign_id: The campaign's id.

        Raises:
            ConflictError: The campaign is running; pause or stop it first (409 is assumed).
            NotFoundError: The account has no such campaign.
            APIConnectionError: No response; if ``request_sent`` is True, the Hub may have processed
                the request.
            ServerError: The Hub or a proxy failed; the campaign may be gone.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.delete_campaign(campaign_id))

    async def list_contacts(
        self, campaign_id: str, status: ContactStatus | None = None, page: int = 0
    ) -> ContactPage:
        """List one page of a campaign's contacts (``GET /campaigns/{id}/contacts``).

        Args:
            campaign_id: The campaign's id.
            status: Only contacts of this status: ``pending``, ``failed``, ``cancelled`` are
                documented, ``in_progress`` and ``completed`` are assumed. None for all.
            page: The page, 100 contacts each, counted from 0.

        Returns:
            A dict; ``contacts``, ``page``, ``page_size`` and ``total`` are assumed keys.

        Raises:
            NotFoundError: The account has no such campaign.
            APIStatusError: The Hub refused; the class depends on the status.
            APIConnectionError: No response, after the retries of a read.
            ResponseFormatError: The response is not a JSON object.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return await self._call(operations.list_campaign_contacts(campaign_id, status, page))

    def stream_events(
        self,
        campaign_id: str,
        *,
        reconnect: bool = True,
        max_reconnects: int = 5,
        idle_timeout: float = 40.0,
        total_timeout: float | None = None,
    ) -> AsyncEventStream:
        """Iterate over the Server-Sent Events of a campaign (``GET /campaigns/{id}/events``).

        Lazy: the request is sent when the first item is requested. The iteration ends when the
        server closes the stream; the end marker itself does not end it.

        Args:
            campaign_id: The campaign's id.
            reconnect: Whether a stream that breaks is reopened, with growing pauses.
            max_reconnects: Maximum number of connections in a row that bring no item.
            idle_timeout: Seconds without a byte after which a connection counts as broken; the Hub
                sends a heartbeat every 15 s (documented).
            total_timeout: Seconds for the entire stream from the request of its first item, or
                None.

        Returns:
            An iterator of dicts (data frames; the keys of a snapshot are assumed) and raw strings:
            comment lines such as ``: heartbeat``, the end marker ``event: end``, and data that is
            not a JSON object. ``kataven.events.is_end`` and ``is_heartbeat`` distinguish them.
            Close it, or use it as a context manager.

        Raises:
            APIStatusError: The Hub refused the stream.
            APIConnectionError: It could not be opened, and ``reconnect`` is off.
            APITimeoutError: ``total_timeout`` expired.
            ResponseFormatError: The response is not an event stream.
            StreamError: The stream broke and could not be reopened, or the iterator was
                interrupted.
            ValueError: The id is empty or dots; raised by this call, nothing is sent.
        """
        settings = stream_settings(reconnect, max_reconnects, idle_timeout, total_timeout)
        operation = operations.stream_campaign_events(campaign_id)
        state = StreamState()
        flow = follow(operation, settings, self._options, self._clock, state)
        return AsyncEventStream(self._driver, flow, state)
