"""Compares a recorded response with the one of the embedded Hub: status, headers, and kind of body.

Knows what a client may rely on in each. Must not know how a request is sent again (replay), or what
is in a JSON body (json_comparison) or an event stream (stream_comparison).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from kataven.recording.differences import shown
from kataven.recording.exchanges import is_rate_limit
from kataven.recording.json_comparison import compare_json, compare_lists
from kataven.recording.masks import MASKED
from kataven.recording.touched_rules import touched

if TYPE_CHECKING:
    from kataven.recording.differences import Pair

_ID_IN_TEXT: Final = re.compile(r"\b(?:camp|contact)_[0-9a-f_]+|\b[0-9a-f-]{16,}\b")
_NUMBER: Final = re.compile(r"\b0x[0-9A-Fa-f]+|\d+")
_HEADERS: Final = ("retry-after", "allow", "location", "link", "www-authenticate")


def compare_responses(pair: Pair) -> None:
    """Compare status, headers and body, and collect what differs in the pair."""
    recorded = pair.response
    if recorded.status != pair.status:
        about = str(recorded.status)
        if not touched(pair.operation, "status", about):
            about = str(pair.status)
        pair.differs("status", "", recorded.status, pair.status, ("status", about))
    if (recorded.status < 400) != (pair.status < 400):
        # Two different things happened: their bodies have nothing in common.
        return
    _compare_headers(pair)
    if pair.body is not None:
        _compare_body(pair, pair.body)


def _compare_headers(pair: Pair) -> None:
    ours, theirs = pair.headers, pair.response.headers
    is_error = "error" if pair.response.status >= 400 else "success"
    kinds = theirs.get("content-type", ""), ours.get("content-type", "")
    if _media(kinds[0]) != _media(kinds[1]) or not _same_charset(*kinds):
        pair.differs(
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
            pair.differs(
                "header",
                name,
                "missing" if other is None else other,
                "missing" if mine is None else mine,
                about,
            )
        elif (name == "allow" and _words(mine) != _words(other)) or (
            name == "retry-after" and str(mine).isdigit() != str(other).isdigit()
        ):
            pair.differs("header", name, other, mine, about)


def _compare_body(pair: Pair, body: bytes) -> None:
    response = pair.response
    about = ("body", "error" if response.status >= 400 else "")
    if response.body == "unreadable":
        if pair.exchange.end == "complete":
            pair.differs("body", "", response.value, "a readable body", about)
        return
    try:
        mine = json.loads(body) if body and _is_json(pair, body) else None
    except ValueError:
        mine = None
    kind = "json" if mine is not None else "text" if body else "empty"
    if response.body != kind:
        pair.differs(
            "body",
            "",
            f"{response.body}: {shown(response.value)}",
            f"{kind}: {shown(body.decode('utf-8', 'replace'))}",
            about,
        )
    elif kind == "json":
        compare_json(pair, response.value, mine, "")
        compare_lists(pair, response.value, mine)
    elif kind == "text":
        text = body.decode("utf-8", "replace")
        if not _same_text(str(response.value), text):
            pair.differs("text", "", response.value, text, ("text", str(response.status)))


def _is_json(pair: Pair, body: bytes) -> bool:
    return "json" in pair.headers.get("content-type", "") or body[:1] in {b"{", b"["}


def _same_text(theirs: str, mine: str) -> bool:
    """Whether two error texts are the same, but for numbers, ids and what was masked."""
    words, others = _text_words(theirs), _text_words(mine)
    return len(words) == len(others) and all(
        one == other or MASKED.fullmatch(one) for one, other in zip(words, others, strict=True)
    )


def _text_words(text: str) -> list[str]:
    return _NUMBER.sub("5", _ID_IN_TEXT.sub("ID", text.replace("[key]", "xx"))).split()


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _same_charset(theirs: str, mine: str) -> bool:
    found = [re.search(r"charset=\"?([\w-]+)", each, re.IGNORECASE) for each in (theirs, mine)]
    if found[0] is None or found[1] is None:
        return True
    return found[0][1].lower() == found[1][1].lower()


def _words(text: str | None) -> list[str]:
    return sorted(word.strip().upper() for word in (text or "").split(","))
