"""Features of every kind, read column by column: dense in either order, narrow, sparse, centred.

Algorithms that look at few columns at a time ask for those; each kind answers in float64. Rows of
a feature-major array (Fortran order) are read where they lie, whether in memory or in a mapped
file; nothing of the size of the data is ever allocated for them.

============  ============================================================
code name     symbol
============  ============================================================
``rows``      Xᵀ, one row per feature, (d, n)
``unit``      what each column is divided by, (d,); None for 1
``means``     what is taken from each column, (d,), times ``ones``
``ones``      (n,): 1, or the square root of each sample's weight
============  ============================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from saddles.typing import Array, Indices

__all__ = ["Dense", "Features"]

#: Entries of the blocks in which columns are read: half a megabyte, which the cache keeps from the
#: gathering to the last product.
BLOCK = 2**16


class Features(ABC):
    """Columns x_1 ... x_d of n samples each."""

    X: Any
    shape: tuple[int, int]

    @abstractmethod
    def columns(self, indices: Indices) -> Array:
        """Return columns as an array (n, m) in feature-major order."""

    @abstractmethod
    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v for each of `vectors` (n,) and the columns at `indices` (None: all)."""

    @abstractmethod
    def sizes(self) -> tuple[Array, Array]:
        """Return the largest magnitude in each column and its norm, both (d,)."""

    @abstractmethod
    def combined(self, beta: Array) -> Array:
        """Return Xβ, (n,)."""

    @abstractmethod
    def read_often(self) -> Features:
        """Return the same features, stored such that reading single columns is fast."""


class Dense(Features):
    """A dense array (n, d) of float64 or float32."""

    def __init__(self, X: Any) -> None:
        self.X, self.rows, self.shape = X, X.T, X.shape

    def columns(self, indices: Indices) -> Array:
        """Return columns (n, m)."""
        return np.asarray(self.rows[indices].T, dtype=float)

    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v, block by block."""
        if indices is None and self.rows.dtype == float and self.rows.size <= BLOCK:
            return [self.rows @ vector for vector in vectors]
        count = self.shape[1] if indices is None else indices.size
        step = max(1, BLOCK // self.shape[0])
        found = [np.empty(count) for _ in vectors]
        room = np.empty((min(step, count), self.shape[0]), dtype=self.rows.dtype)
        for first in range(0, count, step):
            part = slice(first, first + step)
            rows = self.rows[part] if indices is None else self._gathered(indices[part], room)
            rows = rows.astype(float, copy=False)
            for product, vector in zip(found, vectors, strict=True):
                np.matmul(rows, vector, out=product[part])
        return found

    def _gathered(self, indices: Indices, room: Any) -> Any:
        # Indices are in bounds, and clipping them lets numpy write to `room` directly.
        return self.rows.take(indices, axis=0, out=room[: indices.size], mode="clip")

    def sizes(self) -> tuple[Array, Array]:
        """Return largest magnitudes and norms, block by block."""
        n, d = self.shape
        largest, squares = np.empty(d), np.empty(d)
        step = max(1, BLOCK // n)
        for first in range(0, d, step):
            part = slice(first, first + step)
            rows = self.rows[part]
            largest[part] = np.maximum(rows.max(axis=1), -rows.min(axis=1))
            rows = rows.astype(float, copy=False)
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                squares[part] = np.einsum("ij,ij->i", rows, rows)
        return largest, np.sqrt(squares)

    def combined(self, beta: Array) -> Array:
        """Return Xβ, from the columns that take part."""
        used = beta.nonzero()[0]
        if self.rows.dtype == float and 2 * used.size > beta.size:
            return np.asarray(self.X @ beta)
        return np.asarray(self.columns(used) @ beta[used])

    def read_often(self) -> Features:
        """Return them feature-major; a mapped file stays where it is."""
        if self.rows.size <= BLOCK or self.rows.flags.c_contiguous or isinstance(self.X, np.memmap):
            return self
        return Dense(np.asfortranarray(self.X))
