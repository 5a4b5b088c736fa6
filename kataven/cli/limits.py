"""``kataven limits``: what the account may do.

Knows the call limits that the Hub sends and the request limits that it documents.
"""

from __future__ import annotations

from kataven.cli.output import document, fields, note
from kataven.cli.session import Session, command


@command("limits", json=True, examples=["kataven limits", "kataven limits --json"])
def limits(session: Session) -> None:
    """Show the call limits of the account.

    With --json the Hub's own document. The limits of requests are the documented ones: the Hub does
    not send those of an account, and a key may have lower ones.
    """
    from kataven import RateLimits

    with session.access.client() as client:
        found = client.call_limits()
    if session.json:
        document(found)
    else:
        fields(found)
        if not session.quiet:
            documented = RateLimits.documented()
            note(
                f"Requests (documented; a key may have lower limits): {documented.per_minute} a "
                f"minute, {documented.per_hour} an hour, {documented.per_day} a day, "
                f"{documented.concurrent} at a time."
            )
