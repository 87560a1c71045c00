"""CSV files of numbers under a header line, and what is wrong with them in one line."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from saddles.typing import Array

__all__: list[str] = []

#: The name of a file that stands for standard input.
STANDARD_INPUT = Path("-")

#: What other tables separate their columns with.
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, eq=False)
class CsvTable:
    """The cells of a file as text, to be read as numbers where they are wanted.

    Attributes
    ----------
    file : Path
        Where it was read.
    header : list of str
        Names of the columns, all different.
    rows : list of (int, list of str)
        Number of the line, and its fields, one under each name.
    """

    file: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]

    @classmethod
    def read(cls, file: Path) -> CsvTable:
        """Read a file, or standard input if its name is "-"; blank lines do not count."""
        label = Path("standard input") if file == STANDARD_INPUT else file
        try:
            header, *rows = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise ValueError(
                f"{label} is not UTF-8: byte {byte:#04x} at position {error.start}; save it as "
                "UTF-8."
            ) from None
        except (OSError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{label}: {reason}.") from None
        except ValueError:
            raise ValueError(
                f"{label} is empty; it needs a header line and rows of numbers."
            ) from None
        file = label
        header = [name.strip() for name in header]
        _check_header(file, header)
        filled = [(line, row) for line, row in enumerate(rows, 2) if row]
        if not filled:
            raise ValueError(
                f"{file} has a header but no rows; it needs at least one row of numbers."
            )
        for line, row in filled:
            if len(row) != len(header):
                raise ValueError(
                    f"{file}, row {line}: {len(row)} fields under {len(header)} columns."
                )
        return cls(file, header, filled)

    def numbers(self, names: Sequence[str]) -> Array:
        """Return the named columns as finite numbers, shape (rows, names)."""
        columns = [self.header.index(name) for name in names]
        return np.array(
            [
                [self._number(line, name, row[k]) for name, k in zip(names, columns, strict=True)]
                for line, row in self.rows
            ]
        ).reshape(len(self.rows), len(columns))

    def fractions(self, names: Sequence[str]) -> list[list[Fraction]]:
        """Return the named columns (rows, names) as the numbers that are written, not rounded."""
        self.numbers(names)
        columns = [self.header.index(name) for name in names]
        return [[_as_written(row[k]) for k in columns] for _, row in self.rows]

    def column(self, name: str) -> str:
        """Return the name of a column if there is one, or say which there are."""
        if name in self.header:
            return name
        have = ", ".join(map(repr, self.header))
        used = [word for mark, word in OTHER_SEPARATORS.items() if mark in "".join(self.header)]
        hint = f" Its columns seem to be separated by {used[0]}; use commas." if used else ""
        raise ValueError(f"{self.file} has no column {name!r}; it has {have}.{hint}")

    def _number(self, line: int, name: str, field: str) -> float:
        where = f"{self.file}, row {line}, column {name!r}"
        if not field.strip():
            raise ValueError(f"{where}: the value is missing.")
        try:
            number = float(field)
        except ValueError:
            raise ValueError(f"{where}: {field!r} is not a number.") from None
        if not math.isfinite(number):
            raise ValueError(f"{where}: {field!r} is not finite.")
        return number


def _text(file: Path) -> str:
    """Return the whole text of a file, without a byte order mark."""
    data = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    return data.decode("utf-8-sig")


def _as_written(field: str) -> Fraction:
    """Return a finite number exactly as it is written."""
    try:
        return Fraction(field.strip())
    except ValueError:  # a spelling that float knows and Fraction does not
        return Fraction(float(field))


def _check_header(file: Path, header: list[str]) -> None:
    if "" in header:
        raise ValueError(
            f"{file}, row 1: column {header.index('') + 1} has no name; name or drop it."
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{file}, row 1: column {repeated[0]!r} occurs twice; rename one.")
