"""A part becomes a campaign: it is sent once, and looked for whenever that may have happened.

The only place with a create, right after the step to ``sending``. Starts nothing.
"""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk._context import not_processed
from kataven.bulk._marked import Marked, campaign_id, marked, marker
from kataven.errors import KatavenError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.bulk._context import RunContext
    from kataven.bulk._starting import Starting
    from kataven.bulk.ledger import LedgerRow
    from kataven.bulk.ledger.states import State

__all__ = ["Creating"]

logger = logging.getLogger("kataven")

_ANOTHER: Final = "another ledger"
# What a ledger has once it was used.
_SENT: Final[tuple[State, ...]] = ("created", "starting", "started", "finished", "failed")


class Creating:
    """Creates and finds the campaigns of single parts.

    Args:
        run: The run.
        starting: Records a campaign that was found.

    Attributes:
        just_made: The draft that was made of the last part, None if it was not made by this worker.
        limited: Whether the Hub refused the last part for now, because of a limit.
    """

    def __init__(self, run: RunContext, starting: Starting) -> None:
        self._run = run
        self._starting = starting
        self.just_made: str | None = None
        self.limited = False
        # Read before the first create of this launch.
        self._before: Marked | None = None

    def begin(self) -> None:
        """Forget the last part."""
        self.just_made = None
        self.limited = False

    def adopt_earlier(self, row: LedgerRow) -> LedgerRow | None:
        """Adopt a campaign of this part that another ledger has made; None if there is none."""
        word = self._run.marker(row)
        if self._before is None:
            self._before = marked(self._run.campaigns.list())
            self._notice_another_ledger(self._before)
            if self._before.incomplete is not None and not self._run.ledger.rows(_SENT):
                logger.warning(
                    "the list of campaigns had %s, so it does not show whether this plan was "
                    "launched before with another ledger: use one ledger for a plan",
                    self._before.incomplete,
                )
        if word in self._before.by_marker:
            # The list may be old by now.
            return self.look(row) or row
        if self._before.incomplete is not None and self._run.ledger.note(_ANOTHER):
            detail = (
                "another ledger has launched this plan, and the list of campaigns had "
                f"{self._before.incomplete}, so this part may have been sent, too"
            )
            return self._run.step(row, "unknown", detail=detail) or row
        return None

    def _notice_another_ledger(self, shown: Marked) -> None:
        """Record that another ledger has launched the plan: its ledger was lost, or not copied.

        This ledger has a step of a part before there is a campaign with its marker. So the campaign
        of a part that is planned is another ledger's. Recorded before any of them is adopted: every
        worker of this ledger knows of it.
        """
        planned = (self._run.plan.parts[row.number] for row in self._run.ledger.rows(("planned",)))
        if any(marker(self._run.plan, part) in shown.by_marker for part in planned):
            self._run.ledger.set_note(_ANOTHER, "yes")

    def send(self, row: LedgerRow) -> LedgerRow | None:
        """Send a part once. The only create, and only right after the step to ``sending``."""
        part = self._run.plan.parts[row.number]
        # Verified before the step: a damaged part stays planned.
        data = self._run.plan.read(part)
        sending = self._run.step(row, "sending")
        if sending is None:
            return None
        name = f"{self._run.settings.name} {marker(self._run.plan, part)}"
        chosen = self._run.settings
        try:
            campaign = self._run.campaigns.create(
                name,
                chosen.agent_id,
                chosen.phone_number_id,
                io.BytesIO(data),
                chosen.max_concurrent_calls,
                chosen.retries_per_contact,
                chosen.retry_delay_seconds,
            )
        except KatavenError as error:
            if not_processed(error):
                # Another worker has not sent it meanwhile: it would have claimed the part. What was
                # unknown before is no less unknown now.
                back: State = "planned" if row.state == "planned" else "unknown"
                planned = self._run.step(sending, back, detail=error.message)
                if not isinstance(error, RateLimitError):
                    raise
                self.limited = True
                return planned
            logger.warning(
                "part %d may have been created, and is looked for: %s", row.number + 1, error
            )
            return self.look(sending)
        made = campaign_id(campaign)
        if made is None:
            return self.look(sending)
        created = self._run.step(sending, "created", campaign=made, status="draft")
        if created is None:
            self._superfluous(row.number, made)
        else:
            self.just_made = made
        return created

    def resend(self, row: LedgerRow) -> LedgerRow | None:
        """Send a part whose campaign cannot be found, on explicit demand."""
        if row.seen:
            return row
        logger.warning("part %d is sent once more, as requested", row.number + 1)
        return self.send(row)

    def _superfluous(self, number: int, made: str) -> None:
        """Delete a draft of this worker, which slept while the part got another campaign."""
        row = self._run.ledger.row(number)
        if row.campaign == made:
            return
        if row.campaign is None:
            # Nothing is fixed yet. The draft carries the marker, so that a later look finds it.
            logger.warning("the lease of part %d ended; its draft %s stays", number + 1, made)
            return
        try:
            self._run.campaigns.delete(made)
        except KatavenError as error:
            logger.warning(
                "part %d has the campaign %s; its superfluous draft %s could not be deleted, and "
                "must not be started: %s",
                number + 1,
                row.campaign,
                made,
                error,
            )

    def look(self, row: LedgerRow) -> LedgerRow | None:
        """Look for the campaign of a part by its marker; never send."""
        return self.adopt(row, marked(self._run.campaigns.list()))

    def adopt(self, row: LedgerRow, shown: Marked) -> LedgerRow | None:
        """Adopt the campaign with the marker of a part, if there is certainly exactly one."""
        word = self._run.marker(row)
        found = shown.by_marker.get(word, [])
        ids = ", ".join(str(each.get("id")) for each in found)
        if shown.incomplete is not None:
            what = f"there is {ids}, but the" if found else "the"
            detail = f"{what} list of campaigns had {shown.incomplete}, so it proves nothing"
        elif not found:
            detail = f"no campaign with {word} in its name"
        elif len(found) > 1:
            detail = f"there are {len(found)} campaigns with {word} in their names: {ids}"
        else:
            made, status = campaign_id(found[0]), found[0].get("status")
            wrong = self._differs(found[0])
            if made is not None and isinstance(status, str) and not (wrong and status == "draft"):
                return self._starting.record(row, made, status)
            detail = f"there is {ids}, which cannot be used {wrong or '(no usable id or status)'}"
        return self._run.step(row, "unknown", detail=detail, seen=bool(found))

    def _differs(self, campaign: Mapping[str, Any]) -> str:
        chosen = {
            "agent_id": self._run.settings.agent_id,
            "phone_number_id": self._run.settings.phone_number_id,
        }
        wrong = [key for key, value in chosen.items() if campaign.get(key) not in (None, value)]
        return f"(another {' and '.join(wrong)})" if wrong else ""
