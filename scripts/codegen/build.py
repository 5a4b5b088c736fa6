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
from typing import Any

import yaml

from . import pins, schemas, settings
from .problems import CodegenError

PACKAGE = "kataven_hub"

_TYPED_DICTS_HEADER = (
    '"""The Hub\'s JSON as typed dictionaries, generated from the specification."""'
)


def validate_spec(spec: Path) -> None:
    """Check a document against the OpenAPI schema.

    Raises:
        CodegenError: If it is not a valid OpenAPI document, or has a field that the generator
            cannot name. Duplicate operationIds are found here: the generator would silently drop
            one of the operations.
    """
    # Slow to import, so not before it is needed.
    from openapi_spec_validator import validate  # noqa: PLC0415
    from openapi_spec_validator.readers import read_from_filename  # noqa: PLC0415
    from openapi_spec_validator.validation.exceptions import (  # noqa: PLC0415
        OpenAPIValidationError,
    )

    document: Any
    try:
        document, _ = read_from_filename(str(spec))
        validate(document)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CodegenError(f"{spec.name} cannot be read: {error}") from None
    except OpenAPIValidationError as error:
        place = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
        raise CodegenError(
            f"{spec.name} is not a valid OpenAPI document: {getattr(error, 'message', error)}"
            + (f" (at {place})" if place else "")
        ) from None
    if problems := schemas.name_problems(document):
        raise CodegenError(*problems)


def build(root: Path, spec: Path, into: Path) -> Path:
    """Generate the package from a specification.

    Args:
        root: The project, with its pins, settings and templates.
        spec: A valid OpenAPI document.
        into: An empty folder.

    Returns:
        The folder of the package, inside ``into``.

    Raises:
        CodegenError: If the tools, the settings or the templates are not the expected ones, or a
            generator fails or warns.
    """
    pins.check_installed(pins.pinned(root / "pyproject.toml"))
    templates = root / "scripts" / "templates"
    settings.check_config(root / "generator-config.yml")
    settings.check_templates(templates)

    package = into / PACKAGE
    with tempfile.TemporaryDirectory(prefix="kataven-models-") as folder:
        document = Path(folder) / "openapi.json"
        loaded = yaml.safe_load(spec.read_text("utf-8"))
        document.write_text(json.dumps(schemas.for_models(loaded)), "utf-8")
        _generate_client(root, document, into)
    _run(
        into,
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
    return package


def _generate_client(root: Path, document: Path, into: Path) -> None:
    _run(
        into,
        pins.executable("openapi-python-client"),
        "generate",
        "--path",
        document,
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
        raise CodegenError(
            f"{name} failed with exit code {finished.returncode}:\n{finished.stdout.strip()}"
        )
