"""Row space of the features: what gradient flow can change, and what it keeps.

===========================  ============================================================
code name                    symbol
===========================  ============================================================
``left``, ``singular``       U (n, r) and σ (r,): X = U diag(σ) Vᵀ, with r the rank of X
``basis``                    V, shape (d, r), an orthonormal basis of the row space
``least_squares``            X⁺y, shape (d,)
``outside(v)``               (I − X⁺X) v, the part of v that X does not see
``lift(v)``                  (X⁺)ᵀ v, shape (n,): the least λ with Xᵀλ = (X⁺X) v
===========================  ============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles._numerics.precision import EPS
from saddles._problems.regression import Regression
from saddles.typing import Array

__all__ = ["RowSpace", "equation_units", "length"]

#: Squares below this have lost digits.
SMALLEST_SQUARE = 1e-280

#: Targets count as attainable if they leave the range of X by no more than this, relative to |y|.
#: Generous: targets computed as X @ beta carry the rounding of a product, inexact ones much more.
ATTAINABLE = 1e-9


def length(vector: Array) -> float:
    """Return the Euclidean norm of a vector, also where its square is no float64."""
    square = float(vector @ vector)
    if SMALLEST_SQUARE < square < math.inf:
        return math.sqrt(square)
    largest = float(np.abs(vector).max(initial=0.0))
    return largest * math.sqrt(float(np.sum((vector / largest) ** 2))) if largest else 0.0


def equation_units(problem: Regression) -> Array:
    """Return a unit for each equation in which it is not small, a power of two, shape (n,).

    Which multiple of an equation is given changes no solution, but would decide what counts as
    rounding. What centring leaves of a sample at the mean is rounding, and stays small.
    """
    noise = EPS * float(np.abs(problem.means[0]).max())
    heights = np.maximum(np.abs(problem.X).max(axis=1), noise)
    return _power_of_two(heights)


def _power_of_two(sizes: Array) -> Array:
    """Return the power of two next above each size, 1 for zero."""
    return np.where(sizes > 0, np.exp2(np.frexp(sizes)[1]), 1.0)


def _exactly(matrix: Array) -> tuple[Array, Array, Array]:
    """Return U (n, r), σ (r,) and V (r, r), right even if rows or columns differ by many orders.

    One-sided Jacobi rotations (Drmač and Veselić, "New fast and accurate Jacobi SVD algorithm",
    SIAM J. Matrix Anal. 2008), with rows sorted first.
    """
    from scipy.linalg import lapack

    values, left, right, scales, _, failed = lapack.dgejsv(matrix, joba=2, jobu=0, jobv=0)
    if failed:
        raise ValueError(f"X of shape {matrix.shape} has no singular values; rescale X.")
    return left, values * (scales[0] / scales[1]), right


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Singular value decomposition of X, cut off at its numerical rank.

    The rank is that of X with every row and every column in a unit of its own, so that it depends
    on no unit. Small singular values are as exact, relative to themselves, as large ones.
    """

    problem: Regression
    left: Array
    singular: Array
    basis: Array

    @classmethod
    def of(cls, problem: Regression, units: Array | None = None) -> RowSpace:
        """Decompose the features of `problem`; `units` (n,) are those of its equations."""
        units = equation_units(problem) if units is None else units
        widths = _power_of_two(np.abs(problem.X / units[:, None]).max(axis=0))
        left, singular, right = np.linalg.svd(
            problem.X / units[:, None] / widths, full_matrices=False
        )
        rank = int(np.count_nonzero(singular > singular[0] * max(problem.X.shape) * EPS))
        # X = D₁ U σ Wᵀ D₂ with units D: first an orthonormal basis of D₂ W, then the rest in it.
        basis, sizes, turned = _exactly(widths[:, None] * right[:rank].T)
        left, singular, right = _exactly(
            units[:, None] * ((left[:, :rank] * singular[:rank]) @ turned) * sizes
        )
        return cls(problem=problem, left=left, singular=singular, basis=basis @ right)

    @property
    def rank(self) -> int:
        """Rank r of X."""
        return int(self.singular.size)

    @cached_property
    def targets(self) -> Array:
        """Uᵀy, shape (r,)."""
        return np.asarray(self.left.T @ self.problem.y)

    @cached_property
    def least_squares(self) -> Array:
        """X⁺y, shape (d,)."""
        return np.asarray(self.basis @ (self.targets / self.singular))

    @cached_property
    def attainable(self) -> bool:
        """Whether some beta has X beta = y, up to rounding."""
        rest = self.problem.y - self.left @ self.targets
        return length(rest) <= ATTAINABLE * length(self.problem.y)

    def outside(self, vector: Array) -> Array:
        """Return the part of `vector` (d,) orthogonal to the row space; exactly 0 if rank d."""
        if self.rank == vector.size:
            return np.zeros_like(vector)
        rest = vector - self.basis @ (self.basis.T @ vector)
        return np.asarray(rest - self.basis @ (self.basis.T @ rest))

    def lift(self, vector: Array) -> Array:
        """Return (X⁺)ᵀ `vector`, shape (n,)."""
        return np.asarray(self.left @ ((self.basis.T @ vector) / self.singular))
