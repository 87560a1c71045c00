"""Neurons that are polynomials of few coordinates, by a table of their coefficients.

Most smooth homogeneous neurons are homogeneous polynomials. On a subspace θ = C c it is
then a symmetric form T of degree κ, f(C c) = T(c, …, c), whose entries are those of the outputs at
sums of columns, by polarisation:

    κ! T(v_1, …, v_κ) = Σ_S (−1)^{κ−|S|} f(Σ_{i∈S} v_i),  S not empty.

Over an orthonormal basis of the outputs that occur, residual and slopes have few entries, however
many samples there are. The products of coordinates are summed over neurons before anything else:
so neurons that nearly cancel lose no digits.

===============  =========================================================================
code name        symbol
===============  =========================================================================
``columns``      C, orthogonal, (p, M)
``entries``      i_1 ≤ … ≤ i_κ, the entries of T that are kept, (N, κ)
``counts``       how often each of them occurs in T, (N,)
``form``         T over the basis of outputs, (N, q)
``lower``        i_1 ≤ … ≤ i_{κ−1}, (N', κ − 1)
``slopes``       κ T(·, …, ·, e_α) of that often, one entry of degree κ − 1 a row, (N', M q)
``place``        where an entry of T is kept, (M, …, M)
``outputs``      the basis of outputs, (m, q), of the m entries of Y
===============  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement

import numpy as np

from saddles.typing import Array, Indices

__all__ = ["Table", "Tabulated", "is_polynomial"]

#: Outputs, relative to the largest, in which a polynomial differs from the neuron by rounding.
SAME_OUTPUT = 1e-11
#: Outputs this small beside the largest, where there are no targets, enter the loss squared, which
#: rounding hides.
HIDDEN = 1e-7
#: Most entries of T, and most numbers that it is made from.
MOST, NUMBERS = 4000, 60_000_000
#: Highest degree: T has M^κ places, and follows from sums of 2^κ outputs that nearly cancel.
HIGHEST = 8
#: Neurons on which polynomial and neuron are compared, and sums of outputs from which a basis of
#: them is sought, at a time.
TRIED_AT, SAMPLE = 8, 64

Outputs = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Table:
    """The form T; see the module's table."""

    columns: Array
    entries: Indices
    form: Array
    outputs: Array

    @classmethod
    def of(
        cls,
        neurons: Outputs,
        columns: Array,
        degree: int,
        targets: Array,
        before: Table | None = None,
    ) -> Table | None:
        """Return the form of `neurons`, (H, p) -> (H, m), on the span of `columns` (p, M).

        None if it is large, or if neurons are no polynomials there. The basis of outputs holds the
        `targets` (m,); that of the table `before` is taken where it will do.
        """
        dimension, size = columns.shape[1], len(targets)
        number = math.comb(dimension + degree - 1, degree)
        if degree > HIGHEST or number > MOST or 2 * number * size > NUMBERS:
            return None
        sums = [_multisets(dimension, k) for k in range(1, degree + 1)]
        found = [neurons(_powers(some, dimension) @ columns.T) for some in sums]
        basis = _basis(found[-1], targets, None if before is None else before.outputs)
        table = cls(columns, sums[-1], _polarised(sums, [f @ basis for f in found]), basis)
        trials = np.random.default_rng(0).standard_normal((TRIED_AT, dimension))
        wanted = neurons(trials @ columns.T) @ basis
        missed = np.abs(table.at(trials) - wanted).max()
        return table if missed <= SAME_OUTPUT * np.abs(wanted).max() else None

    @property
    def degree(self) -> int:
        """Return κ."""
        return int(self.entries.shape[1])

    @property
    def dimension(self) -> int:
        """Return M."""
        return int(self.columns.shape[1])

    @cached_property
    def counts(self) -> Array:
        """How often each entry occurs in T (N,)."""
        return np.bincount(self.place.ravel(), minlength=len(self.entries)).astype(float)

    @cached_property
    def place(self) -> Indices:
        """Where the entries of T are kept, (M, …, M)."""
        return _places(self.dimension, self.degree)

    @cached_property
    def lower(self) -> Indices:
        """The entries of degree κ − 1, (N', κ − 1)."""
        return _multisets(self.dimension, self.degree - 1)

    @cached_property
    def slopes(self) -> Array:
        """κ T(·, e_α), each product of κ − 1 coordinates with its count, (N', M q)."""
        often = np.bincount(_places(self.dimension, self.degree - 1).ravel()).astype(float)
        rows = self.form[self.place[tuple(self.lower.T)]] * (self.degree * often[:, None, None])
        return np.asarray(rows.reshape(len(rows), -1))

    def at(self, c: Array) -> Array:
        """Return f of each neuron c (H, M), over the basis of outputs, (H, q)."""
        return np.asarray((_products(c, self.entries) * self.counts) @ self.form)

    def total(self, c: Array) -> Array:
        """Return Σ_i f of the neurons c (A, M), over the basis of outputs, (q,)."""
        return np.asarray((_products(c, self.entries).sum(0) * self.counts) @ self.form)

    def jacobian(self, c: Array) -> Array:
        """Return ∂f/∂c of each neuron (A, M, q)."""
        return np.asarray((_products(c, self.lower) @ self.slopes).reshape(*c.shape, -1))

    def slope(self, c: Array, weights: Array) -> Array:
        """Return the gradients of <f, weights> at neurons c (H, M), (H, M)."""
        rows = self.slopes.reshape(-1, len(weights)) @ weights
        return np.asarray(_products(c, self.lower) @ rows.reshape(-1, self.dimension))

    def bend(self, c: Array, weights: Array) -> Array:
        """Return the second derivatives of <f, weights> at neurons c (A, M), (A, M, M)."""
        whole, count = (self.form @ weights)[self.place], len(c)
        result = np.broadcast_to(whole, (count, *whole.shape))
        for _ in range(self.degree - 2):
            result = np.matmul(result.reshape(count, -1, self.dimension), c[:, :, None])
        result = result.reshape(count, self.dimension, self.dimension)
        return np.asarray(result * (self.degree * (self.degree - 1)))


