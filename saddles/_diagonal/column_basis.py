"""An orthonormal basis of the active columns, kept up to date as columns enter and leave.

Gram–Schmidt of the columns A beside the unit matrix: every basis vector is stored above the
combination of columns that gives it, [Q; T] = [A; I] T, so that one product with a vector c returns
both Qc and its coefficients Tc. A column enters by orthogonalising [x; e] (twice where digits were
lost: Daniel, Gragg, Kaufman and Stewart, "Reorthogonalization and stable algorithms for updating
the Gram–Schmidt QR factorization", 1976). Column p leaves by one Householder reflection, which
turns the direction that only x_p needs, T[p], into the last basis vector.

===========  ===========================================================================
code name    symbol
===========  ===========================================================================
``columns``  A, the active columns, (n, k)
``stack``    [Q; T], (n + capacity, k); rows beyond n + k are zero
``basis``    Q = A T, orthonormal, (n, k)
``support``  indices of the columns, in their order in A, (k,)
``weights``  σ|x|: side of each column times its norm, (k,)
===========  ===========================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles.typing import Array, Indices

__all__ = ["FIRM", "Factors"]

#: A column that keeps less of its length is orthogonalised twice: what rounding leaves of it along
#: the basis grows by the inverse, and later columns pass it on.
KEPT = 0.3

#: A column of which the others lack a smaller share makes much of the rounding of the basis.
FIRM = 1e-2

#: Number of columns for which there is room at first.
CAPACITY = 16


class Factors:
    """Columns and their basis, in buffers that are updated in place; see the module's table."""

    def __init__(self, n: int) -> None:
        from scipy.linalg import blas  # not with the package, which would take longer to import

        self._outer = blas.dger
        self.n = n
        self.size = 0
        self.loose = False
        self._allocate(min(CAPACITY, n))

    def _allocate(self, capacity: int) -> None:
        self._columns = np.empty((self.n, capacity), order="F")
        self._stack = np.zeros((self.n + capacity, capacity), order="F")
        self._support = np.empty(capacity, dtype=np.intp)
        self._weights = np.empty(capacity)

    @property
    def columns(self) -> Array:
        """A, (n, k)."""
        return self._columns[:, : self.size]

    @property
    def stack(self) -> Array:
        """[Q; T], (n + capacity, k)."""
        return self._stack[:, : self.size]

    @property
    def basis(self) -> Array:
        """Q, (n, k)."""
        return self._stack[: self.n, : self.size]

    @property
    def support(self) -> Indices:
        """Indices of the columns (k,)."""
        return self._support[: self.size]

    @property
    def weights(self) -> Array:
        """Sides times norms (k,)."""
        return self._weights[: self.size]

    def push(self, index: int, x: Array, weight: float) -> Array:
        """Let column `x` (n,) in, last.

        Returns
        -------
        ndarray of shape (n + k,)
            The basis vector that comes with it, above its combination of the columns.
        """
        if self.size == self._support.size:
            self._grow()
        n, k = self.n, self.size
        room = self._stack[:, k]
        room[:n], room[n:], room[n + k] = x, 0.0, 1.0
        new = room[: n + k + 1]
        height = norm = abs(weight)
        if k:
            stack, outside = self._stack[: n + k + 1, :k], new[:n]
            basis = stack[:n]
            new -= stack @ (x @ basis)
            height = _length(outside)
            if height < KEPT * norm:
                new -= stack @ (outside @ basis)
                height = _length(outside)
        new /= height
        self._columns[:, k], self._support[k], self._weights[k] = x, index, weight
        self.size = k + 1
        self.loose = self.loose or height < FIRM * norm
        return new

    def pop(self) -> None:
        """Let the column go that entered last, before any other change."""
        self.size -= 1

    def drop(self, position: int) -> Array:
        """Let the column at `position` go; the last one takes its place.

        Returns
        -------
        ndarray of shape (n + capacity,)
            The basis vector that goes too, above its combination of the columns as they were.
        """
        n, last = self.n, self.size - 1
        stack = self.stack
        first = int((stack[n + position] != 0).argmax())  # the basis of earlier columns stays
        turning, turn = stack[:, first:], stack[n + position, first:]
        turn = turn / _length(turn)
        end = float(turn[-1])
        turn[-1] += math.copysign(1.0, end)
        self._outer(-1 / (1 + abs(end)), turning @ turn, turn, a=turning, overwrite_a=True)
        gone = stack[:, last].copy()
        stack[n + position] = stack[n + last]
        stack[n + last] = 0.0
        for kept in (self._columns.T, self._support, self._weights):
            kept[position] = kept[last]
        self.size = last
        return gone

    def renew(self) -> None:
        """Factorise the columns again."""
        from scipy.linalg import lapack

        Q, R = np.linalg.qr(self.columns)
        stack = self.stack
        stack[: self.n] = Q
        stack[self.n : self.n + self.size] = lapack.dtrtri(R)[0]

    def firmness(self) -> float:
        """Return the least share of a column's length that the others lack."""
        heights = np.linalg.norm(self.stack[self.n :][: self.size], axis=1)
        return float(1 / (heights * np.abs(self.weights)).max(initial=1.0))

    def _grow(self) -> None:
        n, k = self.n, self.size
        columns, stack, support, weights = self.columns, self.stack, self.support, self.weights
        self._allocate(min(self.n, k + k // 2 + 1))
        self._columns[:, :k] = columns
        self._stack[: n + k, :k] = stack[: n + k]
        self._support[:k], self._weights[:k] = support, weights


def _length(vector: Array) -> float:
    return math.sqrt(vector.dot(vector))  # less of a call than @
