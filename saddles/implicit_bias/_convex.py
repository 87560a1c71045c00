"""The three minimisations as convex programs, which cvxpy solves alone or with more constraints.

Single neuron (Theorem 3.1). The potential is itself a minimum, jointly convex in β and σ,

    Ψ_δ(β) = min over σ > 0 of  |β|²/σ + σ³/12 − δσ/2,

attained at 4|β|² = σ⁴ − 2δσ², so that σ = sqrt(s + δ) = √2 |a|. Solvers need second-order cones
and a cube, whatever the sign of δ. Diagonal network: with β = p − q and p, q >= 0, the hyperbolic
entropy is the least value of ½ Σ_i [p_i log(2p_i/c) − p_i + q_i log(2q_i/c) − q_i + c], which takes
exponential cones. Its limit, the ℓ1 norm, is a linear program.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``unit``         size of the least solution X⁺y, or of s there; β and δ are divided by it
``sigma``        σ
``pull``         c = ψ_δ β̂₀
===============  =====================================================================
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import CUT_EXPONENT
from saddles._numerics.watch import left, tick
from saddles._problems.row_space import RowSpace, length
from saddles.implicit_bias._minimizer import OUT_OF_TIME, Minimizer
from saddles.typing import Array

__all__ = [
    "TOLERANCE",
    "Program",
    "Solved",
    "believed",
    "entropy",
    "least_norm",
    "solved",
    "theorem",
]

#: What solvers leave open of coefficients and clocks, relative to the largest.
TOLERANCE = 1e-6

#: Violations and gaps above this belie a solver that calls its point optimal.
BELIEVED = 1e-2

#: Ends of a solver that come with a point; the last is that of a solver whose time was over.
ACCURATE, INACCURATE, CUT = "optimal", "optimal_inaccurate", "user_limit"

#: Solvers of cvxpy that take all three programs, and what each calls its limit of time.
LIMITS = {"CLARABEL": "time_limit", "SCS": "time_limit_secs"}

REMEDY = "leave method out, or solve implicit_bias.program(...) with another solver"


@dataclass(frozen=True, eq=False)
class Program:
    """A convex program for cvxpy whose solution gradient flow finds.

    Its constraints say X beta = y, in orthonormal equations. Lengths and values are counted in
    units of the problem, so that the tolerances of solvers mean the same for all data.

    Attributes
    ----------
    problem : cvxpy.Problem
        What to minimise, and under which constraints.
    beta : cvxpy.Expression of shape (d,)
        The coefficients in the data's own units: for constraints of your own, and for
        ``beta.value`` once a problem with this objective is solved.
    unit, scale : float
        The program's own variables are in this unit: ``beta`` is `unit` times a variable of it, and
        its value times `scale` is the objective in the data's own units.
    """

    problem: Any
    beta: Any
    unit: float
    scale: float


@dataclass(frozen=True, eq=False)
class Solved:
    """A program's solution: β (d,), Vᵀβ = w's multipliers (r,), and the solver's word for it."""

    beta: Array
    dual: Array
    status: str


def theorem(space: RowSpace, pull: Array, delta: float) -> Program:
    """Return Theorem 3.1 as a program."""
    cp = _cvxpy()
    unit = math.hypot(delta, 2 * length(space.least_squares)) or 1.0
    beta, sigma = cp.Variable(pull.size), cp.Variable(nonneg=True)
    bowl = cp.quad_over_lin(beta, sigma) + cp.power(sigma, 3) / 12 - delta / unit * sigma / 2
    return _program(space, bowl - (pull / math.sqrt(unit)) @ beta, beta, unit, unit**1.5)


