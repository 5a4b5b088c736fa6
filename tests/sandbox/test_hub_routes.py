"""The Hub serves the operations of openapi.yaml, and no others."""

import re
from pathlib import Path

import pytest
import yaml

from kataven.sandbox.http import routes

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
DOCUMENTED = {
    f"{method.upper()} {re.sub('{[^}]*}', '*', path)}"
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method in {"get", "post", "put", "patch", "delete"}
}
SERVED = set(routes.described().split(", "))


def test_every_operation_of_openapi_yaml_is_served():
    assert len(DOCUMENTED) >= 11
    missing = ", ".join(sorted(DOCUMENTED - SERVED))
    assert not missing, (
        f"openapi.yaml has {missing}, but the embedded Hub does not serve it: add a line to "
        "_OPERATIONS in kataven/sandbox/http/routes.py, and a branch to Operations.run in "
        "kataven/sandbox/http/operations.py"
    )


def test_the_hub_serves_nothing_that_openapi_yaml_does_not_have():
    surplus = ", ".join(sorted(SERVED - DOCUMENTED))
    assert not surplus, (
        f"the embedded Hub serves {surplus}, which openapi.yaml does not have: remove it from "
        "_OPERATIONS in kataven/sandbox/http/routes.py"
    )


@pytest.mark.parametrize("line", sorted(SERVED))
def test_every_operation_that_is_routed_is_implemented(http, line):
    campaign = http.create()
    method, path = line.split(" ")
    if path.endswith("/events"):
        http.act(campaign, "stop")
    response = http.client.request(method, path.replace("*", campaign))
    # A 409 or a missing form is a refusal of the operation itself.
    assert response.status_code in {200, 204, 400, 409}, response.text
