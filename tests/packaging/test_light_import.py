"""`import kataven` costs next to nothing: what is heavy is loaded by the call that needs it."""

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
    """The top-level modules and kataven's own that some code loads in a fresh process."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    return {name.partition(".")[0] for name in modules} | {
        name for name in modules if name.startswith("kataven")
    }


def test_the_package_alone_loads_nothing_heavy():
    assert HEAVY & loaded_by("import kataven; kataven.__version__") == set()


def test_the_errors_and_the_contacts_load_no_network():
    loaded = loaded_by("from kataven import KatavenError, contacts; contacts.check")

    assert {"httpx", "asyncio", "ssl", "kataven_hub", "phonenumbers"} & loaded == set()


@pytest.mark.parametrize(
    "code",
    [
        "from kataven import KatavenClient; KatavenClient('sk_live_a_1').close()",
        "from kataven import AsyncKatavenClient; AsyncKatavenClient('sk_live_a_1')",
    ],
)
def test_a_client_loads_no_command_line_no_sandbox_no_store_and_no_model(code):
    loaded = loaded_by(code)

    heavy = {"sqlite3", "redis", "uvicorn", "phonenumbers", "narwhals", "opentelemetry"}
    ours = {"kataven.cli", "kataven.sandbox", "kataven_hub.models", "kataven.contacts.mending"}
    assert (heavy | ours) & loaded == set()


def test_the_sandbox_loads_no_server_until_one_starts():
    loaded = loaded_by("from kataven.sandbox import Sandbox; Sandbox()")

    assert {"uvicorn", "starlette", "sqlite3", "httpx", "kataven.client"} & loaded == set()


def test_every_public_name_is_there():
    assert [name for name in kataven.__all__ if not hasattr(kataven, name)] == []
    assert set(kataven.__all__) <= set(dir(kataven))
