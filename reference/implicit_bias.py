"""The implicit biases of the single neuron and of the diagonal network, as convex programs for cvxpy.

Single neuron: Theorem 3.1 of Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158):

    minimise Ψ_δ(β) − ψ_δ β̂₀·β  subject to  Xβ = y,
    Ψ_δ(β) = ⅓ (s − 2δ) sqrt(s + δ),  s = sqrt(δ² + 4|β|²),  ψ_δ = sqrt(sqrt(δ² + 4|β₀|²) − δ).

Diagonal network: Theorem 1 of Woodworth et al. (COLT 2020, arXiv:2002.09277), the hyperbolic entropy.

As a function of r = |β|, Ψ_δ is no standard cone. With σ = sqrt(s + δ) it is Ψ = σ³/3 − δσ and
4r² = σ⁴ − 2δσ², and the substitution σ = k (u + ε/u)/2, ε = sign δ, k = sqrt(2|δ|), u >= 1 makes
both rational:

    r = |δ| (u² − u⁻²)/4,    σ³ = k³ (u³ + 3εu + 3u⁻¹ + εu⁻³)/8.

Ψ is convex and non-decreasing in r, so replacing the curve by its convex hull changes no minimum.
The hull of (u^j), j = −3..3, u >= 1 is a set of moments: m₀ = 1, the Hankel matrix (m_{i+j−3}) and
the localising matrix of u − 1, (m_{i+j−2} − m_{i+j−3}), positive semi-definite.

===========  ==============================================================
code         symbol
===========  ==============================================================
``m[j]``     m_j, moment of u^j
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

#: Tolerances asked of Clarabel; its own defaults are 1e-8.
CLARABEL = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}


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
        return self.status == cp.OPTIMAL


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
    powers = cp.Variable(7)
    m = {j: powers[j + 3] for j in range(-3, 4)}
    hankel = cp.bmat([[m[i + j - 3] for j in range(4)] for i in range(4)])
    localising = cp.bmat([[m[i + j - 2] - m[i + j - 3] for j in range(3)] for i in range(3)])
    constraints = [
        m[0] == 1,
        hankel >> 0,
        localising >> 0,
        cp.norm(beta) <= abs(delta) * (m[2] - m[-2]) / 4,
    ]
    sigma = k * (m[1] + sign * m[-1]) / 2
    cube = k**3 * (m[3] + 3 * sign * m[1] + 3 * m[-1] + sign * m[-3]) / 8
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
    options = CLARABEL if solver == cp.CLARABEL else {}
    try:
        problem.solve(solver=solver, **options)
    except cp.SolverError as error:
        raise RuntimeError(f"{solver} failed: {error}") from error
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise RuntimeError(f"{solver} ended with status {problem.status!r}: no solution.")
    return float(problem.value)
