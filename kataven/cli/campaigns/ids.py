"""Campaign ids as arguments: which are refused, and how the shell completes them.

Knows the cache file of the ids that the last ``kataven campaigns list`` showed. Sends nothing: a
completion must not use the request quota.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["CAMPAIGN_ID", "remember"]

_MOST: Final = 500


def remember(campaigns: Iterable[Mapping[str, object]]) -> None:
    """Keep the ids and names of campaigns for completion; a cache that cannot be written is not.

    Args:
        campaigns: The campaigns, as the Hub sent them.
    """
    known = {
        str(campaign["id"]): str(campaign.get("name") or "")
        for campaign in campaigns
        if campaign.get("id")
    }
    # Completion is a convenience: without a place to write there is none.
    with suppress(OSError):
        path = _cache()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(dict(list(known.items())[:_MOST])), "utf-8")


class _CampaignId(click.types.StringParamType):
    """An id that can be part of a path of the Hub."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what cannot be an id, such as an empty variable of the shell."""
        from kataven import _validate

        try:
            return _validate.campaign_id(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the remembered ids."""
        return _remembered(incomplete)


CAMPAIGN_ID: Final = _CampaignId()


def _remembered(incomplete: str) -> list[CompletionItem]:
    try:
        known = json.loads(_cache().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(known, dict):
        return []
    return [
        CompletionItem(identifier, help=name)
        for identifier, name in known.items()
        if identifier.startswith(incomplete)
    ]


def _cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("kataven") / "campaigns.json"
