"""How a command is stopped from outside: Ctrl-C, and SIGTERM, which is handled like Ctrl-C.

Knows only signals. Must not know what a command does or prints.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM was received; a KeyboardInterrupt, so that the same code cleans up."""


@contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """While open, SIGTERM raises ``Terminated`` instead of killing the process.

    The default action would leave the cursor hidden, the Hub running and unfinished files on disk.
    """
    if not _takes_signals():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ignore_ctrl_c() -> None:
    """Ignore Ctrl-C from now on: all output is written, and Python only has to exit."""
    if _takes_signals():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def take_default_ctrl_c() -> None:
    """Let the next Ctrl-C end the process at once, whatever it is doing."""
    if _takes_signals():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _raise_terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
    raise Terminated


def _takes_signals() -> bool:
    # Python delivers signals to the main thread and lets only that thread set handlers.
    return threading.current_thread() is threading.main_thread()
