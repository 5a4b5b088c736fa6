"""What a request below ``/_sandbox/`` asks for: its query and its JSON, checked.

Knows names and types. Must not know what an action does with them. Whatever is wrong is a 400 with
a sentence that says what to send; an unknown name is refused, so that a typo does not pass.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.http.refusals import HttpRefused
from kataven.sandbox.model.outcome_rules import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.model.outcome_rules import OutcomeFunction
    from kataven.sandbox.model.outcomes import Outcome

_MAX_BODY: Final = 64 * 1024
MAX_ITEMS: Final = 10_000


def check_query(request: Request, names: tuple[str, ...]) -> None:
    """Check that a query has no other names than these.

    Raises:
        HttpRefused: 400, it has.
    """
    for name in request.query_names():
        if name not in names:
            known = f"its parameters are {', '.join(names)}" if names else "it has no parameters"
            raise HttpRefused(400, f"this path has no parameter {name!r}: {known}")


def span(request: Request, last: Callable[[], int]) -> tuple[int, int]:
    """Return which items of a list to send: the number that they follow, and how many.

    The query's ``after`` is such a number, ``last`` asks for so many at the end of the list, and
    ``limit`` is how many to send, 10,000 at most.

    Args:
        request: The request.
        last: Returns the number of the last item, 0 for none.

    Raises:
        HttpRefused: 400, the query is not valid.
    """
    limit = request.number("limit", MAX_ITEMS)
    if not 1 <= limit <= MAX_ITEMS:
        raise HttpRefused(400, f"limit must be an integer from 1 to {MAX_ITEMS:,}")
    after = request.number("after", 0)
    if request.text("last") is None:
        return after, limit
    if request.text("after") is not None:
        raise HttpRefused(400, "send after=<number> or last=<count>, not both")
    return max(0, last() - request.number("last", 0)), limit


def campaign_of(request: Request) -> str:
    """Return the query's ``campaign``.

    Raises:
        HttpRefused: 400, it is missing.
    """
    campaign_id = request.text("campaign")
    if not campaign_id:
        raise HttpRefused(400, "name a campaign: send ?campaign=<id>")
    return campaign_id


def flag(request: Request, name: str) -> bool:
    """Return a truth value of the query, False if it is missing.

    Raises:
        HttpRefused: 400, it is neither ``true`` nor ``false``.
    """
    text = request.text(name)
    if text not in {None, "true", "false"}:
        raise HttpRefused(400, f"{name} must be true or false")
    return text == "true"


async def read_json(request: Request) -> Any:
    """Return the JSON of the body.

    Raises:
        HttpRefused: 400, it is not JSON, or is longer than 64 KiB.
    """
    body = await request.body(_MAX_BODY)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpRefused(400, "the body is not JSON") from error


async def read_seconds(request: Request) -> float:
    """Return the ``seconds`` of the body.

    Raises:
        HttpRefused: 400, it has no such number.
    """
    value = await read_json(request)
    seconds = value.get("seconds") if isinstance(value, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise HttpRefused(400, 'send {"seconds": <number>}')
    return seconds


async def read_string(request: Request, name: str) -> str:
    """Return the one string of the body.

    Raises:
        HttpRefused: 400, it has no such string, or something else.
    """
    value = await read_json(request)
    if not isinstance(value, dict) or set(value) != {name} or not isinstance(value[name], str):
        raise HttpRefused(400, f'send {{"{name}": <string>}}, and nothing else')
    text: str = value[name]
    return text


async def read_new_key(request: Request) -> tuple[str, dict[str, int | None] | None]:
    """Return the ``account`` and the ``limits`` of the body (None without limits).

    Raises:
        HttpRefused: 400, it has something else.
    """
    value = await read_json(request)
    if not isinstance(value, dict) or not {"account"} <= set(value) <= {"account", "limits"}:
        raise HttpRefused(
            400, 'send {"account": <name>}, with "limits": {"per_minute": 5} if you want'
        )
    return value["account"], value.get("limits")


async def read_outcome(request: Request) -> Outcome | OutcomeFunction:
    """Return the outcome of the body, or the script.

    Raises:
        HttpRefused: 400, it is neither.
    """
    return _outcome(await read_json(request))


async def read_outcomes(request: Request) -> dict[str, Outcome | OutcomeFunction]:
    """Return the outcomes of the body, by number and by pattern.

    Raises:
        HttpRefused: 400, it has something else.
    """
    value = await read_json(request)
    if not isinstance(value, dict):
        raise HttpRefused(
            400, 'send an object of outcomes by number or pattern, such as {"+1555*": "busy"}'
        )
    return {key: _outcome(item) for key, item in value.items()}


def _outcome(value: Any) -> Outcome | OutcomeFunction:
    if isinstance(value, list):
        try:
            return Script(value)
        except ValueError as error:
            raise HttpRefused(400, str(error)) from error
    if isinstance(value, str):
        # Whether it is an outcome is checked with the number.
        word: Any = value
        outcome: Outcome = word
        return outcome
    raise HttpRefused(
        400,
        'an outcome is a word, such as "busy", or the words of successive attempts, such as '
        '["busy", "answered"]; functions can only be set in Python',
    )
