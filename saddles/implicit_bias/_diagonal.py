"""The hyperbolic entropy: where the flow of a diagonal linear network ends, at any initial scale.

Woodworth et al., "Kernel and rich regimes in overparametrized models" (COLT 2020,
arXiv:2002.09277), Theorem 1. From u = α·1, v = 0 the flow keeps β_i = c sinh(2 x_i·ρ) with
c = α²/2 (for u(0) = √2 α it would be α²). If it fits the targets, it has therefore minimised, under
Xβ = y, the function

    Q(β) = Σ_i ½ [β_i asinh(β_i/c) − sqrt(β_i² + c²) + c],    here divided by log(1/α),

which tends to |β|₁ as α → 0 and to a multiple of |β|₂² as α → ∞. Its dual is smooth and concave,

    max over ρ of  y·ρ − (c/2) Σ_i (cosh(2 x_i·ρ) − 1).

Newton's method solves it at once for large α. From there the solution is continued to the scale
asked for: along the path, dρ/d(log 1/α) solves a system with Newton's own matrix, and tends to a
constant, so that steps double and any α is reached in some tens of them.

================  ====================================================================
code name         symbol
================  ====================================================================
``rows``          V, shape (d, r), orthonormal: Xβ = y says Vᵀβ = VᵀX⁺y =: w
``dual``          p = Σ Uᵀρ, shape (r,), so that s = Xᵀρ = V p
``edge``          e, with c = 2 e^{−2e} in the unit of β, the largest entry of X⁺y
``stiffness``     h = dβ/ds = 2 sqrt(β² + c²), shape (d,)
================  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles._numerics.precision import CUT_EXPONENT, ULPS
from saddles._numerics.watch import OutOfTime, counting, long_work, tick
from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace
from saddles._result.path import PathError
from saddles.implicit_bias._convex import (
    TOLERANCE,
    Program,
    believed,
    entropy,
    solved,
)
from saddles.implicit_bias._minimizer import OUT_OF_TIME, Minimizer, infeasibility, minimised
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["diagonal", "hyperbolic_entropy"]

#: At this edge c is about 15 times the largest entry of X⁺y, and the dual nearly quadratic.
FIRST_EDGE = -1.0

#: From this edge on, β is a difference of exponentials of |s| − e; below, c is no small number.
EXPONENTIAL_EDGE = 1.0

#: Newton steps per edge. A good prediction needs about four; a bad one had better be halved.
NEWTON_STEPS = 25

#: Largest change of a clock per Newton step: it multiplies an entry of β by e² at most.
LARGEST_STEP = 1.0

#: Constraint violation, relative to its terms, at which a point of the path is good enough.
ON_PATH = 1e-9


def hyperbolic_entropy(beta: ArrayLike, log_alpha: float) -> float:
    """Hyperbolic entropy of beta, divided by log(1/alpha).

    Parameters
    ----------
    beta : array_like of shape (d,)
        Function-space point u * v.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite: u(0) = alpha, v(0) = 0.

    Returns
    -------
    float
        Zero at beta = 0, positive elsewhere; tends to the l1 norm of beta as alpha vanishes.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> round(implicit_bias.hyperbolic_entropy([3.0, -4.0], -1e6), 4)
    7.0
    """
    point = checks.real_array(beta, "beta", 1)
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    slopes, heights = _slopes(point, log_alpha), _heights(point, log_alpha)
    return float(point @ slopes - np.sum(heights)) / -log_alpha


def _slopes(beta: Array, log_alpha: float) -> Array:
    """Return asinh(β/c)/2 without forming β/c where c is below every float64, shape (d,)."""
    c, size = 0.5 * math.exp(2 * log_alpha), np.abs(beta)
    grown = size > c
    ratio = np.where(grown, 0.0, beta) / (c or 1.0)
    root = np.where(grown, size + np.hypot(size, c), 1.0)
    logarithm = np.log(root) + math.log(2) - 2 * log_alpha
    return np.where(grown, np.copysign(logarithm, beta), np.arcsinh(ratio)) / 2


def _heights(beta: Array, log_alpha: float) -> Array:
    """Return ½ (sqrt(β² + c²) − c), the conjugate's terms, shape (d,)."""
    c, size = 0.5 * math.exp(2 * log_alpha), np.abs(beta)
    root = np.hypot(size, c) + c
    return size / 2 * (size / np.where(root > 0, root, 1.0))


def _conjugates(clocks: Array, log_alpha: float) -> Array:
    """Return (c/2) (cosh(2s) − 1), the terms of the dual, shape (d,)."""
    doubled = 2 * np.abs(clocks)
    return np.asarray(np.exp(doubled + 2 * log_alpha) * np.expm1(-doubled) ** 2 / 8)


