"""What each action below ``/_sandbox/`` does: from a request to a response.

Knows which method of the Hub an action is. Must not know who may do it (control), how a request is
read (reading), the JSON of a response (writing), or how the Hub does it (model, faults).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kataven.sandbox.http import faults as scripted
from kataven.sandbox.http.control import paths, reading, writing
from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.http.responses import Response
from kataven.sandbox.model import keys, oversight, rfc3339
from kataven.sandbox.model.outcome_rules import check_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.sandbox.http.faults import Faults
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.model.advance import Advance
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds

_DOCUMENT: Final = Path(__file__).parent.with_name("control.yaml")


@dataclass(frozen=True, slots=True)
class ControlledHub:
    """What the actions control.

    Attributes:
        engine: The Hub.
        feeds: Its open streams.
        advance: Moves its clock, if it is manual.
        faults: Its scripted faults.
        requests: The requests that came.
    """

    engine: Engine
    feeds: Feeds
    advance: Advance
    faults: Faults
    requests: RequestLog


class Actions:
    """Runs actions.

    Args:
        hub: What they control.
    """

    def __init__(self, hub: ControlledHub) -> None:
        self._hub = hub

    async def run(self, action: str, name: str, request: Request) -> Response:
        """Run an action.

        Args:
            action: The action, a value of ``paths.PATHS``.
            name: What the path names; empty if it names nothing.
            request: The request.

        Raises:
            Refused: The Hub refuses the request.
        """
        reading.check_query(request, paths.QUERY.get(action, ()))
        engine = self._hub.engine
        with _refusals():
            match action:
                case "clock":
                    return Response(200, writing.clock(engine.time))
                case "advance":
                    now = await self._hub.advance(await reading.read_seconds(request))
                    return Response(200, {"now": rfc3339.write(now)})
                case "run_to_end":
                    campaign_id = await reading.read_string(request, "campaign")
                    campaign = await self._hub.advance.run_to_end(campaign_id)
                    return Response(
                        200, {"now": rfc3339.write(engine.time.now()), "campaign": campaign}
                    )
                case "campaigns":
                    return self._campaigns(request)
                case "contacts":
                    return self._contacts(request)
                case "calls":
                    return await self._calls(request)
                case "called_once_each":
                    retries = reading.flag(request, "retries")
                    problem = oversight.not_called_once(
                        engine, request.text("campaign"), retries=retries
                    )
                    return Response(200, {"ok": problem is None, "problem": problem})
                case "fail":
                    return await self._fail(request)
                case "journal":
                    return self._journal(request)
                case "requests":
                    return self._list_requests(request)
                case "faults":
                    faults = [writing.fault(one) for one in self._hub.faults.all()]
                    return Response(200, {"faults": faults})
                case "add_fault":
                    return await self._add_fault(request)
                case "clear_faults":
                    self._hub.faults.clear()
                    return Response(204)
                case "outcomes":
                    return self._outcomes()
                case "set_outcomes":
                    oversight.replace_outcomes(engine, await reading.read_outcomes(request))
                    return self._outcomes()
                case "clear_outcomes":
                    oversight.replace_outcomes(engine, {})
                    return Response(204)
                case "outcome":
                    return self._outcome(name)
                case "set_outcome":
                    oversight.set_outcome(engine, name, await reading.read_outcome(request))
                    return self._outcome(name)
                case "remove_outcome":
                    self._outcome(name)
                    oversight.set_outcome(engine, name, None)
                    return Response(204)
                case "accounts":
                    return Response(200, {"accounts": writing.accounts(engine.accounts)})
                case "new_key":
                    key = keys.new_key(
                        engine.store, engine.accounts, *await reading.read_new_key(request)
                    )
                    return Response(201, {"account": key.account, **writing.key(key)})
                case "revoke":
                    keys.revoke(
                        engine.store, engine.accounts, await reading.read_string(request, "api_key")
                    )
                    return Response(204)
                case "limits":
                    return self._limits()
                case "reset":
                    self.reset()
                    return Response(204)
                case "openapi":
                    text = _DOCUMENT.read_text(encoding="utf-8")
                    return Response(200, text=text, headers={"Content-Type": "application/yaml"})
        msg = f"paths.py has an action {action!r}, but Actions.run does not: add it here"
        raise AssertionError(msg)

    def reset(self) -> None:
        """Forget everything except accounts and keys, and end the streams.

        Raises:
            NotStored: The database cannot be written. Nothing was changed.
        """
        for campaign in self._hub.engine.reset():
            self._hub.feeds.deleted(campaign)
        self._hub.faults.clear()
        self._hub.requests.clear()

    def _campaigns(self, request: Request) -> Response:
        self._hub.engine.catch_up()
        wanted = request.text("account")
        accounts = [one for one in self._hub.engine.accounts if wanted in {None, one.name}]
        if not accounts:
            msg = f"no account {wanted!r} in this Hub"
            raise LookupError(msg)
        campaigns = [one for account in accounts for one in account.campaigns.values()]
        return Response(200, {"campaigns": [writing.campaign(one) for one in campaigns]})

    def _contacts(self, request: Request) -> Response:
        engine = self._hub.engine
        engine.catch_up()
        campaign = engine.find_anywhere(reading.campaign_of(request))
        status, error = request.contact_status(), request.text("last_error") or None
        return Response(200, engine.pages.read(campaign, status, request.page(), error))

    async def _calls(self, request: Request) -> Response:
        more = True
        while more:
            more = self._hub.engine.history.read_some()
            # Other requests get their turn while a long journal is read for the first time.
            await asyncio.sleep(0)
        campaign_id = request.text("campaign")
        calls = oversight.calls(self._hub.engine, campaign_id)
        # The calls of a deleted campaign stay.
        if campaign_id is not None and not calls:
            self._hub.engine.find_anywhere(campaign_id)
        after, limit = reading.span(request, lambda: len(calls))
        shown = calls[after : after + limit]
        return Response(
            200,
            {
                "calls": [writing.call(place, one) for place, one in enumerate(shown, after + 1)],
                "next": after + limit if after + limit < len(calls) else None,
            },
        )

    async def _fail(self, request: Request) -> Response:
        campaign_id = await reading.read_string(request, "campaign")
        try:
            campaign = self._hub.engine.fail(campaign_id)
        except ValueError as error:
            raise HttpRefused(409, str(error)) from error
        return Response(200, campaign.fields())

    def _journal(self, request: Request) -> Response:
        after, limit = reading.span(request, lambda: oversight.last_entry(self._hub.engine))
        # One more than is sent, to know whether there are more.
        rows = oversight.journal(self._hub.engine, after, limit + 1)
        entries = [writing.journal_entry(number, row) for number, row in rows[:limit]]
        last = rows[limit - 1][0] if len(rows) > limit else None
        return Response(200, {"entries": entries, "next": last})

    def _list_requests(self, request: Request) -> Response:
        after, limit = reading.span(request, lambda: self._hub.requests.last)
        records = self._hub.requests.page(after, limit + 1)
        shown = [writing.request(number, record) for number, record in records[:limit]]
        last = records[limit - 1][0] if len(records) > limit else None
        return Response(200, {"requests": shown, "next": last})

    async def _add_fault(self, request: Request) -> Response:
        value = await reading.read_json(request)
        try:
            self._hub.faults.add(**scripted.from_json(value))
        except (TypeError, ValueError) as error:
            raise HttpRefused(400, f"bad fault: {error}") from error
        return Response(201, {"added": True})

    def _outcomes(self) -> Response:
        rules = self._hub.engine.outcomes.all()
        return Response(200, {key: writing.outcome(value) for key, value in rules.items()})

    def _outcome(self, key: str) -> Response:
        check_key(key)
        rules = self._hub.engine.outcomes.all()
        if key not in rules:
            msg = f"no outcome is set for {key}"
            raise LookupError(msg)
        return Response(200, {key: writing.outcome(rules[key])})

    def _limits(self) -> Response:
        now = self._hub.engine.catch_up()
        limits = self._hub.engine.accounts.call_limits
        accounts = [writing.limits(one, limits, now) for one in self._hub.engine.accounts]
        return Response(200, {"accounts": accounts})


@contextmanager
def _refusals() -> Iterator[None]:
    """Refuse what the Hub raises for callers in Python: with its sentence, as a response."""
    try:
        yield
    except (KeyError, IndexError):
        # The Hub raises neither: a bug, which must not look like a wrong id.
        raise
    except LookupError as error:
        raise HttpRefused(404, str(error)) from error
    except ValueError as error:
        raise HttpRefused(400, str(error)) from error
    except RuntimeError as error:
        raise HttpRefused(409, str(error)) from error
