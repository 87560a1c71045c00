"""Tables of numbers under a header line, and what is wrong with them in one line.

`file_kinds` says what a file is, `separators` takes a text apart, `written_numbers` reads cells.
The text of every cell is kept, for its exact value is wanted later and its row and column in every
message. That is why texts are not read by pandas, which keeps neither.
"""

from __future__ import annotations

import csv
import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from saddles import checks
from saddles._tools import file_kinds, separators
from saddles._tools.file_kinds import STANDARD_INPUT
from saddles._tools.separators import Records, Row
from saddles._tools.written_numbers import (
    as_float,
    as_fraction,
    decimal_mark,
    is_number,
    without_logicals,
)
from saddles.typing import Array

__all__: list[str] = []

#: Names of columns that have none: as they are, and as pandas calls them.
NAMELESS = re.compile(r"(?:Unnamed: [0-9]+)?")

#: Names of columns that a message lists.
LISTED = 12

#: What Python's reader says of a file that ends inside quotation marks.
OPEN_QUOTE = "unexpected end of data"

#: Decimal mark -> what to do about a number with the other mark.
COMMAS = {
    ".": "; if its comma is the decimal mark of the whole file, say --decimal ,",
    ",": ", for the decimal mark is a comma; leave out --decimal",
}


@dataclass(frozen=True, eq=False)
class CsvTable:
    """The cells of a file as text, to be read as numbers where they are wanted.

    Attributes
    ----------
    file : Path
        Where it was read.
    header : list of str
        Names of the columns, all different; "column 3" for one without a name.
    rows : list of (int, list of str)
        Number of the line, and its fields, one under each name.
    nameless : frozenset of str
        The columns without a name.
    sep : str
        What separates the fields.
    decimal : {".", ","} or None
        The decimal mark, if it was given.
    """

    file: Path
    header: list[str]
    rows: list[Row]
    nameless: frozenset[str] = frozenset()
    sep: str = ","
    decimal: str | None = None

    @classmethod
    def read(cls, file: Path, *, sep: str | None = None, decimal: str | None = None) -> CsvTable:
        """Read a file, or standard input if its name is "-"; blank lines do not count."""
        label = "standard input" if file == STANDARD_INPUT else str(file)
        found = _records(file, label, sep)
        if not found.rows:
            raise ValueError(f"{label} is empty; it needs a header line and rows of numbers.")
        (line, header), *rows = found.rows
        if not rows:
            raise ValueError(
                f"{label} has a header but no rows; it needs at least one row of numbers."
            )
        if found.left_out:
            warnings.warn(
                f"{label}, row {found.left_out[0]}: {len(found.left_out)} of its rows begin with "
                "# and are left out as comments.",
                stacklevel=2,
            )
        header, rows = _under_header(label, [name.strip() for name in header], rows, found.sep)
        _check_names(f"{label}, row {line}", header)
        named = [name or f"column {k}" for k, name in enumerate(header, 1)]
        nameless = frozenset(
            new for new, name in zip(named, header, strict=True) if NAMELESS.fullmatch(name)
        )
        return cls(Path(label), named, rows, nameless, found.sep, decimal)

    def numbers(self, names: Sequence[str], remedies: Mapping[str, str] | None = None) -> Array:
        """Return the named columns as finite numbers, shape (rows, names).

        Parameters
        ----------
        names : sequence of str
            The columns.
        remedies : mapping of str to str, optional
            What the message on a cell of a column says at its end.
        """
        columns, decimal = self._cells(names)
        numbers = np.empty((len(self.rows), len(names)))
        for k, (name, column) in enumerate(zip(names, columns, strict=True)):
            for i, cell in enumerate(column):
                try:
                    numbers[i, k] = as_float(cell, decimal)
                except ValueError as error:
                    where = f"{self.file}, row {self.rows[i][0]}, column {checks.show(name)}"
                    hint = (remedies or {}).get(name, "")
                    if is_number(cell, commas=True):  # but one that does not fit
                        hint = COMMAS[decimal] if "," in cell or decimal == "," else ""
                    raise ValueError(f"{where}: {error}{hint}.") from None
        return numbers

    def fractions(self, names: Sequence[str]) -> list[list[Fraction]]:
        """Return the named columns (rows, names) as the numbers that are written, not rounded."""
        columns, decimal = self._cells(names)
        exact = [[as_fraction(cell, decimal) for cell in column] for column in columns]
        return [list(row) for row in zip(*exact, strict=True)]

    def bits(self, names: Sequence[str]) -> int:
        """Return the size of the longest numerator or denominator of the named columns."""
        cells = (cell for row in self.fractions(names) for cell in row)
        return max(
            max(cell.numerator.bit_length(), cell.denominator.bit_length()) for cell in cells
        )

    def renamed(self, names: Mapping[str, str]) -> CsvTable:
        """Return the table with other names for some columns."""
        return replace(self, header=[names.get(name, name) for name in self.header])

    def where_filled(self, name: str) -> CsvTable:
        """Return the rows in which a column is not blank."""
        k = self.header.index(name)
        return replace(self, rows=[row for row in self.rows if row[1][k].strip()])

    def column(self, name: str) -> str:
        """Return the name of a column by its name or, failing that, its number from 1 on."""
        if name in self.header:
            return name
        if name.isdecimal() and 1 <= int(name) <= len(self.header):
            return self.header[int(name) - 1]
        have = ", ".join(map(checks.show, self.header[:LISTED]))
        if len(self.header) > LISTED:
            have += f" and {len(self.header) - LISTED} more"
        near = difflib.get_close_matches(name.lower(), map(str.lower, self.header), 1)
        same = [known for known in self.header if near and known.lower() == near[0]]
        hint = f" Did you mean {checks.show(same[0])}?" if same else ""
        raise ValueError(f"{self.file} has no column {checks.show(name)}; it has {have}.{hint}")

    def labels(self) -> str | None:
        """Return the first column if it has no name and may be one of labels, all different."""
        first = self.header[0]
        labels = first in self.nameless and _are_labels([row[0] for _, row in self.rows])
        return first if labels else None

    def is_blank(self, name: str) -> bool:
        """Tell whether a column has neither a name nor values."""
        k = self.header.index(name)
        return name in self.nameless and not any(row[k].strip() for _, row in self.rows)

    def _cells(self, names: Sequence[str]) -> tuple[list[list[str]], str]:
        """Return the cells of the named columns, and the decimal mark."""
        columns = [self.header.index(name) for name in names]
        cells = [without_logicals([row[k] for _, row in self.rows]) for k in columns]
        try:
            return cells, self.decimal or decimal_mark(cells, self.sep)
        except ValueError as error:
            raise ValueError(f"{self.file}: {error}.") from None


