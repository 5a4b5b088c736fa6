"""Knows how the two generators are called; the only place that starts them.

It must not know where the result goes: it fills a folder that it is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from yaml import YAMLError

from . import pins, settings
from .problems import CodegenError

PACKAGE = "kataven_hub"

_TYPED_DICTS_HEADER = (
    '"""The Hub\'s JSON as typed dictionaries, generated from the specification."""'
)


def validate_spec(spec: Path) -> None:
    """Check a document against the OpenAPI schema.

    Raises:
        CodegenError: If it is no valid OpenAPI document. Two operations of one operationId are
            found here; the generator would drop one of them without a word.
    """
    # Slow to load; a document that is refused before does not wait for it.
    from openapi_spec_validator import validate  # noqa: PLC0415
    from openapi_spec_validator.readers import read_from_filename  # noqa: PLC0415
    from openapi_spec_validator.validation.exceptions import (  # noqa: PLC0415
        OpenAPIValidationError,
    )

    try:
        document, _ = read_from_filename(str(spec))
        validate(document)
    except (OSError, ValueError, YAMLError) as error:
        raise CodegenError(f"{spec.name} cannot be read: {error}") from None
    except OpenAPIValidationError as error:
        place = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
        raise CodegenError(
            f"{spec.name} is no valid OpenAPI document: {getattr(error, 'message', error)}"
            + (f" (at {place})" if place else "")
        ) from None


def build(root: Path, spec: Path, into: Path) -> Path:
    """Generate the package from a specification.

    Args:
        root: The project, with its pins, settings and templates.
        spec: The OpenAPI document, valid.
        into: An empty folder.

    Returns:
        The folder of the package, inside ``into``.

    Raises:
        CodegenError: If the tools, the settings or the templates are not what they should be, or
            a generator fails or warns.
    """
    pins.check_installed(pins.pinned(root / "pyproject.toml"))
    templates = root / "scripts" / "templates"
    settings.check_config(root / "generator-config.yml")
    settings.check_templates(templates)

    package = into / PACKAGE
    _run(
        into,
        pins.executable("openapi-python-client"),
        "generate",
        "--path",
        spec,
        "--config",
        root / "generator-config.yml",
        "--custom-template-path",
        templates,
        "--output-path",
        package,
        "--meta",
        "none",
        "--fail-on-warning",
    )
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
        # A closed TypedDict needs typing_extensions, which nobody declares.
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


def _run(folder: Path, *command: str | Path) -> None:
    # The generators start ruff by its name: the first on the PATH has to be ours.
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
