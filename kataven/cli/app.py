"""Entry point of the ``kataven`` command: runs it and turns every error into lines and a code.

Which error has which exit code is in ``exit_codes``. Must not know any command. Loads click inside
``main`` only, so that an error can name the extra that is missing.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from typing import TYPE_CHECKING, TextIO

from kataven.cli.stopping import Terminated, signals_raise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    import click

    from kataven.cli.exit_codes import Failure

# Installed by the extra ``cli``; errors from other parts of kataven name their own extra.
EXTRA = frozenset({"click", "rich", "platformdirs", "tomlkit"})
# Set by the completion script of a shell, as click makes it.
COMPLETION = "_KATAVEN_COMPLETE"
# What writing to a full disk, a closed pipe or a closed file raises.
_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after ``kataven``. None means those of the process.

    Returns:
        The exit code, one of ``kataven.cli.exit_codes.Exit``.
    """
    try:
        with signals_raise(), warnings.catch_warnings():
            return _run(arguments)
    except KeyboardInterrupt as stop:
        _show_notes(stop)
        return 143 if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        # The reader of the output is gone (`| head -1`): exit silently.
        _discard_stdout()
        return 141
    except Exception as error:  # noqa: BLE001 - users of the command never see a traceback
        return _report(error)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        import click

        from kataven.cli.commands import kataven
    except ModuleNotFoundError as error:
        return _missing(error)
    if instruction := os.environ.get(COMPLETION):
        from click.shell_completion import shell_complete

        return shell_complete(kataven, {}, "kataven", COMPLETION, instruction)
    _set_up_output()
    try:
        # Not kataven.main(): that ends the process with 1 when the reader of the output is gone,
        # and in older versions turns Ctrl-C into an exception of its own, which loses its notes.
        with kataven.make_context(
            "kataven", list(sys.argv[1:] if arguments is None else arguments)
        ) as context:
            code = kataven.invoke(context)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            # A group without a command: newer versions of click make its help an error.
            error.show()
            return int(error.exit_code)
        return _show(_usage(error))
    except click.Abort as abort:
        # click raises it in place of what ended a question, which it keeps as the context.
        _write("\nAborted; nothing was sent.\n")
        if isinstance(abort.__context__, KeyboardInterrupt):
            return 143 if isinstance(abort.__context__, Terminated) else 130
        return 2
    # What is still buffered must fail here, where a full disk or a closed pipe is reported.
    if sys.stdout is not None:
        sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _set_up_output() -> None:
    """Let no text break the output, and show warnings of the SDK as sentences."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name with an emoji, on a terminal or in a pipe that takes ASCII only.
        sys.stdout.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the signature of warnings.showwarning
    line: str | None = None,
) -> None:
    """Print a warning for users as a sentence, and others with the place that issued them."""
    from kataven.cli.output import note, printable
    from kataven.cli.wording import as_commands

    if issubclass(category, UserWarning):
        # Details follow in later lines, which the command shows itself.
        text = as_commands(printable(str(message).partition("\n")[0]))
        note(f"Warning: {text}", fg="yellow")
    else:
        _write(warnings.formatwarning(message, category, filename, lineno, line))


def _usage(error: click.ClickException) -> Failure:
    """Describe an error that click found: of usage, or one that a command raised."""
    import click

    from kataven.cli.exit_codes import Exit, Failure

    if not isinstance(error, click.UsageError):
        return Failure(Exit.LOCAL, error.format_message())
    if error.ctx is None:
        return Failure(Exit.USAGE, error.format_message())
    _write(f"{error.ctx.get_usage()}\n")
    return Failure(
        Exit.USAGE, error.format_message(), f"'{error.ctx.command_path} --help' explains the usage"
    )


def _missing(error: ModuleNotFoundError) -> int:
    module = (error.name or "").partition(".")[0]
    if module not in EXTRA:
        raise error
    _write(
        f"Error: the kataven command needs {module}, which is not installed: "
        "pip install 'kataven[cli,sandbox]'\n"
    )
    return 10


def _report(error: Exception) -> int:
    """Print an error in two lines; with --debug or KATAVEN_LOG=debug, its traceback before them."""
    from kataven.cli.exit_codes import Exit, Failure, failure_of

    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in EXTRA:
        return _missing(error)
    if "--debug" in sys.argv or os.environ.get("KATAVEN_LOG", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and _comes_from_printing(error):
        _discard_stdout()
        return _show(
            Failure(
                Exit.LOCAL,
                f"cannot write to standard output: {error.strerror or error}",
                "redirect the output to another place",
            )
        )
    failure = failure_of(error)
    if failure is None:
        failure = Failure(
            Exit.LOCAL,
            f"internal error in kataven: {type(error).__name__}: {error}",
            "run it again with --debug for a traceback, and please report it",
        )
    return _show(failure)


def _show(failure: Failure) -> int:
    from kataven.cli.output import note, printable

    note(f"Error: {printable(failure.what)}", fg="red")
    advice = f"{failure.advice} " if failure.advice else ""
    note(
        f"Hint: {advice}(exit code {failure.code:d})" if advice else f"(exit code {failure.code:d})"
    )
    return int(failure.code)


def _show_notes(stop: KeyboardInterrupt) -> None:
    from kataven.cli.output import note, printable
    from kataven.cli.wording import as_commands

    for given in getattr(stop, "__notes__", ()):
        text = as_commands(printable(given))
        note(text[:1].upper() + text[1:])


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)


def _comes_from_printing(error: OSError) -> bool:
    """Whether this is an error of writing the output: one of a named file has its name."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def _discard_stdout() -> None:
    # Python flushes the buffered output at exit, which would fail a second time.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
