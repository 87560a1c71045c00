"""Implicit biases of the single neuron and of the diagonal network, as convex programs for cvxpy.

Single neuron: Theorem 3.1 of Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158):

    minimise Ψ_δ(β) − ψ_δ β̂₀·β  subject to  Xβ = y,
    Ψ_δ(β) = ⅓ (s − 2δ) sqrt(s + δ),  s = sqrt(δ² + 4|β|²),  ψ_δ = sqrt(sqrt(δ² + 4|β₀|²) − δ).

Diagonal network: Theorem 1 of Woodworth et al. (COLT 2020, arXiv:2002.09277), the hyperbolic
entropy.

As a function of r = |β|, Ψ_δ is no standard cone. With σ = sqrt(s + δ) it is Ψ = σ³/3 − δσ and
4r² = σ⁴ − 2δσ², and the substitution σ = (p + εq)/2 with ε = sign δ, pq = k² = 2|δ|, p >= k makes
both polynomials:

    r = (p² − q²)/8,    σ³ = (p³ + 3k²(εp + q) + εq³)/8.

Ψ is convex and non-decreasing in r, so replacing the curve by its convex hull changes no minimum.
The hull of (p, p², p³, q, q², q³) is a set of moments of u = p/k >= 1, of the orders −3..3: the
products of (p^{3/2}, p^{1/2}, q^{1/2}, q^{3/2}) form a positive semi-definite (Hankel) matrix, and
so do those of (p^{1/2}, q^{1/2}, q^{3/2}) times p − k >= 0 (the last two divided by k^{1/2}).

===========  ==============================================================
code         symbol
===========  ==============================================================
``p``, ...   p, p², p³, q, q², q³ as free variables
``pull``     ψ_δ β̂₀
``unit``     the size of s at the least solution; β and δ are divided by it
===========  ==============================================================
"""

from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


#: Duality gap asked of Clarabel, with its own 1e-8 replaced because the optimal values are compared
#: to 1e-7. It ends inaccurate now and then, and then says so.
CLARABEL = {"tol_gap_abs": 2e-9, "tol_gap_rel": 2e-9}


@dataclass(frozen=True)
class Solution:
    """What the solver returned.

    Attributes
    ----------
    beta : (d,)
        The minimiser.
    objective : float
        The solver's own optimal value, in the units of the problem.
    status : str
        cvxpy's status: 'optimal', or 'optimal_inaccurate'.
    solver : str
        The solver's name.
    """

    beta: Floats
    objective: float
    status: str
    solver: str

    @property
    def accurate(self) -> bool:
        """Whether the solver met its own tolerances."""
        return bool(self.status == cp.OPTIMAL)


def single_neuron(
    X: ArrayLike, y: ArrayLike, beta0: ArrayLike, delta: float, *, solver: str = cp.CLARABEL
) -> Solution:
    """Minimise Ψ_δ(β) − ψ_δ β̂₀·β subject to Xβ = y, for any sign of δ, as a semidefinite program.

    Parameters
    ----------
    X : (n, d)
        Features.
    y : (n,)
        Targets, in the range of X.
    beta0 : (d,)
        Initial point, not zero.
    delta : float
        δ = a² − |w|².
    solver : str
        Any of cvxpy's that knows semidefinite (δ = 0: second-order and power) cones.

    Returns
    -------
    Solution

    Raises
    ------
    RuntimeError
        If the solver returns no solution.
    """
    X, y, pull, unit = _scaled(X, y, beta0, delta)
    beta = cp.Variable(X.shape[1])
    constraints = [X @ beta == y]
    if delta == 0:
        potential = cp.power(cp.norm(2 * beta), 1.5) / 3
    else:
        potential, moments = _semidefinite_potential(beta, delta / unit)
        constraints += moments
    problem = cp.Problem(cp.Minimize(potential - pull @ beta), constraints)
    value = _solve(problem, solver)
    return Solution(unit * beta.value, unit**1.5 * value, problem.status, solver)


def _semidefinite_potential(beta: Any, delta: float) -> tuple[Any, list[Any]]:
    """Return Ψ_δ as a linear function of moments, and the constraints that tie these to β."""
    sign, k = np.sign(delta), np.sqrt(2 * abs(delta))
    p, p2, p3, q, q2, q3 = cp.Variable(6)
    hankel = [
        [p3, p2, k * p, k**3],
        [p2, p, k, k * q],
        [k * p, k, q, q2],
        [k**3, k * q, q2, q3],
    ]
    localising = [
        [p2 - k * p, np.sqrt(k) * (p - k), k**1.5 * (k - q)],
        [np.sqrt(k) * (p - k), k - q, k * q - q2],
        [k**1.5 * (k - q), k * q - q2, k * q2 - q3],
    ]
    constraints = [cp.bmat(hankel) >> 0, cp.bmat(localising) >> 0, cp.norm(beta) <= (p2 - q2) / 8]
    sigma = (p + sign * q) / 2
    cube = (p3 + 3 * k**2 * (sign * p + q) + sign * q3) / 8
    return cube / 3 - delta * sigma, constraints


