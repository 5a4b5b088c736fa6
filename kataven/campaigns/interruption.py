"""What an interruption says about the campaign that it leaves as it is.

Knows ids and exceptions. Does not know what was interrupted.
"""

from __future__ import annotations

from contextlib import suppress


def name_campaign(error: BaseException, campaign_id: str, text: str) -> None:
    """Attach a campaign to an interruption, or to an error of the caller's own function.

    Args:
        error: Receives ``campaign_id`` as an attribute.
        campaign_id: The campaign's id.
        text: The note to add.
    """
    # An error of the caller's own may not allow attributes.
    with suppress(AttributeError, TypeError):
        error.campaign_id = campaign_id  # type: ignore[attr-defined]
        if text not in getattr(error, "__notes__", ()):
            error.add_note(text)


def name_followed(error: BaseException, campaign_id: str) -> None:
    """Attach the campaign that was being followed to a Ctrl-C or a cancellation, not to errors."""
    if not isinstance(error, Exception):
        text = f"campaign {campaign_id} was being followed; it was not stopped"
        name_campaign(error, campaign_id, text)
