"""An embedded Hub as a process of its own: ``python -m kataven.sandbox --time-scale 60``.

Knows the command line. It prints one line of JSON when the Hub accepts requests, ``{"url": ...,
"api_key": ..., "pid": ...}``, and stops on SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from kataven.sandbox.model.clock import Clock
from kataven.sandbox.model.limits import checked_call_limits, checked_limits
from kataven.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_DESCRIPTION: Final = """Run an embedded Kataven Hub. It prints one line of JSON when it accepts
requests, {"url": ..., "api_key": ..., "pid": ...}, and stops on SIGINT or SIGTERM."""

FAILED: Final = 1
USAGE_ERROR: Final = 2
# By convention, 128 plus the number of the signal that ended the process.
SIGNALLED: Final = 128


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"invalid port {text!r}: use a number from 0 to 65535")
    return int(text)


def _clock(text: str) -> Clock:
    try:
        return Clock.manual() if text == "manual" else Clock.scaled(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"invalid time scale {text!r}: use a finite number above 0, or manual"
        ) from None


def _limits(text: str) -> Mapping[str, int | None] | None:
    limits = None if text == "none" else _json(text, 'none, or JSON such as {"per_minute": 5}')
    try:
        checked_limits(limits, {})
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


def _json(text: str, usage: str) -> dict[str, Any] | None:
    """Parse an object, or null."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: use {usage}") from None
    if not (value is None or isinstance(value, dict)):
        raise argparse.ArgumentTypeError(f"{text!r} is not an object: use {usage}")
    return value


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m kataven.sandbox",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 stopped, 1 failed, 2 usage error, 130 Ctrl-C during the start.",
    )
    parser.add_argument("--port", type=_port, default=0, help="default: 0, any free port")
    parser.add_argument(
        "--time-scale",
        type=_clock,
        default=Clock.scaled(1),
        help="Hub seconds per real second, or manual; default: 1",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws; default: 0")
    parser.add_argument("--path", default=None, help="file for the database; default: memory")
    parser.add_argument(
        "--limits",
        type=_limits,
        default={},
        help='request limits of each account: none, or JSON such as {"per_minute": 5}; default: '
        "the documented ones, and none on a manual clock",
    )
    parser.add_argument(
        "--call-limits",
        type=_call_limits,
        default=None,
        help='limits of each account on calls: JSON such as {"concurrent_max": 10}',
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run a Hub until SIGINT or SIGTERM.

    Args:
        arguments: The command line without the program's name; None uses ``sys.argv``.

    Returns:
        The exit code: 0 if the Hub ran and was stopped, 1 if the extra is missing, the address
        could not be printed or the database could not be written at the end, 2 if the Hub cannot
        start with these options, 128 plus the number of the signal if it was stopped before it
        accepted requests.
    """
    stop = threading.Event()
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    options = _options(arguments)
    # The sentence at the end is enough: requests that write are refused with it meanwhile.
    logging.getLogger("kataven.sandbox.store").addHandler(logging.NullHandler())
    try:
        hub = Sandbox(
            time_scale=options.time_scale,
            seed=options.seed,
            path=options.path,
            limits=options.limits,
            call_limits=options.call_limits,
            port=options.port,
        ).start()
    except ImportError as error:
        return _fail(f"cannot start the Hub: {error}", FAILED)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        return _fail(f"cannot start the Hub: {_reason(error)}", USAGE_ERROR)
    code = 0
    try:
        if received:
            code = _interrupted(received[0])
        else:
            _announce(hub)
            stop.wait()
    except OSError as error:
        # Closed here, or Python would flush it again at exit and print an error of its own.
        with contextlib.suppress(OSError, AttributeError):
            sys.stdout.close()
        code = _fail(
            "the Hub has stopped because it could not write its address to standard output: "
            f"{error.strerror or error}; redirect the output",
            FAILED,
        )
    try:
        hub.close()
    except OSError as error:
        code = _fail(str(error), FAILED)
    return code


def _announce(hub: Sandbox) -> None:
    if sys.stdout is None:
        raise OSError("it is closed")
    line = {"url": hub.url, "api_key": hub.api_key, "pid": os.getpid()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _reason(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return f"its time would be out of range ({error}); use a smaller --time-scale"
    # Without the number of the error.
    return getattr(error, "strerror", None) or str(error)


def _interrupted(number: int) -> int:
    name = signal.Signals(number).name
    return _fail(f"stopped by {name} before the Hub accepted requests", SIGNALLED + number)


def _fail(text: str, code: int) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(_interrupted(signal.SIGINT))
