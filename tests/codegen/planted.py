"""The fifteen changes in reconstructed-openapi-changed.yaml, each with its expected report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CAMPAIGNS = "/api/v1/campaigns"

Finding = tuple[str | None, str, str, str]


@dataclass(frozen=True)
class Planted:
    """A change, its expected report, and the expected report of its reversal."""

    name: str
    plant: Callable[[dict[str, Any]], None]
    forward: Finding
    back: Finding


def _campaign(doc: dict[str, Any]) -> dict[str, Any]:
    return doc["components"]["schemas"]["data.Campaign"]["properties"]


def _form(doc: dict[str, Any]) -> dict[str, Any]:
    content = doc["paths"][CAMPAIGNS]["post"]["requestBody"]["content"]
    return content["application/x-www-form-urlencoded"]["schema"]


def _operation_id_appears(doc: dict[str, Any]) -> None:
    doc["paths"][CAMPAIGNS]["get"]["operationId"] = "campaignsList"


def _path_parameter_renamed(doc: dict[str, Any]) -> None:
    item = doc["paths"].pop(f"{CAMPAIGNS}/{{id}}/contacts")
    doc["paths"][f"{CAMPAIGNS}/{{campaign_id}}/contacts"] = item
    item["get"]["parameters"][0]["name"] = "campaign_id"


def _operation_removed(doc: dict[str, Any]) -> None:
    del doc["paths"][f"{CAMPAIGNS}/{{id}}/resume"]


def _operation_added(doc: dict[str, Any]) -> None:
    doc["paths"][f"{CAMPAIGNS}/{{id}}/recordings"] = {
        "get": {
            "tags": ["Campaigns"],
            "summary": "Get the recordings of a campaign",
            "security": [{"BearerAuth": []}],
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "responses": {"200": {"description": "The recordings."}},
        }
    }


def _required_form_field(doc: dict[str, Any]) -> None:
    _form(doc)["required"].append("consent_basis")
    _form(doc)["properties"]["consent_basis"] = {
        "type": "string",
        "description": "Why the contacts may be called.",
    }


def _optional_form_field(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["timezone"] = {
        "type": "string",
        "description": "The zone of the contacts.",
    }


def response_field_removed(doc: dict[str, Any]) -> None:
    del _campaign(doc)["created_by"]


def _type_changed(doc: dict[str, Any]) -> None:
    _campaign(doc)["retry_delay_seconds"]["type"] = "string"


def _nullability_changed(doc: dict[str, Any]) -> None:
    _campaign(doc)["phone_number_id"]["type"] = ["string", "null"]


def _enum_word_added(doc: dict[str, Any]) -> None:
    _campaign(doc)["status"]["enum"].append("archived")


def _enum_word_removed(doc: dict[str, Any]) -> None:
    _campaign(doc)["status"]["enum"].remove("scheduled")


def _bound_changed(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["max_concurrent_calls"]["maximum"] = 50


def default_changed(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["retry_delay_seconds"]["default"] = 600


def _media_type_changed(doc: dict[str, Any]) -> None:
    content = doc["paths"]["/api/v1/call-limits"]["get"]["responses"]["200"]["content"]
    content["application/vnd.kataven+json"] = content.pop("application/json")


def _status_code_added(doc: dict[str, Any]) -> None:
    doc["paths"][CAMPAIGNS]["post"]["responses"]["413"] = {
        "description": "The file is too large.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }


def _internal(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "internal"


def _compatible(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "compatible"


def _breaking(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "breaking"


PLANTED = [
    Planted(
        "an operationId that appears",
        _operation_id_appears,
        _internal("listCampaigns", "operationId changed", "listCampaigns"),
        _internal("listCampaigns", "operationId changed", "listCampaigns"),
    ),
    Planted(
        "a renamed path parameter",
        _path_parameter_renamed,
        _internal("listCampaignContacts", "path parameter renamed", "campaign_id"),
        _internal("listCampaignContacts", "path parameter renamed", "id"),
    ),
    Planted(
        "a removed operation",
        _operation_removed,
        _breaking("resumeCampaign", "operation removed", "resumeCampaign"),
        _compatible("resumeCampaign", "operation added", "resumeCampaign"),
    ),
    Planted(
        "an added operation",
        _operation_added,
        _internal(None, "uncovered operation added", "GET /campaigns/{id}/recordings"),
        _internal(None, "uncovered operation removed", "GET /campaigns/{id}/recordings"),
    ),
    Planted(
        "a new required form field",
        _required_form_field,
        _breaking("createCampaign", "required request field added", "CampaignCreate.consent_basis"),
        _breaking("createCampaign", "request field removed", "CampaignCreate.consent_basis"),
    ),
    Planted(
        "a new optional form field",
        _optional_form_field,
        _compatible("createCampaign", "request field added", "CampaignCreate.timezone"),
        _breaking("createCampaign", "request field removed", "CampaignCreate.timezone"),
    ),
    Planted(
        "a removed response field",
        response_field_removed,
        _breaking(None, "response field removed", "Campaign.created_by"),
        _compatible(None, "response field added", "Campaign.created_by"),
    ),
    Planted(
        "a type change",
        _type_changed,
        _breaking(None, "response type changed", "Campaign.retry_delay_seconds"),
        _breaking(None, "response type changed", "Campaign.retry_delay_seconds"),
    ),
    Planted(
        "a nullability change",
        _nullability_changed,
        _breaking(None, "response field became nullable", "Campaign.phone_number_id"),
        _compatible(None, "response field no longer nullable", "Campaign.phone_number_id"),
    ),
    Planted(
        "a new enum word",
        _enum_word_added,
        _compatible(None, "response enum word added", "CampaignStatus: archived"),
        _compatible(None, "response enum word removed", "CampaignStatus: archived"),
    ),
    Planted(
        "a removed enum word",
        _enum_word_removed,
        _compatible(None, "response enum word removed", "CampaignStatus: scheduled"),
        _compatible(None, "response enum word added", "CampaignStatus: scheduled"),
    ),
    Planted(
        "a changed bound",
        _bound_changed,
        _breaking(
            "createCampaign", "request bound narrowed", "CampaignCreate.max_concurrent_calls"
        ),
        _compatible(
            "createCampaign", "request bound widened", "CampaignCreate.max_concurrent_calls"
        ),
    ),
    Planted(
        "a changed default",
        default_changed,
        _compatible(
            "createCampaign", "request default changed", "CampaignCreate.retry_delay_seconds"
        ),
        _compatible(
            "createCampaign", "request default changed", "CampaignCreate.retry_delay_seconds"
        ),
    ),
    Planted(
        "a media type",
        _media_type_changed,
        _breaking("getCallLimits", "response media type changed", "application/vnd.kataven+json"),
        _breaking("getCallLimits", "response media type changed", "application/json"),
    ),
    Planted(
        "a status code",
        _status_code_added,
        _compatible("createCampaign", "status code added", "413"),
        _compatible("createCampaign", "status code removed", "413"),
    ),
]
