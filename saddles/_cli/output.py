"""What commands print: one result to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saddles._numerics.watch import OutOfTime, watching
from saddles._result.path import PathError

__all__ = [
    "AGREES",
    "BAD_INPUT",
    "DISAGREES",
    "UNDECIDED",
    "Output",
    "flushed",
    "guarded",
    "numbers",
    "printable",
    "reached",
    "say",
]

AGREES, DISAGREES, BAD_INPUT, UNDECIDED, READER_GONE = 0, 1, 2, 3, 141

#: Columns of text that a pipe holds: lines are not to be broken for machines.
ENDLESS = 10_000

#: Arguments of the library -> options of the command line, for messages.
OPTIONS = {
    "alpha=": "--alpha=",
    "delta=": "--delta=",
    "learning_rate": "--learning-rate",
    "log_alpha": "--log-alpha",
    "loss_factor": "--loss",
    "max_jumps": "--max-jumps",
    "time_limit": "--time-limit",
}

ARGUMENT = re.compile(rf"(?<![-\w])(?:{'|'.join(OPTIONS)})")


class Output:
    """Standard output as a command wants it: a table, JSON, or nothing.

    Parameters
    ----------
    as_json : bool
        Print the record, not the table.
    quiet : bool
        Print no table.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = ENDLESS

    def record(self, record: dict[str, Any]) -> None:
        """Print a record if JSON is wanted."""
        if self.as_json:
            print(json.dumps(record, allow_nan=False))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows of cells under names of columns; names that begin with "<" are of words."""
        if self.as_json or self.quiet:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in columns:
            words = name.startswith("<")
            table.add_column(
                Text(printable(name.removeprefix("<"))),
                justify="left" if words else "right",
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self.console.print(table)

    def line(self, text: str) -> None:
        """Print a line of words below a table."""
        if not (self.as_json or self.quiet):
            self.console.print(Text(printable(for_the_shell(text))), soft_wrap=True)


@contextmanager
def guarded(*, quiet: bool = False, time_limit: float | None = None) -> Iterator[None]:
    """Turn what goes wrong in a command into a line on standard error and an exit status.

    Meanwhile standard error shows the progress, if somebody looks at it; work inside stops once the
    time is over.
    """
    shown = not quiet and sys.stderr.isatty() and find_spec("tqdm") is not None
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    end: typer.Exit | None = None
    try:
        with warnings.catch_warnings(record=True) as caught, watching(shown, time_limit):
            warnings.simplefilter("always", UserWarning)
            try:
                yield
            except typer.Exit as asked:
                end = asked
        sys.stdout.flush()
    except BrokenPipeError:
        raise typer.Exit(flushed(READER_GONE)) from None
    except (PathError, RuntimeError, ArithmeticError, MemoryError, OutOfTime) as error:
        _fail(error, UNDECIDED)
    except (ValueError, TypeError, OSError, ImportError) as error:
        _fail(error, BAD_INPUT)
    if not quiet:
        for warning in caught:
            say(f"warning: {warning.message}")
    if end is not None:
        raise end


def flushed(status: int) -> int:
    """Write what standard output still holds and return the status, or that of a reader gone."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes once more at its end; let that go nowhere.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE if isinstance(error, BrokenPipeError) else status
    return status


def say(words: str) -> None:
    """Print one line on standard error, if that can be written."""
    with suppress(OSError):
        line = printable(for_the_shell(" ".join(words.split())))
        print(f"saddles: {line}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text with its control characters escaped, which a terminal would obey."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def for_the_shell(message: str) -> str:
    """Return a message of the library with options in the place of arguments."""
    said = ARGUMENT.sub(lambda found: OPTIONS[found[0]], message)
    return said.replace("=None:", " is missing:").replace(", or None.", ".")


def _fail(error: Exception, status: int) -> None:
    message = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else "the output: "
        message = f"{where}{error.strerror}."
    say(f"error: {message}" if message.endswith((".", "?")) else f"error: {message}.")
    raise typer.Exit(flushed(status)) from None


def reached(time: float) -> str:
    """Return a time for a table, in words if it was not reached."""
    return "not reached" if math.isnan(time) else f"{time:.6g}"


def numbers(values: Any) -> list[float | None]:
    """Return numbers for JSON, null for what was not seen."""
    return [value if math.isfinite(value) else None for value in map(float, values)]
