"""A campaign as the page shows it, in the list and in detail.

Knows texts, widths of bars, and which actions the status allows. Must not know HTML or HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from kataven.sandbox.model import outcomes, states
from kataven.sandbox.page import formats
from kataven.sandbox.page.rates import done

if TYPE_CHECKING:
    from kataven.sandbox.model.campaign import Campaign

# The fields of one thing that is shown: texts, and bools for parts that are shown or hidden.
Fields: TypeAlias = dict[str, str | bool]

NO_DETAIL: Final[Fields] = {"found": False, "gone": True}
# The statuses from which a campaign ends by itself.
GOING: Final = frozenset({states.RUNNING, states.SCHEDULED})
# The width of a bar.
FULL: Final = 1000
_PRIMARY: Final = {
    states.DRAFT: ("start", "Start"),
    states.SCHEDULED: ("start", "Start now"),
    states.RUNNING: ("pause", "Pause"),
    states.PAUSED: ("resume", "Resume"),
}


def row(campaign: Campaign, per_minute: float | None) -> Fields:
    """Return the fields of a campaign in the list.

    Args:
        campaign: The campaign.
        per_minute: Its rate, or None if it is not known.
    """
    pending, in_progress, completed, failed, cancelled = campaign.roster.counts
    total = len(campaign.roster)
    finished = done(campaign)
    left = total - finished
    eta = "–"  # noqa: RUF001
    if per_minute:
        eta = formats.span(round(left / per_minute * 60 * 1_000_000_000))
    action, label = _PRIMARY.get(campaign.status, ("", ""))
    status = campaign.status
    name = formats.short(campaign.settings.name)
    percent = f"{100 * finished // total if total else 100} %"
    return {
        "key": campaign.id,
        "name": name,
        "link": f"#/campaigns/{campaign.id}",
        "account": campaign.account,
        "status": status,
        "percent": percent,
        "done": f"{finished:,} of {total:,}",
        "progress": f"{percent} done: {completed:,} completed, {failed:,} failed, "
        f"{in_progress:,} in progress, {cancelled:,} cancelled, {pending:,} pending",
        **_segments(total, completed, failed, in_progress, cancelled),
        "pending": f"{pending:,}",
        "in_progress": f"{in_progress:,}",
        "completed": f"{completed:,}",
        "failed": f"{failed:,}",
        "cancelled": f"{cancelled:,}",
        "calls": _in_flight(campaign),
        "rate": "–" if per_minute is None else formats.rate(per_minute),  # noqa: RUF001
        "eta": eta,
        "primary": action,
        "primary_text": label,
        "primary_label": f"{label} {name}",
        "has_primary": bool(action),
        "stop_label": f"Stop {name}",
        "why_no_stop": _why_not("stop", status),
        "no_stop": word(off=bool(_why_not("stop", status))),
        "delete_label": f"Delete {name}",
        "why_no_delete": _why_not("delete", status),
        "no_delete": word(off=bool(_why_not("delete", status))),
    }


def detail(campaign: Campaign, per_minute: float | None, *, calls: int, manual: bool) -> Fields:
    """Return the fields of a campaign in detail.

    Args:
        campaign: The campaign.
        per_minute: Its rate, or None if it is not known.
        calls: The number of its calls.
        manual: Whether the clock of the Hub is manual.
    """
    settings = campaign.settings
    error = campaign.roster.error
    errors = " · ".join(
        f"{word.replace('_', ' ')} {error.count(code):,}"
        for code, word in enumerate(outcomes.WORDS)
        if error.count(code)
    )
    return {
        **row(campaign, per_minute),
        "found": True,
        "gone": False,
        "created": formats.day_and_time(campaign.created_ns),
        "scheduled": formats.day_and_time(settings.scheduled_ns),
        "started": formats.day_and_time(campaign.started_ns),
        "ended": formats.day_and_time(campaign.completed_ns),
        "created_by": campaign.created_by.replace("_", " "),
        "agent": formats.short(settings.agent_id),
        "from": formats.short(settings.phone_number_id),
        "retries": formats.count(settings.retries_per_contact, "retry", "retries")
        + (
            f" after {formats.span(settings.retry_delay_seconds * 1_000_000_000)}"
            if settings.retries_per_contact
            else ""
        ),
        "errors": errors or "none",
        "total": f"{len(campaign.roster):,}",
        "number_of_calls": f"{calls:,}",
        # Changes when a contact changed, so that the browser reads its page again.
        "mark": f"{campaign.roster.counts} {calls}",
        "can_run_to_end": manual and campaign.status in GOING,
    }


def word(*, off: bool) -> str:
    """Return the value of ``aria-disabled``."""
    return "true" if off else "false"


def _in_flight(campaign: Campaign) -> str:
    if campaign.status != states.RUNNING and not campaign.in_flight:
        return "–"  # noqa: RUF001
    return f"{campaign.in_flight:,} of {campaign.settings.max_concurrent_calls:,}"


def _why_not(action: str, status: str) -> str:
    allowed = (
        states.may_delete(status)
        if action == "delete"
        else states.next_status(action, status) is not None
    )
    return "" if allowed else states.conflict_text(action, status)


def _segments(total: int, *counts: int) -> Fields:
    """Return where each part of a bar begins and how wide it is."""
    fields: Fields = {}
    at = 0
    for name, count in zip("abcd", counts, strict=True):
        begin = at * FULL // total if total else 0
        at += count
        end = at * FULL // total if total else 0
        fields[f"x_{name}"] = str(begin)
        # One contact of a hundred thousand is still seen.
        fields[f"w_{name}"] = str(max(end - begin, 2 if count else 0))
    return fields
