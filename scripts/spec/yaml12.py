"""Reads YAML by the core schema of YAML 1.2, and only what JSON can hold.

PyYAML follows YAML 1.1, where an unquoted ``no`` is false, ``012`` is ten and ``12:30`` is 750.
OpenAPI documents are YAML 1.2, where the first and the last are words and ``012`` is twelve.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import yaml
from problems import ScriptError

_PREFIX: Final = "tag:yaml.org,2002:"

# The forms of the plain scalars that are not text, from the core schema (section 10.3.2 of YAML
# 1.2.2), and the characters that each begins with. Where two forms fit, the first one counts.
_CORE: Final = (
    ("null", re.compile(r"(?:~|null|Null|NULL)?\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), list("-+0123456789")),
    (
        "float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        list("-+.0123456789"),
    ),
)
_FORMS: Final = {f"{_PREFIX}{name}": form for name, form, _ in _CORE}


class Loader(yaml.SafeLoader):
    """Keys are text, and a duplicate key is an error instead of a lost value."""

    # Of the tags, only those of the core schema: JSON has no dates, sets or bytes.
    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's types say so


class Dumper(yaml.SafeDumper):
    """Quotes each text that YAML 1.2, or a reader of YAML 1.1, would not read as text."""


def _scalar(_: Loader, node: yaml.ScalarNode) -> Any:
    text, kind = node.value, node.tag.removeprefix(_PREFIX)
    form = _FORMS.get(node.tag)
    # A tag may be written in front of any text: `!!int seven`.
    if form is not None and not form.match(text):
        raise ScriptError(f"{text!r}, {_line(node)}, is not a value of type {kind}")
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if kind == "float":
        # Python's spelling of the numbers that JSON does not have; ``document.load`` rejects them.
        return float(re.sub(r"\.(?=[in])", "", text.lower()))
    return text


def _list(loader: Loader, node: yaml.SequenceNode) -> list[Any]:
    return [loader.construct_object(value, deep=True) for value in node.value]


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ScriptError(f"a list or a mapping is a key, {_line(key_node)}: keys must be text")
        # As it is written: a status 200, a field called no, a version 1.10.
        key = key_node.value
        if key == "<<" and key_node.style is None:
            raise ScriptError(
                f"the merge key <<, {_line(key_node)}, is not part of YAML 1.2: write out what it "
                "merges"
            )
        if key in found:
            raise ScriptError(f"duplicate key {key!r} in one mapping, {_line(key_node)}")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _unknown(_: Loader, node: yaml.Node) -> None:
    raise ScriptError(f"the tag {node.tag}, {_line(node)}, has no meaning in JSON: remove it")


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


for _name, _form, _first in _CORE:
    Loader.add_constructor(_PREFIX + _name, _scalar)
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(_PREFIX + _name, _form, _first)
Loader.add_constructor(_PREFIX + "str", _scalar)
Loader.add_constructor(_PREFIX + "seq", _list)
Loader.add_constructor(_PREFIX + "map", _mapping)
Loader.add_constructor(None, _unknown)


def read(text: str) -> Any:
    """Read one YAML document.

    Raises:
        ScriptError: If it holds something that JSON does not have, or a key twice.
        ValueError: If a number has too many digits.
        yaml.YAMLError: If it is not YAML.
        RecursionError: If it is nested too deeply.
    """
    return yaml.load(text, Loader)  # noqa: S506 - derived from SafeLoader


def compose(text: str) -> yaml.Node | None:
    """Read the nodes of a YAML text, which know where in the text they are."""
    return yaml.compose(text, Loader=Loader)


def construct(node: yaml.Node) -> Any:
    """Return the value of a node."""
    return Loader("").construct_document(node)
