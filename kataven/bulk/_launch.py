"""What one worker does with one part: send it once, find it again, start it once.

The rules are those of ``ledger.states``: a step is in the ledger before its request leaves. Knows
neither which part comes next nor when to wait; that is in ``_worker``.

What is left if a worker dies:

- before ``sending`` is recorded: a planned part, which the next worker sends;
- from then until the campaign is recorded: ``sending``. The next worker looks for the campaign by
  its marker. If the Hub does not show exactly one, the part is ``unknown``, and nobody is called;
- from then until ``starting`` is recorded: a draft, which the next worker starts;
- from then on: ``starting``. The next worker asks ``get``, starts a draft, and records anything
  else as it is.
"""

from __future__ import annotations

import io
import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from kataven.bulk._marked import Marked, campaign_id, marked, marker
from kataven.bulk._opening import PlanHours
from kataven.bulk.ledger.states import State, state_of
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ConflictError,
    ContactsError,
    KatavenError,
    NotFoundError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kataven.bulk._campaign_settings import BulkSettings
    from kataven.bulk._plan import BulkPlan
    from kataven.bulk.ledger import Ledger, LedgerRow

__all__ = ["CLOSE_SECONDS", "Campaigns", "Launcher"]

logger = logging.getLogger("kataven")

# The Hub did not process a request that it, or a proxy, refused with one of these. Of any other
# status this is not certain.
_REFUSED: Final = frozenset((301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 413, 415, 422, 429))
_STARTS: Final = 3
_ANOTHER: Final = "another ledger"
# What a ledger has once it was used.
_SENT: Final[tuple[State, ...]] = ("created", "starting", "started", "finished", "failed")


class Campaigns(Protocol):
    """What is used of ``client.campaigns``."""

    def list(self) -> Any: ...
    def get(self, campaign_id: str) -> Any: ...
    def create(
        self,
        name: str,
        agent_id: str,
        phone_number_id: str,
        contacts: Any,
        max_concurrent_calls: int = 5,
        retries_per_contact: int = 0,
        retry_delay_seconds: int = 300,
    ) -> Any: ...
    def start(self, campaign_id: str) -> Any: ...
    def pause(self, campaign_id: str) -> Any: ...
    def resume(self, campaign_id: str) -> Any: ...
    def stop(self, campaign_id: str) -> Any: ...
    def delete(self, campaign_id: str) -> None: ...


