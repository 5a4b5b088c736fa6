"""``generate.py --check`` fails in each way that the package can be out of date, and says how."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# Most tests start the generators, one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(300)

HUB = "generated/kataven_hub"


@pytest.mark.slow
def test_fresh_copy_is_up_to_date_and_the_check_writes_nothing(project: Any) -> None:
    before = project.snapshot()

    result = project.run_copy("generate.py", "--check")

    assert (result.returncode, result.stderr) == (0, "")
    assert project.snapshot() == before


@pytest.mark.slow
def test_missing_files_are_written_and_extra_files_removed(project: Any) -> None:
    before = project.snapshot()
    shutil.rmtree(project.root / "generated/kataven_hub/models")
    project.edit(f"{HUB}/types.py", "class File:", "class Files:")
    (project.root / "generated/kataven_hub/extra/deep").mkdir(parents=True)
    (project.root / "generated/kataven_hub/extra/deep/stray.py").write_text("x = 1\n")

    result = project.run("generate.py")

    assert (result.returncode, result.stderr) == (0, "")
    assert project.snapshot() == before
    assert not (project.root / "generated/kataven_hub/extra").exists()


@pytest.mark.slow
def test_every_kind_of_difference_is_named(project: Any) -> None:
    project.edit(f"{HUB}/api/campaigns/get_campaign.py", "/campaigns/{id}", "/campaign/{id}")
    (project.root / HUB / "models/contact.py").unlink()
    (project.root / HUB / "py.typed").unlink()
    (project.root / HUB / "api/extra.py").write_text("x = 1\n", "utf-8")
    (project.root / "generated/__init__.py").write_text("", "utf-8")
    project.edit("scripts/templates/types.py.jinja", "status_code: int", "status_code: float")
    project.edit("openapi.yaml", "A campaign, without counters.", "A list of people to call.")
    before = project.snapshot()

    result = project.run("generate.py", "--check")

    assert result.returncode == 1
    assert [line.split(";")[0].split(":")[1].strip() for line in result.stderr.splitlines()] == [
        f"{HUB}/models/contact.py is missing",
        f"{HUB}/py.typed is missing",
        "generated/__init__.py is not generated from openapi.yaml",
        f"{HUB}/api/extra.py is not generated from openapi.yaml",
        *(
            f"{HUB}/{name} is not what is generated from openapi.yaml, generator-config.yml and "
            "scripts/templates/"
            for name in (
                "api/campaigns/get_campaign.py",
                "models/campaign.py",
                "typed_dicts.py",
                "types.py",
            )
        ),
    ]
    assert "run: python scripts/generate.py" in result.stderr
    assert "belongs in kataven/" in result.stderr
    assert "edited by hand" in result.stderr
    assert project.snapshot() == before


def _misspelt_setting(project: Any) -> None:
    project.edit("generator-config.yml", "literal_enums:", "literal_enum:")


def _dotted_override(project: Any) -> None:
    path = project.root / "generator-config.yml"
    extra = "class_overrides:\n  data.Campaign:\n    class_name: Campaign\n"
    path.write_text(path.read_text("utf-8") + extra, "utf-8")


def _leaking_hook(project: Any) -> None:
    project.edit("generator-config.yml", "ruff format . --isolated --no-cache", "ruff format .")


def _renamed_package(project: Any) -> None:
    project.edit(
        "generator-config.yml", "package_name_override: kataven_hub", "package_name_override: hub"
    )


def _settings_not_yaml(project: Any) -> None:
    (project.root / "generator-config.yml").write_text("post_hooks: [", "utf-8")


def _settings_not_a_mapping(project: Any) -> None:
    (project.root / "generator-config.yml").write_text("- one\n", "utf-8")


def _upstream_moved_on(project: Any) -> None:
    path = project.root / "scripts/templates/upstream.json"
    record = json.loads(path.read_text("utf-8"))
    record["types.py.jinja"] = "0" * 64
    path.write_text(json.dumps(record), "utf-8")


def _fork_of_nothing(project: Any) -> None:
    (project.root / "scripts/templates/endpoints.py.jinja").write_text("", "utf-8")


def _record_of_nothing(project: Any) -> None:
    (project.root / "scripts/templates/types.py.jinja").unlink()


def _other_version(project: Any) -> None:
    project.edit("pyproject.toml", '"ruff==', '"ruff==0.0.1.')


def _no_pin(project: Any) -> None:
    project.edit("pyproject.toml", '"openapi-python-client==', '"openapi-python-client>=')


WAYS: list[tuple[Callable[[Any], None], list[str]]] = [
    (_misspelt_setting, ["generator-config.yml", "'literal_enum'", "correct the name"]),
    (_dotted_override, ["generator-config.yml", "'data.Campaign'", "rename the schema"]),
    (_leaking_hook, ["generator-config.yml", "--isolated", "ruff format ."]),
    (_renamed_package, ["generator-config.yml", "package_name_override must be kataven_hub"]),
    (_settings_not_yaml, ["generator-config.yml is neither JSON nor YAML"]),
    (_settings_not_a_mapping, ["generator-config.yml does not hold a mapping"]),
    (_upstream_moved_on, ["scripts/templates/types.py.jinja", "compare the two", "upstream.json"]),
    (_fork_of_nothing, ["scripts/templates/endpoints.py.jinja", "would ignore it"]),
    (_record_of_nothing, ["upstream.json records types.py.jinja", "remove the line"]),
    (_other_version, ["ruff", "pyproject.toml pins 0.0.1.", "pip install -e '.[dev]'"]),
    (_no_pin, ["pyproject.toml does not pin openapi-python-client", "extra test"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("break_it", "words"), WAYS, ids=lambda way: getattr(way, "__name__", ""))
def test_wrong_settings_or_tools_fail_the_check_with_a_sentence(
    project: Any, break_it: Callable[[Any], None], words: list[str]
) -> None:
    break_it(project)
    before = project.snapshot()

    result = project.run("generate.py", "--check")

    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert project.snapshot() == before


def test_unknown_option_is_wrong_usage(project: Any) -> None:
    assert project.run("generate.py", "--chekc").returncode == 2
