"""A table of numbers as features and target, as floats and as written."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from saddles._problems.centring import centred
from saddles._tools.csv_table import CsvTable
from saddles.typing import Array

__all__ = ["Data"]


@dataclass(frozen=True, eq=False)
class Data:
    """Features (n, d), target (n,) and the features' names, from a CSV file.

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
    def read(cls, file: Path, target: str, *, standardize: bool = False) -> Data:
        """Read a file; ``ValueError`` says in one line what is wrong with it."""
        table = CsvTable.read(file)
        table.column(target)
        names = [name for name in table.header if name != target]
        if not names:
            raise ValueError(
                f"{table.file} has the target {target!r} only; it needs a column to predict from."
            )
        values = table.numbers([*names, target])
        X, y = values[:, :-1], values[:, -1]
        if not standardize:
            return cls(X, y, names, table, target)
        if len(y) < 2:
            raise ValueError(f"{table.file} has one row; --standardize needs two at least.")
        X, y = centred(X)[0], centred(y)[0]
        norms = np.linalg.norm(X, axis=0)
        norms = np.where(norms > 0, norms, np.inf)
        return cls(X / norms, y, names, table, target, norms)

    def exact(self) -> tuple[list[list[Fraction]], list[Fraction]]:
        """Return features and target without rounding, but for the norms of standardised ones."""
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
