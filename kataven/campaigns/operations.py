"""One pure function for each Hub operation: from arguments to a request that can read its answer.

The only reader of the generated endpoint modules: method, path, query and form come from their
request half, so that a change of the specification changes what is sent. It refuses what could
reach another path or could not be written, passes on what is the Hub's to judge, and does no I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import quote, urlencode

from kataven._core import answers
from kataven._core.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kataven.types import (
        CallLimits,
        Campaign,
        CampaignList,
        CampaignTransition,
        ContactPage,
    )

# RFC 3339 by its grammar; datetime.fromisoformat takes week dates and refuses a lower-case "t".
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def _operation(
    name: str,
    request: Mapping[str, Any],
    answer: Callable[[Any], Any],
    *,
    broken_answer: Callable[[int, Any], Any] | None = None,
    control: bool = False,
) -> Operation[Any]:
    """Take over what the generated module built, whole: an unknown part is a mistake of ours."""
    known = {"method", "url", "params", "files", "headers"}
    if not request.keys() <= known or request.get("headers"):
        raise TypeError(f"{name} builds {sorted(request.keys() - known)}, which nobody sends")
    query = urlencode(request.get("params") or {}, quote_via=quote)
    method = request["method"].upper()
    return Operation(
        name=name,
        method=method,
        target=f"{request['url']}?{query}" if query else request["url"],
        answer=answer,
        broken_answer=broken_answer,
        writes=method != "GET",
        control=control,
        files=request.get("files"),
    )


def list_campaigns() -> Operation[CampaignList]:
    """``GET /campaigns``."""
    from kataven_hub.api.campaigns import list_campaigns as endpoint

    return _operation("listCampaigns", endpoint.build_request(), answers.object_answer)


def get_campaign(campaign_id: str) -> Operation[Campaign]:
    """``GET /campaigns/{id}``."""
    from kataven_hub.api.campaigns import get_campaign as endpoint

    request = endpoint.build_request(_campaign_id(campaign_id))
    return _operation("getCampaign", request, answers.object_answer)


@dataclass(frozen=True, slots=True)
class CampaignForm:
    """The fields of a create, checked, but for the file."""

    name: str
    agent_id: str
    phone_number_id: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: str | None


def campaign_form(
    name: str,
    agent_id: str,
    phone_number_id: str,
    max_concurrent_calls: int,
    retries_per_contact: int,
    retry_delay_seconds: int,
    scheduled_at: str | datetime | None,
) -> CampaignForm:
    """Check the fields of a create; bounds are the Hub's to enforce.

    Raises:
        TypeError: If a field has a wrong type.
        ValueError: If ``scheduled_at`` is naive or no RFC 3339 time.
    """
    return CampaignForm(
        _text("name", name),
        _text("agent_id", agent_id),
        _text("phone_number_id", phone_number_id),
        _whole_number("max_concurrent_calls", max_concurrent_calls),
        _whole_number("retries_per_contact", retries_per_contact),
        _whole_number("retry_delay_seconds", retry_delay_seconds),
        _moment("scheduled_at", scheduled_at),
    )


def create_campaign(form: CampaignForm, contacts: BinaryIO, filename: str) -> Operation[Campaign]:
    """``POST /campaigns`` with a CSV file."""
    from kataven_hub.api.campaigns import create_campaign as endpoint
    from kataven_hub.models.campaign_create import CampaignCreate
    from kataven_hub.types import UNSET, File

    # A name on disk need not be text; only the Hub's eyes read it.
    shown_name = filename.encode("utf-8", "replace").decode()
    body = CampaignCreate(
        name=form.name,
        agent_id=form.agent_id,
        phone_number_id=form.phone_number_id,
        contacts=File(payload=contacts, file_name=shown_name, mime_type="text/csv"),
        max_concurrent_calls=form.max_concurrent_calls,
        retries_per_contact=form.retries_per_contact,
        retry_delay_seconds=form.retry_delay_seconds,
        scheduled_at=UNSET if form.scheduled_at is None else form.scheduled_at,
    )
    return _operation(
        "createCampaign",
        endpoint.build_request(body=body),
        answers.created_answer,
        broken_answer=answers.broken_created_answer,
    )


def start_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/start``."""
    from kataven_hub.api.campaigns import start_campaign as endpoint

    return _transition("startCampaign", endpoint.build_request(_campaign_id(campaign_id)))


