"""The documented methods, blocking.

Knows their names, parameters, order and defaults, which are a contract, and hands each call to an
operation or a recipe. It decides nothing; the async client is the same methods, awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from kataven._core.exchange import exchange
from kataven.campaigns import operations, recipes
from kataven.events.feed import StreamState, follow, stream_settings
from kataven.events.streams import EventStream

if TYPE_CHECKING:
    from datetime import datetime

    from kataven._core.exchange import Options
    from kataven._core.operation import Operation
    from kataven._core.senders import BlockingDriver
    from kataven.contacts.source.open import ContactsSource
    from kataven.types import Campaign, CampaignList, CampaignTransition, ContactPage

T = TypeVar("T")


class CampaignMethods:
    """The documented methods of ``client.campaigns``."""

    def __init__(self, driver: BlockingDriver, options: Options) -> None:
        self._driver = driver
        self._options = options

    def _run(self, operation: Operation[T]) -> T:
        return self._driver.run(exchange(operation, self._options, self._driver.clock))

    def list(self) -> CampaignList:
        """List campaigns (``GET /campaigns``).

        Returns:
            A dict whose ``campaigns`` is a list of campaigns (the key is an assumption: the Hub's
            envelope is not documented). Whether the Hub pages this list is not known.

        Raises:
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that a read is given.
            ResponseFormatError: The answer is no JSON object.
        """
        return self._run(operations.list_campaigns())

    def get(self, campaign_id: str) -> Campaign:
        """Get a campaign (``GET /campaigns/{id}``).

        Args:
            campaign_id: The campaign's id.

        Returns:
            The campaign: ``id``, ``name``, ``agent_id``, ``phone_number_id``, ``status``,
            ``max_concurrent_calls``, ``retries_per_contact``, ``retry_delay_seconds`` (seconds),
            ``created_at``, ``created_by``, and, where the Hub sends them, ``scheduled_at``,
            ``started_at``, ``completed_at`` (RFC 3339 or None). It has no counters.

        Raises:
            NotFoundError: No such campaign in this account.
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that a read is given.
            ResponseFormatError: The answer is no JSON object.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.get_campaign(campaign_id))

    def create(
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
    ) -> Campaign:
        """Create a campaign from a CSV of contacts (``POST /campaigns``).

        The campaign is a draft: nobody is called before ``start``. There are no idempotency keys;
        a create that is sent twice makes two campaigns, so it is never repeated unless the Hub
        surely did not act.

        Args:
            name: A name for people to read.
            agent_id: The agent that speaks.
            phone_number_id: The number that calls.
            contacts: A binary file (open it with ``"rb"``), read from its position; its first row
                is headers, ``phone_number`` among them, and every other column becomes the
                contact's ``custom_fields``. At most 10 MiB. A path, bytes, rows (mappings) and
                tables of pandas, polars or Arrow are taken too.
            max_concurrent_calls: Calls of this campaign in flight at once; the Hub takes 1 to 100.
            retries_per_contact: How often a contact is dialled again; the Hub takes 0 to 5.
            retry_delay_seconds: Seconds between two calls to one contact; the Hub takes 60 or more.
            scheduled_at: When to begin: an RFC 3339 string, sent as given, or an aware datetime.
                Whether the Hub begins by itself then, without ``start``, is not known.
            check: Whether to check the contacts row by row first (``kataven.contacts.check``).
            on_ambiguous: What to do where the answer is lost and the Hub may have acted:
                ``"raise"``, or ``"find"``: the ids of all campaigns are read before (one request
                more), and after a lost answer the list is read again until exactly one new campaign
                shows, never started, with the same name, agent, number and settings. There is
                never a second POST. Give each campaign a name of its own: another one that is made
                alike at the same time could be taken for it.
            find_timeout: For how many seconds to look.

        Returns:
            The campaign, with its ``id``.

        Raises:
            ContactsError: The file cannot be a list of contacts; no campaign was made.
            BadRequestError: The Hub refused the form or a row.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may have been made.
            ResponseFormatError: The Hub accepted it and its answer cannot be read.
            ValueError: ``scheduled_at`` is naive or no RFC 3339 time; nothing was sent.
            TypeError: An argument has a wrong type; nothing was sent.
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
        flow = recipes.create(wish, self._options, self._driver.clock)
        campaign: Campaign = self._driver.run(flow)
        return campaign

    def start(self, campaign_id: str) -> CampaignTransition:
        """Start a campaign: draft or paused to running (``POST /campaigns/{id}/start``).

        The Hub begins to call people, within the account's caps.

        Args:
            campaign_id: The campaign's id.

        Returns:
            What the Hub answered (assumed: the campaign), or ``{}`` where it accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The state or the account's concurrency budget does not allow it.
            RateLimitError: A limit; ``reason`` tells a request limit from a cost cap.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may have started.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.start_campaign(campaign_id))

    def pause(self, campaign_id: str) -> CampaignTransition:
        """Pause a running campaign (``POST /campaigns/{id}/pause``).

        No new calls are begun; calls in flight finish.

        Args:
            campaign_id: The campaign's id.

        Returns:
            What the Hub answered (assumed: the campaign), or ``{}`` where it accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign is not running.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may have been paused.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.pause_campaign(campaign_id))

    def resume(self, campaign_id: str) -> CampaignTransition:
        """Resume a paused campaign (``POST /campaigns/{id}/resume``).

        Args:
            campaign_id: The campaign's id.

        Returns:
            What the Hub answered (assumed: the campaign), or ``{}`` where it accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign is not paused, or the account's concurrency budget does not
                allow it.
            RateLimitError: A limit; ``reason`` tells a request limit from a cost cap.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may have been resumed.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.resume_campaign(campaign_id))

    def stop(self, campaign_id: str) -> CampaignTransition:
        """Stop a campaign for good (``POST /campaigns/{id}/stop``).

        Terminal: contacts still pending become cancelled, calls in flight finish. It cannot be
        undone; create a new campaign to redo the work.

        Args:
            campaign_id: The campaign's id.

        Returns:
            What the Hub answered (assumed: the campaign), or ``{}`` where it accepted with a body
            that cannot be read.

        Raises:
            ConflictError: The campaign is already over.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may have been stopped.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.stop_campaign(campaign_id))

    def delete(self, campaign_id: str) -> None:
        """Delete a campaign (``DELETE /campaigns/{id}``); refused while it is running.

        Args:
            campaign_id: The campaign's id.

        Raises:
            ConflictError: The campaign is running; pause or stop it first (409 is our assumption).
            NotFoundError: No such campaign in this account.
            APIConnectionError: No answer; ``request_sent`` tells whether the Hub may have acted.
            ServerError: The Hub or a proxy failed; the campaign may be gone.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.delete_campaign(campaign_id))

    def list_contacts(
        self, campaign_id: str, status: str | None = None, page: int = 0
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
            NotFoundError: No such campaign in this account.
            APIStatusError: The Hub refused; the class names the status.
            APIConnectionError: No answer, after the repeats that a read is given.
            ResponseFormatError: The answer is no JSON object.
            ValueError: The id is empty or dots; nothing is sent.
        """
        return self._run(operations.list_campaign_contacts(campaign_id, status, page))

    def stream_events(
        self,
        campaign_id: str,
        *,
        reconnect: bool = True,
        max_reconnects: int = 5,
        idle_timeout: float = 40.0,
        total_timeout: float | None = None,
    ) -> EventStream:
        """Iterate over the Server-Sent Events of a campaign (``GET /campaigns/{id}/events``).

        Lazy: the request goes out when the first item is asked for. The iteration ends when the
        server closes the stream; the end marker ends nothing by itself.

        Args:
            campaign_id: The campaign's id.
            reconnect: Whether a stream that breaks is opened again, with growing pauses.
            max_reconnects: At most so many openings in a row that bring no item.
            idle_timeout: Seconds without a byte that count as broken; the Hub sends a heartbeat
                every 15 s.
            total_timeout: Seconds for the whole stream since its first item was asked for, or None.

        Returns:
            An iterator of dicts (data frames; the keys of a snapshot are an assumption) and raw
            strings: comment lines such as ``: heartbeat``, the end marker ``event: end``, and data
            that is no JSON object. ``kataven.events.is_end`` and ``is_heartbeat`` tell them apart.
            Close it, or use it as a context manager.

        Raises:
            APIStatusError: The Hub refused the stream; raised before any item.
            APIConnectionError: It could not be opened, where ``reconnect`` is off.
            APITimeoutError: ``total_timeout`` has passed.
            ResponseFormatError: The Hub answered with something that is no event stream.
            StreamError: The stream broke and could not be opened again.
            ValueError: The id is empty or dots; raised by this call, nothing is sent.
        """
        settings = stream_settings(reconnect, max_reconnects, idle_timeout, total_timeout)
        operation = operations.stream_campaign_events(campaign_id)
        state = StreamState()
        flow = follow(operation, settings, self._options, self._driver.clock, state)
        return EventStream(self._driver, flow, state)
