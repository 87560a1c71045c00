"""Features of every kind, read column by column: dense in either order, single precision, sparse.

Algorithms that look at few columns at a time ask for those, and get float64 whatever is stored.
Rows of a feature-major array (Fortran order) are read where they lie, in memory or in a mapped
file; nothing of the size of the data is allocated for them. Sparse columns can be centred without
filling them in.

============  ==================================================================
code name     symbol
============  ==================================================================
``rows``      Xᵀ, one row per feature, (d, n)
``means``     what is taken from each sparse column, (d,), times ``ones``
``ones``      (n,): 1, or the square root of each sample's weight
============  ==================================================================
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._problems.centring import centred, is_constant
from saddles.typing import Array, Indices, Mask

__all__ = ["Dense", "Features", "Sparse", "stored"]

#: Entries of the blocks in which columns are read: half a megabyte, which the cache keeps from the
#: gathering to the last product.
BLOCK = 2**16

#: Rows of a length in this range are multiplied with vectors one by one: each is then read once and
#: in order, as fast as memory allows, and stays next to the processor with the vectors.
ROW = (64, 800)

#: Below this the inverse of a column's size overflows.
SMALLEST_COLUMN = 1e-300


class Features(ABC):
    """Columns x_1 ... x_d of n samples each; ``X`` is how they are stored."""

    X: Any
    shape: tuple[int, int]

    @abstractmethod
    def columns(self, indices: Indices) -> Array:
        """Return columns (n, m)."""

    @abstractmethod
    def column(self, index: int) -> Array:
        """Return one column (n,)."""

    @abstractmethod
    def chosen(self, indices: Indices) -> Features:
        """Return the columns at `indices` alone, lying together."""

    @abstractmethod
    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v, (m,) for each of `vectors` and the columns at `indices` (None: all)."""

    @abstractmethod
    def pull(self, vectors: Array) -> Array:
        """Return Xᵀv for one vector (n,) or several (n, b), in one product."""

    @abstractmethod
    def combined(self, beta: Array) -> Array:
        """Return Xβ for one vector (d,) or several (d, b)."""

    @abstractmethod
    def sizes(self) -> tuple[Array, Array]:
        """Return the largest magnitude that is stored of each column, and its norm, both (d,)."""

    @abstractmethod
    def prepared(self, weight: Array | None, centre: bool) -> tuple[Features, Array]:
        """Return the features less their means, if asked for, times √weight; and the means (d,)."""

    @abstractmethod
    def divided(self, unit: Array) -> Features:
        """Return the columns divided by `unit` (d,)."""

    def without(self, gone: Mask) -> Features:
        """Return the same features, those marked (d,) replaced by zeros."""
        return self.divided(np.where(gone, math.inf, 1.0))

    def read_often(self) -> Features:
        """Return the same features, stored such that reading single columns is fast."""
        return self


