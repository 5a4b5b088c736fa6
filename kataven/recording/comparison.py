"""Compares a recorded response with the one of the embedded Hub, by what a client may rely on.

Knows which values must be equal, and which only have a form: ids, times, and what depends on how
calls went. Must not know how a request is sent again (replay).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from kataven.recording.assumptions import touched
from kataven.recording.exchanges import is_rate_limit
from kataven.recording.masks import E164, MASKED, RFC3339
from kataven.sandbox.model import contacts, outcomes, states

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.recording.file import Exchange, RecordedResponse
    from kataven.recording.frames import Frame

TERMINAL: Final = states.TERMINAL
_NULLABLE: Final = frozenset(
    {"scheduled_at", "started_at", "completed_at", "last_attempt_at", "last_error"}
)
# Equal in both, because the request or the list determines them.
_CAMPAIGN_VALUES: Final = frozenset(
    {
        "name",
        "agent_id",
        "phone_number_id",
        "max_concurrent_calls",
        "retries_per_contact",
        "retry_delay_seconds",
        "status",
    }
)
_PAGE_VALUES: Final = frozenset({"page", "page_size"})
# Words that the embedded Hub uses.
_CONTACT_STATUSES: Final = frozenset(contacts.CONTACT_STATUSES)
_LAST_ERRORS: Final = frozenset(outcomes.WORDS)
_STATUSES: Final = frozenset(states.STATUSES)
_MADE_BY: Final = frozenset({"api_key", "jwt"})
_ID_FORM: Final = re.compile(r"(camp|contact)_")
_ID_IN_TEXT: Final = re.compile(r"\b(?:camp|contact)_[0-9a-f_]+|\b[0-9a-f-]{16,}\b")
_NUMBER: Final = re.compile(r"\b0x[0-9A-Fa-f]+|\d+")
_NO_TIME: Final = "0001-01-01"
_HEADERS: Final = ("retry-after", "allow", "location", "link", "www-authenticate")
_LONGEST_SHOWN: Final = 200
# Documented: a snapshot every 2 s. Seconds, generous for a slow network.
_SNAPSHOT_SPAN: Final = (1.0, 4.0)


@dataclass(slots=True)
class Difference:
    """Something that the real Hub did and the embedded one did not.

    Attributes:
        kind: What differs: ``status``, ``content_type``, ``header``, ``key_missing``,
            ``key_extra``, ``key_renamed``, ``key_order``, ``type``, ``format``, ``value``,
            ``count``, ``order``, ``text``, ``body``, ``frame_name``, ``frame_fields``,
            ``frame_order``, ``stream_end`` or ``timing``.
        operation: The operation, such as ``create``.
        where: The header, or the path of the key, such as ``contacts[].status``.
        recorded: What the real Hub did.
        embedded: What the embedded Hub does.
        rules: The ids of the rules in docs/reference/sandbox.md that it touches; empty if none is
            known.
        requests: The requests where it was found, in one line each.
    """

    kind: str
    operation: str
    where: str
    recorded: str
    embedded: str
    rules: tuple[str, ...]
    requests: list[str] = field(default_factory=list)


class Differences:
    """Collects differences; an equal one is kept once, with its requests."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], Difference] = {}

    def __iter__(self) -> Any:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        operation: str,
        kind: str,
        where: str,
        recorded: object,
        embedded: object,
        *,
        rule: tuple[str, str],
        request: str,
    ) -> None:
        """Add a difference.

        Args:
            operation: The operation.
            kind: The kind of the difference.
            where: Where it is.
            recorded: What the real Hub did.
            embedded: What the embedded Hub does.
            rule: What kind of rule it touches, and about what, as ``touched`` takes them.
            request: The request.
        """
        shown = (_shown(recorded), _shown(embedded))
        key = (operation, kind, where, *(shown if kind in {"status", "text", "value"} else ()))
        found = self._found.get(key)
        if found is None:
            rules = touched(operation, *rule)
            self._found[key] = Difference(kind, operation, where, *shown, rules, [request])
        elif request not in found.requests:
            found.requests.append(request)


@dataclass(slots=True)
class Pair:
    """A recorded exchange and the response of the embedded Hub to the same request.

    Attributes:
        exchange: The exchange.
        operation: Its operation.
        status: The embedded Hub's status.
        headers: Its headers, by name in lower case.
        body: Its body; None for an event stream.
        template: A contact or campaign of the embedded Hub, for a list that is empty there.
        whole: Whether both have the same contacts, so that pages can be counted.
        racing: Whether a write to the same campaign was in progress, so that its status is not
            certain.
    """

    exchange: Exchange
    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    template: Any = None
    whole: bool = True
    racing: bool = False


