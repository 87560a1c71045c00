"""A regression reduced to the range of X, in units in which all of it is of order one.

The flow of a diagonal network of any depth depends on the data through XᵀX and Xᵀy only.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``rows``         A = XᵀU/a, shape (d, r): U an orthonormal basis of range X, a = |X|₂
``targets``      w = Uᵀy/c, shape (r,), with c such that |A w|∞ = 1
===============  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS, ULPS
from saddles._problems.regression import Regression
from saddles.typing import Array

__all__ = ["Reduced", "reduced"]


@dataclass(frozen=True, eq=False)
class Reduced:
    """The data in units in which features, targets and first gradient are of order one."""

    rows: Array
    targets: Array
    width: float
    """a = |X|₂."""
    height: float
    """c; the unit of beta is c/a."""
    n_samples: float
    """n, the divisor of the mean loss."""
    floor: float
    """Loss of the best fit, |y − U Uᵀy|²/(2n)."""
    beyond: float
    """Part of it that X explains along directions which rounding hides."""

    @property
    def unit(self) -> float:
        """c/a, the unit of beta."""
        return self.height / self.width

    @cached_property
    def columns(self) -> Array:
        """Aᵀ (r, d), contiguous."""
        return np.ascontiguousarray(self.rows.T)

    @cached_property
    def lengths(self) -> Array:
        """Norms of the columns of X in units of a, shape (d,)."""
        return np.asarray(np.linalg.norm(self.rows, axis=1))

    @property
    def fastest(self) -> float:
        """No gradient is ever larger than this: the residual only shrinks."""
        return float(np.linalg.norm(self.targets))

    def loss(self, square: Any) -> Any:
        """Return the loss of residuals of these squares, which are in units of c."""
        return square * self.height * self.height / (2 * self.n_samples)


def reduced(problem: Regression, blur: float) -> Reduced | None:
    """Reduce the problem to the range of X; None if y is orthogonal to it.

    β is known to `blur` of itself: along directions that need a larger β than that allows, the fit
    would be noise.
    """
    basis, singular, _ = np.linalg.svd(problem.X, full_matrices=False)
    rank = int((singular > singular[0] * max(problem.X.shape) * EPS).sum())
    largest = float(np.abs(problem.y).max())
    if rank == 0 or largest == 0:
        return None
    seen = int((singular[:rank] > singular[0] * blur).sum())
    explained = basis[:, :rank].T @ (problem.y / largest)
    basis, width = basis[:, :seen], float(singular[0])
    rows, y = problem.X.T @ basis / width, problem.y / largest
    targets = basis.T @ y
    start = float(np.abs(rows @ targets).max())
    if start <= ULPS * float(np.linalg.norm(y)):
        return None
    return Reduced(
        rows=np.ascontiguousarray(rows),
        targets=targets / start,
        width=width,
        height=largest * start,
        n_samples=problem.n_samples,
        floor=float(np.sum((largest * (y - basis @ targets)) ** 2)) / (2 * problem.n_samples),
        beyond=largest**2 * float(np.sum(explained[seen:] ** 2)) / (2 * problem.n_samples),
    )
