"""The embedded Hub of one recorded campaign, which follows the state that the recording shows.

Knows what a status or a write says about the state of the campaign. Must not know the order of a
recording (replay), or how a Hub is brought into a state (stage).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kataven.recording.meaning import status_of
from kataven.recording.stage import NATURAL
from kataven.sandbox.model import states

if TYPE_CHECKING:
    from kataven.recording.file import Exchange
    from kataven.recording.stage import Response, Settings, Stage, Stream


@dataclass(slots=True)
class Home:
    """The embedded Hub of one recorded campaign.

    Attributes:
        stage: The Hub.
        settings: The campaign.
        created: The number of the exchange that created it; 0 if it is older than the recording.
        agreed: Whether both campaigns had the same status when it was last seen.
        seen: The status that was seen last, and when.
        streams: The open streams, by the number of their exchange.
    """

    stage: Stage
    settings: Settings
    created: int = 0
    agreed: bool = True
    seen: str = ""
    seen_at: float = float("-inf")
    streams: dict[int, Stream] = field(default_factory=dict)

    def remake(self, status: str) -> None:
        """Replace the campaign by one in another status."""
        self.stage.create(self.settings, status)
        self.agreed = True

    def saw(self, status: str, at: float, *, may_be_late: bool = False) -> None:
        """Bring the campaign to a status that was recorded, if it got there by itself.

        Args:
            status: The status that it had.
            at: When it was seen, in seconds since the recording began.
            may_be_late: Whether a write may have changed it before it was seen, so that only a
                change that needs no write is certain.
        """
        now = self.stage.status
        outside = self.agreed and not may_be_late
        if now not in {"", status} and ((now, status) in NATURAL or outside):
            if not self.stage.bring(status) and outside and not self.streams:
                self.remake(status)
            now = self.stage.status
        if now == status or not may_be_late:
            self.agreed = now == status
            self.seen, self.seen_at = status, at

    def after(self, exchange: Exchange, operation: str, mine: Response) -> None:
        """Bring the campaign to where the recorded one is after a write."""
        response = exchange.response
        if response is None:
            return
        recorded = status_of(exchange)
        theirs, ours = response.status < 300, mine.status < 300
        self.seen_at = float("-inf")
        if operation == "delete":
            if theirs and not ours:
                self.stage.delete()
            elif ours and not theirs:
                self.remake(self.seen or "draft")
            return
        if theirs:
            self.agreed = False
            if recorded is not None:
                known = recorded in states.STATUSES
                if known and self.stage.status != recorded and not self.streams:
                    # It is reported. What follows is compared as if it had been the same.
                    self.remake(recorded)
                self.agreed = self.stage.status == recorded or not known
                self.seen, self.seen_at = recorded, exchange.ended
            elif ours:
                self.seen = self.stage.status
        elif ours:
            self.remake(self.seen or "draft")