class Comparer:
    """Compares pairs, and collects what differs.

    Args:
        differences: Where it collects.
        pair: The pair.
    """

    def __init__(self, differences: Differences, pair: Pair) -> None:
        self._differences = differences
        self._pair = pair

    def compare(self) -> None:
        """Compare status, headers and body."""
        pair, recorded = self._pair, self._response
        if recorded.status != pair.status:
            about = str(recorded.status)
            if not touched(pair.operation, "status", about):
                about = str(pair.status)
            self._add("status", "", recorded.status, pair.status, ("status", about))
        if (recorded.status < 400) != (pair.status < 400):
            # Two different things happened: their bodies have nothing in common.
            return
        self._compare_headers()
        if pair.body is not None:
            self._compare_body(pair.body)

    @property
    def _response(self) -> RecordedResponse:
        response = self._pair.exchange.response
        if response is None:
            raise ValueError("an exchange without a response cannot be compared")
        return response

    def _add(
        self, kind: str, where: str, recorded: object, embedded: object, rule: tuple[str, str]
    ) -> None:
        pair = self._pair
        self._differences.add(
            pair.operation, kind, where, recorded, embedded, rule=rule, request=pair.exchange.title
        )

    # Headers

    def _compare_headers(self) -> None:
        ours, theirs = self._pair.headers, self._response.headers
        is_error = "error" if self._response.status >= 400 else "success"
        kinds = theirs.get("content-type", ""), ours.get("content-type", "")
        if _media(kinds[0]) != _media(kinds[1]) or not _same_charset(*kinds):
            self._add(
                "content_type",
                "content-type",
                kinds[0] or "none",
                kinds[1] or "none",
                ("content type", is_error),
            )
        limits = sorted(name for name in {*ours, *theirs} if is_rate_limit(name))
        for name in (*_HEADERS, *limits):
            mine, other = ours.get(name), theirs.get(name)
            about = ("header", "ratelimit" if is_rate_limit(name) else name)
            if (mine is None) != (other is None):
                self._add(
                    "header",
                    name,
                    "missing" if other is None else other,
                    "missing" if mine is None else mine,
                    about,
                )
            elif (name == "allow" and _words(mine) != _words(other)) or (
                name == "retry-after" and str(mine).isdigit() != str(other).isdigit()
            ):
                self._add("header", name, other, mine, about)

    # Bodies

    def _compare_body(self, body: bytes) -> None:
        response = self._response
        about = ("body", "error" if response.status >= 400 else "")
        if response.body == "unreadable":
            if self._pair.exchange.end == "complete":
                self._add("body", "", response.value, "a readable body", about)
            return
        try:
            mine = json.loads(body) if body and self._is_json(body) else None
        except ValueError:
            mine = None
        kind = "json" if mine is not None else "text" if body else "empty"
        if response.body != kind:
            self._add(
                "body",
                "",
                f"{response.body}: {_shown(response.value)}",
                f"{kind}: {_shown(body.decode('utf-8', 'replace'))}",
                about,
            )
        elif kind == "json":
            self._compare_json(response.value, mine, "")
            self._compare_lists(response.value, mine)
        elif kind == "text":
            text = body.decode("utf-8", "replace")
            if not same_text(str(response.value), text):
                self._add("text", "", response.value, text, ("text", str(response.status)))

    def _is_json(self, body: bytes) -> bool:
        return "json" in self._pair.headers.get("content-type", "") or body[:1] in {b"{", b"["}

    def _compare_json(self, theirs: Any, mine: Any, where: str) -> None:
        if isinstance(theirs, dict) and isinstance(mine, dict):
            self._compare_keys(theirs, mine, where)
        elif isinstance(theirs, list) and isinstance(mine, list):
            self._compare_items(theirs, mine, where)
        else:
            self._compare_scalar(theirs, mine, where)

    def _compare_keys(self, theirs: dict[str, Any], mine: dict[str, Any], where: str) -> None:
        missing = [key for key in mine if key not in theirs]
        extra = [key for key in theirs if key not in mine]
        if len(missing) == len(extra) == 1 and _type(mine[missing[0]]) == _type(theirs[extra[0]]):
            name = _join(where, missing[0])
            self._add("key_renamed", name, extra[0], missing[0], ("keys", ""))
            self._compare_json(theirs[extra[0]], mine[missing[0]], name)
            missing, extra = [], []
        for key in missing:
            self._add("key_missing", _join(where, key), "missing", _type(mine[key]), ("keys", ""))
        for key in extra:
            self._add("key_extra", _join(where, key), _type(theirs[key]), "missing", ("keys", ""))
        if list(mine) != list(theirs) and set(mine) == set(theirs):
            self._add(
                "key_order", where or "(top)", ", ".join(theirs), ", ".join(mine), ("keys", "")
            )
        for key, value in mine.items():
            if key in theirs:
                self._compare_json(theirs[key], value, _join(where, key))

    def _compare_items(self, theirs: list[Any], mine: list[Any], where: str) -> None:
        same = len(theirs) == len(mine)
        for index, item in enumerate(theirs):
            other = mine[index] if same else mine[0] if mine else self._pair.template
            if other is not None:
                self._compare_json(item, other, f"{where}[]")

    def _compare_scalar(self, theirs: Any, mine: Any, where: str) -> None:
        key = where.rpartition(".")[2].removesuffix("[]")
        if mine is None and theirs is not None and key in _NULLABLE:
            wanted = key == "last_error" or (isinstance(theirs, str) and RFC3339.fullmatch(theirs))
            if not isinstance(theirs, str):
                self._add("type", where, _type(theirs), "string or null", ("type", ""))
            elif not wanted or theirs.startswith(_NO_TIME) or not theirs:
                self._add("value", where, theirs or "''", "null", ("null", key))
            return
        if theirs is None and key in _NULLABLE:
            return
        if _type(theirs) != _type(mine):
            self._add("type", where, f"{_type(theirs)}", f"{_type(mine)}", ("type", ""))
            return
        if isinstance(mine, str) and isinstance(theirs, str):
            for pattern, form in ((RFC3339, "a time in RFC 3339"), (E164, "a number in E.164")):
                if pattern.fullmatch(mine) and not pattern.fullmatch(theirs):
                    self._add("format", where, theirs, form, ("format", key))
                    return
            begins = _ID_FORM.match(mine)
            if begins and not theirs.startswith(begins.group()):
                self._add("format", where, theirs, mine, ("format", key))
        self._compare_value(theirs, mine, where, key)

    def _compare_value(self, theirs: Any, mine: Any, where: str, key: str) -> None:
        """Compare a value that must be equal, or be one of the words of the embedded Hub."""
        operation = self._pair.operation
        known: frozenset[str] | None = None
        if key == "status":
            if self._pair.racing:
                return
            in_list = where.endswith("[].status")
            if operation == "contacts":
                known = _CONTACT_STATUSES
            elif in_list or operation == "events":
                known = _STATUSES
        elif key == "last_error":
            known = _LAST_ERRORS
        elif key == "created_by":
            known = _MADE_BY
        if known is not None:
            if theirs not in known:
                self._add(
                    "value", where, theirs, f"one of {', '.join(sorted(known))}", ("value", key)
                )
            return
        exact = (operation == "contacts" and where in _PAGE_VALUES) or (
            where in _CAMPAIGN_VALUES and operation not in {"contacts", "events", "list"}
        )
        if exact and theirs != mine:
            self._add("value", where, theirs, mine, ("value", key))

    def _compare_lists(self, theirs: Any, mine: Any) -> None:
        """Compare length and order of the list in a response."""
        items = _items(theirs)
        if items is None:
            return
        if self._pair.operation == "list":
            order = _order(items)
            if order not in {"", "oldest first"}:
                self._add("order", "campaigns", order, "oldest first", ("order", ""))
        others = _items(mine)
        filtered = "status=" in self._pair.exchange.query
        if self._pair.operation != "contacts" or others is None or filtered:
            return
        if self._pair.whole and len(items) != len(others):
            self._add("count", "contacts", len(items), len(others), ("count", ""))
            return
        numbers = _numbers(items), _numbers(others)
        if numbers[0] == numbers[1]:
            for one, other in zip(items, others, strict=False):
                self._compare_cells(one, other)
        elif sorted(numbers[0]) == sorted(numbers[1]):
            backwards = numbers[0] == numbers[1][::-1]
            self._add(
                "order",
                "contacts",
                "reversed" if backwards else "another order",
                "the order of the list",
                ("order", ""),
            )
        elif self._pair.whole and numbers[0]:
            self._add(
                "value", "contacts", "other contacts", "the contacts of the list", ("value", "page")
            )

    def _compare_cells(self, theirs: dict[str, Any], mine: dict[str, Any]) -> None:
        cells, others = theirs.get("custom_fields"), mine.get("custom_fields")
        if not isinstance(cells, dict) or not isinstance(others, dict):
            return
        for name, cell in cells.items():
            if isinstance(cell, str) and isinstance(others.get(name), str) and cell != others[name]:
                self._add(
                    "value", f"contacts[].custom_fields.{name}", cell, others[name], ("value", "")
                )

    # Event streams

    def compare_frames(self, mine: Sequence[Frame], closed_by: str, *, paced: bool) -> None:
        """Compare the frames of an event stream.

        Args:
            mine: The frames of the embedded Hub.
            closed_by: How its stream ended: ``hub`` if it closed it, else ``client``.
            paced: Whether the recorded Hub's clock is the real one.
        """
        exchange = self._pair.exchange
        theirs: list[Frame] = [
            frame for frame in self._response.value or [] if not frame.get("unfinished")
        ]
        labels, others = _labels(theirs), _labels(mine)
        self._compare_names(theirs, mine)
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
        if not same and self._pair.racing:
            # One of the two streams may have been opened after the write.
            same = labels[-shorter:] == others[-shorter:]
        if not same:
            self._add("frame_order", "", ", ".join(labels), ", ".join(others), ("frame order", ""))
        if whole and closed_by != "hub":
            self._add(
                "stream_end",
                "",
                "it closed the stream",
                "it keeps the stream open",
                ("stream end", ""),
            )
        self._compare_data(theirs, mine)
        if paced:
            self._compare_pace(theirs)

    def _compare_names(self, theirs: Sequence[Frame], mine: Sequence[Frame]) -> None:
        names = {_name(frame) for frame in mine}
        for frame in theirs:
            name = _name(frame)
            if name not in names and name != ": heartbeat":
                self._add(
                    "frame_name",
                    name,
                    name,
                    ", ".join(sorted({*names, ": heartbeat"})),
                    ("frame name", ""),
                )
            others = next((one for one in mine if _name(one) == name), None)
            fields = [key for key in frame if key != "at"]
            if others is not None and fields != (ours := [key for key in others if key != "at"]):
                self._add(
                    "frame_fields", name, ", ".join(fields), ", ".join(ours), ("frame fields", "")
                )

    def _compare_data(self, theirs: Sequence[Frame], mine: Sequence[Frame]) -> None:
        template = next(
            (frame["data"] for frame in mine if isinstance(frame.get("data"), dict)), None
        )
        for frame in theirs:
            if "data" in frame and template is not None:
                self._compare_json(frame["data"], template, "data")

    def _compare_pace(self, theirs: Sequence[Frame]) -> None:
        at = [
            frame["at"]
            for frame in theirs
            if isinstance(frame.get("data"), dict) and frame["data"].get("status") == "running"
        ]
        spans = sorted(later - earlier for earlier, later in pairwise(at))
        if len(spans) >= 3 and not _SNAPSHOT_SPAN[0] <= spans[len(spans) // 2] <= _SNAPSHOT_SPAN[1]:
            self._add(
                "timing",
                "snapshots",
                f"one every {spans[len(spans) // 2]:.1f} s",
                "one every 2 s",
                ("timing", ""),
            )


def frame_status(frame: Frame) -> str | None:
    """Return the campaign's status in a frame, or None if it has none."""
    data = frame.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    return status if isinstance(status, str) else None


def same_text(theirs: str, mine: str) -> bool:
    """Whether two error texts are the same, but for numbers, ids and what was masked."""
    words, others = _text_words(theirs), _text_words(mine)
    return len(words) == len(others) and all(
        one == other or MASKED.fullmatch(one) for one, other in zip(words, others, strict=True)
    )


def _text_words(text: str) -> list[str]:
    return _NUMBER.sub("5", _ID_IN_TEXT.sub("ID", text.replace("[key]", "xx"))).split()


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


def _items(value: Any) -> list[dict[str, Any]] | None:
    """Return the list of objects in a response; None if it has none."""
    if isinstance(value, dict):
        value = next((one for one in value.values() if isinstance(one, list)), None)
    if not isinstance(value, list):
        return None
    return [one for one in value if isinstance(one, dict)]


def _numbers(items: Sequence[dict[str, Any]]) -> list[str]:
    return [
        next(
            (value for value in one.values() if isinstance(value, str) and E164.fullmatch(value)),
            "",
        )
        for one in items
    ]


def _order(campaigns: Sequence[dict[str, Any]]) -> str:
    times = []
    for campaign in campaigns:
        try:
            times.append(datetime.fromisoformat(str(campaign.get("created_at"))))
        except ValueError:
            return ""
    try:
        if times == sorted(times):
            return "oldest first"
        return "newest first" if times == sorted(times, reverse=True) else "another order"
    except TypeError:
        return ""


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: tuple[tuple[type, str], ...] = (
        (dict, "object"),
        (list, "array"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _same_charset(theirs: str, mine: str) -> bool:
    found = [re.search(r"charset=\"?([\w-]+)", each, re.IGNORECASE) for each in (theirs, mine)]
    if found[0] is None or found[1] is None:
        return True
    return found[0][1].lower() == found[1][1].lower()


def _words(text: str | None) -> list[str]:
    return sorted(word.strip().upper() for word in (text or "").split(","))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
