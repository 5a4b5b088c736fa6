"""``compare``: sends the requests of a recording to embedded Hubs, and reports what differs.

Knows the order of a recording, and which Hub gets each request. Must not know how a Hub follows the
state of its campaign (home), refuses (refusing) or is brought into a state (stage), or how a
response is compared (comparison). Each campaign has an embedded Hub of its own, whose clock only
moves when the recording shows that the campaign went on.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from kataven.recording.comparison import compare_responses
from kataven.recording.differences import Difference, Differences, Pair
from kataven.recording.file import Exchange, Recording, read_recording
from kataven.recording.home import Home
from kataven.recording.knowledge import KnownCampaigns, settings_of
from kataven.recording.meaning import (
    ACTIONS,
    campaign_of,
    clock_scale,
    first_status_of,
    frame_status,
    frames_of,
    json_of,
    objects_in,
    operation_of,
    parsed,
    reason_not_to_compare,
    status_of,
)
from kataven.recording.refusing import refused_response
from kataven.recording.resending import sent_again
from kataven.recording.stage import MOUNT, Response, Sent, Settings, Stage, Stream, new_client
from kataven.recording.stream_comparison import compare_frames
from kataven.sandbox.model import states

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime

# Recorded seconds of Hub time for which a campaign stays in the state in which it was seen.
_STILL: Final = 5.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        upstream: The URL of the real Hub.
        compared: How many exchanges were compared.
        differences: What differs.
        not_compared: The exchanges that were not compared, and why, in one line each.
    """

    upstream: str
    compared: int
    differences: list[Difference]
    not_compared: list[str]


def compare(path: str | os.PathLike[str]) -> Comparison:
    """Send the requests of a recording to embedded Hubs, and compare the responses.

    Args:
        path: The file that ``Recorder`` wrote.

    Returns:
        What differs.

    Raises:
        ImportError: The extra ``sandbox`` is not installed.
        OSError: The file cannot be read.
        RecordingError: It is not a recording, is incomplete, or was changed.
    """
    recording = read_recording(path)
    with _Replay(recording) as replay:
        return replay.run()


