"""Entry point of the ``kataven`` command: runs it and reports every error in one line.

Knows the exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted; a command may choose
another. Must not know any command. Loads click inside ``main`` only, so that an error can name the
extra that is missing.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
INTERRUPTED = 130
# Installed by the extra ``cli``; errors from other parts of kataven name their own extra.
EXTRA = frozenset({"click", "rich"})
# What writing to a full disk, a closed pipe or a closed file raises.
_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after ``kataven``. None means those of the process.

    Returns:
        The exit code: 0 on success, 1 on failure, 2 on a usage error, 130 if interrupted, or the
        code that the command chose.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output is gone (`| head -1`): exit silently.
        _discard_stdout()
        return FAILED
    except Exception as error:  # noqa: BLE001 - users of the command never see a traceback
        return _report(error)


def _run(arguments: Sequence[str] | None) -> int:
    import click

    from kataven.cli.commands import kataven

    try:
        code = kataven.main(arguments, prog_name="kataven", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    """Print an error as one line; KATAVEN_LOG=debug adds the traceback of an unexpected one."""
    from kataven.errors import KatavenError

    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        if module in EXTRA:
            return _fail(
                f"the kataven command needs {module}, which is not installed: "
                "pip install 'kataven[cli,sandbox]'"
            )
    if isinstance(error, OSError) and _comes_from_printing(error):
        _discard_stdout()
        return _fail(
            f"cannot write to standard output: {error.strerror or error}; redirect the output to "
            "another place"
        )
    if isinstance(error, OSError) and error.strerror and error.filename:
        return _fail(f"{error.filename}: {error.strerror}")
    if isinstance(error, (KatavenError, ImportError, OSError)):
        return _fail(str(error))
    if os.environ.get("KATAVEN_LOG", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    return _fail(
        f"internal error in kataven: {type(error).__name__}: {error} "
        "(set KATAVEN_LOG=debug for a traceback, and please report it)"
    )


def _fail(message: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"Error: {message}\n")
    return FAILED


def _comes_from_printing(error: OSError) -> bool:
    """Whether this is an error of writing the output: one of a named file has its name."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def _discard_stdout() -> None:
    # Python flushes the buffered output at exit, which would fail a second time.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