def entropy(space: RowSpace, log_alpha: float, size: float) -> Program:
    """Return the minimum of the hyperbolic entropy as a program, in units of its `size` at X⁺y."""
    cp = _cvxpy()
    unit, d = _size(space), space.problem.n_features
    parts = cp.Variable(2 * d, nonneg=True)
    log_half_c = 2 * log_alpha - math.log(4) - math.log(unit)
    half_c = math.exp(min(log_half_c, CUT_EXPONENT))
    # The same sum twice: as one of small terms where p and q stay near c/2, and without c, which
    # may be below every float64, where they do not.
    if half_c > 1:
        terms = cp.sum(cp.kl_div(parts, half_c))
    else:
        terms = 2 * d * half_c - cp.sum(cp.entr(parts)) - (1 + log_half_c) * cp.sum(parts)
    objective = terms * (unit / (2 * -log_alpha * size))
    return _program(space, objective, parts[:d] - parts[d:], unit, size)


def least_norm(space: RowSpace) -> Program:
    """Return the minimum of the ℓ1 norm as a program."""
    cp = _cvxpy()
    beta = cp.Variable(space.problem.n_features)
    return _program(space, cp.norm1(beta), beta, _size(space), _size(space))


def _size(space: RowSpace) -> float:
    return float(np.abs(space.least_squares).max()) or 1.0


def _program(space: RowSpace, objective: Any, beta: Any, unit: float, scale: float) -> Program:
    """Put the equations under an objective, for β in this unit."""
    cp = _cvxpy()
    equations = space.basis.T @ beta == space.basis.T @ (space.least_squares / unit)
    return Program(cp.Problem(cp.Minimize(objective), [equations]), unit * beta, unit, scale)


def _cvxpy() -> Any:
    try:
        import cvxpy
    except ImportError as error:
        raise ImportError("convex programs need cvxpy: pip install 'saddles[convex]'") from error
    return cvxpy


def _limited(cp: Any) -> dict[str, Any]:
    """Return the options of a solver that ends when the time is over; none without a limit."""
    if (seconds := left()) == math.inf:
        return {}
    for solver, option in LIMITS.items():
        if solver in cp.installed_solvers():
            return {"solver": solver, option: seconds}
    raise RuntimeError(
        f"time_limit needs one of the solvers {', '.join(LIMITS)}, and cvxpy has "
        f"{', '.join(cp.installed_solvers())}; install one, or leave time_limit out."
    )


def solved(program: Program) -> Solved:
    """Return the solution by the solver that cvxpy chooses; warn if it misses its tolerances.

    Raises
    ------
    RuntimeError
        If no installed solver takes the program, or the solver returns no solution.
    TimeoutError
        If the time is over before the solver has a point.
    """
    cp, problem = _cvxpy(), program.problem
    options = _limited(cp)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
        try:
            problem.solve(**options)
        except cp.error.SolverError as error:
            raise RuntimeError(
                f"cvxpy solved nothing with what is installed ({', '.join(cp.installed_solvers())})"
                f": {checks.show(error)}. Install a solver that suits, such as clarabel, or leave "
                "method out."
            ) from error
    said = f"{problem.solver_stats.solver_name} ended with status {problem.status!r}"
    if program.beta.value is None:
        tick()
    if problem.status not in (ACCURATE, INACCURATE, CUT) or program.beta.value is None:
        raise RuntimeError(f"{said}, without a solution; {REMEDY}.")
    if problem.status == INACCURATE:
        warnings.warn(
            f"{said}: it missed its own tolerances, and the residuals of the minimiser say by how "
            f"much; {REMEDY}.",
            stacklevel=6,  # where the minimiser was asked for
        )
    dual = problem.constraints[0].dual_value * (-program.scale / program.unit)
    return Solved(np.asarray(program.beta.value), np.asarray(dual), str(problem.status))


def believed(end: Minimizer, status: str) -> Minimizer:
    """Return a minimiser with its solver's status, or raise if its residuals belie the solver."""
    if not max(end.feasibility, abs(end.gap)) <= BELIEVED:
        if status == CUT:
            tick()  # there was no time for a point worth returning
        raise RuntimeError(
            f"the solver ended with status {status!r}, but X beta = y is violated by "
            f"{end.feasibility:.1g} and the duality gap is {end.gap:.1g}, both relative: scales in "
            f"the problem are too far apart for it; {REMEDY}."
        )
    return replace(end, status=OUT_OF_TIME if status == CUT else status)
