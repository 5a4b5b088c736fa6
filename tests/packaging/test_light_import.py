"""``import kataven`` is cheap: heavy modules are loaded by the call that needs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import kataven

HEAVY = {
    "httpx", "httpcore", "click", "rich", "sqlite3", "starlette", "uvicorn", "python_multipart",
    "attr", "attrs", "dateutil", "asyncio", "anyio", "ssl", "socket", "kataven_hub",
    "phonenumbers", "narwhals", "pandas", "polars", "pyarrow", "redis", "opentelemetry",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules, and those of kataven, that some code loads in a new process."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    # The tool that measures coverage imports sqlite3 and others.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    modules = done.stdout.split()
    return {name.partition(".")[0] for name in modules} | {
        name for name in modules if name.startswith("kataven")
    }


def test_import_loads_nothing_heavy():
    assert HEAVY & loaded_by("import kataven; kataven.__version__") == set()


def test_errors_and_contacts_load_no_network_library():
    loaded = loaded_by("from kataven import KatavenError, contacts; contacts.check")

    assert {"httpx", "asyncio", "ssl", "kataven_hub", "phonenumbers"} & loaded == set()


@pytest.mark.parametrize(
    "code",
    [
        "from kataven import KatavenClient; KatavenClient('sk_live_a_1').close()",
        "from kataven import AsyncKatavenClient; AsyncKatavenClient('sk_live_a_1')",
    ],
)
@pytest.mark.slow
def test_client_loads_no_extra_no_command_line_and_no_model(code):
    loaded = loaded_by(code)

    heavy = {"sqlite3", "redis", "uvicorn", "phonenumbers", "narwhals", "opentelemetry"}
    assert heavy & loaded == set()
    packages = {".".join(name.split(".")[:2]) for name in loaded}
    ours = {"kataven.cli", "kataven.sandbox", "kataven.contacts", "kataven_hub.models"}
    assert ours & packages == set()


def test_sandbox_loads_no_server_before_it_starts():
    loaded = loaded_by("from kataven.sandbox import Sandbox; Sandbox()")

    assert {"uvicorn", "starlette", "sqlite3", "httpx", "kataven.client"} & loaded == set()


def test_every_public_name_can_be_imported():
    assert [name for name in kataven.__all__ if not hasattr(kataven, name)] == []
    assert set(kataven.__all__) <= set(dir(kataven))
