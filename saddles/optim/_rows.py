"""Many samples with the constant of the biases beside them, without a copy of them.

A copy of a million samples costs more time than a pass over them. So the trainer keeps them as they
were given. `Rows` multiplies as the matrix [X, unit] would, and passes go by blocks of rows.

================  ================================================================
code name         symbol
================  ================================================================
``given``         samples (n, d) as they were given
``unit``          the constant beside them, or None without biases
================  ================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.typing import Array

__all__: list[str] = []

#: Rows of a block: together with what is computed from them they fit a processor's cache.
BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Rows:
    """The matrix [X, unit] of shape (n, p); ``np.asarray`` makes an array of it."""

    __array_ufunc__ = None  # an array on the left leaves the product to this class

    given: Array
    unit: float | None
    dtype: Any

    def __len__(self) -> int:
        return len(self.given)

    @property
    def shape(self) -> tuple[int, int]:
        """Return n and p, the entries of a unit weight."""
        return len(self.given), self.given.shape[1] + (self.unit is not None)

    def __getitem__(self, rows: Any) -> Rows:
        return Rows(self.given[rows].astype(self.dtype, copy=False), self.unit, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        del copy  # a copy unless there is nothing beside the samples
        if self.unit is None:
            return self.given.astype(dtype or self.dtype, copy=False)
        wide = np.empty(self.shape, dtype or self.dtype)
        wide[:, :-1], wide[:, -1] = self.given, self.unit
        return wide

    def __matmul__(self, other: Any) -> Any:
        if self.unit is None:
            return times(self.given, other)
        product = times(self.given, other[:-1])
        product += self.unit * other[-1]
        return product

    def __rmatmul__(self, other: Any) -> Any:
        product = other @ self.given
        if self.unit is None:
            return product
        return np.append(product, self.unit * other.sum(axis=1, keepdims=True), axis=1)


def times(X: Any, B: Any) -> Any:
    """Return X B for an array or `Rows` X, each column in one piece: columns are few and long."""
    return X @ B if isinstance(X, Rows) else (B.T @ X.T).T


def blocks(n: int) -> Iterator[slice]:
    """Yield the slices of n rows."""
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def norm(X: Any) -> float:
    """Return the norm |X| of all samples, an array or `Rows`."""
    blocks_of_X = (np.asarray(X[rows], dtype=np.float64) for rows in blocks(len(X)))
    return float(np.sqrt(sum(float(np.vdot(x, x)) for x in blocks_of_X)))
