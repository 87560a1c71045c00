"""Minimum ℓ1 norm under Xβ = y, where diagonal networks end as the initial scale vanishes.

A linear program, solved by HiGHS. Uniqueness is decided by the criterion of Zhang, Yin and Cheng,
"Necessary and sufficient conditions of solution uniqueness in 1-norm minimization" (J. Optim.
Theory Appl. 2015): with the support S and signs of a solution, it is the only one if and only if
the columns X_S are independent and some λ has X_Sᵀλ = sign β_S and |X_jᵀλ| < 1 off the support. The
smallest such bound is a second linear program, whose λ is the multiplier returned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace
from saddles.implicit_bias._minimizer import Minimizer, infeasibility, solvable
from saddles.typing import Array, ArrayLike, Mask

__all__ = ["l1"]

#: Entries below this fraction of the largest are zero to the solver, which works to 1e-7 at best.
SUPPORT = 1e-7

#: A dual bound counts as strictly below 1 if it is so by more than the solver's tolerance.
STRICT = 1e-6


def l1(X: ArrayLike | Regression, y: ArrayLike | None = None) -> Minimizer:
    """Minimise the sum of |beta_i| subject to X beta = y.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets, in the range of X; leave out if `X` is a `Regression`.

    Returns
    -------
    Minimizer
        A vertex of the set of minimisers; ``unique`` says whether that set is a point.

    Raises
    ------
    TypeError, ValueError
        On bad input, or if y is not in the range of X.
    RuntimeError
        If the linear program cannot be solved to its tolerance.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> end = implicit_bias.l1([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]], [2.0, 1.0])
    >>> end.beta, end.objective, end.unique
    (array([0., 1., 1.]), 2.0, True)
    """
    space = solvable(X, y)
    if not space.targets.any():
        return _certified(space, np.zeros(space.problem.n_features))
    # Xβ = y says Vᵀβ = VᵀX⁺y: orthonormal rows, none redundant, and entries of the size of β.
    rows, size = space.basis.T, float(np.abs(space.least_squares).max())
    d = rows.shape[1]
    solution = _solve(
        np.ones(2 * d),
        A_eq=np.hstack([rows, -rows]),
        b_eq=rows @ space.least_squares / size,
        bounds=(0, None),
    )
    return _certified(space, _polished(space, (solution[:d] - solution[d:]) * size))


def _polished(space: RowSpace, beta: Array) -> Array:
    """Solve for the support exactly, and set the rest to zero, if that is feasible."""
    support = np.abs(beta) > SUPPORT * np.abs(beta).max()
    columns = space.problem.X[:, support]
    values = np.linalg.lstsq(columns, space.problem.y, rcond=None)[0]
    refined = np.zeros_like(beta)
    refined[support] = values
    if infeasibility(space.problem, refined) <= max(infeasibility(space.problem, beta), SUPPORT):
        return refined
    return beta


def _certified(space: RowSpace, beta: Array) -> Minimizer:
    """Return the minimiser with the multiplier that leaves the dormant features most room."""
    support = beta != 0
    multiplier, bound = np.zeros(space.problem.y.size), 0.0
    if support.any():
        dual, bound = _least_bound(space.basis.T, support, np.sign(beta))
        multiplier = space.left @ (dual / space.singular)
    clocks = space.problem.X.T @ multiplier
    miss = np.where(support, np.abs(clocks - np.sign(beta)), np.maximum(np.abs(clocks) - 1, 0.0))
    objective = float(np.abs(beta).sum())
    independent = np.linalg.matrix_rank(space.problem.X[:, support]) == support.sum()
    return Minimizer(
        beta=beta,
        multiplier=multiplier,
        objective=objective,
        feasibility=infeasibility(space.problem, beta),
        stationarity=float(miss.max()),
        gap=(objective - float(space.problem.y @ multiplier)) / (objective or 1.0),
        unique=bool(independent and bound < 1 - STRICT),
    )


def _least_bound(rows: Array, support: Mask, signs: Array) -> tuple[Array, float]:
    """Return λ with X_Sᵀλ = signs and the least t such that |X_jᵀλ| <= t off the support S."""
    others = rows[:, ~support].T
    rank = rows.shape[0]
    minus_bound = -np.ones((others.shape[0], 1))
    solution = _solve(
        np.append(np.zeros(rank), 1.0),
        A_eq=np.hstack([rows[:, support].T, np.zeros((int(support.sum()), 1))]),
        b_eq=signs[support],
        A_ub=np.vstack([np.hstack([others, minus_bound]), np.hstack([-others, minus_bound])]),
        b_ub=np.zeros(2 * others.shape[0]),
        bounds=[(None, None)] * rank + [(0, None)],
    )
    return solution[:rank], float(solution[rank])


def _solve(cost: Array, **constraints: Any) -> Array:
    """Return the solution of a linear program, or raise with the solver's own words."""
    from scipy.optimize import linprog

    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    result = linprog(cost, method="highs", options=tight, **constraints)
    if not result.success:
        raise RuntimeError(
            f"HiGHS ended with status {result.status}: {result.message} Rescale the columns of X "
            "to similar norms, or drop near-duplicates."
        )
    return np.asarray(result.x)
