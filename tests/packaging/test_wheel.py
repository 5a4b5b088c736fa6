"""The wheel: its content, a bare installation, and tests run on it from another folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.conftest import call

pytestmark = pytest.mark.wheel
# Requests, uploads, retries and errors of both clients: enough to notice what a wheel lacks.
CLIENT_TESTS = [
    f"tests/client/test_{name}.py"
    for name in ("requests_on_the_wire", "uploads_on_the_wire", "errors_by_status", "fault_table")
]

ROOT = Path(__file__).resolve().parents[2]
CORE = {"httpx", "httpcore", "attrs", "python-dateutil"}

# A minimal Hub: a bare installation does not include the embedded one.
TRY_BOTH_CLIENTS = """
import asyncio, io, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from kataven import AsyncKatavenClient, KatavenClient, NotFoundError

CAMPAIGN = {
    "id": "c1", "name": "Spring", "agent_id": "a", "phone_number_id": "n", "status": "draft",
    "max_concurrent_calls": 5, "retries_per_contact": 0, "retry_delay_seconds": 300,
    "created_at": "2027-01-01T09:00:00Z", "created_by": "u",
}

class Hub(BaseHTTPRequestHandler):
    def respond(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self.path != "/api/v1/campaigns/none"
        body = json.dumps(CAMPAIGN).encode() if found else b"not here"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = respond

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
thread = threading.Thread(target=server.serve_forever)
thread.start()
url = f"http://127.0.0.1:{server.server_port}"

async def awaited():
    async with AsyncKatavenClient("sk_live_acme_1", base_url=url) as client:
        return (await client.campaigns.get("c1"))["status"]

try:
    with KatavenClient("sk_live_acme_1", base_url=url) as client:
        print(client.campaigns.get("c1") == CAMPAIGN)
        try:
            client.campaigns.get("none")
        except NotFoundError as error:
            print(error.body)
        file = io.BytesIO(b"phone_number\\n+15550100001\\n")
        print(client.campaigns.create("Spring", "agent", "number", file)["id"])
        from kataven_hub.api.campaigns import get_campaign
        print(get_campaign.sync("c1", client=client.raw).name)
    print(asyncio.run(awaited()))
finally:
    server.shutdown()
    server.server_close()
    thread.join()
"""


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_wheel_contains_both_packages_with_types_and_nothing_else(names):
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "kataven",
        "kataven_hub",
    }
    assert "kataven/py.typed" in names
    assert "kataven_hub/py.typed" in names
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".db"))] == []


def test_wheel_contains_every_module(names):
    for package in (ROOT / "kataven", ROOT / "generated" / "kataven_hub"):
        for path in package.rglob("*.py"):
            assert path.relative_to(package.parent).as_posix() in names


def test_wheel_contains_the_example_contacts_unchanged(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read("kataven/cli/data/contacts.csv")

    assert packed == (ROOT / "examples" / "contacts.csv").read_bytes()


def test_wheel_requires_the_core_libraries_and_offers_extras(wheel):
    found = metadata(wheel)
    required = [line for line in found.get_all("Requires-Dist") if "extra ==" not in line]

    assert {line.partition(">")[0].partition("<")[0] for line in required} == CORE
    assert set(found.get_all("Provides-Extra")) >= {
        "all", "cli", "contacts", "dev", "otel", "parquet", "redis", "sandbox", "test",
    }  # fmt: skip
    assert found["License-Expression"] == "MIT"


def test_wheel_built_from_the_source_archive_has_the_same_bytes(wheel, unpacked, tmp_path):
    rebuild = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", unpacked]
    call(sys.executable, "-m", *rebuild, cwd=tmp_path)
    (built,) = tmp_path.glob("*.whl")

    assert built.read_bytes() == wheel.read_bytes()


def test_source_archive_built_from_the_source_archive_has_the_same_bytes(
    source_archive, unpacked, tmp_path
):
    build = ["build", "--no-isolation", "--sdist", "--outdir", tmp_path]
    call(sys.executable, "-m", *build, unpacked, cwd=tmp_path)
    (built,) = tmp_path.glob("*.tar.gz")

    assert built.read_bytes() == source_archive.read_bytes()


def test_source_archive_contains_what_its_tests_and_scripts_need(unpacked):
    folders = ("kataven", "generated", "scripts", "tests", "benchmarks", "examples", "docs")
    listed = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\n")
    files = [name for name in listed if name] or sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")
    )

    assert [name for name in files if not (unpacked / name).is_file()] == []
    # Every test module can be imported there, with all that it reads at import.
    call(
        sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
        cwd=unpacked,
        env={**os.environ, "PYTHONPATH": f"{unpacked}{os.pathsep}{unpacked / 'generated'}"},
    )  # fmt: skip


def test_metadata_is_complete_and_the_readme_renders(wheel):
    from readme_renderer import markdown
    from trove_classifiers import classifiers

    found = metadata(wheel)

    assert found["Description-Content-Type"] == "text/markdown"
    page = markdown.render(found.get_payload())
    assert "<h1" in page
    assert re.findall(r'(?:href|src)="(?!https?:|#)[^"]*"', page) == []
    assert [name for name in found.get_all("Classifier") if name not in classifiers] == []
    assert found["Requires-Python"] == ">=3.11"
    assert found["License-File"] == "LICENSE"
    assert found["Summary"]
    assert found["Keywords"]
    assert {line.partition(",")[0] for line in found.get_all("Project-URL")} >= {
        "Documentation", "Source", "Changelog",
    }  # fmt: skip


def test_bare_install_includes_no_extra(bare):
    installed = bare.run_code(
        "from importlib.metadata import distributions; "
        "print(*sorted(d.metadata['Name'].lower() for d in distributions()))"
    ).split()

    assert set(installed) >= {"kataven", *CORE}
    # The environment's own tools, and what httpx and python-dateutil require in one of their versions.
    tools = {"pip", "setuptools", "wheel"}
    indirect = {"anyio", "certifi", "h11", "idna", "six", "sniffio", "typing_extensions", "tzdata"}
    assert set(installed) - tools <= {"kataven", *CORE, *indirect}


def test_both_clients_work_in_a_bare_install(bare):
    assert bare.run_code(TRY_BOTH_CLIENTS).splitlines() == [
        "True",
        "not here",
        "c1",
        "Spring",
        "draft",
    ]


def test_import_loads_nothing_heavy_in_a_bare_install(bare):
    loaded = bare.run_code("import sys, kataven; print(*sys.modules)").split()

    heavy = {"httpx", "attr", "attrs", "dateutil", "asyncio", "ssl", "sqlite3", "kataven_hub"}
    assert heavy.isdisjoint(loaded)


def test_first_read_loads_no_model_in_a_bare_install(bare):
    code = TRY_BOTH_CLIENTS.partition("        try:\n")[0].replace("import asyncio, ", "import ")
    code = code.replace("async def", "def").replace("async with", "with").replace("await ", "")
    code += "        import sys; print(*sys.modules)\n"
    code += "finally:\n    server.shutdown()\n    server.server_close()\n    thread.join()\n"
    loaded = bare.run_code(code).splitlines()[-1].split()

    assert "httpcore" in loaded
    heavy = {
        "dateutil",
        "attr",
        "kataven_hub.models",
        "click",
        "rich",
        "sqlite3",
        "kataven.sandbox",
    }
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("arguments", [["--version"], ["demo"]])
def test_command_names_the_missing_extra_in_a_bare_install(bare, arguments):
    done = bare.run(bare.command, *arguments)

    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr == (
        "Error: the kataven command needs click, which is not installed: "
        "pip install 'kataven[cli,sandbox]'\n"
    )


def test_sandbox_names_the_missing_extra_in_a_bare_install(bare):
    done = bare.run(bare.python, "-c", "from kataven.sandbox import Sandbox; Sandbox().start()")

    assert done.returncode == 1
    assert "pip install 'kataven[sandbox]'" in done.stderr.splitlines()[-1]


def test_demo_runs_from_the_wheel(full):
    done = full.run(full.command, "demo", "--speed", "1000")

    assert (done.returncode, done.stderr) == (0, "")
    results = (full.folder / "kataven-demo" / "results.csv").read_text(encoding="utf-8-sig")
    assert results.count("\ncontact_") == 500


@pytest.mark.timeout(600)
def test_client_tests_pass_on_the_installed_wheel(full):
    (full.folder / "tests").mkdir()
    # The tests of the client use tests.support and the fixtures of all tests, and no other folder.
    shutil.copy(ROOT / "tests" / "conftest.py", full.folder / "tests")
    for name in ("client", "support"):
        shutil.copytree(ROOT / "tests" / name, full.folder / "tests" / name)
    # Its paths are relative to this file, so from here they do not lead to the checkout.
    shutil.copy(ROOT / "pyproject.toml", full.folder)
    where = full.run_code("import kataven, kataven_hub; print(kataven.__file__)").strip()
    assert Path(where).is_relative_to(full.python.parents[1])

    done = full.run(
        full.python, "-m", "pytest", *CLIENT_TESTS, "-q", "-p", "no:cacheprovider",
        "-m", "not proof and not wheel and not types and not slow",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]
