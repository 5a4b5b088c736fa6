"""The hand-written layer and openapi.yaml agree; where they do not, a sentence says what to do."""

from __future__ import annotations

import copy
import importlib
import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from spec import agreement, document, project
from spec.draft import Covered
from spec.places import snake_case

import kataven
from kataven.campaigns import async_methods, methods, operations, progress
from kataven.cli import render

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spec() -> dict[str, Any]:
    return project.current(ROOT)


@pytest.fixture
def covered() -> list[Covered]:
    return project.tables(ROOT).covered


def _clients() -> dict[str, dict[str, Any]]:
    """Every public method under the name that users call it by, and the file that it is in."""
    return {
        "kataven/campaigns/methods.py": _of("campaigns.", methods.CampaignMethods),
        "kataven/campaigns/async_methods.py": _of("campaigns.", async_methods.AsyncCampaignMethods),
        "kataven/client.py (KatavenClient)": _of("", kataven.KatavenClient),
        "kataven/client.py (AsyncKatavenClient)": _of("", kataven.AsyncKatavenClient),
    }


def _of(prefix: str, owner: type) -> dict[str, Any]:
    return {
        f"{prefix}{name}": method
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
    }


CAMPAIGN_STATUSES = {
    "TERMINAL_STATUSES or LIVE_STATUSES in kataven/campaigns/progress.py": (
        progress.TERMINAL_STATUSES | progress.LIVE_STATUSES
    )
}
CONTACT_STATUSES = {
    "_OPEN_WORDS or _DONE_WORDS in kataven/campaigns/progress.py": (
        *progress._OPEN_WORDS,
        *progress._DONE_WORDS,
    ),
    "STATUSES in kataven/cli/render.py": render.STATUSES,
}


def _say(sentences: list[str]) -> str:
    return "\n".join(sentences)


def test_every_operation_has_one_builder_and_the_other_way_round(spec: dict[str, Any]) -> None:
    sentences = agreement.builders(spec, operations.OPERATIONS)
    assert not sentences, _say(sentences)


def test_every_operation_has_a_generated_module(spec: dict[str, Any]) -> None:
    for _, _, _, operation in document.operations(spec):
        tag = operation["tags"][0].lower()
        name = snake_case(operation["operationId"])
        module = importlib.import_module(f"kataven_hub.api.{tag}.{name}")
        assert callable(module.build_request)


