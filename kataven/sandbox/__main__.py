"""An embedded Hub as a process of its own: `python -m kataven.sandbox --time-scale 60`.

Knows the command line. It prints one line of JSON when the Hub takes requests, `{"url": ...,
"api_key": ..., "pid": ...}`, and stops at SIGINT or SIGTERM.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping

from kataven.sandbox.clock import Clock
from kataven.sandbox.sandbox import Sandbox
from kataven.sandbox.windows import DEFAULT_LIMITS


def _clock(text: str) -> Clock:
    return Clock.manual() if text == "manual" else Clock.scaled(float(text))


def _limits(text: str) -> Mapping[str, int | None] | None:
    value: Mapping[str, int | None] | None = None if text == "none" else json.loads(text)
    return value


def _call_limits(text: str) -> Mapping[str, int]:
    value: Mapping[str, int] = json.loads(text)
    return value


def main(arguments: list[str] | None = None) -> int:
    """Run a Hub until it is told to stop.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit code: 0 when it was stopped, 2 when it could not start.
    """
    parser = argparse.ArgumentParser(prog="python -m kataven.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument(
        "--time-scale", type=_clock, default=Clock.scaled(1), help="a number, or manual"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--path", default=None, help="a file for the database; default: memory")
    parser.add_argument(
        "--limits", type=_limits, default=DEFAULT_LIMITS, help="none, or JSON such as {}"
    )
    parser.add_argument("--call-limits", type=_call_limits, default=None, help="JSON")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        hub = Sandbox(
            time_scale=options.time_scale,
            seed=options.seed,
            path=options.path,
            limits=options.limits,
            call_limits=options.call_limits,
            port=options.port,
        )
        hub.start()
    except (OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"cannot start the Hub: {error}\n")
        return 2
    try:
        line = {"url": hub.url, "api_key": hub.api_key, "pid": os.getpid()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        stop.wait()
    finally:
        hub.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
