"""What the page shows: the state of the Hub in words, numbers and widths of bars.

Knows what a person wants to see, and finishes every text, so that the first HTML and each update
agree and the script in the browser only fills it in. Must not know HTML or HTTP. Nothing here looks
at each contact of a campaign.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.http.control import writing
from kataven.sandbox.model import oversight, states
from kataven.sandbox.page import formats
from kataven.sandbox.page.campaign_fields import (
    FULL,
    GOING,
    NO_DETAIL,
    Fields,
    detail,
    row,
    word,
)
from kataven.sandbox.page.rates import Rates
from kataven.sandbox.page.twice import Twice

if TYPE_CHECKING:
    from kataven.sandbox.http.faults import Fault, Faults
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.model.accounts import Account, Key
    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.engine import Engine

_SHOWN_TWICE: Final = 100
_NOT_EFFECTS: Final = frozenset({"match", "times", "after", "fired", "left", "allow_unused"})
_LIMIT_NAMES: Final = {
    "per_minute": "Requests in a minute",
    "per_hour": "Requests in an hour",
    "per_day": "Requests in a day",
    "concurrent": "Requests in flight",
    "concurrent_max": "Calls in flight",
    "calls_per_minute": "Calls in a minute",
    "daily_calls_max": "Calls in a day",
    "daily_minutes_max": "Minutes talked in a day",
}


class View:
    """Describes a Hub.

    Args:
        engine: The Hub.
        faults: Its scripted faults.
        requests: The requests that came.
    """

    def __init__(self, engine: Engine, faults: Faults, requests: RequestLog) -> None:
        self._engine = engine
        self._faults = faults
        self._requests = requests
        self._rates = Rates()
        self._twice = Twice()
        # Whether the journal is read to its end.
        self.all_calls_known = False

    def state(self, account: str | None, campaign_id: str | None) -> dict[str, Any]:
        """Return everything that changes by itself.

        Args:
            account: Only this account, or None for all.
            campaign_id: The campaign that is shown in detail, or None.
        """
        now = self._engine.catch_up()
        self._twice.read(self._engine.history.known(None))
        every = [one for each in self._engine.accounts for one in each.campaigns.values()]
        self._rates.forget(set(every))
        # The newest first, as in every list of the page.
        every.sort(key=lambda one: one.key, reverse=True)
        shown = [one for one in every if account in {None, one.account}]
        chosen = next((one for one in every if one.id == campaign_id), None)
        return {
            "hub": self._hub(now, every, empty=not shown),
            "accounts": self.account_names(),
            "keys": self._keys(),
            "campaigns": [row(one, self._rates.per_minute(one, now)) for one in shown],
            "campaign": NO_DETAIL if chosen is None else self._detail(chosen, now),
            "limits": self._limits(account, now),
            "faults": [_fault(place, one) for place, one in enumerate(self._faults.all())],
            "twice": self._called_twice(),
            "marks": {
                "journal": oversight.last_entry(self._engine),
                "requests": self._requests.changes,
            },
        }

    def account_names(self) -> list[str]:
        """Return the names of all accounts, those with keys first."""
        with_key = [key.account for key in self._engine.accounts.keys.values() if not key.revoked]
        return list(dict.fromkeys([*with_key, *(one.name for one in self._engine.accounts)]))

    def _keys(self) -> list[Fields]:
        return [
            {
                "key": key.token,
                "label": f"Key of {key.account}",
                "id": f"key-{place}",
                "token": key.token,
                "copy_label": f"Copy the key of {key.account}",
            }
            for place, key in enumerate(self.valid_keys())
        ]

    @property
    def first_key(self) -> str:
        """The first valid key; the first of all if each was revoked."""
        return next((key.token for key in self.valid_keys()), self._engine.accounts.first_key)

    def valid_keys(self) -> list[Key]:
        """Return the valid keys, oldest first."""
        return [key for key in self._engine.accounts.keys.values() if not key.revoked]

    def name_of(self, campaign_id: str) -> str:
        """Return the name of a campaign, or its id if it was deleted."""
        for account in self._engine.accounts:
            campaign = account.campaigns.get(campaign_id)
            if campaign is not None:
                return formats.short(campaign.settings.name)
        return campaign_id

    def _hub(self, now: int, campaigns: list[Campaign], *, empty: bool) -> Fields:
        clock = self._engine.time.clock
        manual = clock.scale is None
        faults = self._faults.all()
        running = sum(one.status == states.RUNNING for one in campaigns)
        in_flight = sum(one.in_flight for one in campaigns)
        if manual:
            scale, why_not = "The clock is manual: it moves when you move it", ""
        else:
            scale = f"Runs at {clock.label} times real time"
            why_not = "Only a manual clock can be moved; this one runs by itself"
        ends = any(one.status in GOING for one in campaigns)
        why_not_end = why_not or ("" if ends else "No campaign is running or scheduled")
        return {
            "now": formats.time_of_day(now),
            "date": formats.day_and_time(now)[:10],
            "scale": scale,
            "speed": "manual" if manual else f"{clock.label} times",
            "manual": manual,
            "scaled": not manual,
            "why_not": why_not,
            "no_advance": word(off=not manual),
            "why_not_end": why_not_end,
            "no_end": word(off=bool(why_not_end)),
            "campaigns": f"{len(campaigns):,}",
            "running": f"{running:,} running",
            "summary": (
                f"{formats.count(len(campaigns), 'campaign')}, {running:,} running, "
                f"{formats.count(in_flight, 'call')} in flight"
            ),
            "has_accounts": len(self.account_names()) > 1,
            "has_campaigns": not empty,
            "is_empty": empty,
            "faults": f"{len(faults):,}",
            "has_faults": bool(faults),
            "no_faults": not faults,
        }

    def _detail(self, campaign: Campaign, now: int) -> Fields:
        return detail(
            campaign,
            self._rates.per_minute(campaign, now),
            calls=len(self._engine.history.known(campaign.id)),
            manual=self._engine.time.clock.scale is None,
        )

    def _limits(self, account: str | None, now: int) -> list[Fields]:
        limits = self._engine.accounts.call_limits
        rows: list[Fields] = []
        for one in self._engine.accounts:
            if account not in {None, one.name}:
                continue
            calls = {"concurrent_max": one.in_flight, **one.calls.used(now)}
            for name, use in one.requests.usage(now).items():
                rows.append(_limit(one, name, use["used"] or 0, use["limit"]))
            for name, used in calls.items():
                rows.append(_limit(one, name, used, limits[name]))
        return rows

    def was_called_twice(self, number: str | None) -> bool:
        """Return whether a number was called twice, other than by a second round."""
        return number in self._twice.numbers

    def _called_twice(self) -> dict[str, Any]:
        twice = self._twice.numbers
        rows: list[Fields] = [
            {
                "key": number,
                "number": number,
                "text": f"called {len(campaigns)} times, from "
                + " and ".join(f"“{self.name_of(one)}”" for one in dict.fromkeys(campaigns)),
            }
            for number, campaigns in islice(twice.items(), _SHOWN_TWICE)
        ]
        text = f"{formats.count(len(twice), 'number')} called twice" if twice else ""
        more = f"The first {_SHOWN_TWICE} of them:" if len(twice) > _SHOWN_TWICE else ""
        return {
            "text": text,
            "more": more,
            "count": f"{len(twice):,}",
            "found": bool(twice),
            "none": self.all_calls_known and not twice,
            "text_none": _no_number_twice(len(self._twice.second_rounds)),
            "reading": not self.all_calls_known,
            "rows": rows,
        }


def _no_number_twice(again: int) -> str:
    text = "No number was called twice"
    if again:
        text += f"; {formats.count(again, 'number')} called again, after no call reached the person"
    return f"{text}."


def _limit(account: Account, name: str, used: int, limit: int | None) -> Fields:
    share = 0 if limit is None else min(FULL, used * FULL // limit)
    return {
        "key": f"{account.name} {name}",
        "account": account.name,
        "name": _LIMIT_NAMES[name],
        "text": f"{used:,} of {limit:,}" if limit is not None else f"{used:,}, no limit",
        "width": str(share),
        "full": limit is not None and used >= limit,
    }


def _fault(place: int, fault: Fault) -> Fields:
    given = writing.fault(fault)
    effect = ", ".join(
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in given.items()
        if name not in _NOT_EFFECTS
    )
    after = f", after the first {fault.after:,}" if fault.after else ""
    left = "every time" if fault.times is None else f"{fault.times - fault.used:,} left"
    return {
        "key": str(place),
        "match": fault.match,
        "effect": formats.short(effect) + after,
        "fired": f"Fired {formats.count(fault.used, 'time')}",
        "left": f"· {left}",
    }