class Launcher:
    """Does what is due for single parts.

    Args:
        campaigns: The client's ``campaigns``.
        ledger: The ledger.
        plan: The plan.
        settings: What every campaign of the run is created with.
        lease_seconds: How long a part belongs to a worker that shows no sign of life.
        hours: When the parts may call; None for always.
        within: Returns the client's ``campaigns`` with so many seconds for an entire call.

    Attributes:
        hours: When the parts may call.
    """

    def __init__(
        self,
        campaigns: Campaigns,
        ledger: Ledger,
        plan: BulkPlan,
        settings: BulkSettings,
        lease_seconds: float,
        hours: PlanHours | None = None,
        within: Callable[[float], Campaigns] | None = None,
    ) -> None:
        self.hours = hours or PlanHours(plan, lambda: 0.0)
        self._within = within or (lambda _: campaigns)
        self._campaigns = campaigns
        self._ledger = ledger
        self._plan = plan
        self._settings = settings
        self._lease = lease_seconds
        # Read before the first create of this launch.
        self._before: Marked | None = None
        self._just_made: str | None = None
        self._limited = False
        self._warned: set[int] = set()

    @contextmanager
    def leased(self, row: LedgerRow) -> Iterator[None]:
        """Renew the lease of a claimed part, and release it at the end.

        The client may wait for an hour until the quota has room for a request.
        """
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self._lease / 3):
                try:
                    self._ledger.renew(row, self._lease)
                # The lease then ends, which costs time only.
                except KatavenError as error:
                    logger.warning("the lease of a part could not be renewed: %s", error)

        thread = threading.Thread(target=renew, name="kataven-bulk-lease", daemon=True)
        try:
            thread.start()
            yield
        finally:
            over.set()
            # An interruption may come before it has started.
            if thread.ident is not None:
                thread.join()
            self._ledger.release(row)

    def work(self, row: LedgerRow, *, resend: bool = False, start: bool = True) -> bool | None:
        """Do what is due for a part that was claimed.

        Args:
            row: The part as it was claimed.
            resend: Whether to send a part once more whose campaign cannot be found.
            start: Whether to start a draft; otherwise it stays one.

        Returns:
            True if its campaign was started, False if the Hub refused that for now, because of a
            limit, else None.
        """
        with self.leased(row):
            found: LedgerRow | None = row
            self._just_made = None
            self._limited = False
            if row.state == "planned":
                found = self._adopt_earlier(row) or self._send(row)
            elif row.state == "sending" or (row.state == "unknown" and row.campaign is None):
                found = self._look(row)
                if found is not None and found.state == "unknown" and resend:
                    found = self._resend(found)
            elif row.state == "unknown":
                found = self._ask(row)
            if found is None or found.state not in {"created", "starting"}:
                return False if self._limited else None
            if not start:
                self._leave(found)
                return None
            # Only what this worker has just made is certainly a draft.
            return self._start(found, fresh=found.campaign == self._just_made)

    def _leave(self, row: LedgerRow) -> None:
        """Record what became of a campaign that another worker may have started; a draft stays."""
        found = self._ask(row)
        if found is not None and found.state == "starting":
            self._step(found, "created", status="draft")

    def _step(
        self, row: LedgerRow, state: State, *, campaign: str | None = None, status: str = "",
        detail: str = "",
    ) -> LedgerRow | None:  # fmt: skip
        return self._ledger.step(
            row, state, self._lease, campaign=campaign, status=status, detail=detail
        )

    # Creating.

    def _adopt_earlier(self, row: LedgerRow) -> LedgerRow | None:
        """Adopt a campaign of this part that another ledger has made; None if there is none."""
        word = marker(self._plan, self._plan.parts[row.number])
        if self._before is None:
            self._before = marked(self._campaigns.list())
            self._notice_another_ledger(self._before)
            if self._before.incomplete is not None and not self._ledger.rows(_SENT):
                logger.warning(
                    "the list of campaigns had %s, so it does not show whether this plan was "
                    "launched before with another ledger: use one ledger for a plan",
                    self._before.incomplete,
                )
        if word in self._before.by_marker:
            # The list may be old by now.
            return self._look(row) or row
        if self._before.incomplete is not None and self._ledger.note(_ANOTHER):
            detail = (
                "another ledger has launched this plan, and the list of campaigns had "
                f"{self._before.incomplete}, so this part may have been sent, too"
            )
            return self._step(row, "unknown", detail=detail) or row
        return None

    def _notice_another_ledger(self, shown: Marked) -> None:
        """Record that another ledger has launched the plan: its ledger was lost, or not copied.

        This ledger has a step of a part before there is a campaign with its marker. So the campaign
        of a part that is planned is another ledger's. Recorded before any of them is adopted: every
        worker of this ledger knows of it.
        """
        planned = (self._plan.parts[row.number] for row in self._ledger.rows(("planned",)))
        if any(marker(self._plan, part) in shown.by_marker for part in planned):
            self._ledger.set_note(_ANOTHER, "yes")

    def _send(self, row: LedgerRow) -> LedgerRow | None:
        """Send a part once. The only create, and only right after the step to ``sending``."""
        part = self._plan.parts[row.number]
        # Verified before the step: a damaged part stays planned.
        data = self._plan.read(part)
        sending = self._step(row, "sending")
        if sending is None:
            return None
        name = f"{self._settings.name} {marker(self._plan, part)}"
        chosen = self._settings
        try:
            campaign = self._campaigns.create(
                name,
                chosen.agent_id,
                chosen.phone_number_id,
                io.BytesIO(data),
                chosen.max_concurrent_calls,
                chosen.retries_per_contact,
                chosen.retry_delay_seconds,
            )
        except KatavenError as error:
            if _not_processed(error):
                # Another worker has not sent it meanwhile: it would have claimed the part. What was
                # unknown before is no less unknown now.
                back: State = "planned" if row.state == "planned" else "unknown"
                planned = self._step(sending, back, detail=error.message)
                if not isinstance(error, RateLimitError):
                    raise
                self._limited = True
                return planned
            logger.warning(
                "part %d may have been created, and is looked for: %s", row.number + 1, error
            )
            return self._look(sending)
        made = campaign_id(campaign)
        if made is None:
            return self._look(sending)
        created = self._step(sending, "created", campaign=made, status="draft")
        if created is None:
            self._superfluous(row.number, made)
        else:
            self._just_made = made
        return created

    def _resend(self, row: LedgerRow) -> LedgerRow | None:
        """Send a part whose campaign cannot be found, on explicit demand."""
        if row.detail.startswith(_SEEN):
            return row
        logger.warning("part %d is sent once more, as requested", row.number + 1)
        return self._send(row)

    def _superfluous(self, number: int, made: str) -> None:
        """Delete a draft of this worker, which slept while the part got another campaign."""
        row = self._ledger.row(number)
        if row.campaign == made:
            return
        if row.campaign is None:
            # Nothing is fixed yet. The draft carries the marker, so that a later look finds it.
            logger.warning("the lease of part %d ended; its draft %s stays", number + 1, made)
            return
        try:
            self._campaigns.delete(made)
        except KatavenError as error:
            logger.warning(
                "part %d has the campaign %s; its superfluous draft %s could not be deleted, and "
                "must not be started: %s",
                number + 1,
                row.campaign,
                made,
                error,
            )

    def _look(self, row: LedgerRow) -> LedgerRow | None:
        """Look for the campaign of a part by its marker; never send."""
        return self.adopt(row, marked(self._campaigns.list()))

    def adopt(self, row: LedgerRow, shown: Marked) -> LedgerRow | None:
        """Adopt the campaign with the marker of a part, if there is certainly exactly one."""
        word = marker(self._plan, self._plan.parts[row.number])
        found = shown.by_marker.get(word, [])
        ids = ", ".join(str(each.get("id")) for each in found)
        if shown.incomplete is not None:
            what = f"{_SEEN} {ids}, but the" if found else "the"
            detail = f"{what} list of campaigns had {shown.incomplete}, so it proves nothing"
        elif not found:
            detail = f"no campaign with {word} in its name"
        elif len(found) > 1:
            detail = f"{_SEEN} {len(found)} campaigns with {word} in their names: {ids}"
        else:
            made, status = campaign_id(found[0]), found[0].get("status")
            wrong = self._differs(found[0])
            if made is not None and isinstance(status, str) and not (wrong and status == "draft"):
                return self._record(row, made, status)
            detail = f"{_SEEN} {ids}, which cannot be used {wrong or '(no usable id or status)'}"
        return self._step(row, "unknown", detail=detail)

    def _differs(self, campaign: Mapping[str, Any]) -> str:
        chosen = {
            "agent_id": self._settings.agent_id,
            "phone_number_id": self._settings.phone_number_id,
        }
        wrong = [key for key, value in chosen.items() if campaign.get(key) not in (None, value)]
        return f"(another {' and '.join(wrong)})" if wrong else ""

    # Starting.

    def _ask(self, row: LedgerRow) -> LedgerRow | None:
        """Record what ``get`` shows of the campaign that the ledger has fixed."""
        fixed = str(row.campaign)
        try:
            campaign = self._campaigns.get(fixed)
        except NotFoundError:
            return self._step(row, "unknown", detail=f"the Hub has no campaign {fixed}")
        status = campaign.get("status")
        if not isinstance(status, str):
            return self._step(row, "unknown", detail=f"campaign {fixed} has no status")
        if row.state in {"created", "starting"} and status == "draft":
            return row
        return self._record(row, fixed, status)

    def _record(self, row: LedgerRow, campaign: str, status: str) -> LedgerRow | None:
        """Record a campaign as it is, and obey what came meanwhile."""
        after = self._step(row, state_of(status), campaign=campaign, status=status)
        if after is not None and after.state == "started":
            self._catch_up(after)
        return after

    def _start(self, row: LedgerRow, *, fresh: bool) -> bool | None:
        """Start the campaign that the ledger has fixed, if it is a draft.

        Returns:
            True if it was started, False if the Hub refused it for now, else None.
        """
        fixed = str(row.campaign)
        current: LedgerRow | None = row
        lost: KatavenError | None = None
        for _ in range(_STARTS):
            if not fresh:
                current = self._ask(row)
                if current is None or current.state not in {"created", "starting"}:
                    return None
                row = current
            fresh = False
            left = self.hours.left(row.number)
            current = self._step(row, "starting") if left else None
            if current is None:
                # Outside its hours, paused, stopped, or claimed by another worker. A draft calls
                # nobody.
                if row.state == "starting":
                    self._step(row, "created", status="draft")
                return None
            row = current
            try:
                # It may wait for room in the quota, but not until its hours have ended.
                campaign = self._within(left).start(fixed)
            except (ConflictError, RateLimitError) as error:
                current = self._ask(row)
                if current is not None and current.state == "starting":
                    self._step(row, "created", status="draft", detail=error.message)
                    self._warn("a campaign cannot be started for now, and is tried again", error)
                    return False
                return None
            except NotFoundError as error:
                self._step(row, "unknown", detail=error.message)
                return None
            except KatavenError as error:
                if _not_processed(error):
                    self._step(row, "created", status="draft", detail=error.message)
                    if self._had_no_time(error):
                        return False
                    raise
                lost = error
                continue
            status = campaign.get("status")
            shown = status if isinstance(status, str) and status != "draft" else "running"
            after = self._step(row, "started", status=shown)
            # Even without the lease: the campaign runs, and a pause may have missed it.
            self._catch_up(after or self._ledger.row(row.number))
            return True
        raise lost or AssertionError("a start has an outcome")

    def obey(self, row: LedgerRow) -> None:
        """Pause or stop a started campaign if the run is paused or stopped.

        A campaign that was paused before, and not on behalf of the run, is a person's: it stays
        out of this, and ``resume`` does not resume it.
        """
        wanted = self._ledger.wanted()
        if wanted == "running" or row.campaign is None:
            return
        try:
            if wanted == "stopped":
                self._campaigns.stop(row.campaign)
            elif row.held or row.status != "paused":
                # Recorded first: whatever happens now, ``resume`` knows of it.
                self._ledger.hold(row, held=True)
                self._campaigns.pause(row.campaign)
                self._ledger.observe(row, "started", "paused")
                # If the run was resumed meanwhile, so is this campaign.
                if self._ledger.wanted() == "running":
                    self.resume(self._ledger.row(row.number))
        except ConflictError:
            # It has ended, or was paused or stopped a moment ago.
            return
        except NotFoundError as error:
            logger.warning("part %d: %s", row.number + 1, error)

    def close(self, row: LedgerRow, *, claimed: bool) -> None:
        """Pause a campaign because its local hours have ended, so that their start resumes it.

        Args:
            row: The part.
            claimed: Whether this worker has claimed it. Then, if it was not held, only a person can
                have paused the campaign already, and it stays paused.
        """
        # Recorded first: whatever happens now, it is resumed later.
        self._ledger.hold(row, held=True)
        try:
            self._within(CLOSE_SECONDS).pause(str(row.campaign))
        except NotFoundError:
            self._ledger.observe(row, "failed", "deleted")
            return
        except KatavenError as error:
            refused = isinstance(error, ConflictError)
            if refused or _not_processed(error):
                now = self._ledger.row(row.number)
                same = now.token == row.token and not row.held
                # A draft is not paused either, and must not be resumed if a person pauses it later.
                if same and (claimed or now.state == "starting"):
                    self._ledger.hold(row, held=False)
            if not refused:
                logger.warning(
                    "part %d could not be paused at the end of its local hours, and is tried "
                    "again: %s",
                    row.number + 1,
                    error,
                )
                return
        # If it is over and not paused, the next poll shows it.
        self._ledger.observe(row, "started", "paused")

    def _had_no_time(self, error: KatavenError) -> bool:
        """Return whether a request would have waited until its local hours had ended."""
        late = isinstance(error, APITimeoutError) and error.deadline_passed
        return late and self.hours.given

    def _catch_up(self, row: LedgerRow) -> None:
        """Obey what came while a request was on its way: a pause, a stop, or the end of hours."""
        self.obey(row)
        if self.hours.is_open(row.number) or self._ledger.wanted() != "running":
            return
        now = self._ledger.row(row.number)
        if now.campaign is not None and now.status != "paused":
            self.close(now, claimed=False)

    def resume(self, row: LedgerRow) -> bool | None:
        """Resume a started campaign that was paused on behalf of the run.

        Returns:
            True if it was resumed, False if the Hub refused it for now, else None.
        """
        fixed = str(row.campaign)
        try:
            status = self._campaigns.get(fixed).get("status")
            left = self.hours.left(row.number)
            if status == "paused" and left and self._ledger.wanted() == "running":
                if self.hours.given:
                    # Recorded first: whatever happens now, the end of its hours pauses it.
                    self._ledger.observe(row, "started", "running")
                self._within(left).resume(fixed)
                self._ledger.observe(row, "started", "running")
                self._ledger.hold(row, held=False)
                # If the run was paused again meanwhile, so is this campaign.
                self._catch_up(self._ledger.row(row.number))
                return True
        except (ConflictError, RateLimitError):
            if self.hours.given:
                self._ledger.observe(row, "started", "paused")
            return False
        except APIConnectionError as error:
            if not self._had_no_time(error):
                raise
            if _not_processed(error):
                self._ledger.observe(row, "started", "paused")
            return False
        except NotFoundError:
            self._ledger.observe(row, "failed", "deleted")
            return None
        # It is not paused. It stays held, because its pause may still arrive.
        if isinstance(status, str) and state_of(status) != "created":
            self._ledger.observe(row, state_of(status), status)
        return None

    def _warn(self, what: str, error: APIStatusError) -> None:
        """Log an error once for each status: its text may have an id that is always another."""
        if error.status_code not in self._warned:
            self._warned.add(error.status_code)
            logger.warning("%s: %s", what, error)


CLOSE_SECONDS: Final = 15.0
"""How long the pause of a campaign may take; shorter than the time between two attempts."""
_SEEN: Final = "there is"


def _not_processed(error: KatavenError) -> bool:
    """Return whether the Hub has certainly not processed a write."""
    if isinstance(error, APIStatusError):
        return error.status_code in _REFUSED
    if isinstance(error, APIConnectionError):
        return error.request_sent is False
    # A list that cannot be sent. Any other error may have come after the request.
    return isinstance(error, ContactsError)
