"""Knows how the two generators are called, and is the only module that starts them.

It must not know where the result goes: it fills the folder that it gets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from problems import ScriptError

from . import pins, schemas, settings

if TYPE_CHECKING:
    from spec.document import Json

PACKAGE = "kataven_hub"

_TYPED_DICTS_HEADER = (
    '"""The Hub\'s JSON as typed dictionaries, generated from the specification."""'
)


def validate_spec(document: Json, name: str) -> None:
    """Check a document against the OpenAPI schema.

    Args:
        document: The document.
        name: Its name, for error messages.

    Raises:
        ScriptError: If it is not a valid OpenAPI document, or has a field that the generator
            cannot name. Duplicate operationIds are found here: the generator would silently drop
            one of the operations.
    """
    # Slow to import, so not before it is needed.
    from openapi_spec_validator import validate  # noqa: PLC0415
    from openapi_spec_validator.validation.exceptions import (  # noqa: PLC0415
        OpenAPIValidationError,
    )

    try:
        validate(document)
    except OpenAPIValidationError as error:
        place = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
        raise ScriptError(
            f"{name} is not a valid OpenAPI document: {getattr(error, 'message', error)}"
            + (f" (at {place})" if place else "")
        ) from None
    if problems := schemas.name_problems(document):
        raise ScriptError(*problems)


def build(root: Path, document: Json, into: Path) -> Path:
    """Generate the package from a specification.

    Args:
        root: The project, with its settings and templates.
        document: A valid OpenAPI document whose references all lead to named components.
        into: An empty folder.

    Returns:
        The folder of the package, inside ``into``.

    Raises:
        MissingToolError: If a generator is not installed.
        ScriptError: If the settings or the templates are not the expected ones, or a generator
            fails or warns.
    """
    templates = root / "scripts" / "templates"
    settings.check_config(root / "generator-config.yml")
    settings.check_templates(templates)

    package = into / PACKAGE
    with tempfile.TemporaryDirectory(prefix="kataven-models-") as folder:
        # As JSON, because each generator would read YAML in its own way.
        spec = Path(folder) / "openapi.json"
        spec.write_text(json.dumps(schemas.for_models(document)), "utf-8")
        _generate_client(root, spec, into)
        spec.write_text(json.dumps(schemas.for_typed_dicts(document)), "utf-8")
        _generate_typed_dicts(spec, package)
    return package


def _generate_typed_dicts(spec: Path, package: Path) -> None:
    _run(
        package.parent,
        pins.executable("datamodel-codegen"),
        "--input",
        spec,
        "--input-file-type",
        "openapi",
        "--output",
        package / "typed_dicts.py",
        "--output-model-type",
        "typing.TypedDict",
        "--target-python-version",
        "3.11",
        # A closed TypedDict needs typing_extensions, which is not a dependency.
        "--no-use-closed-typed-dict",
        "--use-schema-description",
        "--use-single-line-docstring",
        "--strict-refs",
        "--disable-timestamp",
        "--custom-file-header",
        _TYPED_DICTS_HEADER,
        "--formatters",
        "ruff-format",
        "--ignore-pyproject",
    )


def _generate_client(root: Path, spec: Path, into: Path) -> None:
    _run(
        into,
        pins.executable("openapi-python-client"),
        "generate",
        "--path",
        spec,
        "--config",
        root / "generator-config.yml",
        "--custom-template-path",
        root / "scripts" / "templates",
        "--output-path",
        into / PACKAGE,
        "--meta",
        "none",
        "--fail-on-warning",
    )


def _run(folder: Path, *command: str | Path) -> None:
    # The generators start ruff by name: the first one on the PATH must be ours.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONWARNINGS": "default"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode:
        name = Path(command[0]).name
        raise ScriptError(
            f"{name} failed with exit code {finished.returncode}:\n{finished.stdout.strip()}"
        )
