"""The Hub's answers as objects, for those who want them.

attrs classes generated from the specification, under public names. No method of the SDK returns
them: ``Campaign.from_dict(client.campaigns.get(id))`` makes one.
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
