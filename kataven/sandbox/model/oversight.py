"""What tests, the control paths and the page do that no client of the API can, over all accounts.

Knows the engine: it fixes outcomes, and reads what happened. Must not know HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.sandbox.model import calls as history
from kataven.sandbox.model.outcome_rules import check_key, check_value, is_pattern
from kataven.sandbox.model.pages import PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.sandbox.model.calls import CallRow
    from kataven.sandbox.model.campaign import ContactFields
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.journal import JournalRow
    from kataven.sandbox.model.outcome_rules import OutcomeFunction
    from kataven.sandbox.model.outcomes import Outcome


def set_outcome(engine: Engine, key: str, value: Outcome | OutcomeFunction | None) -> None:
    """Set the outcome of calls that begin from now on, or remove it (None).

    Only the word of a number is stored, not patterns and functions.

    Args:
        engine: The Hub.
        key: A number or a pattern.
        value: The outcome, or a function that returns it.

    Raises:
        ValueError: The key or the value is not valid.
        NotStored: The database cannot be written. Nothing was changed.
    """
    check_key(key)
    if value is not None:
        check_value(value)
    if not is_pattern(key):
        engine.store.save_outcome(key, None if callable(value) else value)
    engine.outcomes.set(key, value)


def replace_outcomes(engine: Engine, rules: Mapping[str, Outcome | OutcomeFunction]) -> None:
    """Set outcomes, and remove all others.

    Args:
        engine: The Hub.
        rules: Outcomes, or functions that return them, by number and by pattern.

    Raises:
        ValueError: A rule is not valid. Nothing was changed.
        NotStored: The database cannot be written. Nothing was changed.
    """
    for key, value in rules.items():
        check_key(key)
        check_value(value)
    engine.store.replace_outcomes(
        {key: value for key, value in rules.items() if not is_pattern(key) and not callable(value)}
    )
    engine.outcomes.clear()
    for key, value in rules.items():
        engine.outcomes.set(key, value)


def contacts(engine: Engine, campaign_id: str) -> list[ContactFields]:
    """Return all contacts of a campaign, in the order of the CSV.

    Raises:
        LookupError: The Hub has no such campaign.
    """
    engine.catch_up()
    campaign = engine.find_anywhere(campaign_id)
    pages = range(-(-len(campaign.roster) // PAGE))
    return [
        contact for page in pages for contact in engine.pages.read(campaign, None, page)["contacts"]
    ]


def journal(engine: Engine, after: int, at_most: int) -> list[tuple[int, JournalRow]]:
    """Return journal rows, each with the number of its entry; -1 returns all that follow."""
    engine.catch_up()
    return engine.store.journal(after, at_most)


def last_entry(engine: Engine) -> int:
    """Return the number of the journal's last entry, 0 if it is empty."""
    engine.catch_up()
    return engine.store.last_entry()


def calls(engine: Engine, campaign_id: str | None) -> Sequence[CallRow]:
    """Return the calls so far of a campaign, or of all (None), in the order they began."""
    engine.catch_up()
    return engine.history.read(campaign_id)


def not_called_once(engine: Engine, campaign_id: str | None, *, retries: bool) -> str | None:
    """Return what is wrong if some numbers were not called exactly once, or None.

    Args:
        engine: The Hub.
        campaign_id: Only this campaign; None for all, and for the calls of deleted ones.
        retries: Whether only the first attempts count.

    Raises:
        LookupError: The Hub has no such campaign.
    """
    numbers = _numbers(engine, campaign_id)
    return history.not_called_once(numbers, calls(engine, campaign_id), retries=retries)


def _numbers(engine: Engine, campaign_id: str | None) -> list[str]:
    """Return the numbers of a campaign, or of all campaigns (None), in the order of the lists.

    Raises:
        LookupError: The Hub has no such campaign.
    """
    if campaign_id is not None:
        return engine.find_anywhere(campaign_id).roster.numbers
    campaigns = (one for account in engine.accounts for one in account.campaigns.values())
    return [number for one in campaigns for number in one.roster.numbers]
