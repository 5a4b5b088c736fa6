"""One pure function for each operation of the Hub: from arguments to a request.

The only reader of the generated endpoint modules. Method, path, query and form come from their
request half, so that a change of ``openapi.yaml`` changes what is sent. Does no I/O, and passes on
what is the Hub's to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar
from urllib.parse import quote, urlencode

from kataven import _validate
from kataven._flow import responses
from kataven._flow.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from kataven._flow.operation import Failure, FormPart, Response
    from kataven.types import (
        CallLimits,
        Campaign,
        CampaignList,
        CampaignTransition,
        ContactPage,
    )

T = TypeVar("T")


def _operation(
    name: str,
    request: Mapping[str, Any],
    parse: Callable[[Response], T],
    *,
    parse_truncated: Callable[[int, Failure], T] | None = None,
    control: bool = False,
    form: Sequence[tuple[str, FormPart]] | None = None,
) -> Operation[T]:
    """Adopt everything that the generated module built; an unknown part is our mistake."""
    known = {"method", "url", "params"} if form is None else {"method", "url", "params", "files"}
    if not request.keys() <= known:
        raise TypeError(f"{name} builds {sorted(request.keys() - known)}, which is not sent")
    query = urlencode(request.get("params") or {}, quote_via=quote)
    method = request["method"].upper()
    return Operation(
        name=name,
        method=method,
        target=f"{request['url']}?{query}" if query else request["url"],
        parse=parse,
        parse_truncated=parse_truncated,
        writes=method != "GET",
        control=control,
        form=form,
    )


def list_campaigns() -> Operation[CampaignList]:
    """``GET /campaigns``."""
    from kataven_hub.api.campaigns import list_campaigns as endpoint

    return _operation("listCampaigns", endpoint.build_request(), responses.parse_object)


def get_campaign(campaign_id: str) -> Operation[Campaign]:
    """``GET /campaigns/{id}``."""
    from kataven_hub.api.campaigns import get_campaign as endpoint

    request = endpoint.build_request(_validate.campaign_id(campaign_id))
    return _operation("getCampaign", request, responses.parse_object)


@dataclass(frozen=True, slots=True)
class CampaignForm:
    """The checked fields of a create, without the file."""

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
    """Check the fields of a create; their limits are the Hub's to enforce.

    Raises:
        TypeError: If a field has the wrong type.
        ValueError: If ``scheduled_at`` is naive or not an RFC 3339 time.
    """
    return CampaignForm(
        _validate.text("name", name),
        _validate.identifier("agent_id", agent_id),
        _validate.identifier("phone_number_id", phone_number_id),
        _validate.whole_number("max_concurrent_calls", max_concurrent_calls),
        _validate.whole_number("retries_per_contact", retries_per_contact),
        _validate.whole_number("retry_delay_seconds", retry_delay_seconds),
        _validate.timestamp("scheduled_at", scheduled_at),
    )


def create_campaign(form: CampaignForm, contacts: BinaryIO, filename: str) -> Operation[Campaign]:
    """``POST /campaigns`` with a CSV file."""
    from kataven_hub.api.campaigns import create_campaign as endpoint
    from kataven_hub.models.campaign_create import CampaignCreate
    from kataven_hub.types import UNSET, File

    # A name on disk need not be text, but a form field must be.
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
        responses.parse_created,
        parse_truncated=responses.parse_created_truncated,
        form=body.to_multipart(),
    )


def start_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/start``."""
    from kataven_hub.api.campaigns import start_campaign as endpoint

    return _transition("startCampaign", endpoint.build_request(_validate.campaign_id(campaign_id)))


def pause_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/pause``."""
    from kataven_hub.api.campaigns import pause_campaign as endpoint

    request = endpoint.build_request(_validate.campaign_id(campaign_id))
    return _transition("pauseCampaign", request, control=True)


def resume_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/resume``."""
    from kataven_hub.api.campaigns import resume_campaign as endpoint

    return _transition("resumeCampaign", endpoint.build_request(_validate.campaign_id(campaign_id)))


def stop_campaign(campaign_id: str) -> Operation[CampaignTransition]:
    """``POST /campaigns/{id}/stop``."""
    from kataven_hub.api.campaigns import stop_campaign as endpoint

    request = endpoint.build_request(_validate.campaign_id(campaign_id))
    return _transition("stopCampaign", request, control=True)


def _transition(
    name: str, request: Mapping[str, Any], *, control: bool = False
) -> Operation[CampaignTransition]:
    return _operation(
        name,
        request,
        responses.parse_transition,
        parse_truncated=responses.parse_transition_truncated,
        control=control,
    )


def delete_campaign(campaign_id: str) -> Operation[None]:
    """``DELETE /campaigns/{id}``."""
    from kataven_hub.api.campaigns import delete_campaign as endpoint

    return _operation(
        "deleteCampaign",
        endpoint.build_request(_validate.campaign_id(campaign_id)),
        responses.parse_nothing,
        parse_truncated=responses.parse_nothing_truncated,
    )


def list_campaign_contacts(
    campaign_id: str, status: str | None, page: int
) -> Operation[ContactPage]:
    """``GET /campaigns/{id}/contacts``."""
    from kataven_hub.api.campaigns import list_campaign_contacts as endpoint
    from kataven_hub.types import UNSET

    request = endpoint.build_request(
        _validate.campaign_id(campaign_id),
        status=UNSET if status is None else _validate.text("status", status),
        page=_validate.whole_number("page", page),
    )
    return _operation("listCampaignContacts", request, responses.parse_object)


def stream_campaign_events(campaign_id: str) -> Operation[None]:
    """``GET /campaigns/{id}/events``; its response is read frame by frame, not parsed here."""
    from kataven_hub.api.campaigns import stream_campaign_events as endpoint

    request = endpoint.build_request(_validate.campaign_id(campaign_id))
    # The generated Accept header is the transport's to send.
    request.pop("headers", None)
    return _operation("streamCampaignEvents", request, responses.parse_nothing)


def get_call_limits() -> Operation[CallLimits]:
    """``GET /call-limits``."""
    from kataven_hub.api.account import get_call_limits as endpoint

    return _operation("getCallLimits", endpoint.build_request(), responses.parse_object)


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
