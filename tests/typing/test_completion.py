"""What an editor offers and shows while a program is written: pyright's language server is asked."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

import kataven
from kataven import AsyncKatavenClient, CampaignProgress, KatavenClient, contacts, errors, types
from kataven.campaigns.async_client import AsyncCampaignsClient
from kataven.campaigns.client import CampaignsClient
from tests.typing.language_server import LanguageServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = [(KatavenClient, CampaignsClient), (AsyncKatavenClient, AsyncCampaignsClient)]
CAMPAIGN_STATUSES = {"draft", "scheduled", "running", "paused", "completed", "failed"}
CONTACT_STATUSES = {"pending", "in_progress", "completed", "failed", "cancelled"}
LAST_ERRORS = {"no_answer", "voicemail", "busy", "failed"}
SUBMODULES = {"clock", "contacts", "errors", "events", "models", "types"}

PROGRAM = """
import kataven
from kataven import AsyncKatavenClient, KatavenClient, contacts
client = KatavenClient()
async_client = AsyncKatavenClient()
campaign = client.campaigns.get("c1")
contact = client.campaigns.list_contacts("c1")["contacts"][0]
async def program():
    """

pytestmark = [pytest.mark.types, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """One server for all tests: it reads the library once."""
    with LanguageServer(tmp_path_factory.mktemp("program")) as running:
        yield running


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def expression(client: type) -> str:
    return "async_client" if client is AsyncKatavenClient else "client"


def methods(campaigns: type) -> dict[str, object]:
    return {
        name: value
        for name, value in inspect.getmembers(campaigns, inspect.isfunction)
        if not name.startswith("_")
    }


def each(expressions: list[str]) -> Iterator[str]:
    """Yield one program with all expressions, each time with the cursor in another one.

    The server reads a program once, which makes the tests several times as fast.
    """
    for at in range(len(expressions)):
        lines = [*expressions]
        lines[at] += "|"
        yield PROGRAM + "\n    ".join(lines) + "\n"


def first_paragraph(value: object) -> str:
    return (inspect.getdoc(value) or "").partition("\n\n")[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("kataven.", {*public(kataven.__all__), *SUBMODULES}),
        ("kataven.contacts.", set(contacts.__all__)),
        ("kataven.errors.", set(errors.__all__)),
        ("client.", public(dir(KatavenClient))),
        ("async_client.", public(dir(AsyncKatavenClient))),
        ("client.campaigns.", public(dir(CampaignsClient))),
        ("async_client.campaigns.", public(dir(AsyncCampaignsClient))),
        ("client.campaigns.iter_campaigns().", {"close", "interrupted"}),
        ("async_client.campaigns.iter_campaigns().", {"aclose", "interrupted"}),
        ("for progress in client.campaigns.watch(campaign['id']): progress.", "progress"),
        ("async for progress in async_client.campaigns.watch('c1'): progress.", "progress"),
        ('contacts.check("a.csv").', public(dir(contacts.ContactsReport))),
        ('contacts.clean("a.csv").report.', public(dir(contacts.CleanReport))),
    ],
)
def test_public_names_are_offered_before_all_others(
    server: LanguageServer, written: str, expected: set[str] | str
) -> None:
    if expected == "progress":
        expected = {"terminal", *(field.name for field in fields(CampaignProgress))}
    offered = server.completions(f"{PROGRAM}{written}|\n")

    names = [name for name in offered if not name.startswith("_")]
    assert offered[: len(names)] == names, "a private name is offered before a public one"
    assert set(names) == expected


@pytest.mark.parametrize("written", ["from kataven.errors import |", "try: ...\n    except |"])
def test_error_classes_are_offered(server: LanguageServer, written: str) -> None:
    program = PROGRAM + written.replace("except |", "except kataven.|") + "\n"
    offered = server.completions(program)

    names = [name for name in offered if not name.startswith("_")]
    assert offered[: len(names)] == names
    assert set(names) >= set(errors.__all__)


@pytest.mark.parametrize(("client", "campaigns"), CLIENTS)
@pytest.mark.parametrize("method", ["create", "run", "list_contacts", "export_contacts", "watch"])
def test_keywords_are_offered_first(
    server: LanguageServer, client: type, campaigns: type, method: str
) -> None:
    parameters = list(inspect.signature(getattr(campaigns, method)).parameters)[1:]
    for arguments in ("|", '"c1", |)'):
        call = f"{expression(client)}.campaigns.{method}({arguments}"
        offered = server.completions(f"{PROGRAM}{call}\n")

        keywords = [name for name in offered if name.endswith("=")]
        assert set(keywords) == {f"{name}=" for name in parameters}, call
        others = set(offered) - set(keywords) - CONTACT_STATUSES
        assert offered.index(keywords[-1]) < min(map(offered.index, others)), call


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('campaigns.get("c1")', types.Campaign),
        ('campaigns.create("a", "b", "c", b"")', types.Campaign),
        ('campaigns.run("a", "b", "c", b"")', types.Campaign),
        ('campaigns.wait("c1")', types.Campaign),
        ("campaigns.list()", types.CampaignList),
        ('campaigns.list()["campaigns"][0]', types.Campaign),
        ('campaigns.start("c1")', types.CampaignTransition),
        ('campaigns.pause("c1")', types.CampaignTransition),
        ('campaigns.resume("c1")', types.CampaignTransition),
        ('campaigns.stop("c1")', types.CampaignTransition),
        ('campaigns.list_contacts("c1")', types.ContactPage),
        ('campaigns.list_contacts("c1")["contacts"][0]', types.Contact),
        ("call_limits()", types.CallLimits),
    ],
)
def test_keys_of_every_response_are_offered(
    server: LanguageServer, answer: str, expected: type
) -> None:
    keys = set(expected.__annotations__)
    call, _, item = answer.partition(")[")
    awaited = f"(await async_client.{answer})"
    if item:
        awaited = f"(await async_client.{call}))[{item}"

    for response in (f"client.{answer}", awaited):
        for rest in ('["|', '.get("|")'):
            offered = server.completions(f"{PROGRAM}{response}{rest}\n")
            assert set(offered) == keys, response + rest


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('if campaign["status"] == "|', CAMPAIGN_STATUSES),
        ('if campaign["status"] != "|":', CAMPAIGN_STATUSES),
        ('if (await async_client.campaigns.get("c1"))["status"] == "|":', CAMPAIGN_STATUSES),
        ('if client.campaigns.start("c1")["status"] == "|":', CAMPAIGN_STATUSES),
        ('for c in client.campaigns.iter_campaigns("|")', CAMPAIGN_STATUSES),
        ('async_client.campaigns.iter_campaigns(status="|', CAMPAIGN_STATUSES),
        ('for p in client.campaigns.watch("c1"): p.status == "|"', CAMPAIGN_STATUSES),
        ('for p in client.campaigns.watch("c1"): p.counts["|"]', CONTACT_STATUSES),
        ('client.campaigns.export_contacts("c1", "a.csv").counts["|"]', CONTACT_STATUSES),
        ('if contact["status"] == "|', CONTACT_STATUSES),
        ('client.campaigns.list_contacts("c1", status="|', CONTACT_STATUSES),
        ('client.campaigns.list_contacts("c1", "|")', CONTACT_STATUSES),
        ('async_client.campaigns.list_contacts("c1", status="|")', CONTACT_STATUSES),
        ('client.campaigns.iter_contacts("c1", status="|")', CONTACT_STATUSES),
        ('client.campaigns.retry_list("c1", status="|")', CONTACT_STATUSES),
        ('client.campaigns.iter_contacts("c1", last_error="|")', LAST_ERRORS),
        ('client.campaigns.retry_list("c1", last_error={"|"})', LAST_ERRORS),
        ('client.campaigns.export_contacts("c1", "a", format="|")', {"csv", "jsonl", "parquet"}),
        ('client.campaigns.create("a", "b", "c", b"", on_ambiguous="|")', {"raise", "find"}),
        ('contacts.clean("a.csv", numbers="|")', {"valid", "possible"}),
        (
            "for p in contacts.check('a.csv').problems: p.kind == \"|\"",
            set(contacts.check(b"phone_number\n").counts),
        ),
        (
            "try: ...\n    except kataven.RateLimitError as e: e.reason == '|'",
            {"rate_limit", "cost_cap"},
        ),
        (
            "try: ...\n    except kataven.CampaignRunError as e: e.step == '|'",
            {"start", "watch"},
        ),
    ],
)
def test_the_known_words_are_offered(
    server: LanguageServer, written: str, expected: set[str]
) -> None:
    offered = server.completions(f"{PROGRAM}{written}\n")

    # An argument that is not closed yet may be a keyword as well; the words come first.
    assert set(offered[: len(expected)]) == expected
    assert all(name.endswith("=") for name in offered[len(expected) :])


@pytest.mark.parametrize(("client", "campaigns"), CLIENTS)
def test_hovering_over_a_method_shows_its_first_paragraph_and_public_types(
    server: LanguageServer, client: type, campaigns: type
) -> None:
    found = methods(campaigns)
    assert len(found) > 15
    programs = each([f"{expression(client)}.campaigns.{name}" for name in found])
    for (name, method), program in zip(found.items(), programs, strict=True):
        signature, _, text = server.hover(program).partition("\n\n")

        assert text.startswith(first_paragraph(method)), name
        returned = inspect.signature(method).return_annotation  # type: ignore[arg-type]
        assert re.search(rf"-> .*\b{returned}\b", signature), signature
        assert "kataven" not in signature, "the path of a module is shown"
        assert not re.search(r"\b_\w+", signature), "a private name is shown"


def test_hovering_over_a_public_class_shows_its_first_paragraph(server: LanguageServer) -> None:
    classes = [name for name in kataven.__all__ if inspect.isclass(getattr(kataven, name))]
    assert len(classes) > 30
    programs = each([f"kataven.{name}" for name in classes])
    for name, program in zip(classes, programs, strict=True):
        text = server.hover(program)

        assert first_paragraph(getattr(kataven, name)) in text, name
        assert f"class {name}" in text, name


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one = client.campaigns", "CampaignsClient"),
        ("one = async_client.campaigns", "AsyncCampaignsClient"),
        ('one = client.campaigns.get("c1")', "Campaign"),
        ("one = await async_client.campaigns.list()", "CampaignList"),
        ("one = client.call_limits()", "CallLimits"),
        ('for one in client.campaigns.iter_contacts("c1"): pass', "Contact"),
        ('for one in client.campaigns.watch("c1"): pass', "CampaignProgress"),
        ('async for one in async_client.campaigns.watch("c1"): pass', "CampaignProgress"),
        ('one = client.campaigns.stream_events("c1")', "EventStream"),
        ('one = client.campaigns.export_contacts("c1", "a.csv")', "ExportSummary"),
        ('one = await async_client.campaigns.retry_list("c1")', "RetryList"),
        ('one = client.campaigns.with_response.get("c1")', "ApiResponse[Campaign]"),
        ('one = contacts.check("a.csv")', "ContactsReport"),
        ('one = contacts.clean("a.csv").report', "CleanReport"),
    ],
)
def test_hovering_over_a_result_shows_its_public_type_and_leads_to_its_code(
    server: LanguageServer, written: str, shown: str
) -> None:
    program = PROGRAM + written.replace("one", "one|", 1) + "\n"

    assert server.hover(program) == f"(variable) one: {shown}"
    name = shown.partition("[")[0]
    place = server.type_definition(program)
    assert place.path.suffix == ".py"
    assert re.match(rf"class {name}\b", place.text), place


@pytest.mark.parametrize(("client", "campaigns"), CLIENTS)
def test_the_definition_of_a_method_is_its_code(
    server: LanguageServer, client: type, campaigns: type
) -> None:
    found = methods(campaigns)
    programs = each([f"{expression(client)}.campaigns.{name}" for name in found])
    for (name, method), program in zip(found.items(), programs, strict=True):
        place = server.definition(program)

        assert str(place.path) == inspect.getsourcefile(method), name  # type: ignore[arg-type]
        assert re.search(rf"\bdef {name}\(", place.text), place


def test_the_definition_of_every_public_name_is_in_a_module_and_not_a_stub(
    server: LanguageServer,
) -> None:
    programs = each([f"kataven.{name}" for name in kataven.__all__])
    for name, program in zip(kataven.__all__, programs, strict=True):
        place = server.definition(program)

        assert place.path.suffix == ".py", name
        assert re.match(rf"(class )?{name}\b", place.text), place


def test_the_prompt_of_python_offers_the_public_names() -> None:
    """Also after private modules were imported, which makes them attributes."""
    code = "import kataven, kataven._http, kataven._flow; print(*dir(kataven))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == sorted(kataven.__all__)
