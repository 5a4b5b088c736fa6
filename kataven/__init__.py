"""Outbound calling campaigns on the Kataven Hub.

>>> from kataven import KatavenClient

Importing this package loads no HTTP library, no command line and no server: its names are found
when they are first used.
"""

from __future__ import annotations

from importlib import import_module

from kataven._version import __version__

# Type checkers take this name for true; importing it from typing would cost most of the time that
# importing kataven takes.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Final

    from kataven._core.budget import RateLimits
    from kataven._core.observe import CallEvent
    from kataven._core.operation import Timeout
    from kataven.campaigns.async_client import AsyncCampaignsClient
    from kataven.campaigns.client import CampaignsClient
    from kataven.campaigns.progress import CampaignProgress
    from kataven.campaigns.responses import ApiResponse
    from kataven.campaigns.tables import ExportProgress
    from kataven.client import AsyncKatavenClient, KatavenClient
    from kataven.clock import Clock
    from kataven.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        CampaignRunError,
        ConfigurationError,
        ConflictError,
        ContactsError,
        KatavenError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        ResponseFormatError,
        ServerError,
        StreamError,
        WaitTimeoutError,
    )

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "ApiResponse",
    "AsyncCampaignsClient",
    "AsyncKatavenClient",
    "AuthenticationError",
    "BadRequestError",
    "CallEvent",
    "CampaignProgress",
    "CampaignRunError",
    "CampaignsClient",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "ContactsError",
    "ExportProgress",
    "KatavenClient",
    "KatavenError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RateLimits",
    "ResponseFormatError",
    "ServerError",
    "StreamError",
    "Timeout",
    "WaitTimeoutError",
    "__version__",
]

# Reachable as attributes without an import of their own.
_SUBMODULES: Final = frozenset({"clock", "contacts", "errors", "events", "models", "types"})
_HOMES: Final = {
    "ApiResponse": "kataven.campaigns.responses",
    "CampaignProgress": "kataven.campaigns.progress",
    "ExportProgress": "kataven.campaigns.tables",
    "AsyncCampaignsClient": "kataven.campaigns.async_client",
    "AsyncKatavenClient": "kataven.client",
    "CallEvent": "kataven._core.observe",
    "CampaignsClient": "kataven.campaigns.client",
    "Clock": "kataven.clock",
    "KatavenClient": "kataven.client",
    "RateLimits": "kataven._core.budget",
    "Timeout": "kataven._core.operation",
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"kataven.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'kataven' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "kataven.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
