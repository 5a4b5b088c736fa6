"""The page of ``kataven campaigns report``: one HTML file that needs nothing from outside.

Turns counts into HTML and SVG. Every text that comes from the Hub or from a list is escaped here.
Must not know clients or files.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Final

from kataven.cli.render import STATUSES, span
from kataven.types import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Findings", "page"]

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
_CONTACT_COLUMNS: Final = (
    "phone_number",
    "status",
    "attempts",
    "last_error",
    "last_attempt_at",
)


@dataclass(slots=True)
class Findings:
    """What a report counts, contact by contact.

    Attributes:
        outcomes: Contacts by status and last error.
        calls: Calls by status and last error, as far as the Hub says how many there were.
        attempts: Contacts by number of attempts, completed ones and others.
        last: Contacts by the minute of their last attempt, completed ones and others.
        rows: The contacts, if the page is to list them.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    attempts: Counter[tuple[int, bool]] = field(default_factory=Counter)
    last: Counter[tuple[datetime, bool]] = field(default_factory=Counter)
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, contact: Mapping[str, object], *, keep: bool) -> None:
        """Count a contact.

        Args:
            contact: The contact, as the Hub sent it.
            keep: Whether to keep it for the list of contacts.
        """
        outcome = str(contact.get("status") or ""), str(contact.get("last_error") or "")
        completed = outcome[0] == "completed"
        self.outcomes[outcome] += 1
        attempts = contact.get("attempts")
        if isinstance(attempts, int):
            self.calls[outcome] += attempts
            self.attempts[attempts, completed] += 1
        when = contact.get("last_attempt_at")
        if isinstance(when, str):
            # An odd time is not drawn; the contact is counted above.
            with suppress(ValueError):
                minute = parse_time(when).astimezone(UTC).replace(second=0, microsecond=0)
                self.last[minute, completed] += 1
        if keep:
            self.rows.append(tuple(_text(contact.get(name)) for name in _CONTACT_COLUMNS))

    @property
    def contacts(self) -> int:
        """The number of contacts."""
        return self.outcomes.total()

    def by_status(self) -> dict[str, int]:
        """Return contacts by status: the known statuses first, then others by frequency."""
        found: Counter[str] = Counter()
        for (status, _), count in self.outcomes.items():
            found[status] += count
        known = {status: found[status] for status in STATUSES if found[status]}
        return {**known, **dict(found.most_common())}


def page(
    campaign: Mapping[str, object],
    findings: Findings,
    losses: Mapping[str, object] | None,
    made: datetime,
) -> str:
    """Make the page.

    Args:
        campaign: The campaign, as the Hub sent it.
        findings: What was counted.
        losses: The report of ``kataven contacts clean --report``, or None.
        made: When the page is made, with its zone.

    Returns:
        The HTML document.
    """
    name = _text(campaign.get("name")) or _text(campaign.get("id"))
    sections = [
        _summary(campaign, findings),
        _section("Contacts by status", _status_chart(findings)),
        _section("Outcomes", _outcome_table(findings)),
        _section("Last attempts over time", _time_chart(findings)),
        _section("Attempts needed", _attempts_chart(findings)),
    ]
    if losses is not None:
        sections.append(_section("Contacts that were not uploaded", _losses(losses)))
    if findings.rows:
        head = tuple(column.replace("_", " ") for column in _CONTACT_COLUMNS)
        sections.append(_section("Contacts", _table(head, findings.rows, numbers=(2,))))
    return _DOCUMENT.format(
        title=escape(f"{name}: campaign report"),
        name=escape(name),
        body="\n".join(sections),
        made=escape(made.strftime("%Y-%m-%d %H:%M %Z")),
        style=_STYLE,
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{content}\n</section>"


def _summary(campaign: Mapping[str, object], findings: Findings) -> str:
    statuses = findings.by_status()
    completed = statuses.get("completed", 0)
    reached = f"{completed / findings.contacts:.0%}" if findings.contacts else "unknown"
    facts = [
        ("Contacts", f"{findings.contacts:,}"),
        ("Completed", f"{completed:,} ({reached})"),
        ("Calls", f"{findings.calls.total():,}"),
        ("Duration", _duration(campaign)),
    ]
    tiles = "".join(
        f"<div class=tile><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in facts
    )
    details = [
        ("Status", campaign.get("status")),
        ("Campaign", campaign.get("id")),
        ("Agent", campaign.get("agent_id")),
        ("Phone number", campaign.get("phone_number_id")),
        ("Calls at once", campaign.get("max_concurrent_calls")),
        ("Retries", campaign.get("retries_per_contact")),
        ("Started", _time(campaign.get("started_at"))),
        ("Completed", _time(campaign.get("completed_at"))),
    ]
    rows = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(_text(value))}</dd></div>"
        for label, value in details
        if value is not None
    )
    return f"<dl class=tiles>{tiles}</dl>\n<dl class=details>{rows}</dl>"


