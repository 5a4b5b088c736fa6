"""Compares a recorded event stream with that of the embedded Hub, by its frames.

Knows what a client may rely on: names, fields, the order of frames, how a stream ends, and how
often snapshots come. Must not know how bytes become frames (frames), or a stream is opened (stage).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kataven.recording.json_comparison import compare_json
from kataven.recording.meaning import frame_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.recording.differences import Pair
    from kataven.recording.frames import Frame

# Documented: a snapshot every 2 s. Seconds, generous for a slow network.
_SNAPSHOT_SPAN: Final = (1.0, 4.0)


def compare_frames(pair: Pair, mine: Sequence[Frame], closed_by: str, *, paced: bool) -> None:
    """Compare the frames of an event stream.

    Args:
        pair: The exchange and the response; it collects what differs.
        mine: The frames of the embedded Hub.
        closed_by: How its stream ended: ``hub`` if it closed it, else ``client``.
        paced: Whether the recorded Hub's clock is the real one.
    """
    exchange = pair.exchange
    theirs: list[Frame] = [
        frame for frame in pair.response.value or [] if not frame.get("unfinished")
    ]
    labels, others = _labels(theirs), _labels(mine)
    _compare_names(pair, theirs, mine)
    whole = exchange.end == "complete"
    shorter = min(len(labels), len(others))
    same = labels == others if whole else labels[:shorter] == others[:shorter]
    if not same and len(labels) == len(others):
        # Frames with another name are reported by their name.
        known = {_name(frame) for frame in mine}
        same = all(
            one == other or one.partition(" (")[0] not in known
            for one, other in zip(labels, others, strict=True)
        )
    if not same and pair.racing:
        # One of the two streams may have been opened after the write.
        same = labels[-shorter:] == others[-shorter:]
    if not same:
        pair.differs("frame_order", "", ", ".join(labels), ", ".join(others), ("frame order", ""))
    if whole and closed_by != "hub":
        pair.differs(
            "stream_end",
            "",
            "it closed the stream",
            "it keeps the stream open",
            ("stream end", ""),
        )
    _compare_data(pair, theirs, mine)
    if paced:
        _compare_pace(pair, theirs)


def _compare_names(pair: Pair, theirs: Sequence[Frame], mine: Sequence[Frame]) -> None:
    names = {_name(frame) for frame in mine}
    for frame in theirs:
        name = _name(frame)
        if name not in names and name != ": heartbeat":
            pair.differs(
                "frame_name",
                name,
                name,
                ", ".join(sorted({*names, ": heartbeat"})),
                ("frame name", ""),
            )
        others = next((one for one in mine if _name(one) == name), None)
        fields = [key for key in frame if key != "at"]
        if others is not None and fields != (ours := [key for key in others if key != "at"]):
            pair.differs(
                "frame_fields", name, ", ".join(fields), ", ".join(ours), ("frame fields", "")
            )


def _compare_data(pair: Pair, theirs: Sequence[Frame], mine: Sequence[Frame]) -> None:
    template = next((frame["data"] for frame in mine if isinstance(frame.get("data"), dict)), None)
    for frame in theirs:
        if "data" in frame and template is not None:
            compare_json(pair, frame["data"], template, "data")


def _compare_pace(pair: Pair, theirs: Sequence[Frame]) -> None:
    at = [
        frame["at"]
        for frame in theirs
        if isinstance(frame.get("data"), dict) and frame["data"].get("status") == "running"
    ]
    spans = sorted(later - earlier for earlier, later in pairwise(at))
    if len(spans) >= 3 and not _SNAPSHOT_SPAN[0] <= spans[len(spans) // 2] <= _SNAPSHOT_SPAN[1]:
        pair.differs(
            "timing",
            "snapshots",
            f"one every {spans[len(spans) // 2]:.1f} s",
            "one every 2 s",
            ("timing", ""),
        )


def _labels(frames: Sequence[Frame]) -> list[str]:
    """Return the kinds of the frames without heartbeats; equal ones in a row count once.

    A heartbeat before everything else is kept: a stream begins with a snapshot.
    """
    found: list[str] = []
    for frame in frames:
        name = _name(frame)
        if name.startswith(":"):
            if not found:
                found.append(name)
            continue
        status = frame_status(frame)
        label = f"{name} ({status})" if status else name
        if not found or found[-1] != label:
            found.append(label)
    return found


def _name(frame: Frame) -> str:
    if "event" in frame:
        return f"event {frame['event']}"
    if "data" in frame:
        return "data" if isinstance(frame["data"], dict) else "data that is not an object"
    return f": {frame.get('comment', '')}" if "comment" in frame else "other"
