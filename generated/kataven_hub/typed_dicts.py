"""The Hub's JSON as typed dictionaries, generated from the specification."""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict


class CallLimits(TypedDict):
    """The account's limits on calls."""

    concurrent_max: int
    calls_per_minute: int
    daily_calls_max: int
    daily_minutes_max: int


class CampaignCreate(TypedDict):
    """The form that creates a campaign."""

    name: str
    agent_id: str
    phone_number_id: str
    contacts: bytes
    max_concurrent_calls: NotRequired[int]
    retries_per_contact: NotRequired[int]
    retry_delay_seconds: NotRequired[int]
    scheduled_at: NotRequired[str]


KnownCampaignStatus: TypeAlias = Literal[
    "draft", "scheduled", "running", "paused", "completed", "failed"
]


KnownContactStatus: TypeAlias = Literal[
    "pending", "in_progress", "completed", "failed", "cancelled"
]


CampaignStatus: TypeAlias = KnownCampaignStatus | str


class CampaignTransition(TypedDict):
    """What start, pause, resume and stop return: the fields of a campaign, none of them guaranteed."""

    id: NotRequired[str]
    name: NotRequired[str]
    agent_id: NotRequired[str]
    phone_number_id: NotRequired[str]
    status: NotRequired[CampaignStatus]
    max_concurrent_calls: NotRequired[int]
    retries_per_contact: NotRequired[int]
    retry_delay_seconds: NotRequired[int]
    scheduled_at: NotRequired[str | None]
    started_at: NotRequired[str | None]
    completed_at: NotRequired[str | None]
    created_at: NotRequired[str]
    created_by: NotRequired[str]


ContactStatus: TypeAlias = KnownContactStatus | str


class Campaign(TypedDict):
    """A campaign, without counters."""

    id: str
    name: str
    agent_id: str
    phone_number_id: str
    status: CampaignStatus
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: NotRequired[str | None]
    started_at: NotRequired[str | None]
    completed_at: NotRequired[str | None]
    created_at: str
    created_by: str


class CampaignList(TypedDict):
    """The campaigns of the account."""

    campaigns: NotRequired[list[Campaign]]


class CampaignSnapshot(TypedDict):
    """The data of one event of the stream."""

    campaign_id: NotRequired[str]
    status: NotRequired[CampaignStatus]
    total: NotRequired[int]
    pending: NotRequired[int]
    in_progress: NotRequired[int]
    completed: NotRequired[int]
    failed: NotRequired[int]
    cancelled: NotRequired[int]
    active_calls: NotRequired[int]
    timestamp: NotRequired[str]


class Contact(TypedDict):
    """One contact of a campaign."""

    id: str
    phone_number: str
    custom_fields: NotRequired[dict[str, str]]
    status: ContactStatus
    attempts: NotRequired[int]
    last_attempt_at: NotRequired[str | None]
    last_error: NotRequired[str | None]


class ContactPage(TypedDict):
    """One page of contacts."""

    contacts: NotRequired[list[Contact]]
    page: NotRequired[int]
    page_size: NotRequired[int]
    total: NotRequired[int]
