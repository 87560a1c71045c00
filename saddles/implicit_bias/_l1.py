"""Minimum ℓ1 norm under Xβ = y, where diagonal networks end as the initial scale vanishes.

A linear program, solved by HiGHS and refined (Gleixner, Steffy and Wolter, "Iterative refinement
for linear programming", INFORMS J. Comput. 2016): what a solution leaves of constraints and reduced
costs is magnified into another program with the same matrix. That gives the active features, whose
coefficients are then solved for again. A dual point, measured on the data, certifies them.

==============  ==================================================================
code name       symbol
==============  ==================================================================
``parts``       x, kept as a sum of what the programs so far gave
``dual``        multipliers of Ax = b, and ``reduced`` the costs less Aᵀ times these
``multiplier``  λ, (n,)
==============  ==================================================================

Uniqueness is decided by the criterion of Zhang, Yin and Cheng, "Necessary and sufficient conditions
of solution uniqueness in 1-norm minimization" (J. Optim. Theory Appl. 2015): with the support S and
signs of a solution, it is the only one if and only if the columns X_S are independent and some λ
has X_Sᵀλ = sign β_S and |X_jᵀλ| < 1 off the support. The smallest such bound is a second linear
program, whose λ is the multiplier returned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from saddles import checks
from saddles._diagonal.refined_least_squares import added, least_squares
from saddles._numerics.precision import EPS, ULPS
from saddles._numerics.watch import OutOfTime, counting, left, long_work
from saddles._problems.in_units import InUnits
from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace
from saddles.implicit_bias._convex import TOLERANCE, believed, least_norm, solved
from saddles.implicit_bias._minimizer import OUT_OF_TIME, Minimizer, infeasibility, minimised
from saddles.typing import Array, ArrayLike, Mask

__all__ = ["l1"]

#: Bounds so far away from numbers of order one do not bind, and no cost need be higher.
FAR = 1e8

#: Rounds of refinement: entries of 1e-40 beside others of order one are then still found.
ROUNDS = 5

#: What rounding leaves of the conditions that a dual point meets, where columns are firm.
OPTIMAL = 4 * ULPS

#: Entries below these fractions of the largest are left out in turn, if the others attain y.
CUTS = (1e-7, 1e-10, 1e-13, 0.0)


@long_work
def l1(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    method: str = "highs",
    progress: bool = False,
    time_limit: float | None = None,
) -> Minimizer:
    """Minimise the sum of |beta_i| subject to X beta = y.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets, in the range of X; leave out if `X` is a `Regression`.
    method : {'highs', 'cvxpy'}
        HiGHS with refinement, or the solver that cvxpy chooses for `program`.
    progress : bool
        Whether to show a bar of the points tried (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop: the best point so far is returned, with ``status``
        'time_limit'. A solver of cvxpy gets the limit as its own.

    Returns
    -------
    Minimizer
        A vertex of the set of minimisers; every coefficient has a small relative error. ``unique``
        is True if the set is a single point. With cvxpy the result is some point of the set, to the
        tolerance of the solver, and ``unique`` is also False if this tolerance hides the answer.

    Raises
    ------
    TypeError, ValueError
        On bad input, or if y is not in the range of X.
    ImportError
        If `method` needs cvxpy, and that is not installed.
    RuntimeError
        If the linear program cannot be solved to its tolerance.
    TimeoutError
        If the time is over before there is a point.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> end = implicit_bias.l1([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]], [2.0, 1.0])
    >>> end.beta, end.objective, end.unique
    (array([0., 1., 1.]), 2.0, True)
    """
    checks.one_of(method, "method", ("highs", "cvxpy"))
    return minimised(X, y, _least if method == "highs" else _by_cvxpy)


def _by_cvxpy(space: RowSpace) -> Minimizer:
    """Return the solution of cvxpy's solver, and what its multiplier says of it."""
    if not space.targets.any():
        return _least(space)
    problem, end = space.problem, solved(least_norm(space))
    beta, multiplier = end.beta, space.left @ (end.dual / space.singular)
    clocks = problem.X.T @ multiplier
    dormant = np.abs(beta) <= TOLERANCE * np.abs(beta).max()
    miss = np.where(dormant, np.maximum(np.abs(clocks) - 1, 0), np.abs(clocks - np.sign(beta)))
    # Clocks of the active features of every minimiser are at ±1.
    ringing = space.basis[np.abs(clocks) > 1 - TOLERANCE].T
    ringing = ringing / np.linalg.norm(ringing, axis=0)
    objective = float(np.abs(beta).sum())
    bound = float(problem.y @ multiplier) / max(1.0, float(np.abs(clocks).max()))
    measured = Minimizer(
        beta=beta,
        multiplier=multiplier,
        objective=objective,
        feasibility=infeasibility(problem, beta),
        stationarity=float(miss.max()),
        gap=(objective - bound) / objective,
        unique=bool(ringing.size and np.linalg.matrix_rank(ringing) == ringing.shape[1]),
    )
    return believed(measured, end.status)