class Dense(Features):
    """A dense array (n, d) of float64 or float32."""

    def __init__(self, X: Any) -> None:
        self.X, self.rows, self.shape = X, X.T, X.shape

    def columns(self, indices: Indices) -> Array:
        """Return columns (n, m)."""
        return np.asarray(self.rows[indices].T, dtype=float)

    def column(self, index: int) -> Array:
        """Return one column (n,)."""
        return np.asarray(self.rows[index], dtype=float)

    def chosen(self, indices: Indices) -> Dense:
        """Return the columns at `indices` alone, feature-major and as float64."""
        return Dense(self.columns(indices))

    def pull(self, vectors: Array) -> Array:
        """Return Xᵀv; the products of each of several vectors lie together."""
        if vectors.ndim == 2:
            return np.asarray((vectors.T @ self.X).T)
        return np.asarray(self.rows.dot(vectors))  # less of a call than @

    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v, block by block where columns have to be gathered or converted."""
        if indices is None and self.rows.dtype == float and self.rows.size <= BLOCK:
            return [self.rows @ vector for vector in vectors]
        count = self.shape[1] if indices is None else indices.size
        together, found = np.array(vectors), np.empty((count, len(vectors)))
        # NumPy would copy all of an array that is not aligned, as a mapped file may be.
        in_place = self.rows.dtype == float and self.rows.flags.aligned
        if indices is None and in_place and _is_dotted(self.rows):
            _multiply(self.rows, together, found)
        else:
            for part, rows in self._blocks(indices, count):
                _multiply(rows, together, found[part])
        return [product.copy() for product in found.T]

    def _blocks(self, indices: Indices | None, count: int) -> Iterator[tuple[slice, Array]]:
        """Yield the rows at `indices` (None: all) as float64, block by block, and their places."""
        step = max(1, BLOCK // self.shape[0])
        size = 0 if indices is None else min(step, count)
        room = np.empty((size, self.shape[0]), dtype=self.rows.dtype)
        for first in range(0, count, step):
            part = slice(first, first + step)
            rows = self.rows[part] if indices is None else self._gathered(indices[part], room)
            yield part, rows.astype(float, copy=False)

    def _gathered(self, indices: Indices, room: Any) -> Any:
        # Indices are in bounds, and clipping them lets numpy write to `room` directly.
        return self.rows.take(indices, axis=0, out=room[: indices.size], mode="clip")

    def sizes(self) -> tuple[Array, Array]:
        """Return largest magnitudes and norms, block by block."""
        d = self.shape[1]
        largest, squares = np.empty(d), np.empty(d)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for part, block in self._blocks(None, d):
                rows = np.ascontiguousarray(block)  # reductions of rows that lie apart are slow
                largest[part] = np.maximum(rows.max(axis=1), -rows.min(axis=1))
                squares[part] = np.vecdot(rows, rows)
        return largest, np.sqrt(squares)

    def combined(self, beta: Array) -> Array:
        """Return Xβ, from the columns that take part."""
        if beta.ndim == 2:
            return np.asarray((beta.T @ self.rows).T)
        used = beta.nonzero()[0]
        if self.rows.dtype == float and 2 * used.size > beta.size:
            return np.asarray(self.X @ beta)
        return np.asarray(self.columns(used) @ beta[used])

    def prepared(self, weight: Array | None, centre: bool) -> tuple[Features, Array]:
        """Return the features less their means, if asked for, times √weight; and the means (d,)."""
        X, means = centred(self.X, weight) if centre else (self.X, np.zeros(self.shape[1]))
        return Dense(X if weight is None else np.sqrt(weight)[:, None] * X), means

    def divided(self, unit: Array) -> Features:
        """Return the columns divided by `unit`, as float64."""
        return Dense(self.X / unit)

    def read_often(self) -> Features:
        """Return them feature-major; a mapped file stays where it is."""
        small = self.rows.size <= BLOCK
        if small or self.rows.flags.c_contiguous or _is_mapped(self.X):
            return self
        return Dense(np.asfortranarray(self.X))


class Sparse(Features):
    """A sparse array (n, d), its columns centred or not; `eps` is that of the numbers as given."""

    def __init__(self, X: Any, ones: Array | None = None, eps: float = EPS) -> None:
        self.X, self.rows, self.shape, self.ones, self.eps = X, X.T, X.shape, ones, eps
        self.means = None if ones is None else self.rows @ ones / (ones @ ones)

    def columns(self, indices: Indices) -> Array:
        """Return columns (n, m), filled in."""
        columns = self.rows[indices].toarray().T
        if self.ones is None or self.means is None:
            return np.asarray(columns)
        return np.asarray(columns - np.outer(self.ones, self.means[indices]))

    def column(self, index: int) -> Array:
        """Return one column (n,), filled in."""
        first, end = self.rows.indptr[index : index + 2]
        column = np.zeros(self.shape[0])
        column[self.rows.indices[first:end]] = self.rows.data[first:end]
        if self.ones is not None and self.means is not None:
            column -= self.means[index] * self.ones
        return column

    def chosen(self, indices: Indices) -> Sparse:
        """Return the columns at `indices` alone."""
        some = copy(self)
        some.rows = self.rows[indices]
        some.X, some.shape = some.rows.T, (self.shape[0], indices.size)
        some.means = None if self.means is None else self.means[indices]
        return some

    def pull(self, vectors: Array) -> Array:
        """Return Xᵀv from the entries that are stored."""
        found = self.rows @ vectors
        if self.ones is not None and self.means is not None:
            found -= np.multiply.outer(self.means, self.ones @ vectors)
        return np.asarray(found)

    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v from the entries that are stored."""
        rows = self.rows if indices is None else self.rows[indices]
        found = [rows @ vector for vector in vectors]
        if self.ones is None or self.means is None:
            return found
        means = self.means if indices is None else self.means[indices]
        return [p - means * (self.ones @ v) for p, v in zip(found, vectors, strict=True)]

    def combined(self, beta: Array) -> Array:
        """Return Xβ."""
        fit = self.X @ beta
        if self.ones is None or self.means is None:
            return np.asarray(fit)
        return np.asarray(fit - np.multiply.outer(self.ones, self.means @ beta))

    def sizes(self) -> tuple[Array, Array]:
        """Return largest magnitudes and norms; squares are summed without cancellation."""
        values, rest = self.rows.data, np.zeros(self.shape[1])
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            largest = self._reduced(np.maximum, np.abs(values))
            if self.ones is not None and self.means is not None:
                counts, ones = np.diff(self.rows.indptr), self.ones[self.rows.indices]
                values = values - np.repeat(self.means, counts) * ones
                rest = self.ones @ self.ones - self._reduced(np.add, ones**2)
                full = self._reduced(np.add, ones != 0) == np.count_nonzero(self.ones)
                rest = np.where(full, 0.0, self.means**2 * np.maximum(rest, 0.0))
            return largest, np.sqrt(self._reduced(np.add, values**2) + rest)

    def prepared(self, weight: Array | None, centre: bool) -> tuple[Features, Array]:
        """Return the features less their means, if asked for, times √weight; and the means (d,).

        A column without a zero loses its mean where it is stored, or products would cancel: what
        is then kept beside it is the mean of the rest.
        """
        from scipy.sparse import diags_array

        ones = np.ones(self.shape[0]) if weight is None else np.sqrt(weight)
        if not centre:
            return Sparse((diags_array(ones) @ self.X).tocsc()), np.zeros(self.shape[1])
        used = ones[self.rows.indices] > 0
        full = self._reduced(np.add, used) == np.count_nonzero(ones)
        highest, lowest = (
            worst(self._reduced(worst, np.where(used, self.rows.data, far)), np.where(full, far, 0))
            for worst, far in ((np.maximum, -math.inf), (np.minimum, math.inf))
        )
        constant = is_constant(highest, lowest, self.eps)
        X, counts = self.X.copy(), np.diff(self.rows.indptr)
        means = np.where(full, self.rows @ ones**2 / (ones @ ones), 0.0)
        X.data -= np.repeat(means, counts)
        features = Sparse((diags_array(ones) @ X).tocsc(), ones)
        rest = np.zeros_like(means) if features.means is None else features.means
        return features.without(constant) if constant.any() else features, means + rest

    def _reduced(self, combine: np.ufunc, values: Array) -> Array:
        """Return what `combine` makes of the values at each column's entries; 0 for none (d,)."""
        reduced, starts = np.zeros(self.shape[1]), self.rows.indptr
        some = (starts[1:] > starts[:-1]).nonzero()[0]
        reduced[some] = combine.reduceat(values, starts[some], dtype=float)
        return reduced

    def divided(self, unit: Array) -> Features:
        """Return the columns divided by `unit`."""
        from scipy.sparse import diags_array

        return Sparse((self.X @ diags_array(1 / unit)).tocsc(), self.ones)