class Tabulated:
    """The loss |Y − Σ f|²/(2n) over z (A, k), from a table of f.

    Neurons have the coordinates `start` (A, M) and, in the `free` first ones, k of them, z besides.
    """

    def __init__(self, table: Table, start: Array, free: int, targets: Array, n: int) -> None:
        self._table, self._start, self._free, self._n = table, start, free, n
        self._targets = targets @ table.outputs
        rest = targets - table.outputs @ self._targets
        self._constant = float(rest @ rest) / (2 * n)

    def _at(self, z: Array) -> tuple[Array, Array]:
        """Return the neurons c (A, M) and the residual (q,)."""
        c = self._start.copy()
        c[:, : self._free] += z.reshape(len(c), -1)
        return c, self._targets - self._table.total(c)

    def loss(self, z: Array) -> float:
        """Return L."""
        _, residual = self._at(z)
        return self._constant + float(residual @ residual) / (2 * self._n)

    def gradient(self, z: Array) -> Array:
        """Return ∂L/∂z, flattened."""
        c, residual = self._at(z)
        slope = self._table.slope(c, residual / -self._n)
        return np.asarray(slope[:, : self._free]).ravel()

    def hessian(self, z: Array) -> Array:
        """Return ∂²L/∂z²."""
        c, residual = self._at(z)
        slopes = self._table.jacobian(c)[:, : self._free]
        count, free, _ = slopes.shape
        flat = slopes.reshape(count * free, -1)
        result = (flat @ flat.T).reshape(count, free, count, free)
        bend = self._table.bend(c, residual)[:, : self._free, : self._free]
        rows = np.arange(count)
        result[rows, :, rows, :] -= bend
        return np.asarray(result.reshape(count * free, -1) / self._n)


def is_polynomial(neurons: Outputs, size: int, degree: int) -> bool:
    """Whether `neurons`, (H, size) -> (H, m), are polynomials of this degree on random lines."""
    rng, order = np.random.default_rng(0), degree + 1
    signs = np.array([(-1.0) ** k * math.comb(order, k) for k in range(order + 1)])
    for start, step in rng.standard_normal((TRIED_AT, 2, size)):
        values = neurons(start + np.arange(order + 1.0)[:, None] * step)
        if np.abs(signs @ values).max() > SAME_OUTPUT * np.abs(values).max():
            return False
    return True


def _multisets(dimension: int, size: int) -> Indices:
    """Return all i_1 ≤ … ≤ i_size below `dimension`, in order."""
    return np.array(list(combinations_with_replacement(range(dimension), size)), dtype=np.intp)


def _codes(entries: Indices, dimension: int) -> Indices:
    """Return a number for each row of indices; they rise along `_multisets`."""
    return np.asarray(entries @ dimension ** np.arange(entries.shape[1])[::-1])


def _places(dimension: int, size: int) -> Indices:
    """Return where in `_multisets` the indices of every entry of a form are, sorted."""
    grid = np.indices((dimension,) * size).reshape(size, -1)
    codes = _codes(np.sort(grid.T, axis=1), dimension)
    places = np.searchsorted(_codes(_multisets(dimension, size), dimension), codes)
    return np.asarray(places.reshape((dimension,) * size))


def _powers(entries: Indices, dimension: int) -> Array:
    """Return how often each coordinate is in each row of indices (N, M)."""
    return np.asarray(np.eye(dimension)[entries].sum(axis=1))


def _products(c: Array, entries: Indices) -> Array:
    """Return the products of coordinates c (A, M) that `entries` (N, k) name, (A, N)."""
    return np.asarray(c[:, entries.T].prod(axis=1))


def _polarised(sums: list[Indices], values: list[Array]) -> Array:
    """Return T at the last of `sums`, from f at the sums of columns (`values`)."""
    entries, degree = sums[-1], len(sums)
    dimension = int(entries.max()) + 1
    total = np.zeros_like(values[-1])
    for size, (some, found) in enumerate(zip(sums, values, strict=True), start=1):
        codes = _codes(some, dimension)
        for chosen in combinations(range(degree), size):
            where = np.searchsorted(codes, _codes(entries[:, chosen], dimension))
            total += (-1) ** (degree - size) * found[where]
    return np.asarray(total / math.factorial(degree))


def _basis(rows: Array, targets: Array, known: Array | None) -> Array:
    """Return orthonormal columns (m, q) that span targets (m,) and outputs (N, m) up to `HIDDEN`.

    They are `known`, and what random sums of the outputs have beside those.
    """
    number, size = rows.shape
    if size <= number:
        return np.eye(size)
    rng = np.random.default_rng(0)
    start = targets[:, None] / (np.linalg.norm(targets) or 1.0)
    basis = known if known is not None else start[:, : int(targets.any())]
    while True:
        sample = rng.standard_normal((SAMPLE, number)) @ rows
        outside = _beside(sample.T, basis)
        hidden = HIDDEN * float(np.linalg.norm(sample))
        if np.linalg.norm(outside) <= hidden:
            return basis
        found, spread, _ = np.linalg.svd(outside, full_matrices=False)
        new = found[:, spread > hidden / (2 * math.sqrt(SAMPLE))]
        basis = np.hstack([basis, np.linalg.qr(_beside(new, basis))[0]])


def _beside(columns: Array, basis: Array) -> Array:
    """Return what of `columns` (m, k) is orthogonal to the `basis` (m, q), all of it."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns
