"""An embedded Hub as a process of its own: `python -m kataven.sandbox --time-scale 60`.

Knows the command line. It prints one line of JSON when the Hub takes requests, `{"url": ...,
"api_key": ..., "pid": ...}`, and stops at SIGINT or SIGTERM.
"""

import argparse
import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any, Final

from kataven.sandbox.clock import Clock
from kataven.sandbox.sandbox import Sandbox
from kataven.sandbox.windows import DEFAULT_LIMITS, checked_call_limits, checked_limits

FAILED: Final = 1
WRONG_USAGE: Final = 2
# A shell's code for a process that a signal ended is this and the signal's number.
BY_SIGNAL: Final = 128

_PORT_TROUBLE: Final = {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give one from 0 to 65535")
    return int(text)


def _speed(text: str) -> Clock:
    try:
        return Clock.manual() if text == "manual" else Clock.scaled(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no speed: give a finite number above 0, or manual"
        ) from None


def _limits(text: str) -> Mapping[str, int | None] | None:
    limits = None if text == "none" else _json(text, 'none, or JSON such as {"per_minute": 5}')
    try:
        checked_limits(limits, DEFAULT_LIMITS)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return limits


def _call_limits(text: str) -> Mapping[str, int] | None:
    limits = _json(text, 'JSON such as {"concurrent_max": 10}')
    try:
        checked_call_limits(limits)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return limits


def _json(text: str, wanted: str) -> dict[str, Any] | None:
    """Read an object, or null."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: give {wanted}") from None
    if not (value is None or isinstance(value, dict)):
        raise argparse.ArgumentTypeError(f"{text!r} is no object: give {wanted}")
    return value


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m kataven.sandbox",
        description=__doc__,
        epilog="Exit codes: 0 stopped, 1 failed, 2 wrong usage, 130 Ctrl-C before it was up.",
    )
    parser.add_argument("--port", type=_port, default=0, help="0 for any free one")
    parser.add_argument(
        "--time-scale", type=_speed, default=Clock.scaled(1), help="a number, or manual"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--path", default=None, help="a file for the database; default: memory")
    parser.add_argument(
        "--limits", type=_limits, default=DEFAULT_LIMITS, help="none, or JSON such as {}"
    )
    parser.add_argument("--call-limits", type=_call_limits, default=None, help="JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run a Hub until it is told to stop.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit code: 0 when it ran and was stopped, 1 when something is missing or the address
        could not be printed, 2 when the Hub cannot start as the command line says, 128 and the
        signal's number when it was stopped before it took requests.
    """
    stop = threading.Event()
    received: list[int] = []

    def halt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, halt)
    options = _options(arguments)
    hub = Sandbox(
        time_scale=options.time_scale,
        seed=options.seed,
        path=options.path,
        limits=options.limits,
        call_limits=options.call_limits,
        port=options.port,
    )
    try:
        hub.start()
    except ImportError as error:
        return _say(f"cannot start the Hub: {error}", FAILED)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        return _say(f"cannot start the Hub: {_reason(error, options)}", WRONG_USAGE)
    try:
        if received:
            return _interrupted(received[0])
        _announce(hub)
        stop.wait()
    except OSError as error:
        # Closed here, or Python would try once more at its end and say so in its own words.
        with contextlib.suppress(OSError, AttributeError):
            sys.stdout.close()
        return _say(
            "the Hub has stopped, for its address could not be printed on standard output: "
            f"{error.strerror or error}; send the output somewhere else",
            FAILED,
        )
    finally:
        hub.close()
    return 0


def _announce(hub: Sandbox) -> None:
    if sys.stdout is None:
        raise OSError("it is closed")
    line = {"url": hub.url, "api_key": hub.api_key, "pid": os.getpid()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _reason(error: Exception, options: argparse.Namespace) -> str:
    if isinstance(error, OSError) and error.errno in _PORT_TROUBLE:
        return (
            f"port {options.port} of 127.0.0.1: {error.strerror}; "
            "give another --port, or 0 for any free one"
        )
    if isinstance(error, OverflowError):
        return f"its time would be out of range ({error}); give a smaller --time-scale"
    return str(error)


def _interrupted(number: int) -> int:
    name = signal.Signals(number).name
    return _say(f"stopped by {name} before the Hub took requests", BY_SIGNAL + number)


def _say(text: str, code: int) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(_interrupted(signal.SIGINT))