def test_what_the_rules_cover_is_what_openapi_yaml_has(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    sentences = agreement.coverage(spec, covered)
    assert not sentences, _say(sentences)


def test_every_parameter_and_default_of_a_method_agrees_with_its_operation(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    sentences = agreement.methods(spec, covered, _clients())
    assert not sentences, _say(sentences)


def test_the_statuses_that_the_sdk_knows_are_those_of_openapi_yaml(spec: dict[str, Any]) -> None:
    sentences = agreement.words(spec, "KnownCampaignStatus", CAMPAIGN_STATUSES)
    sentences += agreement.words(spec, "KnownContactStatus", CONTACT_STATUSES)
    assert not sentences, _say(sentences)


# Each disagreement, planted; the sentence names what and where.


def _form(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["components"]["schemas"]["CampaignCreate"]


def _methods(spec: dict[str, Any], covered: list[Covered]) -> list[str]:
    return agreement.methods(spec, covered, _clients())


def test_a_new_operation_asks_for_a_builder_and_a_method(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    item = copy.deepcopy(spec["paths"]["/campaigns/{id}"]["get"])
    item["operationId"] = "getCampaignReport"
    spec["paths"]["/campaigns/{id}/report"] = {"get": item}
    covered.append(
        Covered(
            "getCampaignReport", "get", "/campaigns/{id}/report", "Campaigns", "campaigns.report"
        )
    )

    (builder,) = agreement.builders(spec, operations.OPERATIONS)
    assert builder.startswith("openapi.yaml has the operation getCampaignReport")
    assert "add a function get_campaign_report" in builder
    assert "OPERATIONS" in builder
    blocking, awaited = _methods(spec, covered)
    assert "client.campaigns.report, but kataven/campaigns/methods.py has no such" in blocking
    assert "kataven/campaigns/async_methods.py" in awaited
    covered.pop()
    (sentence,) = agreement.coverage(spec, covered)
    assert "openapi.yaml has getCampaignReport" in sentence


def test_a_removed_operation_asks_to_take_its_builder_out(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    del spec["paths"]["/call-limits"]

    (sentence,) = agreement.builders(spec, operations.OPERATIONS)
    assert "kataven/campaigns/operations.py builds getCallLimits" in sentence
    assert "take the function get_call_limits and its line in OPERATIONS out" in sentence
    (sentence,) = agreement.coverage(spec, covered)
    assert "scripts/spec/rules.yaml covers getCallLimits" in sentence


def test_a_builder_of_another_name_asks_to_be_renamed(spec: dict[str, Any]) -> None:
    offered = {**operations.OPERATIONS, "getCampaign": operations.stop_campaign}

    (sentence,) = agreement.builders(spec, offered)

    assert "builds getCampaign with the function stop_campaign: call it get_campaign" in sentence


def test_a_new_form_field_asks_for_a_parameter(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    _form(spec)["properties"]["timezone"] = {"type": "string"}
    _form(spec)["properties"]["consent"] = {"type": "string"}
    _form(spec)["required"].append("consent")

    sentences = _methods(spec, covered)

    assert len(sentences) == 4
    assert "takes timezone (optional), but create in kataven/campaigns/methods.py" in sentences[0]
    assert "takes consent (required)" in sentences[1]
    assert "add it there and to create_campaign in kataven/campaigns/operations.py" in sentences[1]
    assert "kataven/campaigns/async_methods.py" in sentences[2]


def test_a_removed_form_field_asks_to_take_the_parameter_out(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    del _form(spec)["properties"]["retries_per_contact"]

    sentence, _ = _methods(spec, covered)

    assert "takes retries_per_contact, which createCampaign does not have: take it out" in sentence
    assert "keyword-only" in sentence


def test_another_default_asks_to_correct_one_of_the_two(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    _form(spec)["properties"]["retry_delay_seconds"]["default"] = 600

    sentence, _ = _methods(spec, covered)

    assert "is 600 in openapi.yaml and 300 in create in kataven/campaigns/methods.py" in sentence
    assert "add defaults: {retry_delay_seconds: 300} to the line of createCampaign" in sentence


def test_a_default_that_the_contract_fixes_may_be_stated_and_goes_with_its_cause(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    stated = [
        replace(one, defaults={"retry_delay_seconds": 300}) if one.id == "createCampaign" else one
        for one in covered
    ]

    sentence, _ = _methods(spec, stated)
    assert "take it out of `defaults`" in sentence

    _form(spec)["properties"]["retry_delay_seconds"]["default"] = 600
    assert _methods(spec, stated) == []


def test_required_ness_that_differs_asks_for_a_default_or_for_none(
    spec: dict[str, Any], covered: list[Covered]
) -> None:
    _form(spec)["required"] = ["agent_id", "phone_number_id", "contacts", "retries_per_contact"]

    sentences = [one for one in _methods(spec, covered) if "/methods.py" in one]

    assert len(sentences) == 2
    assert "does not require name, but create in kataven/campaigns/methods.py does" in sentences[0]
    assert "requires retries_per_contact" in sentences[1]
    assert "take the default out" in sentences[1]


def test_another_order_asks_for_one_order(spec: dict[str, Any], covered: list[Covered]) -> None:
    properties = _form(spec)["properties"]
    _form(spec)["properties"] = dict(reversed(properties.items()))

    sentence, _ = _methods(spec, covered)

    assert "create in kataven/campaigns/methods.py takes name, agent_id" in sentence
    assert "order" in sentence


def test_words_that_differ_are_named_with_their_place(spec: dict[str, Any]) -> None:
    enum = spec["components"]["schemas"]["KnownCampaignStatus"]["enum"]
    enum.append("archived")
    enum.remove("paused")

    new, gone = agreement.words(spec, "KnownCampaignStatus", CAMPAIGN_STATUSES)

    assert "has the word 'archived', but not TERMINAL_STATUSES or LIVE_STATUSES in" in new
    assert "has the word 'paused', but not KnownCampaignStatus in openapi.yaml" in gone
