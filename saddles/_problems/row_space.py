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
    return np.where(heights > 0, np.exp2(np.frexp(heights)[1]), 1.0)


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Singular value decomposition of X, cut off at its numerical rank."""

    problem: Regression
    left: Array
    singular: Array
    basis: Array

    @classmethod
    def of(cls, problem: Regression) -> RowSpace:
        """Decompose the features of `problem`."""
        left, singular, right = np.linalg.svd(problem.X, full_matrices=False)
        cutoff = singular[0] * max(problem.X.shape) * EPS
        rank = int(np.count_nonzero(singular > cutoff))
        return cls(
            problem=problem,
            left=left[:, :rank],
            singular=singular[:rank],
            basis=right[:rank].T,
        )

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
