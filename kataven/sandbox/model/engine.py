"""The operations of the Hub, on state in memory that is stored before each response.

Knows accounts, campaigns, the concurrency budget and the dialler. Must not know HTTP, threads or
event loops: one thread calls it, and it never waits. Each operation first handles what is due, then
acts, then stores, so a response is never ahead of the database. What cannot be stored, because the
disk is full, has not happened: the engine returns to the stored state, which reads still show.
"""

from __future__ import annotations

import logging
import secrets
import time as machine
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model import states
from kataven.sandbox.model.calls import CallHistory
from kataven.sandbox.model.campaign import Campaign, Settings, Snapshot
from kataven.sandbox.model.contacts import ContactList, Roster
from kataven.sandbox.model.dialler import Dialler
from kataven.sandbox.model.keys import load_keys
from kataven.sandbox.model.limits import DAY, MINUTE
from kataven.sandbox.model.outcome_rules import OutcomeRules
from kataven.sandbox.model.pages import ContactPages
from kataven.sandbox.model.refusals import BadInput, CapReached, Conflict, NotFound, NotStored

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.sandbox.model.accounts import Account, Accounts
    from kataven.sandbox.model.clock import HubTime
    from kataven.sandbox.model.store import Store

# Events that are handled before they are stored, and before other requests get their turn.
_STEP: Final = 20_000
# Real seconds until reads try again to handle what is due, after the database was not writable.
_RETRY: Final = 1.0

logger: Final = logging.getLogger("kataven.sandbox.store")


