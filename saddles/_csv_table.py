"""CSV files of numbers under a header line, and what is wrong with them in one line."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saddles.typing import Array

__all__: list[str] = []


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
        """Read a file; blank lines do not count."""
        try:
            with file.open(newline="", encoding="utf-8-sig") as lines:
                header, *rows = csv.reader(lines, strict=True)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{file}: {reason}.") from None
        except ValueError:
            raise ValueError(
                f"{file} is empty; it needs a header line and rows of numbers."
            ) from None
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


def _check_header(file: Path, header: list[str]) -> None:
    if "" in header:
        raise ValueError(
            f"{file}, row 1: column {header.index('') + 1} has no name; name or drop it."
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{file}, row 1: column {repeated[0]!r} occurs twice; rename one.")
