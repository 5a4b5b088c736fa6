"""Shell completion: commands, options and campaign ids, without a request."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.isolated import Isolated, key_of
from tests.support.http import response
from tests.support.server import LoopbackHub
from tests.support.tables import table

CAMPAIGNS = [
    {"id": "cmp_1", "name": "Spring"},
    {"id": "cmp_2", "name": "Autumn"},
    {"id": "other", "name": "Other"},
]
# Afterwards, what completion must not have loaded.
CODE = (
    "import sys; from kataven.cli.app import main; code = main(); "
    "names = {'httpx', 'httpcore', 'rich', 'sqlite3', 'uvicorn', 'kataven_hub', 'kataven.client'}; "
    "print(sorted(names & set(sys.modules)), file=sys.stderr); sys.exit(code)"
)


@pytest.fixture
def kataven(tmp_path):
    return Isolated(tmp_path)


@pytest.fixture
def hub():
    with LoopbackHub(always=response(200, {"campaigns": CAMPAIGNS})) as hub:
        yield hub


def complete(kataven: Isolated, line: str, shell: str = "bash", **env: str) -> list[str]:
    words = line.split(" ")
    done = kataven.run(
        code=CODE,
        _KATAVEN_COMPLETE=f"{shell}_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1) if shell != "fish" else words[-1],
        **env,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    # click prints an empty line where there is nothing.
    return [line for line in done.stdout.splitlines() if line]


@table(
    "line, found",
    [
        ("kataven camp", ["plain,campaigns"]),
        ("kataven co", ["plain,contacts", "plain,config"]),
        ("kataven campaigns s", ["plain,start", "plain,stop"]),
        ("kataven config ", ["plain,show", "plain,set", "plain,path"]),
        ("kataven config set b", ["plain,base_url"]),
        ("kataven campaigns list --js", ["plain,--json", "plain,--jsonl"]),
        ("kataven --ver", ["plain,--version"]),
        ("kataven limits --api", ["plain,--api-key-file"]),
    ],
)
@pytest.mark.slow
def test_commands_and_options_are_completed(kataven, line, found):
    assert complete(kataven, line) == found


@pytest.mark.slow
def test_ids_of_the_last_list_are_completed_without_a_request(kataven, hub):
    env = {"KATAVEN_API_KEY": key_of("acme"), "KATAVEN_BASE_URL": hub.url}
    assert complete(kataven, "kataven campaigns get cmp", **env) == []

    assert kataven.run("campaigns", "list", "--json", **env).returncode == 0
    sent = len(hub.requests)

    assert complete(kataven, "kataven campaigns get cmp", **env) == ["plain,cmp_1", "plain,cmp_2"]
    assert complete(kataven, "kataven campaigns contacts o", **env) == ["plain,other"]
    assert "plain\ncmp_1\nSpring" in "\n".join(
        complete(kataven, "kataven campaigns get cmp", "zsh", **env)
    )
    assert "plain,cmp_1\tSpring" in complete(kataven, "kataven campaigns get cmp", "fish", **env)
    assert len(hub.requests) == sent == 1


@pytest.mark.parametrize("content", ["{", '["text"]', "\udcff"])
@pytest.mark.slow
def test_cache_that_is_damaged_completes_nothing_and_says_nothing(kataven, content):
    cache = kataven.folder / "cache" / "kataven" / "campaigns.json"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content.encode(errors="surrogateescape"))

    assert complete(kataven, "kataven campaigns get x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.slow
def test_script_for_each_shell_is_printed(kataven, shell):
    done = kataven.run(_KATAVEN_COMPLETE=f"{shell}_source")

    assert done.returncode == 0
    assert f"_KATAVEN_COMPLETE={shell}_complete" in done.stdout


def test_script_completes_in_bash_itself(kataven):
    """Source the script, ask bash for the completions of a line."""
    python = kataven.folder / "kataven"
    python.write_text(
        f"#!{sys.executable}\nimport sys\nfrom kataven.cli.app import main\nsys.exit(main())\n"
    )
    python.chmod(0o755)
    script = (
        f'PATH="{kataven.folder}:$PATH"; eval "$(_KATAVEN_COMPLETE=bash_source kataven)"; '
        "COMP_WORDS=(kataven campaigns pau); COMP_CWORD=2; _kataven_completion kataven; "
        'echo "${COMPREPLY[@]}"'
    )

    done = subprocess.run(["bash", "-c", script], env=kataven.env(), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "pause\n"), done.stderr
