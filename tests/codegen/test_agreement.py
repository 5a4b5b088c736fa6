"""openapi.yaml and the hand-written SDK agree. Each disagreement is a sentence that says what to do."""

from __future__ import annotations

import copy
import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from spec import agreement, document, project, sdk

ROOT = Path(__file__).resolve().parents[2]
OFFERED = sdk.offered()


@pytest.fixture
def spec() -> dict[str, Any]:
    return project.current(ROOT)


def _form(spec: dict[str, Any]) -> Any:
    return spec["components"]["schemas"]["CampaignCreate"]


def test_openapi_yaml_and_the_sdk_agree(spec: dict[str, Any]) -> None:
    sentences = agreement.disagreements(spec, OFFERED)
    assert not sentences, "\n".join(sentences)


def test_every_part_of_the_sdk_is_compared(spec: dict[str, Any]) -> None:
    assert len(OFFERED.builders) >= 11
    called = {operation["x-sdk-method"] for *_, operation in document.operations(spec)}
    for client in ("CampaignsClient", "AsyncCampaignsClient"):
        assert called - {"call_limits"} <= OFFERED.clients[client].keys()
    for client in ("KatavenClient", "AsyncKatavenClient"):
        assert "call_limits" in OFFERED.clients[client]
    for places in OFFERED.statuses.values():
        assert all(places.values())
    for names in OFFERED.shapes.values():
        assert {"Campaign", "ContactPage"} <= names


def test_every_operation_has_a_generated_module(spec: dict[str, Any]) -> None:
    for _, _, _, operation in document.operations(spec):
        tag = operation["tags"][0].lower()
        name = agreement.snake_case(operation["operationId"])
        module = importlib.import_module(f"kataven_hub.api.{tag}.{name}")
        assert callable(module.build_request)


def test_new_operation_needs_a_builder_and_a_method(spec: dict[str, Any]) -> None:
    item = copy.deepcopy(spec["paths"]["/campaigns/{id}"]["get"])
    item["operationId"] = "getCampaignRecordings"
    item["x-sdk-method"] = "campaigns.recordings"
    spec["paths"]["/campaigns/{id}/recordings"] = {"get": item}

    builder, blocking, awaited = agreement.disagreements(spec, OFFERED)

    assert builder.startswith("openapi.yaml has the operation getCampaignRecordings")
    assert "add a function get_campaign_recordings" in builder
    assert '"getCampaignRecordings": get_campaign_recordings' in builder
    assert "client.campaigns.recordings, but CampaignsClient does not have this method" in blocking
    assert "AsyncCampaignsClient" in awaited


def test_operation_without_the_name_of_its_method_is_named(spec: dict[str, Any]) -> None:
    del spec["paths"]["/campaigns"]["get"]["x-sdk-method"]

    (sentence,) = agreement.disagreements(spec, OFFERED)

    assert "listCampaigns in openapi.yaml lacks x-sdk-method" in sentence


def test_removed_operation_has_a_builder_too_many(spec: dict[str, Any]) -> None:
    del spec["paths"]["/call-limits"]

    (sentence,) = agreement.disagreements(spec, OFFERED)

    assert "kataven/campaigns/operations.py builds getCallLimits" in sentence
    assert "remove the function get_call_limits and its line in OPERATIONS" in sentence


def test_builder_with_another_name_is_to_be_renamed(spec: dict[str, Any]) -> None:
    builders = {**OFFERED.builders, "getCampaign": OFFERED.builders["stopCampaign"]}

    (sentence,) = agreement.disagreements(spec, replace(OFFERED, builders=builders))

    assert (
        "builds getCampaign with the function stop_campaign: rename it to get_campaign" in sentence
    )


def test_new_form_field_needs_a_parameter(spec: dict[str, Any]) -> None:
    _form(spec)["properties"]["timezone"] = {"type": "string"}
    _form(spec)["properties"]["consent"] = {"type": "string"}
    _form(spec)["required"].append("consent")

    sentences = agreement.disagreements(spec, OFFERED)

    assert len(sentences) == 4
    assert "takes timezone (optional), but CampaignsClient.create has no" in sentences[0]
    assert "takes consent (required)" in sentences[1]
    assert "add it there and to create_campaign in kataven/campaigns/operations.py" in sentences[1]
    assert "AsyncCampaignsClient.create" in sentences[2]


def test_removed_form_field_has_a_parameter_too_many(spec: dict[str, Any]) -> None:
    del _form(spec)["properties"]["retries_per_contact"]

    sentence, _ = agreement.disagreements(spec, OFFERED)

    assert "takes retries_per_contact, but createCampaign does not: remove it" in sentence
    assert "keyword-only" in sentence


def test_different_default_is_corrected_in_one_of_two_places(spec: dict[str, Any]) -> None:
    _form(spec)["properties"]["retry_delay_seconds"]["default"] = 600

    sentence, _ = agreement.disagreements(spec, OFFERED)

    assert "is 600 in openapi.yaml and 300 in CampaignsClient.create" in sentence
    assert "add x-sdk-default: 300 to retry_delay_seconds in openapi.yaml" in sentence


def test_documented_default_of_the_sdk_is_stated_only_while_it_differs(
    spec: dict[str, Any],
) -> None:
    field = _form(spec)["properties"]["retry_delay_seconds"]
    field["x-sdk-default"] = 300

    sentence, _ = agreement.disagreements(spec, OFFERED)
    assert "remove x-sdk-default" in sentence

    field["default"] = 600
    assert agreement.disagreements(spec, OFFERED) == []


def test_required_and_optional_differ(spec: dict[str, Any]) -> None:
    _form(spec)["required"] = ["agent_id", "phone_number_id", "contacts", "retries_per_contact"]

    first, second, *_ = agreement.disagreements(spec, OFFERED)

    assert "does not require name, but CampaignsClient.create does" in first
    assert "requires retries_per_contact" in second
    assert "remove the default" in second


def test_different_order_is_named(spec: dict[str, Any]) -> None:
    properties = _form(spec)["properties"]
    _form(spec)["properties"] = dict(reversed(properties.items()))

    sentence, _ = agreement.disagreements(spec, OFFERED)

    assert "CampaignsClient.create takes name, agent_id" in sentence
    assert "use the same order in both" in sentence


def test_different_statuses_are_named_with_their_place(spec: dict[str, Any]) -> None:
    enum = spec["components"]["schemas"]["KnownCampaignStatus"]["enum"]
    enum.append("archived")
    enum.remove("paused")

    new, gone = agreement.disagreements(spec, OFFERED)

    assert "has 'archived', but TERMINAL_STATUSES or LIVE_STATUSES in" in new
    assert "has 'paused', but KnownCampaignStatus in openapi.yaml does not" in gone


def test_exported_type_that_is_gone_is_named(spec: dict[str, Any]) -> None:
    del spec["components"]["schemas"]["CampaignSnapshot"]

    types, models = agreement.disagreements(spec, OFFERED)

    assert "kataven/types.py exports CampaignSnapshot" in types
    assert "kataven/models.py exports CampaignSnapshot" in models
