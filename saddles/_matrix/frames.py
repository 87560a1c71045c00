"""Coordinates of a factor in which everything is of order one.

Columns of a factor differ by orders of magnitude: a mode of eigenvalue λ has a column of size √λ.
In units of its own natural size, each entry is of order one, and so is what it still has to go.

===========  =====================================================================================
code name    symbol
===========  =====================================================================================
``rows``     Q, orthogonal, (d, d): directions of the old columns, the new ones, and others
``sizes``    S, (d, c): the unit of each entry
``x``        U = Q (S ∘ X), x the entries of X, (d c,)
===========  =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles._matrix.on_factors import OnFactors
from saddles.typing import Array

__all__ = ["Frame", "rotation"]

#: A direction counts in units of its own curvature, or of this share of its column's.
SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates x of a factor U; see the module's table."""

    problem: OnFactors
    rows: Array
    sizes: Array

    @classmethod
    def natural(cls, problem: OnFactors, U: Array, escape: Array, reach: float) -> Frame:
        """Return the frame at a saddle U (d, r), whose columns are orthogonal and fall in size.

        An entry is at most of the size of its column, and moves by the size of its row. A row that
        no column points along is moved by the least of all.
        """
        rows = rotation(np.hstack([U, escape]), problem.pull(U))
        columns = np.concatenate([np.linalg.norm(U, axis=0), np.full(escape.shape[1], reach)])
        heights = np.full(U.shape[0], columns.min())
        heights[: columns.size] = columns
        return cls(problem, rows, np.minimum.outer(heights, columns))

    def curved(self, U: Array, hessian: Array, blur: float) -> Frame:
        """Return the frame of the same rows in units of the curvature (d c, d c) over x at U.

        There the step that Newton's method takes is about as long as the force. Less curvature than
        `blur` is rounding.
        """
        x = self.coordinates(U)
        diagonal = np.abs(np.diag(hessian)).reshape(self.sizes.shape) / self.sizes**2
        radial = np.empty(x.shape[0] // len(self.rows))
        for j, column in enumerate(x.reshape(self.sizes.shape).T):
            part = np.zeros(self.sizes.shape)
            part[:, j] = column
            bent = float(part.ravel() @ hessian @ part.ravel())
            radial[j] = abs(bent) / float(np.sum((self.sizes[:, j] * column) ** 2))
        least = np.maximum(SHARE * radial, blur)
        return Frame(self.problem, self.rows, 1 / np.sqrt(np.maximum(diagonal, least)))

    def factor(self, x: Array) -> Array:
        """Return U (d, c)."""
        return np.asarray(self.rows @ (self.sizes * x.reshape(self.sizes.shape)))

    def coordinates(self, U: Array) -> Array:
        """Return x of a factor U."""
        return np.asarray(((self.rows.T @ U) / self.sizes).ravel())

    def velocity(self, force: Array) -> Array:
        """Return x' if U' is `force` (d, c)."""
        return self.coordinates(force)

    def force(self, force: Array) -> Array:
        """Return −∇φ over x if it is `force` (d, c) over U."""
        return np.asarray((self.rows.T @ force * self.sizes).ravel())

    def hessian(self, U: Array, pull: Array) -> Array:
        """Return ∇²φ over x at U."""
        units = self.sizes.ravel()
        return self.problem.hessian(U, pull, self.rows) * np.outer(units, units)

    def jacobian(self, U: Array, pull: Array) -> Array:
        """Return the derivative of x' over x at U."""
        return -self.hessian(U, pull) / (self.sizes.ravel() ** 2)[:, None]

    def symmetry(self, directions: Array) -> Array:
        """Return directions (d c, m) of U over x."""
        d, c = self.sizes.shape
        turned = np.tensordot(self.rows.T, directions.reshape(d, c, -1), axes=1)
        return np.asarray((turned / self.sizes[:, :, None]).reshape(d * c, -1))


def rotation(U: Array, pull: Array) -> Array:
    """Return Q (d, d): the directions of the columns of U (d, c), one by one, and then others.

    Those are eigenvectors of −∇f, so that what is stiff does not hide what is not.
    """
    rows = np.linalg.qr(U, mode="complete")[0]
    others = rows[:, U.shape[1] :]
    inner = others.T @ (pull @ others)
    rows[:, U.shape[1] :] = others @ np.linalg.eigh((inner + inner.T) / 2)[1]
    return rows
