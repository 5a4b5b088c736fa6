"""The package itself: light to import, complete, without network access."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from kataven import contacts

FOLDER = Path(contacts.__file__).parent


def test_importing_the_package_loads_nothing_until_a_name_is_used() -> None:
    program = (
        "import sys\nfrom kataven import contacts\n"
        "heavy = {'phonenumbers', 'narwhals', 'pyarrow', 'csv', 'httpx', 'tempfile'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "contacts.check(b'phone_number\\n+14155550100\\n')\n"
        "assert not {'phonenumbers', 'narwhals', 'pyarrow', 'httpx', 'asyncio'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_every_public_name_exists_and_is_documented() -> None:
    assert set(contacts.__all__) <= set(dir(contacts))
    for name in contacts.__all__:
        value = getattr(contacts, name)
        assert value is getattr(contacts, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__


def test_no_module_has_the_name_of_a_function() -> None:
    # Importing such a module would hide the function.
    modules = {path.stem for path in FOLDER.rglob("*.py")}
    assert not modules & set(contacts.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(contacts, "chekc")


def test_no_module_uses_the_network_or_prints() -> None:
    for path in FOLDER.rglob("*.py"):
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
