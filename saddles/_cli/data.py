"""A table of numbers as features and target, as floats and as written."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from shlex import quote

import numpy as np

from saddles import checks
from saddles._compare.log_columns import claims, find_columns
from saddles._problems.centring import centred
from saddles._tools.csv_table import CsvTable
from saddles._tools.separators import separator
from saddles.typing import Array

__all__ = ["Data", "Log", "Source"]

#: Columns whose scales differ by more than this factor are worth a hint.
SCALES_APART = 100.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file, and how it is to be read.

    Attributes
    ----------
    file : Path
        Its name; "-" is standard input.
    sep, decimal : str or None
        The separator of its columns and its decimal mark; None finds them out.
    columns, drop : list of str or None
        The columns to predict from, all by default; those to leave out. An item may be several
        names with commas between them.
    index : str or None
        A column of labels of rows, to be left out.
    """

    file: Path
    sep: str | None = None
    decimal: str | None = None
    columns: list[str] | None = None
    drop: list[str] | None = None
    index: str | None = None

    def table(self) -> CsvTable:
        """Read the file."""
        sep = None if self.sep is None else separator(self.sep)
        return CsvTable.read(self.file, sep=sep, decimal=self.decimal)

    def features(self, table: CsvTable, target: str) -> list[str]:
        """Return the names of the columns to predict from, or say what is wrong with them."""
        drop = _columns(table, self.drop)
        drop += [table.column(self.index)] if self.index is not None else []
        chosen = _columns(table, self.columns)
        both = [name for name in drop if name in (*chosen, target)]
        if both:
            raise ValueError(
                f"column {checks.show(both[0])} is both used and left out; name it in one place."
            )
        if target in chosen:
            raise ValueError(
                f"column {checks.show(target)} is the target; take it out of --columns."
            )
        labels = table.labels()
        if not chosen and labels is not None and labels not in (*drop, target):
            warnings.warn(
                "the first column has no name and is taken for labels of rows; name it if it is "
                "to predict.",
                stacklevel=2,
            )
            drop.append(labels)
        names = chosen or [name for name in table.header if name not in (target, *drop)]
        names = [name for name in names if chosen or not table.is_blank(name)]
        bare = [name for name in names if name in table.nameless]
        if bare and not chosen:
            number = table.header.index(bare[0]) + 1
            raise ValueError(
                f"{table.file}, row 1: column {number} has no name; name it, or leave it out with "
                f"--drop {number}."
            )
        return names


@dataclass(frozen=True, kw_only=True)
class Log:
    """A training log, and which of its columns hold steps and losses.

    Attributes
    ----------
    file : Path
        Its name; "-" is standard input.
    step_column, loss_column : str or None
        The names of two columns; None finds them out.
    """

    file: Path
    step_column: str | None = None
    loss_column: str | None = None

    def table(self) -> CsvTable:
        """Read the log, with the chosen columns under the names `step` and `loss`."""
        table = CsvTable.read(self.file)
        names: dict[str, str] = {}
        for kind, chosen in (("step", self.step_column), ("loss", self.loss_column)):
            if chosen is not None:
                names |= {name: f"another {name}" for name in table.header if claims(name, kind)}
                names[table.column(chosen)] = kind
        table = table.renamed(names)
        try:
            find_columns(table.header, str(table.file))
        except ValueError as error:
            raise ValueError(f"{error} Choose with --step-column and --loss-column.") from None
        return table


@dataclass(frozen=True, eq=False)
class Data:
    """Features (n, d), target (n,) and the features' names, from a table.

    Attributes
    ----------
    X, y : ndarray
        As read, or standardised.
    names : list of str
        The features' names.
    table : CsvTable
        Where they were read.
    target : str
        Name of the target.
    norms : ndarray of shape (d,) or None
        What the centred columns were divided by, if that was asked for.
    """

    X: Array
    y: Array
    names: list[str]
    table: CsvTable
    target: str
    norms: Array | None = None

    @classmethod
    def read(cls, source: Source, target: str, *, standardize: bool = False) -> Data:
        """Read a file; ``ValueError`` says in one line what is wrong with it."""
        table = source.table()
        target = table.column(target)
        names = source.features(table, target)
        if not names:
            raise ValueError(
                f"{table.file} has the target {target!r} only; it needs a column to predict from."
            )
        remedy = "; write a number, or leave the column out with --drop "
        values = table.numbers([*names, target], {name: remedy + quote(name) for name in names})
        _check_sizes(table, [*names, target], values)
        X, y = values[:, :-1], values[:, -1]
        if not standardize:
            _hint_at_scales(X, names)
            return cls(X, y, names, table, target)
        if len(y) < 2:
            raise ValueError(f"{table.file} has one row; --standardize needs two at least.")
        X, y = centred(X)[0], centred(y)[0]
        norms = np.linalg.norm(X, axis=0)
        norms = np.where(norms > 0, norms, np.inf)
        return cls(X / norms, y, names, table, target, norms)

    def exact(self) -> tuple[list[list[Fraction]], list[Fraction]]:
        """Return features and target without rounding, except for norms of standardised ones."""
        rows = self.table.fractions([*self.names, self.target])
        if self.norms is None:
            return [row[:-1] for row in rows], [row[-1] for row in rows]
        means = [sum(column, Fraction(0)) / len(rows) for column in zip(*rows, strict=True)]
        shares = [Fraction(1 / norm) if norm < np.inf else Fraction(0) for norm in self.norms]
        X = [
            [(cell - mean) * s for cell, mean, s in zip(row[:-1], means[:-1], shares, strict=True)]
            for row in rows
        ]
        return X, [row[-1] - means[-1] for row in rows]


def _columns(table: CsvTable, items: list[str] | None) -> list[str]:
    """Return the columns that options name, each once."""
    names = [
        name
        for item in items or ()
        for name in ([item] if item in table.header else map(str.strip, item.split(",")))
    ]
    return list(dict.fromkeys(map(table.column, names)))


def _check_sizes(table: CsvTable, names: list[str], values: Array) -> None:
    """Raise if a value's square, or those of the whole target, would not fit a float64."""
    if (large := np.argwhere(np.abs(values) > checks.LARGEST)).size:
        i, k = large[0]
        raise ValueError(
            f"{table.file}, row {table.rows[i][0]}, column {checks.show(names[k])}: "
            f"{values[i, k]:g} is beyond {checks.LARGEST:g}, so its square overflows; divide the "
            "column by a constant."
        )
    if 0 < (most := np.abs(values[:, -1]).max()) < 1 / checks.LARGEST:
        raise ValueError(
            f"{table.file}, column {checks.show(names[-1])}: {most:g} is its largest value, whose "
            "square underflows; multiply the column by a constant."
        )


def _hint_at_scales(X: Array, names: list[str]) -> None:
    """Warn once if columns differ so much in scale that the units decide who jumps first."""
    sizes = np.abs(X).max(axis=0)
    used = np.flatnonzero(sizes)
    if not used.size:
        return
    large, small = used[np.argmax(sizes[used])], used[np.argmin(sizes[used])]
    ratio = sizes[large] / sizes[small] if sizes[small] else np.inf
    if ratio > SCALES_APART:
        warnings.warn(
            f"column {checks.show(names[large])} is {ratio:.2g} times as large as "
            f"{checks.show(names[small])}, so it may jump first for its units alone; "
            "--standardize makes columns comparable.",
            stacklevel=2,
        )
