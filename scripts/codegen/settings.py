"""Checks generator-config.yml and the forked templates.

The generator silently ignores a misspelt key, and would use a forked template although its original
changed. Both are errors here. It must not run anything.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from problems import ScriptError
from spec import document

if TYPE_CHECKING:
    from pathlib import Path

UPSTREAM_RECORD = "upstream.json"
_SUFFIX = ".jinja"


def check_config(path: Path) -> None:
    """Check the generator's settings by name.

    Raises:
        ScriptError: If the generator does not have a setting, or one that we need is missing.
    """
    loaded = document.load(path.read_text("utf-8"), path.name)
    # Slow to import, so not before it is needed.
    from openapi_python_client.config import ConfigFile  # noqa: PLC0415

    known = sorted(ConfigFile.model_fields)
    problems = [
        f"{path.name}: the generator has no setting {key!r} and would ignore it; correct the name "
        f"or remove it (known: {', '.join(known)})"
        for key in loaded
        if key not in known
    ]
    problems += [
        f"{path.name}: class_overrides names {name!r}, which the generator ignores because of its "
        "dot; rename the schema in the specification instead"
        for name in loaded.get("class_overrides") or ()
        if "." in name
    ]
    if loaded.get("package_name_override") != "kataven_hub":
        problems.append(f"{path.name}: package_name_override must be kataven_hub")
    for hook in loaded.get("post_hooks") or ():
        if hook.startswith("ruff ") and not {"--isolated", "--no-cache"} <= set(hook.split()):
            problems.append(
                f"{path.name}: the hook {hook!r} needs --isolated and --no-cache, or the "
                "repository's own ruff settings change the output"
            )
    if problems:
        raise ScriptError(*problems)


def check_templates(folder: Path) -> None:
    """Check that the original of each forked template has not changed.

    Raises:
        ScriptError: If the installed generator has another original, or a record is missing.
    """
    record_path = folder / UPSTREAM_RECORD
    record: dict[str, str] = json.loads(record_path.read_text("utf-8"))
    upstream_folder = files("openapi_python_client") / "templates"
    ours = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob(f"*{_SUFFIX}")
        if path.is_file()
    }
    problems = []
    for name in sorted(ours | record.keys()):
        if name not in ours:
            problems.append(
                f"scripts/templates/{UPSTREAM_RECORD} records {name}, which does not exist; remove "
                "the line"
            )
            continue
        upstream = upstream_folder.joinpath(*name.split("/"))
        if not upstream.is_file():
            problems.append(
                f"scripts/templates/{name}: the generator has no template of that name and would "
                "ignore it; rename or remove it"
            )
            continue
        digest = hashlib.sha256(upstream.read_bytes()).hexdigest()
        if record.get(name) != digest:
            problems.append(
                f"scripts/templates/{name}: the original in the installed generator is not the one "
                "that this file was forked from; compare the two, adopt what changed, then "
                f'write "{name}": "{digest}" into scripts/templates/{UPSTREAM_RECORD}'
            )
    if problems:
        raise ScriptError(*problems)
