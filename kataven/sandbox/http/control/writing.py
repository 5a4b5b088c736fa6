"""The JSON of the responses below ``/_sandbox/``.

Knows keys. Must not know requests. Nothing here looks at each contact of a campaign, so a dashboard
may ask often.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Final

from kataven.sandbox.http.faults import Fault
from kataven.sandbox.model import rfc3339
from kataven.sandbox.model.contacts import CONTACT_STATUSES
from kataven.sandbox.model.outcome_rules import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.sandbox.http.request_log import Record
    from kataven.sandbox.http.responses import JsonObject
    from kataven.sandbox.model.accounts import Account, Accounts, Key
    from kataven.sandbox.model.calls import CallRow
    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.clock import HubTime
    from kataven.sandbox.model.journal import JournalRow
    from kataven.sandbox.model.outcome_rules import OutcomeFunction
    from kataven.sandbox.model.outcomes import Outcome

# The arguments of ``Faults.add`` that are only sent if they were given.
_OPTIONAL: Final = [
    (one.name, one.default)
    for one in fields(Fault)
    if one.init and one.default is not MISSING and one.name not in {"times", "seen", "used"}
]


def clock(time: HubTime) -> JsonObject:
    """Return the Hub's time, and how fast it runs."""
    scale = time.clock.scale
    return {"now": rfc3339.write(time.now()), "time_scale": "manual" if scale is None else scale}


def fault(one: Fault) -> JsonObject:
    """Return a fault: the arguments that it was added with, and its counts."""
    given = {name: getattr(one, name) for name, default in _OPTIONAL}
    return {
        "match": one.match,
        "times": one.times,
        **{name: given[name] for name, default in _OPTIONAL if given[name] != default},
        "fired": one.used,
        "left": None if one.times is None else one.times - one.used,
    }


def campaign(one: Campaign) -> JsonObject:
    """Return a summary of a campaign."""
    shown = one.fields()
    return {
        "id": one.id,
        "name": shown["name"],
        "account": one.account,
        "status": one.status,
        "total": len(one.roster),
        "counts": dict(zip(CONTACT_STATUSES, one.roster.counts, strict=True)),
        "in_flight": one.in_flight,
        "max_concurrent_calls": shown["max_concurrent_calls"],
        "created_at": shown["created_at"],
        "scheduled_at": shown["scheduled_at"],
        "started_at": shown["started_at"],
        "completed_at": shown["completed_at"],
    }


def limits(account: Account, call_limits: Mapping[str, int], now: int) -> JsonObject:
    """Return the limits of an account, and how much of each is used."""
    used = account.calls.used(now)
    return {
        "account": account.name,
        "requests": account.requests.usage(now),
        "calls": {
            "concurrent_max": {"limit": call_limits["concurrent_max"], "used": account.in_flight},
            **{name: {"limit": call_limits[name], "used": count} for name, count in used.items()},
        },
    }


def accounts(known: Accounts) -> list[JsonObject]:
    """Return each account with its keys, oldest first."""
    keys: dict[str, list[JsonObject]] = {account.name: [] for account in known}
    for one in known.keys.values():
        keys[one.account].append(key(one))
    return [{"account": name, "keys": shown} for name, shown in keys.items()]


def key(one: Key) -> JsonObject:
    """Return an API key."""
    return {"api_key": one.token, "limits": one.limits, "revoked": one.revoked}


def outcome(value: Outcome | OutcomeFunction) -> object:
    """Return an outcome: its word, the words of a script, or the name of a function."""
    if isinstance(value, Script):
        return list(value.words)
    return {"function": repr(value)} if callable(value) else value


def call(number: int, row: CallRow) -> JsonObject:
    """Return a call."""
    return {
        "call": number,
        "number": row.number,
        "attempt": row.attempt,
        "started": rfc3339.write(row.started),
        "ended": None if row.ended is None else rfc3339.write(row.ended),
        "outcome": row.outcome,
        "campaign": row.campaign,
        "account": row.account,
    }


def request(number: int, record: Record) -> JsonObject:
    """Return a request that came."""
    return {
        "number": number,
        "time": rfc3339.write(record.time),
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "status": record.status,
        "account": record.account,
    }


def journal_entry(number: int, row: JournalRow) -> JsonObject:
    """Return an entry of the journal."""
    return {
        "entry": number,
        "time": rfc3339.write(row.time),
        "action": row.action,
        "account": row.account,
        "campaign": row.campaign,
        "number": row.number,
        "attempt": row.attempt,
        "outcome": row.outcome,
    }