def _is_dotted(rows: Array) -> bool:
    """Whether rows are best multiplied with vectors one by one."""
    return ROW[0] <= rows.shape[1] <= ROW[1] and rows.strides[1] == rows.itemsize


def _multiply(rows: Array, vectors: Array, out: Array) -> None:
    """Put the products of each row (m, n) with each vector (b, n) into `out` (m, b)."""
    if _is_dotted(rows):
        np.vecdot(rows[:, None], vectors, out=out)
    else:
        np.matmul(rows, vectors.T, out=out)


def _is_mapped(array: Any) -> bool:
    """Whether an array is a view of a mapped file."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def stored(X: Any, name: str) -> tuple[Features, tuple[Array, Array]]:
    """Return a user's features as they are read, and their sizes: largest entries and norms (d,).

    Raises
    ------
    TypeError, ValueError
        Unless they are real numbers (n, d), dense or sparse, that can be computed with.
    """
    columns = checks.features(X, name)
    if hasattr(columns, "toarray"):
        given = float(np.finfo(X.dtype).eps) if X.dtype.kind == "f" else EPS
        features: Features = Sparse(columns, eps=max(given, EPS))
    else:
        features = Dense(columns)
    sizes = features.sizes()
    if not (sizes[0] <= checks.LARGEST).all():
        dense = columns.toarray() if hasattr(columns, "toarray") else columns
        checks.refuse_bad_entries(np.asarray(dense, dtype=float), name)
    checks.large_enough(sizes[0], name, f"{name}[:, {{}}]", SMALLEST_COLUMN)
    return features, sizes