def _time(value: object) -> str | None:
    """Return a time in UTC for people; an odd one as it is."""
    if not isinstance(value, str):
        return None
    try:
        return f"{parse_time(value).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return value


def _duration(campaign: Mapping[str, object]) -> str:
    begun, ended = campaign.get("started_at"), campaign.get("completed_at")
    try:
        seconds = (parse_time(str(ended)) - parse_time(str(begun))).total_seconds()
    except ValueError:
        return "unknown"
    return span(seconds)


def _css_class(status: str) -> str:
    return status if status in STATUSES else "other"


def _status_chart(findings: Findings) -> str:
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


def _outcome_table(findings: Findings) -> str:
    total = findings.contacts
    rows = [
        (
            status.replace("_", " "),
            error.replace("_", " "),
            f"{count:,}",
            f"{count / total:.1%}",
            f"{findings.calls[status, error]:,}",
        )
        for (status, error), count in findings.outcomes.most_common()
    ]
    rows.append(("all", "", f"{total:,}", "100.0%" if total else "", f"{findings.calls.total():,}"))
    return _table(("status", "last error", "contacts", "share", "calls"), rows, numbers=(2, 3, 4))


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if index in numbers else ''}>{escape(value)}</{tag}>"
            for index, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f"<div class=scroll><table><thead><tr>{cells('th', head)}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _time_chart(findings: Findings) -> str:
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


def _attempts_chart(findings: Findings) -> str:
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


def _losses(losses: Mapping[str, object]) -> str:
    dropped = losses.get("dropped")
    counts = dropped if isinstance(dropped, dict) else {}
    rows = [
        (str(reason).replace("_", " "), f"{count:,}" if isinstance(count, int) else str(count))
        for reason, count in counts.items()
    ]
    kept, total = losses.get("kept"), losses.get("rows")
    text = f"<p>{escape(_text(kept))} of {escape(_text(total))} rows of the list were kept.</p>"
    return text + (_table(("reason", "rows"), rows, numbers=(1,)) if rows else "")


_STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2126;--dim:#57606a;--line:#d5dae0;--card:#f5f7f9;
--completed:#1f883d;--failed:#cf222e;--cancelled:#8c959f;--pending:#b8c1cc;--in_progress:#bf8700;
--other:#8250df}
@media (prefers-color-scheme:dark){:root{--bg:#0f1419;--fg:#e6edf3;--dim:#9aa5b1;--line:#2f3842;
--card:#1a2128;--completed:#3fb950;--failed:#f85149;--cancelled:#6e7781;--pending:#4b5560;
--in_progress:#d29922;--other:#a371f7}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:820px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 18px;overflow-wrap:anywhere}
h2{font-size:17px;margin:34px 0 10px}
dl{margin:0}dt{color:var(--dim);font-size:13px}dd{margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.tile{background:var(--card);border-radius:8px;padding:12px 14px}
.tile dd{font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}
.details{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:8px 18px;
margin-top:18px}
.details dd{overflow-wrap:anywhere}
svg{display:block;width:100%}
.bar{height:28px;border-radius:5px;overflow:hidden}
.columns text{fill:var(--dim);font-size:11px}
.columns line{stroke:var(--line)}
rect.completed{fill:var(--completed)}rect.failed{fill:var(--failed)}
rect.cancelled{fill:var(--cancelled)}rect.pending{fill:var(--pending)}
rect.in_progress{fill:var(--in_progress)}rect.other{fill:var(--other)}
.legend{list-style:none;margin:10px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:4px 20px}
.legend small{color:var(--dim)}
.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.key.completed{background:var(--completed)}.key.failed{background:var(--failed)}
.key.cancelled{background:var(--cancelled)}.key.pending{background:var(--pending)}
.key.in_progress{background:var(--in_progress)}.key.other{background:var(--other)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 14px 6px 0;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:500;font-size:13px}
.n{text-align:right}
th.n,td.n{padding-right:0;padding-left:14px}
.n+th,.n+td{padding-left:14px}
.note,footer{color:var(--dim);font-size:13px}
footer{margin-top:44px}
@media (max-width:520px){.columns text{font-size:21px}th,td{padding-right:8px}
th.n,td.n{padding-left:6px}table{font-size:14px}main{padding:20px 14px 40px}}
@media print{.scroll{overflow:visible}}
""".strip()

_DOCUMENT: Final = """<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name=referrer content=no-referrer>
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{name}</h1>
{body}
<footer>Made by kataven on {made}.</footer>
</main>
</body>
</html>
"""
