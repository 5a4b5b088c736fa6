"""What the Hub does when it is asked: the operations, on state in memory, stored before answers.

Knows accounts, campaigns, budgets and the dialler. Must not know HTTP, threads or event loops: one
thread calls it, and it never waits. Each operation first handles what is due, then acts, then
stores; so its answer is never ahead of the database.
"""

import secrets
from collections.abc import Callable
from typing import Final

from kataven.sandbox import journal, states
from kataven.sandbox.accounts import Account, Accounts, Caller, Key
from kataven.sandbox.campaign import CONTACT_STATUSES, Campaign, Roster, Settings
from kataven.sandbox.clock import HubTime
from kataven.sandbox.csv_reader import BLOCK, Contacts
from kataven.sandbox.dialler import Dialler
from kataven.sandbox.refusals import Refused
from kataven.sandbox.store import Store
from kataven.sandbox.windows import DAY, MINUTE

PAGE: Final = BLOCK
_STEP: Final = 20_000
_KEPT_ROWS: Final = 16
_FIRST_ACCOUNT: Final = "sandbox"


class Engine:
    """The Hub without a network.

    Args:
        store: Where it keeps its state.
        accounts: Its accounts, without keys or campaigns.
        time: Its time.
        seed: The seed of its draws.
        on_status: Called after a campaign's status changed, with the campaign and the time.
    """

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        time: HubTime,
        seed: int,
        on_status: Callable[[Campaign, int], None],
    ) -> None:
        self.store = store
        self.accounts = accounts
        self.time = time
        self.outcomes = store.outcomes()
        self.dialler = Dialler(accounts, seed, self.outcomes, on_status, self._start_scheduled)
        self._rows: dict[tuple[int, int], list[int]] = {}
        self._load()

    def _load(self) -> None:
        now = self.time.now()
        self.dialler.now = now
        for key in self.store.load_keys():
            self.accounts.keys[key.token] = key
        if not self.accounts.keys:
            self.store.save_key(self.accounts.new_key(_FIRST_ACCOUNT, None))
        for name, created in self.store.created():
            self.accounts.get(name).created = created
        for campaign in self.store.campaigns():
            if not campaign.deleted:
                self.accounts.get(campaign.account).campaigns[campaign.id] = campaign
            self.dialler.restore(campaign, now)
        for name, ended, at, talk in self.store.calls_since(now - DAY):
            calls = self.accounts.get(name).calls
            if ended:
                calls.record_talk(at, talk)
            else:
                calls.record_call(at)
        self.catch_up()

    @property
    def first_key(self) -> str:
        """The first key of the account `sandbox`."""
        return next(iter(self.accounts.keys))

    def catch_up(self) -> int:
        """Handle and store everything that is due by now; return the time."""
        now = self.time.now()
        while not self.dialler.run(now, _STEP):
            self._store()
        if self.dialler.touched or self.dialler.journal or self.store.durable:
            self._store()
        return now

    def step(self, until: int) -> bool:
        """Handle and store a part of what is due on a manual clock, which moves along.

        Args:
            until: The time that the clock shall reach.

        Returns:
            Whether the clock has reached it.
        """
        done = self.dialler.run(until, _STEP)
        self.time.move_to(self.dialler.now)
        self._store()
        return done

    def create(self, caller: Caller, settings: Settings, contacts: Contacts) -> Campaign:
        """Make a campaign: a draft, or a scheduled one."""
        now = self.catch_up()
        if settings.scheduled_ns is not None and settings.scheduled_ns < now:
            raise Refused(400, f"scheduled_at {settings.scheduled_at} is in the past")
        account = caller.account
        account.created += 1
        campaign = Campaign(
            self.store.next_key(),
            f"camp_{secrets.token_hex(12)}",
            account.created,
            account.name,
            settings,
            contacts.columns,
            now,
            caller.name,
            Roster(contacts.numbers),
        )
        if settings.scheduled_ns is not None:
            campaign.status = states.SCHEDULED
            self.dialler.schedule(campaign, settings.scheduled_ns)
        self.dialler.record("create", campaign, now)
        self._store(new=(account, campaign, contacts.blocks))
        account.campaigns[campaign.id] = campaign
        return campaign

    def find(self, account: Account, campaign_id: str) -> Campaign:
        """Return a campaign of an account.

        Raises:
            Refused: 404, it is not in this account.
        """
        campaign = account.campaigns.get(campaign_id)
        if campaign is None:
            raise Refused(404, "campaign not found in this account")
        return campaign

    def act(self, account: Account, campaign_id: str, action: str) -> Campaign:
        """Start, pause, resume or stop a campaign.

        Raises:
            Refused: 404; 409 for its state or the concurrency budget; 429 for a cost cap.
        """
        now = self.catch_up()
        campaign = self.find(account, campaign_id)
        target = states.after(action, campaign.status)
        if target is None:
            raise Refused(409, states.refusal(action, campaign.status))
        if target == states.RUNNING:
            self._check_budget(account, campaign)
            cap = account.calls.daily_refusal(now)
            if cap is not None:
                raise Refused(429, cap)
        self.dialler.record(action, campaign, now)
        if action == "stop":
            campaign.roster.cancel_pending()
        self.dialler.set_status(campaign, target, now)
        self._store()
        return campaign

    def delete(self, account: Account, campaign_id: str) -> Campaign:
        """Delete a campaign that does not run; calls in flight finish.

        Raises:
            Refused: 404, or 409 while it runs.
        """
        now = self.catch_up()
        campaign = self.find(account, campaign_id)
        if not states.may_delete(campaign.status):
            raise Refused(409, states.refusal("delete", campaign.status))
        if not campaign.terminal:
            campaign.roster.cancel_pending()
            campaign.status = states.COMPLETED
        campaign.deleted = campaign.changed = True
        self.dialler.touched.add(campaign)
        self.dialler.record("delete", campaign, now)
        self._store()
        del account.campaigns[campaign_id]
        return campaign

    def fail(self, campaign_id: str) -> Campaign:
        """Let a running campaign fail, as a terminal error of the Hub would.

        Raises:
            LookupError: There is no such campaign.
            ValueError: It does not run.
        """
        now = self.catch_up()
        for account in self.accounts:
            campaign = account.campaigns.get(campaign_id)
            if campaign is None:
                continue
            target = states.after("fail", campaign.status)
            if target is None:
                raise ValueError(states.refusal("fail", campaign.status))
            self.dialler.record("fail", campaign, now)
            self.dialler.set_status(campaign, target, now)
            self._store()
            return campaign
        msg = f"no campaign {campaign_id!r} in this Hub"
        raise LookupError(msg)

    def contacts(self, campaign: Campaign, status: str | None, page: int) -> dict[str, object]:
        """Return one page of a campaign's contacts, 100 a page, in the order of the CSV.

        Args:
            campaign: The campaign.
            status: Only contacts of this status; a word that no contact has finds none.
            page: The page, counted from 0.
        """
        roster = campaign.roster
        if status is None:
            total = len(roster)
            rows = list(range(total)[page * PAGE : (page + 1) * PAGE])
        else:
            found = self._rows_of(campaign, status)
            total = len(found)
            rows = found[page * PAGE : (page + 1) * PAGE]
        fields: dict[int, list[list[str]]] = {}
        contacts = []
        for row in rows:
            block, place = divmod(row, BLOCK)
            if block not in fields:
                fields[block] = self.store.fields(campaign, block)
            contacts.append(campaign.contact(row, fields[block][place]))
        return {"contacts": contacts, "page": page, "page_size": PAGE, "total": total}

    def new_key(self, account: str, limits: dict[str, int | None] | None) -> Key:
        """Make and store a key for an account."""
        key = self.accounts.new_key(account, limits)
        self.store.save_key(key)
        return key

    def revoke(self, token: str) -> None:
        """Let a key open nothing from its next request on.

        Raises:
            LookupError: There is no such key.
        """
        key = self.accounts.keys.get(token)
        if key is None:
            raise LookupError("no such key in this Hub")
        key.revoked = True
        self.store.save_key(key)

    def fix_outcome(self, number: str, word: str | None) -> None:
        """Fix how every call to a number goes, or free it again (None)."""
        self.store.save_outcome(number, word)
        if word is None:
            del self.outcomes[number]
        else:
            self.outcomes[number] = word

    def journal(self, after: int, at_most: int) -> list[tuple[int, journal.Row]]:
        """Return journal rows with the number of each entry; -1 reads all that follow."""
        self.catch_up()
        return [(row[0], row[1:]) for row in self.store.journal(after, at_most)]

    def _check_budget(self, account: Account, campaign: Campaign) -> None:
        used = sum(other.settings.max_concurrent_calls for other in account.rotation)
        wanted = campaign.settings.max_concurrent_calls
        allowed = self.accounts.call_limits["concurrent_max"]
        if used + wanted > allowed:
            raise Refused(
                409,
                f"concurrency budget exceeded: running campaigns hold {used} calls and this one "
                f"needs {wanted}, together {used + wanted}, but concurrent_max is "
                f"{allowed}; stop or pause one",
            )

    def _start_scheduled(self, campaign: Campaign, at: int) -> int | None:
        account = self.accounts.get(campaign.account)
        try:
            self._check_budget(account, campaign)
        except Refused:
            return at + MINUTE
        if account.calls.daily_refusal(at) is not None:
            return at + MINUTE
        self.dialler.record("scheduled_start", campaign, at)
        self.dialler.set_status(campaign, states.RUNNING, at)
        return None

    def _rows_of(self, campaign: Campaign, status: str) -> list[int]:
        if status not in CONTACT_STATUSES:
            return []
        code = CONTACT_STATUSES.index(status)
        found = self._rows.get((campaign.key, code))
        if found is None:
            if len(self._rows) >= _KEPT_ROWS:
                self._rows.clear()
            found = self._rows[campaign.key, code] = campaign.roster.rows_of(code)
        return found

    def _store(self, new: tuple[Account, Campaign, list[str]] | None = None) -> None:
        dialler = self.dialler
        if dialler.touched:
            # The rows of each status are kept between pages of a campaign that stands still.
            self._rows.clear()
        self.store.save(
            self.time.now() if self.store.durable else dialler.now,
            dialler.touched,
            dialler.journal,
            new=new,
        )
        dialler.touched.clear()
        dialler.journal.clear()
