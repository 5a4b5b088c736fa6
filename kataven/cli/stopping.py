"""How a command is stopped from outside: Ctrl-C, and SIGTERM as a second Ctrl-C.

Knows signals only. Must not know what a command does or says.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; raised where Ctrl-C would be, so that everything is closed the same way."""


@contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """While open, SIGTERM raises `Terminated` instead of ending the process on the spot.

    Otherwise nobody would show the cursor again, stop the Hub and remove unfinished files.
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
    """From now on Ctrl-C does nothing: all is done and said, and Python only has to end."""
    if _takes_signals():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _raise_terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's
    raise Terminated


def _takes_signals() -> bool:
    # Python hands signals to the main thread and refuses handlers from any other.
    return threading.current_thread() is threading.main_thread()