@long_work
def diagonal(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    log_alpha: float | None = None,
    *,
    method: str = "newton",
    progress: bool = False,
    time_limit: float | None = None,
) -> Minimizer:
    """Minimise the hyperbolic entropy subject to X beta = y.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets, in the range of X; leave out if `X` is a `Regression`.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite (`l1` is the limit): u(0) = alpha,
        v(0) = 0. For a start at u(0) = sqrt(2) alpha, as in some papers, add log(2)/2.
    method : {'newton', 'cvxpy'}
        Newton's method on the dual, right at any scale, or the solver that cvxpy chooses for
        `program`. Solvers do not see coefficients far below their tolerance.
    progress : bool
        Whether to show a bar of the scales passed (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop. What is returned then, with ``status`` 'time_limit', is the
        minimiser at a larger scale, the last that was passed: it has X beta = y, and ``gap`` bounds
        how far it can be above the minimum asked for. A solver of cvxpy gets the limit as its own.

    Returns
    -------
    Minimizer
        Objective and multiplier are divided by log(1/alpha), as in `hyperbolic_entropy`. Always
        unique: the entropy is strictly convex.

    Raises
    ------
    TypeError, ValueError
        On bad input, or if y is not in the range of X.
    PathError
        If rounding keeps the solution from being continued to `log_alpha`.
    ImportError, RuntimeError
        If `method` needs cvxpy, and that is not installed or finds no solution.
    TimeoutError
        If the time is over before there is a point with X beta = y.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> X, y = [[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]], [2.0, 1.0]
    >>> implicit_bias.diagonal(X, y, log_alpha=-0.01).beta.round(2)
    array([0.34, 0.83, 1.  ])
    >>> implicit_bias.diagonal(X, y, log_alpha=-1e6).beta.round(6)
    array([0., 1., 1.])
    """
    checks.one_of(method, "method", ("newton", "cvxpy"))

    def minimise(space: RowSpace) -> Minimizer:
        scale = checks.log_scale(log_alpha, allow_limit=False)
        if method == "newton" or not space.targets.any():
            return _continued(space, scale)
        end = solved(entropy_program(space, scale))
        measured = _certified(space, end.beta, -scale * end.dual, scale, known=TOLERANCE)
        return believed(measured, end.status)

    return minimised(X, y, minimise)


def entropy_program(space: RowSpace, log_alpha: float) -> Program:
    """Return the minimisation as a convex program."""
    size = hyperbolic_entropy(space.least_squares, log_alpha) or 1.0
    return entropy(space, log_alpha, size)


def _continued(space: RowSpace, log_alpha: float) -> Minimizer:
    """Return the minimiser, continued from a large initial scale as far as there is time."""
    unit = float(np.abs(space.least_squares).max())
    if unit == 0:
        zero = np.zeros(space.problem.n_features), np.zeros(space.rank)
        return _certified(space, *zero, log_alpha)
    last = -log_alpha + 0.5 * (math.log(4) + math.log(unit))
    path = _DualPath(space.basis, space.basis.T @ space.least_squares / unit)
    found = []
    try:
        with counting("hyperbolic entropy", "scales") as counted:
            for solution in path.solutions(last):
                found.append(solution)
                counted(f"edge {solution[1]:.4g}")
    except OutOfTime:
        if not found:
            raise
    dual, edge = found[-1]
    if edge < last:
        beta = unit * path.polished(dual, edge)
        # Clocks of a larger scale are short of the last edge; longer ones give a better bound.
        longer = max(1.0, last / (float(np.abs(space.basis @ dual).max()) or 1.0))
        return _certified(space, beta, longer * dual, log_alpha, status=OUT_OF_TIME)
    dual = path.refined(dual, last)
    return _certified(space, unit * path.polished(dual, last), dual, log_alpha)