def _least(space: RowSpace) -> Minimizer:
    """Return the vertex of least norm, with its certificate."""
    if not space.targets.any():
        return _certified(space, np.zeros(space.problem.n_features))
    found: list[Minimizer] = []
    status = "optimal"
    try:
        with counting("least l1 norm", "points") as counted:
            for beta in _vertices(space.problem):
                attains = _attains(space, beta)
                if attains or not found:
                    found.append(_certified(space, beta))
                if attains and found[-1].stationarity <= OPTIMAL:
                    return found[-1]
                counted("")
    except (RuntimeError, OutOfTime) as error:  # of a refinement, which may be done without
        if not found:
            raise
        status = OUT_OF_TIME if isinstance(error, OutOfTime) else status
    best = min(found, key=lambda end: max(end.stationarity, end.feasibility))
    return replace(best, status=status)


def _vertices(problem: Regression) -> Iterator[Array]:
    """Yield candidates: solutions of the program, refined further each time, solved on supports."""
    data = InUnits.of(problem)
    seen = set()
    for solution in _refined(*_equations(data.X, data.y)):
        sizes = np.abs(solution) * data.norms
        for cut in CUTS:
            support = sizes > cut * sizes.max()
            if support.tobytes() not in seen:
                seen.add(support.tobytes())
                yield data.betas(_solved(data, support, solution))
    yield data.betas(solution)


def _solved(data: InUnits, support: Mask, otherwise: Array) -> Array:
    """Return the least squares coefficients on a support (d,), if its columns are independent."""
    from scipy.linalg import lapack

    beta, columns = np.zeros_like(otherwise), data.X[:, support]
    unit = np.exp2(np.frexp(data.norms[support])[1])
    Q, R = np.linalg.qr(columns / unit)
    if R.shape[0] < R.shape[1] or np.abs(R.diagonal()).min() <= ULPS:
        return otherwise
    stack = np.concatenate([Q, lapack.dtrtri(R)[0]])
    beta[support] = least_squares(columns / unit, data.y, stack, careful=True)[0] / unit
    return beta


def _equations(X: Array, y: Array) -> tuple[Array, Array]:
    """Return independent ones of the equations Xβ = y."""
    from scipy.linalg import qr

    rows = np.flatnonzero(X.any(axis=1))
    A, b = X[rows], y[rows]
    triangle, order = qr(A.T, mode="r", pivoting=True)
    heights = np.abs(triangle.diagonal())
    chosen = np.sort(order[: np.count_nonzero(heights > max(A.shape) * EPS * heights[0])])
    return A[chosen], b[chosen]


