"""``kataven limits``: what the account may do.

Knows the call limits that the Hub sends and the request limits that it documents.
"""

from __future__ import annotations

from kataven.cli.output import document, fields
from kataven.cli.session import Session, command


@command("limits", json=True, examples=["kataven limits", "kataven limits --json"])
def limits(session: Session) -> None:
    """Show the call limits of the account."""
    with session.access.client() as client:
        found = client.call_limits()
    if session.json:
        document(found)
    else:
        fields(found)
