"""The package itself: light to import, complete, without network."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from kataven import contacts

FOLDER = Path(contacts.__file__).parent


def test_importing_it_loads_nothing_until_a_name_is_used() -> None:
    """Neither optional libraries nor the rest of the package."""
    program = (
        "import sys\nfrom kataven import contacts\n"
        "heavy = {'phonenumbers', 'narwhals', 'pyarrow', 'csv', 'httpx', 'tempfile'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "contacts.check(b'phone_number\\n+14155550100\\n')\n"
        "assert not {'phonenumbers', 'narwhals', 'pyarrow', 'httpx', 'asyncio'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_every_public_name_is_there_and_documented() -> None:
    """Each name of `__all__` is loaded from its module."""
    assert set(contacts.__all__) <= set(dir(contacts))
    for name in contacts.__all__:
        value = getattr(contacts, name)
        assert value is getattr(contacts, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__


def test_no_module_has_the_name_of_a_function() -> None:
    """An import of such a module would hide the function."""
    modules = {path.stem for path in FOLDER.glob("*.py")}
    assert not modules & set(contacts.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    assert not hasattr(contacts, "chekc")


def test_files_only_no_network_no_printing() -> None:
    """None of its modules imports an HTTP library or an event loop, or prints."""
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", path
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {"httpx", "asyncio", "anyio", "socket"}, path
