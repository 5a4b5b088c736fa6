"""Contains all the data models used in inputs/outputs"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call_limits import CallLimits
    from .campaign import Campaign
    from .campaign_create import CampaignCreate
    from .campaign_list import CampaignList
    from .campaign_snapshot import CampaignSnapshot
    from .campaign_transition import CampaignTransition
    from .contact import Contact
    from .contact_custom_fields import ContactCustomFields
    from .contact_page import ContactPage
    from .known_campaign_status import KnownCampaignStatus
    from .known_contact_status import KnownContactStatus
else:
    _MODULES = {
        "CallLimits": ".call_limits",
        "Campaign": ".campaign",
        "CampaignCreate": ".campaign_create",
        "CampaignList": ".campaign_list",
        "CampaignSnapshot": ".campaign_snapshot",
        "CampaignTransition": ".campaign_transition",
        "Contact": ".contact",
        "ContactCustomFields": ".contact_custom_fields",
        "ContactPage": ".contact_page",
        "KnownCampaignStatus": ".known_campaign_status",
        "KnownContactStatus": ".known_contact_status",
    }

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_MODULES[name], __name__), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = (
    "CallLimits",
    "Campaign",
    "CampaignCreate",
    "CampaignList",
    "CampaignSnapshot",
    "CampaignTransition",
    "Contact",
    "ContactCustomFields",
    "ContactPage",
    "KnownCampaignStatus",
    "KnownContactStatus",
)
