"""Collects what the hand-written SDK offers. The only module here that imports kataven."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Offered:
    """What the SDK offers.

    Attributes:
        builders: ``OPERATIONS`` of kataven/campaigns/operations.py.
        clients: By class: its public methods by the name that users call.
        statuses: By schema of openapi.yaml: the places in the SDK that list its values.
        shapes: By module: the generated types that it exports.
    """

    builders: Mapping[str, Callable[..., object]]
    clients: Mapping[str, Mapping[str, Any]]
    statuses: Mapping[str, Mapping[str, frozenset[str]]]
    shapes: Mapping[str, frozenset[str]]


def offered() -> Offered:
    """Import the SDK and collect what it offers."""
    import kataven  # noqa: PLC0415 - the scripts start without it
    import kataven.models  # noqa: PLC0415
    import kataven.types  # noqa: PLC0415
    from kataven import _words  # noqa: PLC0415
    from kataven.campaigns import operations, progress  # noqa: PLC0415
    from kataven.cli import render  # noqa: PLC0415

    return Offered(
        builders=operations.OPERATIONS,
        clients={
            "CampaignsClient": _methods("campaigns.", kataven.CampaignsClient),
            "AsyncCampaignsClient": _methods("campaigns.", kataven.AsyncCampaignsClient),
            "KatavenClient": _methods("", kataven.KatavenClient),
            "AsyncKatavenClient": _methods("", kataven.AsyncKatavenClient),
        },
        statuses={
            "KnownCampaignStatus": {
                "TERMINAL_STATUSES or LIVE_STATUSES in kataven/campaigns/progress.py": (
                    progress.TERMINAL_STATUSES | progress.LIVE_STATUSES
                )
            },
            "KnownContactStatus": {
                "_OPEN_WORDS or DONE_STATUSES in kataven/campaigns/progress.py": frozenset(
                    progress.CONTACT_STATUSES
                ),
                "STATUSES in kataven/cli/render.py": frozenset(render.STATUSES),
            },
        },
        shapes={
            "kataven/types.py": _classes(kataven.types) - set(_words.__all__),
            "kataven/models.py": _classes(kataven.models),
        },
    )


def _methods(prefix: str, owner: type) -> dict[str, Any]:
    return {
        f"{prefix}{name}": method
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
    }


def _classes(module: Any) -> frozenset[str]:
    """Return what a module exports apart from its own functions."""
    return frozenset(
        name for name in module.__all__ if not inspect.isfunction(getattr(module, name))
    )
