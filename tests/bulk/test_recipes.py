"""The recipe of the documentation runs, and calls everybody once."""

import re
from pathlib import Path
from typing import Any

import pytest

from kataven.sandbox import Sandbox
from tests.bulk.test_run import make_plan

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "bulk.md"


@pytest.mark.slow
def test_a_pool_of_processes_launches_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan(tmp_path / "plan", 5)
    recipe = next(
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "ProcessPoolExecutor" in code and "apply_part" in code
    )
    with Sandbox(time_scale=3600, limits=None) as hub:
        monkeypatch.setenv("KATAVEN_API_KEY", hub.api_key)
        monkeypatch.setenv("KATAVEN_BASE_URL", hub.url)
        names: dict[str, Any] = {}
        exec(compile(recipe, "recipe", "exec"), names)
        for _ in range(2):
            # An engine may run every task again.
            assert set(names["launch"](str(tmp_path / "plan"))) == {"started"}
        for campaign in {entry.campaign for entry in hub.journal if entry.action == "start"}:
            assert [e.action for e in hub.journal if e.campaign == campaign].count("start") == 1
        assert sum(entry.action == "create" for entry in hub.journal) == 5
