"""An embedded Kataven Hub: run campaigns that call no one, on a clock of its own.

``with Sandbox(time_scale=60) as hub:`` starts a Hub at ``hub.url`` with the key ``hub.api_key``. It
imports nothing of the SDK, so that it can prove the SDK wrong. Starting one needs the extra
``sandbox``.

``model`` is what the Hub is, ``http`` is how it is reached, and ``sandbox`` is the public API.
"""

from __future__ import annotations

from kataven.sandbox.client_clock import AsyncClientClock, ClientClock
from kataven.sandbox.http.faults import Fault, Faults
from kataven.sandbox.http.request_log import HubRequest
from kataven.sandbox.model.calls import Call
from kataven.sandbox.model.clock import Clock
from kataven.sandbox.model.journal import JournalAction, JournalEntry
from kataven.sandbox.model.outcome_rules import NewCall, OutcomeFunction
from kataven.sandbox.model.outcomes import Outcome
from kataven.sandbox.outcomes import Outcomes
from kataven.sandbox.sandbox import Sandbox

__all__ = [
    "AsyncClientClock",
    "Call",
    "ClientClock",
    "Clock",
    "Fault",
    "Faults",
    "HubRequest",
    "JournalAction",
    "JournalEntry",
    "NewCall",
    "Outcome",
    "OutcomeFunction",
    "Outcomes",
    "Sandbox",
]
