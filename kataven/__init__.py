"""Outbound calling campaigns on the Kataven Hub.

>>> from kataven import KatavenClient

Importing this package loads no HTTP library, no command line and no server: each name is loaded
when it is first used.
"""

from __future__ import annotations

from kataven._version import TYPE_CHECKING, __version__

if TYPE_CHECKING:
    from typing import Any

    # Available as attributes, so that an editor knows what is in them.
    from kataven import clock as clock
    from kataven import contacts as contacts
    from kataven import errors as errors
    from kataven import events as events
    from kataven import models as models
    from kataven import types as types
    from kataven._flow.observe import CallEvent, CallHook
    from kataven._flow.operation import Timeout
    from kataven._flow.ratelimit import RateLimits, RateLimitStatus
    from kataven.async_client import AsyncKatavenClient
    from kataven.campaigns.async_client import AsyncCampaignsClient
    from kataven.campaigns.client import CampaignsClient
    from kataven.campaigns.export import ExportProgress
    from kataven.campaigns.iterators import (
        AsyncCampaignIterator,
        AsyncContactIterator,
        AsyncProgressIterator,
        CampaignIterator,
        ContactIterator,
        ProgressIterator,
    )
    from kataven.campaigns.progress import CampaignProgress
    from kataven.campaigns.with_response import ApiResponse
    from kataven.client import KatavenClient
    from kataven.clock import Clock
    from kataven.contacts._retry import RetryList
    from kataven.contacts.export.summary import ExportSummary
    from kataven.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BulkError,
        CampaignRunError,
        ConfigurationError,
        ConflictError,
        ContactsError,
        ContactsWarning,
        KatavenError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        ResponseFormatError,
        ServerError,
        StreamError,
        WaitTimeoutError,
    )
    from kataven.events.stream import AsyncEventStream, EventStream

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "ApiResponse",
    "AsyncCampaignIterator",
    "AsyncCampaignsClient",
    "AsyncContactIterator",
    "AsyncEventStream",
    "AsyncKatavenClient",
    "AsyncProgressIterator",
    "AuthenticationError",
    "BadRequestError",
    "BulkError",
    "CallEvent",
    "CallHook",
    "CampaignIterator",
    "CampaignProgress",
    "CampaignRunError",
    "CampaignsClient",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "ContactIterator",
    "ContactsError",
    "ContactsWarning",
    "EventStream",
    "ExportProgress",
    "ExportSummary",
    "KatavenClient",
    "KatavenError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProgressIterator",
    "RateLimitError",
    "RateLimitStatus",
    "RateLimits",
    "ResponseFormatError",
    "RetryList",
    "ServerError",
    "StreamError",
    "Timeout",
    "WaitTimeoutError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - as the tables, see below

    # The tables are local, so that an editor does not offer them as names of this module.
    # Available as attributes without an import of their own.
    submodules = {"bulk", "clock", "contacts", "errors", "events", "models", "types"}
    # Where each name is defined; those not listed are errors.
    homes = {
        "ApiResponse": "kataven.campaigns.with_response",
        "AsyncCampaignIterator": "kataven.campaigns.iterators",
        "AsyncCampaignsClient": "kataven.campaigns.async_client",
        "AsyncContactIterator": "kataven.campaigns.iterators",
        "AsyncEventStream": "kataven.events.stream",
        "AsyncKatavenClient": "kataven.async_client",
        "AsyncProgressIterator": "kataven.campaigns.iterators",
        "CallEvent": "kataven._flow.observe",
        "CallHook": "kataven._flow.observe",
        "CampaignIterator": "kataven.campaigns.iterators",
        "CampaignProgress": "kataven.campaigns.progress",
        "CampaignsClient": "kataven.campaigns.client",
        "Clock": "kataven.clock",
        "ContactIterator": "kataven.campaigns.iterators",
        "EventStream": "kataven.events.stream",
        "ExportProgress": "kataven.campaigns.export",
        "ExportSummary": "kataven.contacts.export.summary",
        "KatavenClient": "kataven.client",
        "ProgressIterator": "kataven.campaigns.iterators",
        "RateLimitStatus": "kataven._flow.ratelimit",
        "RateLimits": "kataven._flow.ratelimit",
        "RetryList": "kataven.contacts._retry",
        "Timeout": "kataven._flow.operation",
    }
    if name in submodules:
        return import_module(f"kataven.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'kataven' has no attribute {name!r}")
    value = getattr(import_module(homes.get(name, "kataven.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
