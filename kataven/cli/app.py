"""The entry of the `kataven` command: runs it and turns every error into one line.

Knows exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted; a command may end with one of
its own. It knows no command, and loads click only inside `main`, so that a missing extra can be
named.
"""

import os
import sys
from collections.abc import Sequence

FAILED = 1
INTERRUPTED = 130
# What the extra `cli` brings; other parts of kataven name their own extra.
EXTRA = frozenset({"click", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What stands behind `kataven`; None for those of the process.

    Returns:
        The exit code: 0, 1 where it failed, 2 for wrong usage, 130 when interrupted.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head -1`): end without a word.
        _give_up_stdout()
        return FAILED
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user of the command
        return _explain(error)


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


def _explain(error: Exception) -> int:
    """Say what went wrong; only an error that nobody foresaw shows where, and only on request."""
    from kataven.errors import KatavenError

    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        if module in EXTRA:
            return _fail(
                f"the kataven command needs {module}, which is not installed: "
                "pip install 'kataven[cli,sandbox]'"
            )
    if isinstance(error, OSError) and _comes_from_printing(error):
        _give_up_stdout()
        return _fail(
            f"standard output cannot be written: {error.strerror or error}; send what the command "
            "prints somewhere else"
        )
    if isinstance(error, OSError) and error.strerror and error.filename:
        return _fail(f"{error.filename}: {error.strerror}")
    if isinstance(error, (KatavenError, ImportError, OSError)):
        return _fail(str(error))
    if os.environ.get("KATAVEN_LOG", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    return _fail(
        f"a fault in kataven itself: {type(error).__name__}: {error} "
        "(with KATAVEN_LOG=debug it shows where; please report it)"
    )


def _fail(message: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"Error: {message}\n")
    return FAILED


def _comes_from_printing(error: OSError) -> bool:
    """Whether click or rich failed to write: nothing else that they do touches a file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return error.filename is None and module.partition(".")[0] in EXTRA


def _give_up_stdout() -> None:
    # What is still buffered would break once more when Python flushes at its end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
