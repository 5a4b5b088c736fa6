"""Campaign ids for shell completion, as the last ``kataven campaigns list`` showed them.

Knows a cache file. Sends nothing: a completion must not use the request quota.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import click

__all__ = ["complete_ids", "remember"]

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


def complete_ids(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the remembered ids that begin with what was typed."""
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
