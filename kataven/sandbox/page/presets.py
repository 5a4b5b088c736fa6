"""The faults that the page offers: what a program that dials should survive.

Knows arguments of ``Faults.add``. Must not know how a fault is carried out.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Preset(NamedTuple):
    """A fault to start from.

    Args:
        label: What happens, for people.
        match: The requests, as for ``Faults.add``.
        kind: The name of its kind, or ``latency``.
        value: The value of the kind; empty for a kind that has none.
        times: The number of requests that get it; empty for all.
        retry_after: The ``Retry-After`` of a status; empty for none.
    """

    label: str
    match: str
    kind: str
    value: str = ""
    times: str = "1"
    retry_after: str = ""


PRESETS: Final = (
    Preset("Create is processed, but the response is lost", "POST /campaigns", "reset", "after"),
    Preset("Create never arrives", "POST /campaigns", "reset", "before"),
    Preset("The Hub is overloaded", "* /campaigns", "status", "503", "3", "2"),
    Preset("A rate limit on start", "POST /campaigns/*/start", "status", "429", "1", "2"),
    Preset("An event stream breaks after 3 frames", "GET /campaigns/*/events", "cut_after", "3"),
    Preset("An event stream falls silent", "GET /campaigns/*/events", "silent_after", "2"),
    Preset("An event stream closes without an end", "GET /campaigns/*/events", "no_end"),
    Preset("Pages of contacts take 2 s", "GET /campaigns/*/contacts", "latency", "2", ""),
    Preset("Half of the list of campaigns arrives", "GET /campaigns", "reset", "middle"),
    Preset("A campaign is truncated JSON", "GET /campaigns/*", "malformed"),
    Preset("Campaigns have an unknown status", "GET /campaigns/*", "unknown_status"),
    Preset("Responses have unknown keys", "GET /campaigns/*", "extra_keys"),
)

# Each kind with what its value is; empty for a kind without a value.
KINDS: Final = {
    "status": "Status, 200 to 599",
    "reset": "When: before, after or middle",
    "latency": "Seconds",
    "cut_after": "Frames",
    "silent_after": "Frames",
    "no_end": "",
    "trickle": "",
    "malformed": "",
    "extra_keys": "",
    "unknown_status": "",
}
