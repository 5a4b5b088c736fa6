"""Finds every text that an error, a warning or a problem of a list may have, in the code itself.

Reads the syntax trees of ``kataven/`` and imports nothing of it. A text becomes a template: what is
filled in at run time is an ellipsis, ``row … has no name``. ``make_messages.py`` writes the page.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
GAP: Final = "…"
# Python's own classes that the SDK raises for users; the names of its own end in the same words.
_CLASS: Final = re.compile(r"[A-Z]\w*(?:Error|Warning|Exception)")
# Functions and classes that take a text as the message of an error or a problem: its place.
_TAKES_MESSAGE: Final[Mapping[str, int]] = {
    "refusal": 1,
    "problem": 1,
    "add": 1,
    "keep": 1,
    "_dropped": 3,
    "Refused": 1,
    "spreadsheet_refusal": 2,
    "created_unreadable": 2,
    "Failure": 1,
    "BodyError": 0,
}
# Constants and functions that hold texts which reach an error by another way, and functions with a
# variable that becomes the text of an error whose class is chosen at run time.
_CONSTANTS: Final[Mapping[str, str]] = {
    "_MESSAGES": "dropped row",
    "_DROPPED_BEFORE": "dropped row",
    "_UNCLOSED": "malformed",
    "_AFTER_QUOTE": "malformed",
    "_INSIDE": "malformed",
    "_LONE_CR": "malformed",
    "_TEXTS": "APIConnectionError",
    "_BROKEN": "APIConnectionError",
}
_RETURNED: Final[Mapping[str, str]] = {"_advice": "APIConnectionError"}
_VARIABLES: Final[Mapping[str, tuple[str, str]]] = {
    "status_error": ("message", "APIStatusError"),
    "failure_error": ("message", "APIConnectionError"),
    "add_reason": ("reason", "RateLimitError"),
    "read_settings": ("hint", "NotFoundError"),
    "losses_message": ("first", "ContactsWarning"),
    "never_warning": ("head", "ContactsWarning"),
    "warn_of_unknown_words": ("text", "ContactsWarning"),
}
# Parts of the package that report to somebody else: the embedded Hub speaks for the Hub, and the
# plugin to pytest.
_LEFT_OUT: Final = ("kataven/sandbox/", "kataven/testing/")


@dataclass(frozen=True, order=True)
class Text:
    """A text and where it comes from.

    Attributes:
        template: The text, with an ellipsis for each part that is filled in.
        kind: The class of the error, or the kind of a problem, or ``warning`` of the log.
        place: The file and function, for the report of a difference.
    """

    template: str
    kind: str
    place: str


@dataclass
class _Module:
    path: str
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)


class Collector:
    """The texts of the package, and the places whose text cannot be seen in the code."""

    def __init__(self, root: Path = ROOT) -> None:
        self.texts: set[Text] = set()
        self.unseen: dict[str, str] = {}
        self._modules = [
            _Module(path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
            for path in sorted((root / "kataven").rglob("*.py"))
        ]
        self._constants: dict[str, list[ast.expr]] = defaultdict(list)
        self._functions: dict[str, list[ast.FunctionDef]] = defaultdict(list)
        for module in self._modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.FunctionDef):
                    self._functions[node.name].append(node)
            for statement in module.tree.body:
                for name, value in _assigned(statement):
                    self._constants[name].append(value)
        for module in self._modules:
            if not module.path.startswith(_LEFT_OUT):
                self._collect(module, module.tree, "")
        self._collect_named()

    def _collect_named(self) -> None:
        for name, kind in _CONSTANTS.items():
            for value in self._constants[name]:
                values = value.values if isinstance(value, ast.Dict) else [value]
                for each in values:
                    first = each.elts[0] if isinstance(each, ast.Tuple) else each
                    self._add(first, kind, name)
        for name, kind in _RETURNED.items():
            for node in ast.walk(self._functions[name][0]):
                if isinstance(node, ast.Return) and node.value is not None:
                    self._add(node.value, kind, name)
        for name, (variable, kind) in _VARIABLES.items():
            for node in ast.walk(self._functions[name][0]):
                for target, value in _assigned(node):
                    if target == variable:
                        self._add(value, kind, name)

    def _add(self, node: ast.expr, kind: str, place: str) -> None:
        # Without a scope: what the other variables hold is filled in.
        for text in self._templates(node, ast.Module([], []), 0):
            if _is_sentence(text):
                self.texts.add(Text(_trimmed(text), kind, place))

    def _collect(self, module: _Module, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = function
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = f"{function}.{child.name}".lstrip(".")
            scope = child if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
            if scope is not None:
                self._calls(module, scope, inner)
            elif isinstance(child, ast.ClassDef):
                self._collect(module, child, inner)

    def _calls(
        self, module: _Module, scope: ast.FunctionDef | ast.AsyncFunctionDef, place: str
    ) -> None:
        for node in ast.walk(scope):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            is_class = bool(_CLASS.fullmatch(name))
            if name == "warning" and _owner(node.func) == "logger":
                kind, at = "log", 0
            elif is_class:
                kind, at = name, 0
            elif name == "add_note":
                kind, at = "note", 0
            elif name in _TAKES_MESSAGE:
                kind, at = _kind(node) or name, _TAKES_MESSAGE[name]
            else:
                continue
            message = _argument(node, at)
            if message is None:
                continue
            found = [text for text in self._templates(message, scope, 0) if text.strip(f" {GAP}")]
            where = f"{module.path.removeprefix('kataven/')}:{place}"
            sentences = [_trimmed(text) for text in found if _is_sentence(text)]
            if not sentences and is_class and _is_raised(name):
                self.unseen[f"{where}: {name}({ast.unparse(message)})"] = name
            self.texts.update(Text(text, kind, where) for text in sentences)

    def _templates(self, node: ast.expr, scope: ast.AST, depth: int) -> list[str]:
        """Return the texts that an expression may have."""
        if depth > 6:
            return [GAP]
        if isinstance(node, ast.Constant):
            return [_percent(node.value)] if isinstance(node.value, str) else [GAP]
        if isinstance(node, ast.JoinedStr):
            return _product([self._templates(part, scope, depth + 1) for part in node.values])
        if isinstance(node, ast.FormattedValue):
            if isinstance(node.value, (ast.IfExp, ast.Name)) and node.conversion == -1:
                return self._templates(node.value, scope, depth + 1)
            return [GAP]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _product(
                [self._templates(side, scope, depth + 1) for side in (node.left, node.right)]
            )
        if isinstance(node, ast.IfExp):
            return [
                text
                for side in (node.body, node.orelse)
                for text in self._templates(side, scope, depth + 1)
            ]
        if isinstance(node, ast.Name):
            return self._named(node.id, scope, depth)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            values = self._constants.get(node.value.id, [])
            texts = [
                text
                for value in values
                if isinstance(value, ast.Dict)
                for item in value.values
                for text in self._templates(item, scope, depth + 1)
            ]
            return texts or [GAP]
        if isinstance(node, ast.Call):
            return self._returned(_name(node.func), depth)
        return [GAP]

    def _named(self, name: str, scope: ast.AST, depth: int) -> list[str]:
        local = [
            value
            for statement in ast.walk(scope)
            for target, value in _assigned(statement)
            if target == name
        ]
        values = local or self._constants.get(name, [])
        texts = [text for value in values for text in self._templates(value, scope, depth + 1)]
        return texts or [GAP]

    def _returned(self, name: str, depth: int) -> list[str]:
        """Return the texts of a function that returns text; its name must be unique."""
        functions = self._functions.get(name, [])
        if len(functions) != 1 or not _returns_text(functions[0]):
            return [GAP]
        texts = []
        for node in ast.walk(functions[0]):
            if isinstance(node, ast.Return) and node.value is not None:
                texts += self._templates(node.value, functions[0], depth + 1)
        return texts or [GAP]


def _is_sentence(text: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", text)) > 2


def _trimmed(text: str) -> str:
    return re.sub(r"^(?:[.]|\[…\]|…)?\s*(?=[A-Z])", "", text.strip())


def _is_raised(name: str) -> bool:
    # Those of the HTTP library and of the operating system carry texts that are not ours.
    return name not in {"OSError", "ReadError", "WriteError", "ConnectError", "TimeoutError"}


def _assigned(statement: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
            elif isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                for name, value in zip(target.elts, statement.value.elts, strict=False):
                    if isinstance(name, ast.Name):
                        yield name.id, value
    elif (
        isinstance(statement, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign))
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
    ):
        yield statement.target.id, statement.value


def _returns_text(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) in {"str", "str | None"}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _owner(node: ast.expr) -> str:
    return _name(node.value) if isinstance(node, ast.Attribute) else ""


def _kind(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _argument(node: ast.Call, at: int) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg in {"message", "text"}:
            return keyword.value
    return node.args[at] if len(node.args) > at else None


def _percent(text: str) -> str:
    """Replace what the ``logging`` module and ``str.format`` fill in."""
    return re.sub(r"%(?:\.\d+)?[sdrf]|\{(?:at|hub|proxy)\}", GAP, text)


def _product(parts: Sequence[list[str]]) -> list[str]:
    texts = [""]
    for part in parts:
        texts = [before + after for before in texts for after in part]
        if len(texts) > 60:
            texts = texts[:60]
    return [re.sub(rf"{GAP}(?:{GAP}|\.\.\.)+", GAP, text) for text in texts]


def collect(root: Path = ROOT) -> Collector:
    """Return the texts of the package."""
    return Collector(root)