def single_neuron_dual(
    X: ArrayLike, y: ArrayLike, beta0: ArrayLike, delta: float, *, solver: str = cp.CLARABEL
) -> Solution:
    """Solve the same problem for δ >= 0 by its dual, max y·λ − Ψ*(ψ_δ β̂₀ + Xᵀλ).

    The conjugate Ψ*(z) = |(z, sqrt(2δ))|³/6 is a cubed norm, with gradient |(z, sqrt(2δ))| z/2 = β.

    Parameters
    ----------
    X, y, beta0, delta, solver
        As in `single_neuron`; δ >= 0.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If δ < 0.
    RuntimeError
        If the solver returns no solution.
    """
    if delta < 0:
        raise ValueError(f"delta={delta!r}: the conjugate is a cubed norm for delta >= 0 only.")
    X, y, pull, unit = _scaled(X, y, beta0, delta)
    multiplier = cp.Variable(y.size)
    point = cp.hstack([pull + X.T @ multiplier, np.sqrt([2 * delta / unit])])
    problem = cp.Problem(cp.Minimize(cp.power(cp.norm(point), 3) / 6 - y @ multiplier))
    value = _solve(problem, solver)
    z = point.value
    beta = np.linalg.norm(z) * z[:-1] / 2
    return Solution(unit * beta, -(unit**1.5) * value, problem.status, solver)


def hyperbolic_entropy(
    X: ArrayLike, y: ArrayLike, log_alpha: float, *, solver: str = cp.CLARABEL
) -> Solution:
    """Minimise the hyperbolic entropy, divided by log(1/α), subject to Xβ = y.

    With β = p − q, p, q >= 0 and c = α²/2, the entropy is the least value of
    ½ Σ_i [p_i log(2p_i/c) − p_i + q_i log(2q_i/c) − q_i + c]: two relative entropies per feature.

    Parameters
    ----------
    X : (n, d)
        Features.
    y : (n,)
        Targets, in the range of X.
    log_alpha : float
        log α < 0, the network starting at u = α·1, v = 0.
    solver : str
        Any of cvxpy's that knows exponential cones.

    Returns
    -------
    Solution

    Raises
    ------
    RuntimeError
        If the solver returns no solution.
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    d = X.shape[1]
    p, q = cp.Variable(d, nonneg=True), cp.Variable(d, nonneg=True)
    log_half_c = 2 * log_alpha - np.log(4)
    entropies = -cp.sum(cp.entr(p)) - cp.sum(cp.entr(q)) - (1 + log_half_c) * cp.sum(p + q)
    constant = d * np.exp(2 * log_alpha) / 2
    objective = (entropies + constant) / (2 * -log_alpha)
    problem = cp.Problem(cp.Minimize(objective), [X @ (p - q) == y])
    value = _solve(problem, solver)
    return Solution(p.value - q.value, value, problem.status, solver)


def _scaled(
    X: ArrayLike, y: ArrayLike, beta0: ArrayLike, delta: float
) -> tuple[Floats, Floats, Floats, float]:
    """Return X, y and ψ_δ β̂₀ for β and δ in units of s at the least solution, and that unit.

    Ψ is homogeneous of degree 3/2 in (β, δ), and ψ_δ of degree 1/2 in (β₀, δ).
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    start = np.asarray(beta0, dtype=float)
    least = np.linalg.pinv(X) @ y
    unit = float(np.hypot(delta, 2 * np.linalg.norm(least))) or 1.0
    norm = float(np.linalg.norm(start))
    s = np.hypot(delta, 2 * norm)
    squared = s - delta if delta <= 0 else 4 * norm**2 / (s + delta)
    return X, y / unit, np.sqrt(squared / unit) * start / norm, unit


def _solve(problem: Any, solver: str) -> float:
    """Solve and return the optimal value; no solution is an error that names the status.

    A solution that misses the solver's tolerances is returned with its status, and cvxpy warns.
    """
    try:
        problem.solve(solver=solver, **(CLARABEL if solver == cp.CLARABEL else {}))
    except cp.SolverError as error:
        raise RuntimeError(f"{solver} failed: {error}") from error
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise RuntimeError(f"{solver} ended with status {problem.status!r}: no solution.")
    return float(problem.value)
