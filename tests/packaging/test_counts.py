"""What the SDK costs in counts, which other programs on the machine cannot change.

Modules that an import loads, function calls of a request, memory of the decoder. The limits leave
room for another version of Python, not for another layer: raise one only for a reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import pytest

from kataven import KatavenClient
from kataven.events.decoder import EventDecoder
from tests.support.server import LoopbackHub

HELP = """
import contextlib
from kataven.cli.app import main
sys.argv = ["kataven", "--help"]
with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):
    main()
"""
CLIENT = "from kataven import KatavenClient; KatavenClient('sk_live_a_1').close()"
FRAME = b'data: {"campaign_id": "c1", "status": "running", "completed": 10}\n\n'


def loaded_by(code: str) -> list[str]:
    """Return the modules that some code loads in a new process, beyond those of Python itself."""
    code = f"import sys\nbefore = {{*sys.modules}}\n{code}\nprint(*sys.modules.keys() - before)"
    # The tool that measures coverage would count as part of the package.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


def python_calls(function) -> int:
    """Count the Python functions that a call enters in this thread."""
    count = 0

    def on_event(_frame, event, _argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def decode(frames: int) -> None:
    """Read this many frames, ten in a chunk, and keep none."""
    decoder = EventDecoder()
    for _ in range(frames // 10):
        for _item in decoder.feed(FRAME * 10):
            pass


@pytest.mark.parametrize(
    ("code", "ours", "total"),
    [("import kataven; kataven.__version__", 2, 6), (HELP, 8, 130), (CLIENT, 64, 300)],
    ids=["import", "help", "client"],
)
def test_modules_loaded(code, ours, total):
    loaded = loaded_by(code)

    assert "kataven" in loaded
    assert len([name for name in loaded if name.partition(".")[0] == "kataven"]) <= ours
    assert len(loaded) <= total


def test_decoder_enters_no_function_for_each_event():
    decode(100)

    extra = python_calls(lambda: decode(2000)) - python_calls(lambda: decode(1000))

    # One call for each chunk of ten.
    assert extra <= 100


def test_memory_of_the_decoder_does_not_depend_on_the_number_of_events():
    decode(100)
    tracemalloc.start()
    try:
        decode(2000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 32 * 1024


def test_calls_of_a_get_on_an_open_connection():
    with LoopbackHub() as hub, KatavenClient("sk_live_a_1", base_url=hub.url) as client:
        for _ in range(3):
            client.campaigns.get("c1")
        counts = [python_calls(lambda: client.campaigns.get("c1")) for _ in range(20)]

    # 427 with Python 3.11, a part of them in httpcore and h11. The last ones too: nothing accumulates.
    assert min(counts) <= 470
    assert min(counts[10:]) <= 470
