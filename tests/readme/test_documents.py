"""The documents are complete: links work, and everything that users can set is described."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest

import kataven
from kataven import AsyncKatavenClient, KatavenClient, errors

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page, and those of table rows."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    names = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    return names | set(re.findall(r"\{#([\w-]+)\}", text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading(document):
    broken = []
    for path, anchor in re.findall(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)]*))?\)", text(document)):
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_mentioned_make_target_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)", text(document))) <= targets


@pytest.mark.parametrize("client", [KatavenClient, AsyncKatavenClient])
def test_every_client_option_is_described(client):
    page = text("docs/reference/configuration.md")

    for name in inspect.signature(client).parameters:
        assert f"`{name}`" in page


def test_every_environment_variable_is_described():
    page = text("docs/reference/configuration.md")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "kataven").rglob("*.py"))

    for variable in set(re.findall(r"\bKATAVEN_[A-Z_]+\b", code)):
        assert f"`{variable}" in page, variable


def test_every_error_is_described():
    page = text("docs/reference/errors.md")

    for name in errors.__all__:
        assert name in page
        assert getattr(kataven, name) is getattr(errors, name)


def test_every_dependency_has_a_reason():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    libraries = {re.split(r"[\[<>=]", line)[0] for group in groups for line in group} - {"kataven"}
    rows = [
        line
        for line in text("docs/maintainers/dependencies.md").splitlines()
        if line.startswith("| ")
    ]

    missing = [name for name in libraries if not any(name in row.split("|")[1] for row in rows)]
    assert missing == []


def test_every_extra_is_in_the_table_of_the_first_look():
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]

    for extra in set(extras) - {"test", "docs", "dev"}:
        assert f"| `{extra}` |" in text("docs/start/first-look.md")


def test_changelog_has_the_current_version():
    assert re.search(rf"^## {re.escape(kataven.__version__)}$", text("CHANGELOG.md"), re.MULTILINE)