def _records(file: Path, label: str, sep: str | None) -> Records:
    """Return the rows of a file, its header first."""
    content = file_kinds.read(file, label)
    if not isinstance(content, str):
        rows = [(k, cells) for k, cells in enumerate(content, 1) if any(map(str.strip, cells))]
        return Records(",", rows, [])
    try:
        return separators.records(content, sep)
    except csv.Error as error:
        open_quote = str(error) == OPEN_QUOTE
        said = "a quotation mark is never closed; close or remove it" if open_quote else error
        raise ValueError(f"{label}: {said}.") from None


def _under_header(
    label: str, header: list[str], rows: list[Row], sep: str
) -> tuple[list[str], list[Row]]:
    """Return header and rows of one length, with a column for labels, without empty last ones."""
    width = len(header)
    if all(len(row) == width + 1 for _, row in rows) and any(row[-1].strip() for _, row in rows):
        first = [row[0].strip() for _, row in rows]
        counted = first in ([str(k) for k in range(start, start + len(first))] for start in (0, 1))
        if sep != "," or counted or not any(map(is_number, first)):  # else 1,5 may be a fraction
            header, width = ["", *header], width + 1  # as R writes the names of rows
    for line, row in rows:
        if len(row) < width or any(map(str.strip, row[width:])):
            raise ValueError(f"{label}, row {line}: {len(row)} fields under {width} columns.")
    while not header[width - 1] and not any(row[width - 1].strip() for _, row in rows):
        width -= 1
    return header[:width], [(line, row[:width]) for line, row in rows]


def _check_names(where: str, header: list[str]) -> None:
    """Raise if the first line of a table does not name its columns; warn if that is not sure."""
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if all(map(is_number, header)):
        if repeated or not all(map(str.isdecimal, header)):
            raise ValueError(
                f"{where} holds numbers; it must name the columns, so write a line above it."
            )
        warnings.warn(f"{where} holds numbers, which are taken for names of columns.", stacklevel=3)
    if repeated:
        raise ValueError(f"{where}: column {checks.show(repeated[0])} occurs twice; rename one.")


def _are_labels(cells: list[str]) -> bool:
    """Tell whether cells may be labels: words or whole numbers, all different."""
    cells = [cell.strip() for cell in cells]
    words = not any(map(is_number, cells)) or all(map(str.isdecimal, cells))
    return words and len({*cells}) == len(cells)
