"""Changes the text of a YAML file so that it holds another document, and nothing else in it.

Only the lines of what differs change: comments, blank lines, quotes and the order of keys stay. It
knows YAML, and of OpenAPI only how parameters and paths are matched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from problems import ScriptError

from .document import load
from .draft import blanked
from .yaml12 import Dumper, compose, construct

if TYPE_CHECKING:
    from .document import Json

# Keys of the SDK on nodes of the vendor's: the vendor's document never has them.
KEPT_PREFIX = "x-sdk-"


def edit(text: str, wanted: Json) -> str:
    """Make a YAML text hold a document.

    Args:
        text: The text of openapi.yaml, a mapping in block style.
        wanted: The document. ``x-sdk-`` keys of the text survive although it lacks them.

    Returns:
        The new text. Without a difference it is ``text`` itself.

    Raises:
        ScriptError: If the text is not a mapping in block style.
    """
    editor = _Editor(text)
    root = compose(text)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise ScriptError("openapi.yaml must be a mapping in block style, not JSON")
    editor.mapping(root, wanted, paths=False)
    edited = editor.result()
    if not same(without_sdk_keys(load(edited, "the edited text")), without_sdk_keys(wanted)):
        raise RuntimeError("the edited text does not hold the document: a bug in yaml_edit.py")
    return edited


def same(one: Any, other: Any) -> bool:
    """Compare two values of a document; the order of keys and of words does not matter."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return False
        left = list(other)
        for value in one:
            match = next((index for index, each in enumerate(left) if same(value, each)), None)
            if match is None:
                return False
            del left[match]
        return True
    return type(one) is type(other) and bool(one == other)


def without_sdk_keys(node: Any) -> Any:
    """Copy a document without the ``x-sdk-`` keys."""
    if isinstance(node, dict):
        return {
            key: without_sdk_keys(value)
            for key, value in node.items()
            if not key.startswith(KEPT_PREFIX)
        }
    return [without_sdk_keys(value) for value in node] if isinstance(node, list) else node


class _Editor:
    """Collects replacements of parts of the text, each ``(start, end, new text)``."""

    def __init__(self, text: str) -> None:
        self._text = text if text.endswith("\n") else text + "\n"
        self._starts = [0, *(match.end() for match in re.finditer("\n", self._text))]
        self._edits: list[tuple[int, int, str]] = []

    def result(self) -> str:
        text = self._text
        # From the end, so that earlier positions stay right. At one position, what was recorded
        # first comes first: the end of a mapping before the end of the mapping around it.
        for start, end, _, new in sorted(
            ((start, end, number, new) for number, (start, end, new) in enumerate(self._edits)),
            reverse=True,
        ):
            text = text[:start] + new + text[end:]
        return text

    def mapping(self, node: yaml.MappingNode, wanted: Json, *, paths: bool) -> None:
        """Change a mapping in block style key by key."""
        left = dict(wanted)
        column = node.value[0][0].start_mark.column
        for key_node, value_node in node.value:
            key = key_node.value
            if paths and key not in left:
                key = next((one for one in left if blanked(one) == blanked(key)), key)
                if key in left:
                    self._replace(key_node, key)
            if key in left:
                self._value(key_node, value_node, left.pop(key), paths=key == "paths")
            elif not key.startswith(KEPT_PREFIX):
                self._remove(key_node, value_node)
        if left:
            end = self._after(node)
            self._edits.append((end, end, _dump(left, column)))

    def _value(self, key_node: yaml.Node, node: yaml.Node, value: Any, *, paths: bool) -> None:
        if same(without_sdk_keys(construct(node)), without_sdk_keys(value)):
            return
        block = not getattr(node, "flow_style", True)
        if block and isinstance(node, yaml.MappingNode) and isinstance(value, dict) and value:
            self.mapping(node, value, paths=paths)
        elif block and isinstance(node, yaml.SequenceNode) and isinstance(value, list) and value:
            self._sequence(node, value)
        elif _one_line(node) and not isinstance(value, dict | list) and len(str(value)) <= _FOLD:
            self._replace(node, value)
        else:
            column = key_node.start_mark.column
            start = self._line(key_node)
            head = self._text[start + column : key_node.end_mark.index]
            body = _dump({"key": value}, column).removeprefix(" " * column + "key")
            self._edits.append((start + column, self._after(node), head + body))

    def _sequence(self, node: yaml.SequenceNode, wanted: list[Any]) -> None:
        left = list(wanted)
        # The dash is where the sequence begins.
        column = node.start_mark.column
        for item in node.value:
            now = without_sdk_keys(construct(item))
            match = _match(now, left)
            if match is None:
                self._remove(item, item)
                continue
            left.remove(match)
            if isinstance(item, yaml.MappingNode) and not same(now, match):
                self.mapping(item, match, paths=False)
        if left:
            end = self._after(node)
            self._edits.append((end, end, _dump(left, column)))

    def _remove(self, first: yaml.Node, last: yaml.Node) -> None:
        start, end = self._line(first), self._after(last)
        # Of the blank lines around the removed part, one set stays.
        while self._text[:start].endswith("\n\n") and self._text.startswith("\n", end):
            end += 1
        self._edits.append((start, end, ""))

    def _replace(self, node: yaml.Node, value: Any) -> None:
        """Replace a scalar of one line; a comment after it stays."""
        new = _dump([value], 0).removeprefix("- ").rstrip("\n")
        self._edits.append((node.start_mark.index, node.end_mark.index, new))

    def _line(self, node: yaml.Node) -> int:
        return self._starts[node.start_mark.line]

    def _after(self, node: yaml.Node) -> int:
        """Where the line after a node begins; comments after the node are not part of it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            last = node.value[-1]
            return self._after(last[1] if isinstance(last, tuple) else last)
        line = node.end_mark.line
        if getattr(node, "style", None) in ("|", ">"):
            # The end of a block scalar is where the next token begins.
            line -= 1
            while not self._text[self._starts[line] : self._starts[line + 1]].strip():
                line -= 1
        return self._starts[line + 1]


def _one_line(node: yaml.Node) -> bool:
    return (
        isinstance(node, yaml.ScalarNode)
        and node.style not in ("|", ">")
        and node.start_mark.line == node.end_mark.line
        # An empty value has no place of its own.
        and node.start_mark.index < node.end_mark.index
    )


def _match(item: Any, candidates: list[Any]) -> Any:
    """Find an item in another list: parameters by place and name, everything else by value."""
    if not isinstance(item, dict) or "in" not in item:
        return next((one for one in candidates if same(item, one)), None)
    # The first key is on the line of the dash and cannot be removed alone.
    found = [one for one in candidates if one["in"] == item["in"] and next(iter(item)) in one]
    named = [one for one in found if one["name"] == item["name"]]
    # A path parameter may have another name in the other list.
    return next(iter(named or (found if item["in"] == "path" else [])), None)


# A text longer than this is folded over several lines.
_FOLD = 72


class _Dumper(Dumper):
    """Block style without anchors, with long texts folded."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = ">" if len(value) > _FOLD and "\n" not in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _dump(value: Any, column: int) -> str:
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=98 - column, indent=2
    )
    # `increase_indent` indents a list at the top too.
    lines = text.splitlines()
    offset = len(lines[0]) - len(lines[0].lstrip(" "))
    return "".join(" " * column + line[offset:] + "\n" if line else "\n" for line in lines)
