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
def signals_raise() -> Iterator[None]:
    """While open, SIGTERM raises ``Terminated``, and a second Ctrl-C ends the process at once.

    The default action of SIGTERM would leave the cursor hidden, the Hub running and unfinished
    files on disk.
    """
    if not _takes_signals():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    interrupt = signal.getsignal(signal.SIGINT)
    # Where Ctrl-C is ignored, as in the background of a shell, it stays so.
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, _raise_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        # Not after ignore_ctrl_c(), nor after a first Ctrl-C: the process is about to exit.
        if signal.getsignal(signal.SIGINT) is _raise_once:
            signal.signal(signal.SIGINT, interrupt)


def ignore_ctrl_c() -> None:
    """Ignore Ctrl-C from now on: all output is written, and Python only has to exit."""
    if _takes_signals():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def later_ctrl_c() -> Iterator[None]:
    """Let a Ctrl-C wait until the end of the block, for what must not be done by half."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _raise_once(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
    # What is cleaned up after the first Ctrl-C may wait for the network.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _raise_terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
    raise Terminated


def _takes_signals() -> bool:
    # Python delivers signals to the main thread and lets only that thread set handlers.
    return threading.current_thread() is threading.main_thread()
