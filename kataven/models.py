"""The Hub's responses as attrs classes, generated from openapi.yaml.

The methods of the SDK return dicts. ``Campaign.from_dict(client.campaigns.get(campaign_id))`` makes
an object of one. Times become aware datetimes. A text that is not a time, or has no UTC offset,
stays as it is. ``to_dict`` returns a dict equal to the original.
"""

from __future__ import annotations

from kataven_hub.models import (
    CallLimits,
    Campaign,
    CampaignList,
    CampaignSnapshot,
    CampaignTransition,
    Contact,
    ContactPage,
)

__all__ = [
    "CallLimits",
    "Campaign",
    "CampaignList",
    "CampaignSnapshot",
    "CampaignTransition",
    "Contact",
    "ContactPage",
]