class Engine:
    """The Hub without a network.

    Args:
        store: Its database.
        accounts: Its accounts, still without keys and campaigns.
        time: Its time.
        seed: The seed of its draws.
        on_status: Called after a change of a campaign's status was stored, with the campaign, its
            snapshot just after the change, and the time.
    """

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        time: HubTime,
        seed: int,
        on_status: Callable[[Campaign, Snapshot, int], None],
    ) -> None:
        self.store = store
        self.accounts = accounts
        self.time = time
        self.outcomes = OutcomeRules(store.outcomes())
        self.dialler = Dialler(
            accounts, seed, self.outcomes, self._status_changed, self._start_scheduled
        )
        self.pages = ContactPages(store)
        self.history = CallHistory(store.journal)
        self._on_status = on_status
        # Changes of status that are not stored yet.
        self._changes: list[tuple[Campaign, Snapshot, int]] = []
        # When the database may be tried again, in the machine's monotonic seconds; 0 if it can be
        # written.
        self._retry_at = 0.0
        self._stored_until = time.now()
        load_keys(store, accounts)
        self._load()
        self.catch_up()

    def _load(self) -> None:
        """Read the stored state, again if something could not be stored."""
        now = self._stored_until
        known = {one.key: one for account in self.accounts for one in account.campaigns.values()}
        self._changes.clear()
        self.dialler.forget(now)
        for account in self.accounts:
            account.forget(self.accounts.call_limits)
        for name, created in self.store.created():
            self.accounts.get(name).created = created
        for stored in self.store.campaigns():
            campaign = known.get(stored.key, stored)
            if campaign is not stored:
                campaign.restore(stored)
            if not campaign.deleted:
                self.accounts.get(campaign.account).campaigns[campaign.id] = campaign
            self.dialler.restore(campaign, now)
        for name, ended, at, talk in self.store.calls_since(now - DAY):
            calls = self.accounts.get(name).calls
            if ended:
                calls.record_talk(at, talk)
            else:
                calls.record_call(at)

    @property
    def retry_in(self) -> float:
        """Real seconds until the database may be tried again; 0 if it can be written."""
        return max(0.0, self._retry_at - machine.monotonic()) if self._retry_at else 0.0

    def catch_up(self) -> int:
        """Handle and store everything that is due by now, and return the time.

        While the database cannot be written, nothing happens, and a log says so once.
        """
        if self.retry_in:
            return self.time.now()
        try:
            return self.catch_up_or_fail()
        except NotStored:
            return self.time.now()

    def catch_up_or_fail(self) -> int:
        """Handle and store everything that is due by now, and return the time.

        Raises:
            NotStored: The database cannot be written.
        """
        if self._retry_at:
            # Fails at once if it still cannot be written.
            self._commit()
        now = self.time.now()
        while not self.dialler.run(now, _STEP):
            self._commit()
        if self.dialler.touched or self.dialler.journal or self.store.durable:
            self._commit()
        return now

    def step(self, until: int, ending: Campaign | None = None) -> bool:
        """Move a manual clock towards a time, handling and storing some of what is due.

        Args:
            until: The time that the clock is to reach.
            ending: A campaign at whose end to stop, or None.

        Returns:
            Whether the clock has reached it.

        Raises:
            NotStored: The database cannot be written. The clock has not moved.
        """
        done = self.dialler.run(until, _STEP, ending)
        self._commit()
        self.time.move_to(self.dialler.now)
        return done

    def create(
        self, account: Account, created_by: str, settings: Settings, contacts: ContactList
    ) -> Campaign:
        """Create a campaign: a draft, or a scheduled one.

        Raises:
            BadInput: The scheduled time is in the past.
            NotStored: The database cannot be written.
        """
        now = self.catch_up_or_fail()
        if settings.scheduled_ns is not None and settings.scheduled_ns < now:
            raise BadInput(f"scheduled_at {settings.scheduled_at} is in the past")
        account.created += 1
        campaign = Campaign(
            self.store.next_key(),
            f"camp_{secrets.token_hex(12)}",
            account.created,
            account.name,
            settings,
            contacts.columns,
            now,
            created_by,
            Roster(contacts.numbers),
        )
        if settings.scheduled_ns is not None:
            campaign.status = states.SCHEDULED
            self.dialler.schedule(campaign, settings.scheduled_ns)
        self.dialler.record("create", campaign, now)
        self._commit(new=(account, campaign, contacts.blocks))
        account.campaigns[campaign.id] = campaign
        return campaign

    def find(self, account: Account, campaign_id: str) -> Campaign:
        """Return a campaign of an account.

        Raises:
            NotFound: The campaign is not in this account.
        """
        campaign = account.campaigns.get(campaign_id)
        if campaign is None:
            raise NotFound("campaign not found in this account")
        return campaign

    def find_anywhere(self, campaign_id: str) -> Campaign:
        """Return a campaign of any account.

        Raises:
            LookupError: The Hub has no such campaign.
        """
        for account in self.accounts:
            campaign = account.campaigns.get(campaign_id)
            if campaign is not None:
                return campaign
        msg = f"no campaign {campaign_id!r} in this Hub"
        raise LookupError(msg)

    def act(self, account: Account, campaign_id: str, action: states.Action) -> Campaign:
        """Start, pause, resume or stop a campaign.

        Raises:
            NotFound: The campaign is not in this account.
            Conflict: Its status or the concurrency budget does not allow it.
            CapReached: A daily cap on calls is reached.
            NotStored: The database cannot be written.
        """
        now = self.catch_up_or_fail()
        campaign = self.find(account, campaign_id)
        target = states.next_status(action, campaign.status)
        if target is None:
            raise Conflict(states.conflict_text(action, campaign.status))
        if target == states.RUNNING:
            self._check_budget(account, campaign)
            text = account.calls.daily_refusal(now)
            if text is not None:
                raise CapReached(text)
        self.dialler.record(action, campaign, now)
        if action == "stop":
            campaign.roster.cancel_pending()
        self.dialler.set_status(campaign, target, now)
        self._commit()
        return campaign

    def delete(self, account: Account, campaign_id: str) -> Campaign:
        """Delete a campaign that is not running. Calls in flight finish.

        Raises:
            NotFound: The campaign is not in this account.
            Conflict: It is running.
            NotStored: The database cannot be written.
        """
        now = self.catch_up_or_fail()
        campaign = self.find(account, campaign_id)
        if not states.may_delete(campaign.status):
            raise Conflict(states.conflict_text("delete", campaign.status))
        if not campaign.terminal:
            campaign.roster.cancel_pending()
            campaign.status = states.COMPLETED
        campaign.deleted = campaign.changed = True
        self.dialler.touched.add(campaign)
        self.dialler.record("delete", campaign, now)
        self._commit()
        del account.campaigns[campaign_id]
        return campaign

    def fail(self, campaign_id: str) -> Campaign:
        """Make a running campaign fail, as a terminal error of the Hub would.

        Raises:
            LookupError: The Hub has no such campaign.
            ValueError: It is not running.
            NotStored: The database cannot be written.
        """
        now = self.catch_up_or_fail()
        campaign = self.find_anywhere(campaign_id)
        target = states.next_status("fail", campaign.status)
        if target is None:
            raise ValueError(states.conflict_text("fail", campaign.status))
        self.dialler.record("fail", campaign, now)
        self.dialler.set_status(campaign, target, now)
        self._commit()
        return campaign

    def reset(self) -> list[Campaign]:
        """Forget campaigns, calls, the journal and outcomes, but no account and no key.

        Returns:
            The campaigns that are deleted.

        Raises:
            NotStored: The database cannot be written. Nothing was changed.
        """
        self.store.clear()
        now = self.time.now()
        self._retry_at = 0.0
        self._stored_until = now
        self._changes.clear()
        self.dialler.forget(now)
        self.outcomes.clear()
        self.pages.clear()
        self.history.forget()
        deleted = [one for account in self.accounts for one in account.campaigns.values()]
        for campaign in deleted:
            campaign.deleted = True
        for account in self.accounts:
            account.forget(self.accounts.call_limits)
            account.requests.forget()
        for key in self.accounts.keys.values():
            if key.limiter is not None:
                key.limiter.forget()
        return deleted

    def _check_budget(self, account: Account, campaign: Campaign) -> None:
        used = sum(other.settings.max_concurrent_calls for other in account.rotation)
        wanted = campaign.settings.max_concurrent_calls
        allowed = self.accounts.call_limits["concurrent_max"]
        if used + wanted > allowed:
            raise Conflict(
                f"concurrency budget exceeded: running campaigns use {used} calls and this one "
                f"needs {wanted}, {used + wanted} in total, but concurrent_max is "
                f"{allowed}; stop or pause one"
            )

    def _start_scheduled(self, campaign: Campaign, at: int) -> int | None:
        account = self.accounts.get(campaign.account)
        try:
            self._check_budget(account, campaign)
        except Conflict:
            return at + MINUTE
        if account.calls.daily_refusal(at) is not None:
            return at + MINUTE
        self.dialler.record("scheduled_start", campaign, at)
        self.dialler.set_status(campaign, states.RUNNING, at)
        return None

    def _status_changed(self, campaign: Campaign, at: int) -> None:
        self._changes.append((campaign, campaign.snapshot(at), at))

    def _commit(self, new: tuple[Account, Campaign, list[str]] | None = None) -> None:
        dialler = self.dialler
        if dialler.touched:
            self.pages.clear()
        try:
            self.store.save(
                max(self.time.now(), dialler.now), dialler.touched, dialler.journal, new=new
            )
        except NotStored as error:
            if not self._retry_at:
                logger.warning("the Hub is paused, and refuses writes: %s", error.text)
            self._retry_at = machine.monotonic() + _RETRY
            if dialler.touched or dialler.journal:
                self._load()
            dialler.now = self._stored_until
            raise
        self._retry_at = 0.0
        self._stored_until = dialler.now
        dialler.touched.clear()
        dialler.journal.clear()
        changes, self._changes = self._changes, []
        for change in changes:
            self._on_status(*change)
