"""Turns the annotations of docstrings into links to the public names.

A class is defined in a private module and offered under a public name. Annotations name the first,
the reference documents the second. What belongs to Python or to another library is shown without a
link, because the site is built without a network. Every other name that cannot be resolved remains
an error.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from sphinx.addnodes import pending_xref

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# In the order in which a name that several of them offer is looked up.
PUBLIC_MODULES: Final = (
    "kataven",
    "kataven.contacts",
    "kataven.types",
    "kataven.events",
    "kataven.errors",
    "kataven.clock",
    "kataven.sandbox",
    "kataven.testing",
    "kataven.recording",
    "kataven.bulk",
    "kataven.models",
)
# Modules of other libraries whose names occur in signatures.
_FOREIGN: Final = ("httpx", "kataven_hub", "pytest", "narwhals", "attrs")
# Where the other names of annotations come from: Python, and the generated package.
_PLACES: Final = (
    *("collections.abc", "concurrent.futures", "typing", "datetime", "pathlib", "os", "io"),
    *("types", "asyncio"),
    *("kataven_hub.types", "kataven_hub.models", "kataven_hub.typed_dicts"),
)
# Type variables, and private aliases that the text of the docstring explains.
_EXPLAINED: Final = frozenset(
    {"T", "Self", "Item", "Unchanged", "JsonObject", "CampaignFields", "ContactFields"}
    | {
        "BulkExclusions",
        "BulkSource",
        "CallRow",
        "OnProgress",
        "Wanted",
        "JournalRow",
        "Exclusions",
        "ArrowTable",
        "ReadsBytes",
        "TempFile",
        "Targets",
        "Reason",
    }
)
# What the SDK passes to its own classes: users do not construct a class with such a parameter.
_INTERNAL: Final = re.compile(
    r"\b(?:Flow|Driver|AsyncDriver|Options|StreamState|PageState|HubThread|TempFile)\b"
)


@functools.cache
def _is_foreign(target: str) -> bool:
    head, last = target.partition(".")[0], target.rpartition(".")[2]
    # Generics are cut at their commas, as in "Mapping[str": the name comes before the bracket.
    name = last.partition("[")[0]
    return (
        target[:1] in {"'", '"'}
        or head in _FOREIGN
        or head in sys.stdlib_module_names
        or name in _EXPLAINED
        or hasattr(builtins, name)
        or any(hasattr(importlib.import_module(place), name) for place in _PLACES)
    )


def choose_namesakes(app: Sphinx, doctree: nodes.document) -> None:
    """Let ``Campaign`` mean the TypedDict, and on the page of the models the model."""
    types = set(importlib.import_module("kataven.types").__all__)
    module = "kataven.models" if app.env.docname.endswith("/models") else "kataven.types"
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and node["reftarget"] in types:
            node["reftarget"] = f"{module}.{node['reftarget']}"
            node["refspecific"] = False


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Resolve a reference that Sphinx did not find; None leaves it an error."""
    if node.get("refdomain") != "py":
        return None
    target: str = node["reftarget"]
    last = target.rpartition(".")[2]
    domain: Any = env.get_domain("py")
    for module in PUBLIC_MODULES:
        name = f"{module}.{last}"
        if name in domain.objects:
            found: nodes.Element | None = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", name, node, content
            )
            return found
    if _is_foreign(target):
        return content
    for name in domain.objects:
        # The type of an attribute that is documented, but that is not a public name.
        if name.startswith("kataven.") and name.endswith(f".{last}"):
            other: nodes.Element | None = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", name, node, content
            )
            return other
    return None


def hide_internal(
    _app: Sphinx, what: str, _name: str, _obj: object, _options: object, signature: str, _ret: str
) -> tuple[str, None] | None:
    """Show no parameters of a class that only the SDK constructs."""
    return ("", None) if what == "class" and _INTERNAL.search(signature or "") else None


_PLAIN: Final[dict[str, list[str]]] = {}


def keep_plain(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Prepare a docstring for napoleon, which takes words before a colon for a type.

    A description of what is returned gets an empty type in front. The docstring of a property is
    remembered, because there is no way to write one.
    """
    for number, line in enumerate(lines[:-1]):
        if line.strip() in {"Returns:", "Yields:"}:
            text = lines[number + 1]
            lines[number + 1] = re.sub(r"(?=\S)", ": ", text, count=1)
    if what in {"property", "attribute", "data"}:
        _PLAIN[name] = list(lines)


def restore_plain(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Undo napoleon's guess that the words before a colon are the type of a property."""
    if what in {"property", "attribute", "data"} and any(
        line.startswith(":type:") for line in lines
    ):
        lines[:] = _PLAIN[name]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the handler with Sphinx."""
    app.connect("missing-reference", resolve)
    app.connect("doctree-read", choose_namesakes)
    app.connect("autodoc-process-signature", hide_internal)
    # napoleon has the priority 500.
    app.connect("autodoc-process-docstring", keep_plain, priority=400)
    app.connect("autodoc-process-docstring", restore_plain, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
