"""Options on the files that a command reads, the same for every command.

A command that is marked by `reads` takes a `Source` (or a `Log`) as if it were one argument; on the
command line that is the file, and the options that say how it is to be read.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from saddles._cli.data import Log, Source

__all__ = ["reads"]


class Decimal(StrEnum):
    """The decimal mark."""

    point = "."
    comma = ","


#: Parameter of a command -> the file that the command line asks for.
FILES: dict[str, Any] = {
    "file": Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="Numbers under a header line; - reads standard input."
        ),
    ],
    "data": Annotated[Path, typer.Option(metavar="FILE.csv", help="The data.")],
    "run_file": Annotated[
        Path,
        typer.Argument(
            metavar="RUN.csv",
            help="Columns of steps (or of time), of losses, and (if wanted) of coefficients, named "
            "as the data's columns or beta[0], beta[1] ...; others are left alone; - reads "
            "standard input.",
        ),
    ],
}

#: The fields of a `Source` and of a `Log` as options.
SOURCE_OPTIONS: dict[str, Any] = {
    "sep": Annotated[
        str | None,
        typer.Option(metavar="S", help="What separates columns; by default it is found out."),
    ],
    "decimal": Annotated[Decimal | None, typer.Option(help="The decimal mark, likewise.")],
    "columns": Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Predict from these columns only (or repeat the option)."),
    ],
    "drop": Annotated[list[str] | None, typer.Option(metavar="A,B", help="Leave columns out.")],
    "index": Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Labels of rows: a name, or a number from 1 on."),
    ],
}

LOG_OPTIONS: dict[str, Any] = {
    "step_column": Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Counts steps in the log.")
    ],
    "loss_column": Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Holds the losses in the log.")
    ],
}


OPTIONS = {Source: SOURCE_OPTIONS, Log: LOG_OPTIONS}


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take its `Source` and its `Log` as files with options."""
    signature = inspect.signature(command, eval_str=True)
    kinds = {
        name: signature.parameters[name].annotation for name in FILES.keys() & signature.parameters
    }
    options = {name: kind for made in kinds.values() for name, kind in OPTIONS[made].items()}
    parameters = [
        parameter.replace(annotation=FILES.get(name, parameter.annotation))
        for name, parameter in signature.parameters.items()
    ]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in options}
        for name, made in kinds.items():
            own = {option: chosen[option] for option in OPTIONS[made]}
            given[name] = made(file=given[name], **own)
        command(**given)

    del wrapped.__wrapped__
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped
