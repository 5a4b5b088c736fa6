"""What ruff and import-linter do not check: import circles, and other libraries' private names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kataven

PACKAGE = Path(kataven.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.types
def test_no_module_imports_itself_through_others() -> None:
    """Imports under ``TYPE_CHECKING`` count too: a reader follows them as well."""
    grimp = pytest.importorskip("grimp", reason="import-linter is not installed")
    graph = grimp.build_graph("kataven", cache_dir=None)
    assert len(graph.modules) > 100

    circles = []
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            # The lazy packages import their own parts, which import the package's other parts.
            back = graph.find_shortest_chain(imported, module)
            if back is not None:
                circles.append((module, *back))

    assert circles == []


@pytest.mark.slow
def test_no_private_name_of_another_library_is_reached_by_its_text() -> None:
    """``SLF001`` finds ``x._y``; this finds ``getattr(x, "_y")``, frames, and foreign loggers."""
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found += [(str(path), text) for text in private_names(node)]

    assert len(MODULES) > 100
    assert found == []


def private_names(node: ast.AST) -> list[str]:
    """The private names that one piece of code reaches by their text."""
    if isinstance(node, ast.Attribute):
        return [node.attr] if node.attr in {"tb_frame", "f_locals", "f_back"} else []
    if not isinstance(node, ast.Call):
        return []
    texts = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
    function = node.func
    if isinstance(function, ast.Name) and function.id in {"getattr", "setattr", "hasattr"}:
        of_self = isinstance(node.args[0], ast.Name) and node.args[0].id == "self"
        private = [t for t in texts if t.startswith("_") and not t.endswith("__")]
        return [] if of_self else private
    if isinstance(function, ast.Attribute) and function.attr == "getLogger":
        return [t for t in texts if not t.startswith("kataven")]
    return []


def test_such_names_are_found() -> None:
    source = 'getattr(x, "_y"); e.__traceback__.tb_frame; logging.getLogger("httpx")'
    found = [name for node in ast.walk(ast.parse(source)) for name in private_names(node)]

    assert sorted(found) == ["_y", "httpx", "tb_frame"]