def _refined(A: Array, b: Array) -> Iterator[Array]:
    """Yield solutions of min Σ|x_i| under Ax = b, ever more refined.

    Each is the sum of what the programs so far gave, which are kept apart: their sum in a float
    would lose the last ones.
    """
    both, parts, dual = np.hstack([A, -A]), [np.zeros(2 * A.shape[1])], np.zeros(len(b))
    for _ in range(ROUNDS):
        rest, x = b, np.sum(parts, axis=0)
        for part in parts:
            rest = added(rest, -both, part)
        reduced = added(np.ones_like(parts[0]), -both.T, dual)
        wrong = np.where(x > 0, np.abs(reduced), -reduced).max() if x.any() else 1.0
        missed = np.append(rest, np.minimum(x, 0.0))
        if not missed.any() and wrong <= EPS:
            break
        scale, price = _magnified(missed), _magnified(wrong)
        least = np.where(scale * x < FAR, -scale * x, -math.inf)
        bounds = np.column_stack([least, np.full_like(x, math.inf)])
        costs = np.minimum(price * reduced, FAR)
        change, multiplier = _solve(costs, A_eq=both, b_eq=scale * rest, bounds=bounds)
        parts, dual = [*parts, change / scale], dual + multiplier / price
        x = np.maximum(np.sum(parts, axis=0), 0.0)
        yield x[: len(x) // 2] - x[len(x) // 2 :]


def _magnified(rest: Any) -> float:
    """Return the power of two that makes what is left of order one; 1 if nothing is."""
    return math.ldexp(1.0, -math.frexp(float(np.abs(rest).max()))[1])


def _attains(space: RowSpace, beta: Array) -> bool:
    """Whether Xβ = y up to rounding, in every sample on its own scale."""
    problem, used = space.problem, beta != 0
    terms = np.abs(problem.X[:, used]) @ np.abs(beta[used]) + np.abs(problem.y)
    slack = (np.count_nonzero(used) + 8) * EPS * terms
    if space.rank < problem.y.size:  # of samples that contradict each other, by what they do
        slack += 2 * np.abs(problem.y - space.left @ space.targets)
    return bool((np.abs(problem.residual(beta)) <= slack).all())


def _certified(space: RowSpace, beta: Array) -> Minimizer:
    """Return the minimiser with the multiplier that leaves the dormant features most room."""
    problem, support, signs = space.problem, beta != 0, np.sign(beta)
    multiplier, bound = np.zeros(problem.y.size), 0.0
    independent = True
    if support.any():
        basis = space.basis.T
        dual = _least_bound(basis, support, signs)
        active = basis[:, support] / (sizes := np.linalg.norm(basis[:, support], axis=0))
        miss = (signs[support] - basis[:, support].T @ dual) / sizes
        dual = dual + np.linalg.lstsq(active.T, miss, rcond=None)[0]
        independent = np.linalg.matrix_rank(active) == active.shape[1]
        multiplier = space.left @ (dual / space.singular)
        others = basis[:, ~support]
        rounding = ULPS * np.linalg.norm(others, axis=0) * np.linalg.norm(dual)
        bound = float((np.abs(dual @ others) + rounding).max(initial=0.0))
    clocks = problem.X.T @ multiplier
    miss = np.where(support, np.abs(clocks - signs), np.maximum(np.abs(clocks) - 1, 0.0))
    objective = float(np.abs(beta).sum())
    return Minimizer(
        beta=beta,
        multiplier=multiplier,
        objective=objective,
        feasibility=infeasibility(problem, beta),
        stationarity=float(miss.max()),
        gap=(objective - float(problem.y @ multiplier)) / (objective or 1.0),
        unique=bool(independent and bound < 1),
    )


def _least_bound(rows: Array, support: Mask, signs: Array) -> Array:
    """Return λ with X_Sᵀλ = signs and the least bound of |X_jᵀλ| off the support S."""
    others = rows[:, ~support].T
    rank = rows.shape[0]
    minus_bound = -np.ones((others.shape[0], 1))
    solution, _ = _solve(
        np.append(np.zeros(rank), 1.0),
        A_eq=np.hstack([rows[:, support].T, np.zeros((int(support.sum()), 1))]),
        b_eq=signs[support],
        A_ub=np.vstack([np.hstack([others, minus_bound]), np.hstack([-others, minus_bound])]),
        b_ub=np.zeros(2 * others.shape[0]),
        bounds=[(None, None)] * rank + [(0, None)],
    )
    return solution[:rank]


def _solve(cost: Array, **constraints: Any) -> tuple[Array, Array]:
    """Return solution and multipliers of a linear program, or raise with the solver's own words."""
    from scipy.optimize import linprog

    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    if (seconds := left()) < math.inf:
        options["time_limit"] = seconds
    result = linprog(cost, method="highs", options=options, **constraints)
    left()  # is above 0 unless HiGHS stopped for it
    if not result.success:
        raise RuntimeError(
            f"HiGHS ended with status {result.status}: {result.message} Rescale the columns of X "
            "to similar norms, or drop near-duplicates."
        )
    return np.asarray(result.x), np.asarray(result.eqlin.marginals)
