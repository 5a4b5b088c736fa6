"""Which rules of the embedded Hub a difference touches.

Names rules by their ids in ``assumptions``, as a test holds. Must not know recordings.
"""

from __future__ import annotations

from typing import Final

__all__ = ["touched"]

# What a difference is about, and the rules that it touches, by operation; "*" is any operation.
# A key is the kind of the difference, or the kind and the beginning of where it is.
_CAMPAIGN_KEYS: Final = ("campaign-fields",)
_TRANSITIONS: Final = ("transitions", "other-transitions", "budget")
_TOUCHED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "*": {
        "status 401": ("bad-credentials", "jwt-form"),
        "status 403": ("bad-credentials",),
        "status 404": ("other-account", "unknown-path"),
        "status 405": ("unknown-path",),
        "status 429": ("request-limits",),
        "content type error": ("plain-errors",),
        "body error": ("plain-errors",),
        "text": ("error-texts",),
        "text 401": ("error-texts",),
        "text 429": ("limit-response", "limit-words"),
        "header retry-after": ("limit-response",),
        "header ratelimit": ("limit-response",),
        "header allow": ("unknown-path",),
        "format": ("time-format", "id-format"),
        "format phone_number": ("e164",),
    },
    "list": {
        "keys": ("list-envelope",),
        "order": ("list-envelope",),
        "type": ("list-envelope",),
        "header link": ("list-envelope",),
    },
    "campaign": {
        "keys": _CAMPAIGN_KEYS,
        "type": _CAMPAIGN_KEYS,
        "null": ("null-times",),
        "value status": ("campaign-fields",),
        "value created_by": ("id-format",),
        "value": ("create-ranges",),
    },
    "create": {
        "status": ("create-form", "create-texts", "csv-format", "csv-names", "form-strictness"),
        "text 400": ("error-texts", "csv-bad-row"),
        "value status": ("scheduled-create",),
    },
    "start": {"status": _TRANSITIONS, "status 429": ("daily-caps",), "text 409": ("budget-text",)},
    "resume": {"status": _TRANSITIONS, "status 429": ("daily-caps",), "text 409": ("budget-text",)},
    "pause": {"status": ("transitions", "other-transitions")},
    "stop": {"status": ("transitions", "other-transitions"), "value status": ("stop",)},
    "transition": {
        "keys": ("transition-response",),
        "type": ("transition-response",),
        "body": ("transition-response",),
        "text 429": ("daily-caps",),
        "text 409": ("error-texts", "other-transitions"),
    },
    "delete": {
        "status": ("delete-running", "delete-response"),
        "body": ("delete-response",),
    },
    "contacts": {
        "keys": ("contact-keys",),
        "type": ("contact-keys",),
        "count": ("contacts-pages",),
        "order": ("contacts-pages",),
        "value page": ("contacts-pages",),
        "value page_size": ("contacts-pages",),
        "value status": ("contact-keys",),
        "value last_error": ("outcomes-words",),
        "value": ("csv-header",),
        "status": ("contacts-query",),
    },
    "events": {
        "keys": ("snapshot-keys",),
        "type": ("snapshot-keys",),
        "frame order": ("stream-frames", "snapshot-keys", "idle-stream"),
        "frame name": ("stream-frames",),
        "frame fields": ("stream-frames",),
        "stream end": ("stream-frames", "idle-stream", "deleted-stream"),
        "timing": ("stream-frames",),
        "value status": ("snapshot-keys",),
    },
    "call_limits": {"keys": ("call-limits",), "type": ("call-limits",)},
    "unknown": {"status": ("unknown-path", "routes")},
}
# Operations that share rules.
_ACTION: Final = ("transition", "campaign")
_PARENTS: Final[dict[str, tuple[str, ...]]] = {
    "get": ("campaign",),
    "create": ("campaign",),
    "list": ("campaign",),
    "start": _ACTION,
    "resume": _ACTION,
    "pause": _ACTION,
    "stop": _ACTION,
}


def touched(operation: str, kind: str, about: str) -> tuple[str, ...]:
    """Return the ids of the rules that a difference touches; none if that is not known.

    Args:
        operation: The operation, such as ``create``; ``unknown`` for a path that the Hub lacks.
        kind: What kind of rule it is about, such as ``keys`` or ``status``.
        about: What exactly: a status, a header or a key; an empty string for nothing.
    """
    names = (operation, *_PARENTS.get(operation, ()), "*")
    # What is said of exactly this first.
    for key in (f"{kind} {about}", kind):
        for name in names:
            if found := _TOUCHED.get(name, {}).get(key):
                return found
    return ()
