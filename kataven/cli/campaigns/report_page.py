"""The page of ``kataven campaigns report``: one HTML file that needs nothing from outside.

Turns counts into HTML, with the charts of ``report_charts``. Every text that comes from the Hub or
from a list is escaped. Must not know clients or files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from kataven.cli.campaigns.report_charts import attempts_chart, status_chart, time_chart
from kataven.cli.campaigns.report_findings import CONTACT_COLUMNS, text
from kataven.cli.render import span
from kataven.types import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kataven.cli.campaigns.report_findings import Findings

__all__ = ["page"]


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
    name = text(campaign.get("name")) or text(campaign.get("id"))
    sections = [
        _summary(campaign, findings),
        _section("Contacts by status", status_chart(findings)),
        _section("Outcomes", _outcome_table(findings)),
        _section("Last attempts over time", time_chart(findings)),
        _section("Attempts needed", attempts_chart(findings)),
    ]
    if losses is not None:
        sections.append(_section("Contacts that were not uploaded", _losses(losses)))
    if findings.rows:
        head = tuple(column.replace("_", " ") for column in CONTACT_COLUMNS)
        sections.append(_section("Contacts", _table(head, findings.rows, numbers=(2,))))
    return _DOCUMENT.format(
        title=escape(f"{name}: campaign report"),
        name=escape(name),
        body="\n".join(sections),
        made=escape(made.strftime("%Y-%m-%d %H:%M %Z")),
        style=_STYLE,
    )


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
        f"<div><dt>{escape(label)}</dt><dd>{escape(text(value))}</dd></div>"
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


def _losses(losses: Mapping[str, object]) -> str:
    dropped = losses.get("dropped")
    counts = dropped if isinstance(dropped, dict) else {}
    rows = [
        (str(reason).replace("_", " "), f"{count:,}" if isinstance(count, int) else str(count))
        for reason, count in counts.items()
    ]
    kept, total = losses.get("kept"), losses.get("rows")
    sentence = f"<p>{escape(text(kept))} of {escape(text(total))} rows of the list were kept.</p>"
    return sentence + (_table(("reason", "rows"), rows, numbers=(1,)) if rows else "")


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