class _Replay:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._differences = Differences()
        self._not_compared: list[str] = []
        self._compared = 0
        self._stages = contextlib.ExitStack()
        self._client = self._stages.enter_context(new_client())
        self._homes: dict[str, Home] = {}
        self._campaigns = KnownCampaigns(recording)
        self._scale = clock_scale(recording)
        self._without_campaigns: Stage | None = None
        self._with_campaign: Stage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stages.close()

    def run(self) -> Comparison:
        for _, _, step in sorted(self._steps(), key=lambda step: step[:2]):
            step()
        return Comparison(
            self._recording.upstream, self._compared, list(self._differences), self._not_compared
        )

    def _steps(self) -> list[tuple[float, int, Callable[[], None]]]:
        """Return what happens in the order in which it was recorded."""
        steps: list[tuple[float, int, Callable[[], None]]] = []

        def add(at: float, step: Callable[[], None]) -> None:
            steps.append((at, len(steps), step))

        for exchange in self._recording.exchanges:
            if why := reason_not_to_compare(exchange):
                self._not_compared.append(f"{exchange.title}: {why}")
                continue
            if exchange.end != "complete" and exchange.failure is not None:
                what = "body" if frames_of(exchange) is None else "rest of its stream"
                self._not_compared.append(f"{exchange.title}: {exchange.failure} (the {what})")
            if frames_of(exchange) is None:
                add(exchange.began, partial(self._exchange, exchange))
                continue
            add(exchange.began, partial(self._open, exchange))
            before = first_status_of(exchange)
            # A frame may arrive late, after writes that it precedes.
            late = self._races(exchange, exchange.ended)
            for frame in frames_of(exchange) or []:
                status = frame_status(frame)
                if status is not None and status != before:
                    before = status
                    at = exchange.began + float(frame["at"])
                    campaign_id = campaign_of(exchange)
                    add(at, partial(self._saw, campaign_id, status, at, may_be_late=late))
            add(exchange.ended, partial(self._end, exchange))
        return steps

    # Homes

    def _home(self, campaign_id: str, status: str | None) -> Home | None:
        """Return the Hub of a campaign, made in a status if it is older than the recording."""
        home = self._homes.get(campaign_id)
        if home is None and status is not None:
            settings = self._campaigns.settings(campaign_id)
            home = Home(self._stage(), settings)
            home.stage.create(settings, status)
            self._homes[campaign_id] = home
        return home

    def _stage(self) -> Stage:
        return self._stages.enter_context(Stage(self._client))

    def _saw(self, campaign_id: str, status: str, at: float, *, may_be_late: bool = False) -> None:
        if home := self._homes.get(campaign_id):
            home.saw(status, at, may_be_late=may_be_late)

    # Exchanges

    def _exchange(self, exchange: Exchange) -> None:
        operation, campaign_id = operation_of(exchange), campaign_of(exchange)
        response = exchange.response
        if response is None:
            return
        succeeded = response.status < 300
        recorded = status_of(exchange)
        home = self._home(campaign_id, self._status_to_make(exchange)) if campaign_id else None
        racing = self._races(exchange)
        if operation == "get" and recorded is not None and not racing:
            self._saw(campaign_id, recorded, exchange.began)
            home = self._homes.get(campaign_id)
        mine = refused_response(self._client, exchange, self._recording.started, operation, home)
        if mine is None:
            mine = self._send(exchange, operation, home)
        template = None
        if operation == "contacts" and home is not None:
            path = f"{MOUNT}/campaigns/{home.stage.campaign_id}/contacts"
            found = parsed(home.stage.send(Sent("GET", path)).body)
            template = next(iter(objects_in(found)), None)
        self._compared += 1
        compare_responses(
            Pair(
                self._differences,
                exchange,
                operation,
                mine.status,
                mine.headers,
                mine.body,
                template,
                self._knows_contacts(campaign_id, home),
                racing,
            )
        )
        if operation == "list" and succeeded:
            self._saw_list(exchange)
        if home is not None and operation in {*ACTIONS, "delete"}:
            home.after(exchange, operation, mine)
        elif home is not None and operation != "get":
            home.seen_at = float("-inf")

    def _send(self, exchange: Exchange, operation: str, home: Home | None) -> Response:
        if operation == "create":
            return self._create(exchange)
        if operation == "list":
            return self._stage_for_list(exchange).send(self._sent(exchange, None))
        if home is None:
            return self._empty_stage().send(self._sent(exchange, None))
        mine = home.stage.send(self._sent(exchange, home.stage), is_stream=operation == "events")
        if operation in {*ACTIONS, "delete"}:
            return self._or_later(exchange, operation, home, mine)
        return mine

    def _or_later(self, exchange: Exchange, operation: str, home: Home, mine: Response) -> Response:
        """Send a write again as if the campaign had gone on, unless it had just been seen.

        A campaign ends by itself, which the recording need not show.
        """
        response = exchange.response
        real = exchange.began - home.seen_at
        passed = real if math.isinf(self._scale) else real * self._scale
        just_seen = passed < _STILL and not math.isinf(self._scale)
        if response is None or mine.status == response.status or just_seen:
            return mine
        for status in {"running": ("completed",), "scheduled": ("running", "completed")}.get(
            home.seen, ()
        ):
            with Stage(self._client) as stage:
                stage.create(home.settings, status)
                later = stage.send(self._sent(exchange, stage))
            if later.status == response.status:
                if not (operation == "delete" and later.status < 300):
                    home.stage.create(home.settings, status)
                    home.stage.send(self._sent(exchange, home.stage))
                else:
                    home.stage.delete()
                home.seen = status
                return later
        return mine

    def _create(self, exchange: Exchange) -> Response:
        response = exchange.response
        stage = self._stage()
        mine = stage.send(self._sent(exchange, None))
        value = json_of(exchange)
        if response is None or response.status >= 300 or not isinstance(value, dict):
            return mine
        made = parsed(mine.body) if mine.status == 201 else {}
        settings = settings_of(exchange)
        home = Home(stage, settings, created=exchange.number)
        stage.campaign_id = str(made.get("id", "")) if isinstance(made, dict) else ""
        recorded = status_of(exchange)
        if not stage.campaign_id or (recorded is not None and stage.status != recorded):
            stage.create(settings, recorded or "draft")
        home.seen, home.seen_at = recorded or stage.status, exchange.ended
        # Under each of its values: the key of the id may be another one.
        paths = {campaign_of(each) for each in self._recording.exchanges}
        for one in value.values():
            if isinstance(one, str) and (one in paths or one == value.get("id")):
                self._homes.setdefault(one, home)
        return mine

    def _races(self, exchange: Exchange, until: float | None = None) -> bool:
        """Whether a write to its campaign was in progress when a read got its first response.

        Then the recording does not show which of the two the Hub handled first.

        Args:
            exchange: The read.
            until: When it ended; None for the time of its first frame, or its end if it has none.
        """
        frames = frames_of(exchange)
        first = exchange.began + float(frames[0]["at"]) if frames else exchange.ended
        end = first if until is None else until
        campaign_id = campaign_of(exchange)
        return any(
            one.began < end
            and exchange.began < one.ended
            and one is not exchange
            and operation_of(one) in {*ACTIONS, "delete"}
            and campaign_of(one) == campaign_id
            for one in self._recording.exchanges
        )

    def _saw_list(self, exchange: Exchange) -> None:
        for campaign in objects_in(json_of(exchange)):
            campaign_id, status = campaign.get("id"), campaign.get("status")
            if isinstance(campaign_id, str) and isinstance(status, str):
                self._saw(campaign_id, status, exchange.began, may_be_late=True)

    def _knows_contacts(self, campaign_id: str, home: Home | None) -> bool:
        if home is None or home.created:
            return home is not None
        return self._campaigns.has_total(campaign_id)

    # Event streams

    def _open(self, exchange: Exchange) -> None:
        response = exchange.response
        campaign_id = campaign_of(exchange)
        home = self._home(campaign_id, self._status_to_make(exchange))
        if response is None or home is None:
            return
        first = first_status_of(exchange)
        if first is not None and not self._races(exchange):
            self._saw(campaign_id, first, exchange.began)
        mine = home.stage.open(self._sent(exchange, home.stage))
        if isinstance(mine, Stream):
            home.streams[exchange.number] = mine
            mine.wait(bool)
            return
        self._compared += 1
        compare_responses(
            Pair(self._differences, exchange, "events", mine.status, mine.headers, mine.body)
        )

    def _end(self, exchange: Exchange) -> None:
        home = self._homes.get(campaign_of(exchange))
        stream = home.streams.pop(exchange.number, None) if home is not None else None
        if home is None or stream is None:
            return
        frames = frames_of(exchange) or []
        last = next((frame_status(one) for one in frames[::-1] if frame_status(one)), None)
        ended = last in states.TERMINAL or any("event" in frame for frame in frames)
        closed_by = "client"
        if exchange.end == "complete" and (ended or home.stage.status in {"", *states.TERMINAL}):
            if home.stage.status:
                home.stage.bring(last if last in states.TERMINAL else "completed")
            if home.stage.status in {"", *states.TERMINAL}:
                stream.wait(lambda _: False)
            closed_by = "hub" if stream.closed else "client"
        else:
            now = home.stage.status
            stream.wait(lambda seen: any(frame_status(frame) == now for frame in seen[::-1]))
        stream.close()
        self._compared += 1
        pair = Pair(
            self._differences,
            exchange,
            "events",
            stream.status,
            stream.headers,
            None,
            racing=self._races(exchange),
        )
        compare_responses(pair)
        compare_frames(pair, stream.frames, closed_by, paced=self._scale == 1.0)

    # Requests

    def _sent(self, exchange: Exchange, stage: Stage | None) -> Sent:
        """Return a request for the Hub of its campaign; None for one of no known campaign."""
        started = self._recording.started
        if stage is None:
            return sent_again(exchange, started, self._time_without_campaign)
        return sent_again(exchange, started, stage.hub.now, stage.campaign_id)

    def _time_without_campaign(self) -> datetime:
        return self._empty_stage().hub.now()

    def _status_to_make(self, exchange: Exchange) -> str | None:
        """Return the status in which an older campaign is made; None if there is none to make."""
        if campaign_of(exchange) in self._homes:
            return None
        return self._campaigns.status_at(exchange)

    def _stage_for_list(self, exchange: Exchange) -> Stage:
        if not objects_in(json_of(exchange)):
            return self._empty_stage()
        if self._with_campaign is None:
            self._with_campaign = self._stage()
            self._with_campaign.create(Settings())
        return self._with_campaign

    def _empty_stage(self) -> Stage:
        if self._without_campaigns is None:
            self._without_campaigns = self._stage()
        return self._without_campaigns
