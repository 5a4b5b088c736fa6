"""All operations, driven by schemathesis, against openapi.yaml and against the documented facts."""

import json
from pathlib import Path

import httpx
import jsonschema
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    "openapi.yaml": ROOT / "openapi.yaml",
    "hub-facts.yaml": ROOT / "tests" / "data" / "hub-facts.yaml",
}
CSV = b"phone_number,name\n+15550100001,Ann\n+15550100002,Bo\n"
FOLLOWING = {
    "start": ("pauseCampaign", "stopCampaign", "listCampaignContacts"),
    "pause": ("resumeCampaign", "deleteCampaign"),
    "resume": ("stopCampaign",),
    "stop": ("streamCampaignEvents", "deleteCampaign"),
}
CONFORMANCE = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
load_all_checks()


def streams(case):
    return case.operation.definition.raw.get("operationId") == "streamCampaignEvents"


def checks_of(case, *more):
    """The checks of a response. A stream is not checked against the schema of one event."""
    names = [
        name
        for name in (*CONFORMANCE, *more)
        if not (streams(case) and name == "response_schema_conformance")
    ]
    return CHECKS.get_by_names(names)


def check_frames(document, case, response):
    """Check each data frame against the snapshot's schema, if the document has one."""
    if not streams(case) or response.status_code != 200:
        return
    *frames, end, rest = response.text.split("\n\n")
    assert (end, rest) == ("event: end", "")
    schema = {**document, "$ref": "#/components/schemas/CampaignSnapshot"}
    for frame in frames:
        if frame == ": heartbeat":
            continue
        snapshot = json.loads(frame.removeprefix("data: "))
        if "CampaignSnapshot" in document["components"]["schemas"]:
            properties = document["components"]["schemas"]["CampaignSnapshot"]["properties"]
            assert set(snapshot) == set(properties)
            jsonschema.validate(snapshot, schema, cls=jsonschema.Draft202012Validator)


def linked(document):
    """The operations of one campaign: creating it leads to each of them."""
    return [
        operation["operationId"]
        for path, item in document["paths"].items()
        for operation in item.values()
        if path.startswith("/campaigns/{id}") and "operationId" in operation
    ]


def load(name):
    document = yaml.safe_load(DOCUMENTS[name].read_text())
    created = document["paths"]["/campaigns"]["post"]["responses"]["201"]
    created["links"] = {
        name: {"operationId": name, "parameters": {"path.id": "$response.body#/id"}}
        for name in linked(document)
    }
    for action, following in FOLLOWING.items():
        responses = document["paths"][f"/campaigns/{{id}}/{action}"]["post"]["responses"]
        done = responses.get("200") or responses["2XX"]
        done["links"] = {
            name: {"operationId": name, "parameters": {"path.id": "$request.path.id"}}
            for name in following
        }
    # A schedule in the past is refused, and no schema can express that.
    schema = document["paths"]["/campaigns"]["post"]["requestBody"]["content"][
        "multipart/form-data"
    ]
    properties = (
        document["components"]["schemas"]["CampaignCreate"]["properties"]
        if "$ref" in schema["schema"]
        else schema["schema"]["properties"]
    )
    properties.pop("scheduled_at", None)
    return document


@pytest.fixture(scope="module")
def service():
    with Sandbox(
        time_scale=Clock.manual(), limits=None, call_limits={"concurrent_max": 1_000_000}
    ) as hub:
        yield hub


def end_streams(hub, case):
    """Stop the campaign of a stream first, because the stream would not end otherwise."""
    if streams(case):
        httpx.post(
            f"{hub.url}/v1{case.formatted_path.removesuffix('/events')}/stop",
            headers={"Authorization": f"Bearer {hub.api_key}"},
            trust_env=False,
            timeout=PATIENCE,
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_operation_with_stateful_links(service, name):
    document = load(name)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"{service.url}/v1")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])
    seen = set()
    headers = {"Authorization": f"Bearer {service.api_key}"}

    class Machine(schema.as_state_machine()):
        def setup(self):
            # Each example begins with an empty account, so that examples are independent.
            with httpx.Client(
                base_url=f"{service.url}/v1", headers=headers, timeout=PATIENCE
            ) as client:
                for campaign in client.get("/campaigns").json()["campaigns"]:
                    client.post(f"/campaigns/{campaign['id']}/stop")
                    client.delete(f"/campaigns/{campaign['id']}")

        def before_call(self, case):
            if isinstance(case.body, dict) and "contacts" in case.body:
                case.body["contacts"] = CSV
            end_streams(service, case)

        def get_call_kwargs(self, case):
            return {"headers": headers, "timeout": 10}

        def validate_response(self, response, case, **options):
            seen.add((case.operation.label, response.status_code))
            checks = checks_of(case, "use_after_free", "ensure_resource_availability")
            case.validate_response(response, checks=checks, headers=options.get("headers"))
            check_frames(document, case, response)

    Machine.run(
        settings=settings(
            max_examples=20,
            stateful_step_count=8,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )
    # No link leads to what has no campaign; the tests below request it.
    labels = {operation.ok().label for operation in schema.get_all_operations()}
    assert {label for label, _ in seen} >= {one for one in labels if " /campaigns" in one}
    assert ("POST /campaigns", 201) in seen


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.slow
def test_the_life_of_a_campaign_matches_the_document(service, name):
    document = load(name)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"{service.url}/v1")
    headers = {"Authorization": f"Bearer {service.api_key}"}
    body = {"name": "n", "agent_id": "a", "phone_number_id": "p", "contacts": CSV}
    case = schema["/campaigns"]["POST"].Case(body=body, media_type="multipart/form-data")
    campaign = case.call(headers=headers).json()["id"]
    walk = [
        ("POST", "/start", 200),
        ("POST", "/start", 409),
        ("GET", "", 200),
        ("POST", "/pause", 200),
        ("POST", "/resume", 200),
        ("DELETE", "", 409),
        ("GET", "/contacts", 200),
        ("POST", "/stop", 200),
        ("GET", "/events", 200),
        ("DELETE", "", 204),
        ("GET", "", 404),
        ("POST", "/resume", 404),
    ]
    for method, path, status in walk:
        operation = schema[f"/campaigns/{{id}}{path}"][method]
        case = operation.Case(path_parameters={"id": campaign})
        response = case.call(headers=headers, timeout=10)
        assert response.status_code == status, (method, path, response.text)
        case.validate_response(response, checks=checks_of(case))
        check_frames(document, case, response)
    for path in ("/campaigns", "/call-limits"):
        case = schema[path]["GET"].Case()
        case.validate_response(case.call(headers=headers), checks=checks_of(case))


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_operation_refuses_invalid_requests_as_documented(service, name):
    document = load(name)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"{service.url}/v1")
    headers = {"Authorization": f"Bearer {service.api_key}"}
    requested = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        def request(case):
            end_streams(service, case)
            response = case.call(headers=headers, timeout=10)
            case.validate_response(response, checks=checks_of(case))
            requested.add(case.operation.label)

        strategy = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
            if operation.path_parameters or operation.query or operation.body
            else st.nothing(),
        )
        settings(
            max_examples=15,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(request))()
    assert requested == {result.ok().label for result in schema.get_all_operations()}
    assert len(requested) >= 11