def pause_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/pause``."""
    from kataven_hub.api.campaigns import pause_campaign as endpoint

    request = endpoint.build_request(_campaign_id(campaign_id))
    return _transition("pauseCampaign", request, control=True)


def resume_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/resume``."""
    from kataven_hub.api.campaigns import resume_campaign as endpoint

    return _transition("resumeCampaign", endpoint.build_request(_campaign_id(campaign_id)))


def stop_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/stop``."""
    from kataven_hub.api.campaigns import stop_campaign as endpoint

    request = endpoint.build_request(_campaign_id(campaign_id))
    return _transition("stopCampaign", request, control=True)


def _transition(
    name: str, request: Mapping[str, Any], *, control: bool = False
) -> Operation[CampaignTransition]:
    return _operation(
        name,
        request,
        answers.transition_answer,
        broken_answer=answers.broken_transition_answer,
        control=control,
    )


def delete_campaign(campaign_id: str) -> Operation[None]:
    """``DELETE /campaigns/{id}``."""
    from kataven_hub.api.campaigns import delete_campaign as endpoint

    return _operation(
        "deleteCampaign",
        endpoint.build_request(_campaign_id(campaign_id)),
        answers.no_answer,
        broken_answer=answers.broken_no_answer,
    )


def list_campaign_contacts(
    campaign_id: str, status: str | None, page: int
) -> Operation[ContactPage]:
    """``GET /campaigns/{id}/contacts``."""
    from kataven_hub.api.campaigns import list_campaign_contacts as endpoint
    from kataven_hub.types import UNSET

    request = endpoint.build_request(
        _campaign_id(campaign_id),
        status=UNSET if status is None else _text("status", status),
        page=_whole_number("page", page),
    )
    return _operation("listCampaignContacts", request, answers.object_answer)


def stream_campaign_events(campaign_id: str) -> Operation[None]:
    """``GET /campaigns/{id}/events``; its answer is read frame by frame, not by the operation."""
    from kataven_hub.api.campaigns import stream_campaign_events as endpoint

    request = {**endpoint.build_request(_campaign_id(campaign_id)), "headers": None}
    return _operation("streamCampaignEvents", request, answers.no_answer)


def get_call_limits() -> Operation[CallLimits]:
    """``GET /call-limits``."""
    from kataven_hub.api.account import get_call_limits as endpoint

    return _operation("getCallLimits", endpoint.build_request(), answers.object_answer)


OPERATIONS: Final[Mapping[str, Callable[..., Operation[Any]]]] = {
    "listCampaigns": list_campaigns,
    "getCampaign": get_campaign,
    "createCampaign": create_campaign,
    "startCampaign": start_campaign,
    "pauseCampaign": pause_campaign,
    "resumeCampaign": resume_campaign,
    "stopCampaign": stop_campaign,
    "deleteCampaign": delete_campaign,
    "listCampaignContacts": list_campaign_contacts,
    "streamCampaignEvents": stream_campaign_events,
    "getCallLimits": get_call_limits,
}


def plain(value: str) -> str:
    """A str of no subclass: a member of an enum that is a str would be written as its name."""
    return str.__str__(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    return plain(value)


def _campaign_id(value: object) -> str:
    """An id that stays one segment of the path: an empty one or dots would reach another path."""
    campaign_id = _text("campaign_id", value)
    if campaign_id in {"", ".", ".."}:
        raise ValueError(
            f"{campaign_id!r} is no campaign id; it would reach another path of the Hub"
        )
    return campaign_id


def _whole_number(name: str, value: object) -> int:
    # bool is an int to Python, and True concurrent calls is a mistake.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    # Of no subclass: a member of an enum that is an int would be written as its name.
    return int.__int__(value)


def _moment(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        offset = value.utcoffset()
        if offset is None:
            raise ValueError(
                f"{name} is a naive datetime, {value.isoformat()}: nobody knows which hour that "
                "is; give it a time zone, for example .astimezone()"
            )
        if offset.seconds % 60 or offset.microseconds:
            # RFC 3339 writes offsets in minutes; some historic zones have seconds.
            value = value.astimezone(UTC)
        return value.isoformat()
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be an RFC 3339 str or an aware datetime, not {type(value).__name__}"
        )
    value = plain(value)
    if not _RFC_3339.fullmatch(value):
        raise ValueError(
            f"{name}={value!r} is no RFC 3339 time with an offset, like 2030-01-31T09:00:00Z or "
            "2030-01-31T10:00:00+01:00"
        )
    return value
