"""What every constrained minimisation returns: a point with its certificate.

For a convex objective f and the constraint Xβ = y, a point is optimal if and only if Xβ = y and
Xᵀλ is a subgradient of f at β for some λ. Both are measured, and so is the duality gap
f(β) − (y·λ − f*(Xᵀλ)), which bounds how far f(β) can be above the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._problems.row_space import ATTAINABLE, RowSpace, equation_units, length
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = ["OUT_OF_TIME", "Minimizer", "in_units", "infeasibility", "minimised", "solvable"]


#: Status of the best point that there was time for.
OUT_OF_TIME = "time_limit"


@dataclass(frozen=True, eq=False, repr=False)
class Minimizer(Record):
    """Minimiser of a convex function under X beta = y.

    Attributes
    ----------
    beta : ndarray of shape (d,)
        The minimiser.
    multiplier : ndarray of shape (n,)
        lambda, such that X'lambda is a subgradient of the objective at beta.
    objective : float
        Value of the objective at beta.
    feasibility : float
        Norm of X beta − y relative to that of y, or to 1 if y is zero; every equation is counted in
        the unit of its largest feature.
    stationarity : float
        Distance of X'lambda from the subgradients at beta, relative to the size of either.
    gap : float
        Objective minus its dual bound, relative to the size of the objective (for a single neuron
        of its terms: ``(|delta| + 2 |beta| + |w|²)^{3/2}``).
    unique : bool
        True if there is no other minimiser.
    status : str
        How the solver ended: 'optimal'; 'optimal_inaccurate' if one of cvxpy's missed its own
        tolerances; 'time_limit' if the time was over before the minimum was found.
    """

    beta: Array
    multiplier: Array
    objective: float
    feasibility: float
    stationarity: float
    gap: float
    unique: bool
    status: str = "optimal"


def minimised(
    X: ArrayLike | Regression,
    y: ArrayLike | None,
    minimise: Callable[[RowSpace], Minimizer],
) -> Minimizer:
    """Return what `minimise` finds for X beta = y, with every equation in a unit of its own."""
    space, unit = in_units(X, y)
    end = minimise(space)
    return replace(end, multiplier=end.multiplier / unit)


def in_units(X: ArrayLike | Regression, y: ArrayLike | None) -> tuple[RowSpace, Array]:
    """Return the row space with each equation in a unit of its own, and the units (n,)."""
    problem = as_regression(X, y)
    unit = equation_units(problem)
    return solvable(problem.X / unit[:, None], problem.y / unit), unit


def solvable(X: ArrayLike | Regression, y: ArrayLike | None) -> RowSpace:
    """Return the problem with its row space, or raise if X beta = y has no solution."""
    problem = as_regression(X, y)
    space = RowSpace.of(problem, np.ones(problem.y.size))
    if not space.attainable:
        rest = space.problem.y - space.left @ space.targets
        share = length(rest) / length(space.problem.y)
        raise ValueError(
            f"y is not in the range of X: a part of relative size {share:.2g} (more than "
            f"{ATTAINABLE:g}) stays unexplained, so that no beta has X beta = y; for the "
            "least-squares analogue pass y = X @ numpy.linalg.lstsq(X, y)[0]."
        )
    return space


def infeasibility(problem: Regression, beta: Array) -> float:
    """Return |Xβ − y| relative to |y|, or to 1 if y is zero."""
    return length(problem.y - problem.X @ beta) / (length(problem.y) or 1.0)