@dataclass(frozen=True, eq=False)
class _DualPath:
    """Solutions of Vᵀβ(V p, e) = w as functions of the edge e."""

    rows: Array
    targets: Array

    def point(self, dual: Array, edge: float) -> tuple[Array, Array]:
        """Return β and h = dβ/ds at s = V p, each of shape (d,)."""
        clocks = self.rows @ dual
        if edge < EXPONENTIAL_EDGE:
            c = 2 * math.exp(-2 * edge)
            doubled = np.clip(2 * clocks, -CUT_EXPONENT, CUT_EXPONENT)
            return c * np.sinh(doubled), 2 * c * np.cosh(doubled)
        over = np.minimum(np.abs(clocks) - edge, CUT_EXPONENT)
        grown, mirrored = np.exp(2 * over), np.exp(-2 * over - 4 * edge)
        return np.copysign(grown - mirrored, clocks), 2 * (grown + mirrored)

    def solved(self, stiffness: Array, right: Array, guess: Array) -> Array:
        """Return x (r,) with Vᵀ diag(h) V x = right, near `guess` where h leaves x open.

        Directions that only dormant features see have no weight in float64: fewer features may be
        active than there are constraints. A weight of a few ulp keeps the guess there.
        """
        weight = ULPS * float(stiffness.max())
        matrix = (self.rows.T * stiffness) @ self.rows
        matrix[np.diag_indices_from(matrix)] += weight
        return np.asarray(np.linalg.solve(matrix, right + weight * guess))

    def corrected(self, dual: Array, edge: float) -> Array | None:
        """Return the solution at `edge` by Newton's method from `dual`; None if it is not near."""
        still = np.zeros_like(dual)
        for _ in range(NEWTON_STEPS):
            tick()
            clocks = self.rows @ dual
            if float(np.abs(clocks).max()) > max(edge, 0.0) + CUT_EXPONENT:
                return None
            beta, stiffness = self.point(dual, edge)
            residual = self.targets - self.rows.T @ beta
            noise = max(ON_PATH, ULPS * float(np.abs(clocks).max()))
            if np.linalg.norm(residual) <= noise * (1 + float(np.linalg.norm(beta))):
                return dual
            step = self.solved(stiffness, residual, still)
            dual = dual + step * min(1.0, LARGEST_STEP / float(np.abs(self.rows @ step).max()))
        return None

    def solutions(self, last: float) -> Iterator[tuple[Array, float]]:
        """Yield solutions (r,) with their edges until `last`; steps double while they succeed."""
        edge, step = min(FIRST_EDGE, last), 1.0
        dual = self.corrected(np.zeros(self.rows.shape[1]), edge)
        if dual is None:
            detail = "Newton's method failed at a large initial scale"
            raise PathError(Status.STALLED, detail=detail)
        yield dual, edge
        while edge < last:
            beta, stiffness = self.point(dual, edge)
            # c' = −2c along the edge, so Vᵀ(h V p' − 2β) = 0; in the limit p' = p/e.
            slope = self.solved(stiffness, 2 * (self.rows.T @ beta), dual / max(abs(edge), 1.0))
            target = min(edge + step, last)
            trial = self.corrected(dual + (target - edge) * slope, target)
            if trial is not None:
                dual, edge, step = trial, target, 2 * step
                yield dual, edge
            elif step > ON_PATH * (1 + abs(edge)):
                step /= 4
            else:
                raise PathError(Status.STALLED, detail=f"no step possible beyond edge {edge:g}")

    def refined(self, dual: Array, edge: float) -> Array:
        """Take Newton steps (r,) as long as they reduce the constraint violation."""
        best, violation = dual, math.inf
        for _ in range(NEWTON_STEPS):
            beta, stiffness = self.point(dual, edge)
            residual = self.targets - self.rows.T @ beta
            if not np.linalg.norm(residual) < violation:
                return best
            best, violation = dual, float(np.linalg.norm(residual))
            dual = dual + self.solved(stiffness, residual, np.zeros_like(dual))
        return best

    def polished(self, dual: Array, edge: float) -> Array:
        """Return β (d,) that meets the constraint, by steps in β itself: s has too few digits."""
        beta, stiffness = self.point(dual, edge)
        for _ in range(2):
            residual = self.targets - self.rows.T @ beta
            beta = beta + stiffness * (self.rows @ self.solved(stiffness, residual, 0 * residual))
        return beta


def _certified(
    space: RowSpace,
    beta: Array,
    dual: Array,
    log_alpha: float,
    *,
    known: float = ULPS,
    status: str = "optimal",
) -> Minimizer:
    """Return the minimiser, known to this part of its largest entry, with its residuals."""
    scale, problem = -log_alpha, space.problem
    multiplier = space.left @ (dual / space.singular) / scale
    clocks = problem.X.T @ multiplier
    # Clocks are known to a few ulp of the largest, and entries to what that makes of the largest
    # entry: all slopes between these two ends are equally exact.
    size = float(np.abs(beta).max())
    rounding = max(known, ULPS * (1 + scale * float(np.abs(clocks).max()))) * size
    least = _slopes(beta - rounding, log_alpha) / scale
    most = _slopes(beta + rounding, log_alpha) / scale
    miss = float(np.maximum(np.maximum(least - clocks, clocks - most), 0.0).max())
    objective = hyperbolic_entropy(beta, log_alpha)
    # To first order in the stationarity residual the dual bound is y·λ − Q*(∇Q(β)); the terms of
    # the exact one, cosh(2s), would show the rounding of s enlarged by log(1/α).
    exact = status == OUT_OF_TIME
    heights = _conjugates(scale * clocks, log_alpha) if exact else _heights(beta, log_alpha)
    bound = float(problem.y @ multiplier) - float(np.sum(heights)) / scale
    return Minimizer(
        beta=beta,
        multiplier=multiplier,
        objective=objective,
        feasibility=infeasibility(problem, beta),
        stationarity=miss / (float(np.abs(clocks).max()) or 1.0),
        gap=(objective - bound) / (abs(objective) or 1.0),
        unique=True,
        status=status,
    )
