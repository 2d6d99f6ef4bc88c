"""The command `precise`: verbs, errors as one sentence, exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from precise.commands.convert import convert
from precise.commands.doctor import doctor
from precise.commands.extract import extract
from precise.commands.refine import refine
from precise.commands.show import show
from precise.commands.study import study
from precise.errors import INTERRUPTED, PreciseError
from precise.formats.wording import printable

# Add a verb here. It imports what it computes with inside its function, so that --help and show stay quick.
VERBS: tuple[Callable[..., None], ...] = (extract, refine, study, show, convert, doctor)

STATUSES = (
    "Exit status: 0 done; 1 the answer is no (different, not equal); 2 bad input, no half-written file; "
    f"3 unknown or incomplete; {INTERRUPTED} interrupted."
)


def application(summary: str, verbs: Sequence[Callable[..., None]]) -> typer.Typer:
    """A command-line application with --version, whose verbs are these functions.

    A verb that ends with another status than 0 raises `typer.Exit(status)`.
    """
    made = typer.Typer(
        help=summary,
        epilog=STATUSES,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for verb in verbs:
        made.command(verb.__name__.rstrip("_").replace("_", "-"), epilog=STATUSES)(verb)
    made.callback()(_options)
    return made


def run(made: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run an application and give its exit status; errors raised on purpose become one sentence on stderr.

    Args:
        made: the application.
        name: of the command, in messages.
        arguments: without the command's name; None takes those of the process.
    """
    try:
        made(args=None if arguments is None else list(arguments), prog_name=name)
    except SystemExit as done:  # how typer ends, always
        status = done.code if isinstance(done.code, int) else int(done.code is not None)
        if status == INTERRUPTED:
            _say(name, "interrupted")
        return status
    except KeyboardInterrupt:
        _say(name, "interrupted")
        return INTERRUPTED
    except PreciseError as error:
        _say(name, str(error))
        return 2
    except OSError as error:  # the output cannot be written: no space, no such device
        _say(name, f"{error.filename or 'output'}: {error.strerror or error}")
        return 2
    return 0


def main() -> None:
    """Run `precise` with the arguments of the process, and end it."""
    summary = "Exact extraction of ReLU networks from queries alone, and the files that hold them."
    sys.exit(run(application(summary, VERBS), "precise"))


def _say(name: str, message: str) -> None:
    print(f"{name}: {printable(message)}", file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            number = version("precise-verify")
        except PackageNotFoundError:
            number = "(not installed)"
        print(f"precise-verify {number}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass
