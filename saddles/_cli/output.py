"""What commands print: one result to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saddles._numerics.watch import watching
from saddles._result.path import PathError

__all__ = ["AGREES", "BAD_INPUT", "DISAGREES", "UNDECIDED", "Output", "guarded", "numbers"]

AGREES, DISAGREES, BAD_INPUT, UNDECIDED, READER_GONE = 0, 1, 2, 3, 141

#: Columns of text that a pipe holds: lines are not to be broken for machines.
ENDLESS = 10_000


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
                Text(name.removeprefix("<")), justify="left" if words else "right", overflow="fold"
            )
        for row in rows:
            table.add_row(*map(Text, row))
        self.console.print(table)

    def line(self, text: str) -> None:
        """Print a line of words below a table."""
        if not (self.as_json or self.quiet):
            self.console.print(Text(text), soft_wrap=True)


@contextmanager
def guarded(*, quiet: bool = False) -> Iterator[None]:
    """Turn what goes wrong in a command into a line on standard error and an exit status.

    Meanwhile standard error shows the progress, if somebody looks at it.
    """
    shown = not quiet and sys.stderr.isatty() and find_spec("tqdm") is not None
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    try:
        with warnings.catch_warnings(record=True) as caught, watching(progress=shown):
            warnings.simplefilter("always", UserWarning)
            yield
        sys.stdout.flush()
        if not quiet:
            for warning in caught:
                print(f"saddles: warning: {warning.message}", file=sys.stderr)
    except typer.Exit:
        raise
    except BrokenPipeError:
        # The interpreter flushes once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(READER_GONE) from None
    except (PathError, RuntimeError, ArithmeticError, MemoryError) as error:
        _fail(error, UNDECIDED)
    except (ValueError, TypeError, OSError, ImportError) as error:
        _fail(error, BAD_INPUT)


def _fail(error: Exception, status: int) -> None:
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"saddles: error: {message}", file=sys.stderr)
    raise typer.Exit(status) from None


def numbers(values: Any) -> list[float | None]:
    """Return numbers for JSON, null for what was not seen."""
    return [value if math.isfinite(value) else None for value in map(float, values)]
