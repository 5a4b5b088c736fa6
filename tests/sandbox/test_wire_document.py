"""control.yaml, the paths and `Sandbox` agree, and schemathesis finds nothing else."""

from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from kataven.sandbox import Clock, Faults, Outcomes, Sandbox
from kataven.sandbox.http.control.paths import PATHS, QUERY
from tests.sandbox.conftest import people
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
DOCUMENT = yaml.safe_load((ROOT / "kataven" / "sandbox" / "http" / "control.yaml").read_text())
PAGE = (ROOT / "docs" / "reference" / "sandbox.md").read_text()

# What `Sandbox` can do, and the path that does it.
SANDBOX = {
    "advance": "POST advance",
    "advance_async": "POST advance",
    "api_key": "GET accounts",
    "assert_called_once_each": "GET called-once-each",
    "calls": "GET calls",
    "contacts": "GET contacts",
    "fail": "POST fail",
    "faults": "GET faults",
    "journal": "GET journal",
    "new_key": "POST accounts",
    "now": "GET clock",
    "outcomes": "GET outcomes",
    "requests": "GET requests",
    "reset": "POST reset",
    "revoke": "POST revoke",
    "run_to_end": "POST run-to-end",
    "run_to_end_async": "POST run-to-end",
    "script": "PUT outcomes/*",
}
# What has none, and why.
IN_PYTHON = {
    "start": "the process is started: python -m kataven.sandbox",
    "close": "the process is stopped: SIGINT or SIGTERM",
    "url": "its client knows it: the process prints it",
    "page_url": "its client knows it: the address of the Hub in a browser",
    "client_clock": "an object for a client of this SDK; others move the clock with POST advance",
    "async_client_clock": "an object for a client of this SDK",
}
FAULTS = {
    "add": "POST faults",
    "all": "GET faults",
    "clear": "DELETE faults",
    "unused": "GET faults",
}
# Not for users: the app calls it.
FAULTS_INSIDE = {"take"}
OUTCOMES = {
    "__getitem__": "GET outcomes/*",
    "__setitem__": "PUT outcomes/*",
    "__delitem__": "DELETE outcomes/*",
    "__iter__": "GET outcomes",
    "__len__": "GET outcomes",
}
# What only the wire has: it reads what Python is given by other means.
ONLY_HERE = {
    "GET campaigns": "a summary for dashboards",
    "GET limits": "a summary for dashboards",
    "PUT outcomes": "hub.outcomes.clear() and hub.outcomes.update(...)",
    "DELETE outcomes": "hub.outcomes.clear()",
    "GET openapi.yaml": "the document",
}


def public(kind):
    return {name for name in vars(kind) if not name.startswith("_")}


def routes():
    return {f"{method} {path}" for path, methods in PATHS.items() for method in methods}


def test_everything_that_sandbox_can_do_has_a_path_or_a_reason():
    assert public(Sandbox) - {"page_url"} == (set(SANDBOX) | set(IN_PYTHON)) - {"page_url"}
    assert public(Faults) - FAULTS_INSIDE == set(FAULTS)
    assert {name for name in OUTCOMES if name in vars(Outcomes)} == set(OUTCOMES)
    used = {*SANDBOX.values(), *FAULTS.values(), *OUTCOMES.values(), *ONLY_HERE}
    assert used == routes()


def documented():
    found = {}
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                name = f"{method.upper()} {path[1:].replace('{rule}', '*')}"
                found[name] = operation
    return found


@pytest.mark.slow
def test_the_document_has_the_paths_and_the_parameters_of_the_hub():
    validate(DOCUMENT)
    operations = documented()
    assert set(operations) == routes()
    for path, methods in PATHS.items():
        for method, action in methods.items():
            parameters = operations[f"{method} {path}"].get("parameters", [])
            names = [
                DOCUMENT["components"]["parameters"][one["$ref"].rpartition("/")[2]]["name"]
                if "$ref" in one
                else one["name"]
                for one in parameters
            ]
            assert tuple(names) == QUERY.get(action, ()), (method, path)


def test_the_document_has_the_arguments_of_a_fault():
    import inspect

    arguments = inspect.signature(Faults.add).parameters
    properties = DOCUMENT["components"]["schemas"]["Fault"]["properties"]
    assert list(properties) == [name for name in arguments if name != "self"]
    for name, schema in properties.items():
        if "default" in schema:
            assert schema["default"] == arguments[name].default, name


def test_the_manual_has_every_path():
    table = PAGE.partition("### From another process")[2].partition("\n## ")[0]
    for route in routes():
        method, path = route.split(" ")
        assert f"`{method} {path.replace('/*', '/<number>')}" in table, route


def request_all(service, modes, examples):
    """Request every operation, with a real campaign in every other request that names one."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=f"{service.url}/_sandbox")
    load_all_checks()
    checks = CHECKS.get_by_names(
        (
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
        )
    )
    headers = {"Authorization": f"Bearer {service.api_key}"}
    seen = set()
    import httpx

    with httpx.Client(
        base_url=service.url, headers=headers, trust_env=False, timeout=PATIENCE
    ) as client:

        def campaign():
            form = {"name": "n", "agent_id": "a", "phone_number_id": "p"}
            files = {"contacts": ("c.csv", people(2))}
            created = client.post("/v1/campaigns", data=form, files=files).json()["id"]
            client.post(f"/v1/campaigns/{created}/start")
            return created

        for result in schema.get_all_operations():
            operation = result.ok()

            def request(case, real):
                if real and isinstance(case.body, dict) and "campaign" in case.body:
                    case.body["campaign"] = campaign()
                if real and case.query and "campaign" in case.query:
                    case.query["campaign"] = campaign()
                response = case.call(headers=headers, timeout=10)
                case.validate_response(response, checks=checks)
                seen.add((case.operation.label, response.status_code))

            wanted = [
                operation.as_strategy(generation_mode=mode)
                for mode in modes
                if mode is GenerationMode.POSITIVE
                or operation.path_parameters
                or operation.query
                or operation.body
            ]
            if not wanted:
                continue
            settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )(given(st.one_of(wanted), st.booleans())(request))()
    return seen


@pytest.fixture(scope="module")
def service():
    calls = {"concurrent_max": 1_000_000}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=calls) as hub:
        yield hub


@pytest.mark.slow
def test_schemathesis_finds_every_operation_as_documented(service):
    seen = request_all(service, [GenerationMode.POSITIVE], 8)
    labels = {label for label, _ in seen}
    assert len(labels) == len(routes())
    assert ("POST /run-to-end", 200) in seen
    assert ("GET /contacts", 200) in seen
    assert ("PUT /outcomes", 200) in seen


@pytest.mark.slow
def test_schemathesis_finds_every_refusal_as_documented(service):
    seen = request_all(service, [GenerationMode.NEGATIVE], 6)
    assert {400} < {status for _, status in seen} <= {200, 201, 204, 400, 401, 404}
