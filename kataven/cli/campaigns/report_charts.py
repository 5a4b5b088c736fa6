"""The charts of the page of ``kataven campaigns report``: counts as SVG, with their legends.

Knows how wide and how high a chart is. Every text is escaped here. Must not know the rest of the
page.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Final

from kataven.cli.render import STATUSES, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.cli.campaigns.report_findings import Findings

__all__ = ["attempts_chart", "status_chart", "time_chart"]

# More columns than this cannot be told apart.
_MOST_COLUMNS: Final = 48
# Widths of a column of the time chart, the smallest that gives few enough columns.
_STEPS: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080)
)
_WIDTH: Final = 720
_HEIGHT: Final = 180
_AXIS: Final = 24
_SHORT_LABEL: Final = 5


def _css_class(status: str) -> str:
    return status if status in STATUSES else "other"


def status_chart(findings: Findings) -> str:
    """Draw one bar, divided by status, with a legend that has the numbers."""
    total = findings.contacts
    if not total:
        return "<p>There are no contacts.</p>"
    parts, legend = [], []
    x = 0.0
    for status, count in findings.by_status().items():
        width = _WIDTH * count / total
        kind = _css_class(status)
        parts.append(f'<rect class="{kind}" x="{x:.2f}" width="{width:.2f}" height="28"/>')
        x += width
        label = escape(status.replace("_", " "))
        legend.append(
            f'<li><span class="key {kind}"></span>{label} <b>{count:,}</b> '
            f"<small>{count / total:.1%}</small></li>"
        )
    words = ", ".join(f"{count:,} {status}" for status, count in findings.by_status().items())
    return (
        f'<svg viewBox="0 0 {_WIDTH} 28" preserveAspectRatio="none" class=bar role=img '
        f'aria-label="{escape(words)}">{"".join(parts)}</svg>\n'
        f"<ul class=legend>{''.join(legend)}</ul>"
    )


def time_chart(findings: Findings) -> str:
    """Draw when the last attempts were: the Hub tells only the last one of each contact."""
    if not findings.last:
        return "<p>The Hub sent no times of attempts.</p>"
    first = min(when for when, _ in findings.last)
    last = max(when for when, _ in findings.last)
    step = next((s for s in _STEPS if (last - first) / s < _MOST_COLUMNS - 1), _STEPS[-1])
    begin = datetime.fromtimestamp(
        first.timestamp() // step.total_seconds() * step.total_seconds(), UTC
    )
    count = (last - begin) // step + 1
    columns = [[0, 0] for _ in range(count)]
    for (when, completed), contacts in findings.last.items():
        columns[(when - begin) // step][0 if completed else 1] += contacts
    labels = [f"{begin + index * step:%H:%M}" for index in range(count)]
    if last - begin >= timedelta(days=1):
        labels = [f"{begin + index * step:%d %b %H:%M}" for index in range(count)]
    note = (
        f"<p class=note>Columns of {escape(span(step.total_seconds()))}, from "
        f"{begin:%Y-%m-%d %H:%M} UTC. Only the last attempt of each contact is known.</p>"
    )
    return _columns(columns, labels, "contacts by the time of their last attempt") + note


def attempts_chart(findings: Findings) -> str:
    """Draw how many attempts the contacts needed."""
    if not findings.attempts:
        return "<p>The Hub sent no numbers of attempts.</p>"
    never = findings.attempts[0, True] + findings.attempts[0, False]
    note = f"<p class=note>Contacts that were not called: {never:,}.</p>" if never else ""
    most = max(number for number, _ in findings.attempts)
    if not most:
        return note
    numbers = range(1, most + 1)
    columns = [
        [findings.attempts[number, True], findings.attempts[number, False]] for number in numbers
    ]
    labels = [str(number) for number in numbers]
    return _columns(columns, labels, "contacts by number of attempts") + note


def _columns(columns: Sequence[Sequence[int]], labels: Sequence[str], what: str) -> str:
    """Draw columns of two parts: completed below, others above."""
    highest = max(map(sum, columns)) or 1
    each = _WIDTH / len(columns)
    gap = min(6.0, each / 5)
    # Labels are as wide as their text, also on a narrow screen, where they are drawn larger.
    every = -(-len(columns) // (6 if len(labels[0]) <= _SHORT_LABEL else 4))
    parts = []
    for index, ((completed, others), label) in enumerate(zip(columns, labels, strict=True)):
        x = index * each + gap / 2
        y = float(_HEIGHT)
        title = f"{label}: {completed:,} completed, {others:,} others"
        rects = ""
        for kind, count in (("completed", completed), ("failed", others)):
            height = (_HEIGHT - 14) * count / highest
            y -= height
            rects += (
                f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{each - gap:.2f}" '
                f'height="{height:.2f}"/>'
            )
        parts.append(f"<g><title>{escape(title)}</title>{rects}</g>")
        if index % every == 0:
            middle = x + (each - gap) / 2
            # A label at the edge stays inside.
            edge = _WIDTH / 14
            anchor, at = ("start", x) if middle < edge else ("middle", middle)
            if middle > _WIDTH - edge:
                anchor, at = "end", x + each - gap
            parts.append(
                f'<text x="{at:.2f}" y="{_HEIGHT + 17}" text-anchor="{anchor}">'
                f"{escape(label)}</text>"
            )
    parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>')
    parts.append(f'<text x="0" y="11">{highest:,}</text>')
    return (
        f'<svg viewBox="0 -10 {_WIDTH} {_HEIGHT + _AXIS + 10}" class=columns role=img '
        f'aria-label="{escape(what)}, at most {highest:,}">{"".join(parts)}</svg>\n'
        '<ul class=legend><li><span class="key completed"></span>completed</li>'
        '<li><span class="key failed"></span>not completed</li></ul>'
    )
