"""Theorem 3.1: the implicit bias of the single linear neuron, in closed form.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), Theorem 3.1, extending Azulay et
al., "On the implicit bias of initialization shape" (ICML 2021, arXiv:2102.09769), Theorem 2. A flow
that never passes through β = 0 and attains Xβ = y ends at

    argmin Ψ_δ(β) − ψ_δ β̂₀·β  subject to  Xβ = y,    Ψ_δ(β) = ⅓ (s − 2δ) sqrt(s + δ).

With σ² = s + δ = 2a² and |∇Ψ_δ|² = s − δ = 2|w|² it is the conservation of P⊥w: the gradient of the
objective is √2 (w − w₀) for a > 0, and X sees all of it. Hence, for X of any rank,

    β∞ = X⁺y + (σ/2) P⊥c,  c = ψ_δ β̂₀,  σ² = ½ [m + sqrt(m² + 16|X⁺y|²)],  m = 2δ + |P⊥c|².

====================  =============================================================
code name             symbol
====================  =============================================================
``potential``         Ψ_δ;  ``gradient`` sqrt(s − δ) β̂
``conjugate``         Ψ*_δ(z) = (|z|² + 2δ)₊^{3/2}/6, for every sign of δ
``pull``              c = ψ_δ β̂₀, with ψ_δ = sqrt(s₀ − δ)
``sigma``             σ = sqrt(s + δ) = √2 |a∞|
====================  =============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace, length
from saddles.implicit_bias._convex import believed, solved, theorem
from saddles.implicit_bias._minimizer import Minimizer, infeasibility, minimised
from saddles.neuron._formulas import squares
from saddles.typing import Array, ArrayLike

__all__ = ["conjugate", "conjugate_gradient", "gradient", "potential", "single_neuron"]


def potential(beta: ArrayLike, delta: float) -> float:
    """Potential Psi_delta(beta), convex, a function of |beta| only.

    Parameters
    ----------
    beta : array_like of shape (d,)
        Function-space point.
    delta : float
        Conserved quantity a² − |w|².

    Returns
    -------
    float
        ``(s − 2 delta) sqrt(s + delta) / 3`` with ``s = sqrt(delta² + 4 |beta|²)``.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> round(implicit_bias.potential([3.0, 4.0], 0.0), 6)  # (2 |beta|)^{3/2} / 3
    10.540926
    """
    point, delta = checks.real_array(beta, "beta", 1), checks.finite_number(delta, "delta")
    return _potential(length(point), delta)


def gradient(beta: ArrayLike, delta: float) -> Array:
    """Gradient of the potential, sqrt(s − delta) beta/|beta|.

    Parameters
    ----------
    beta : array_like of shape (d,)
        Function-space point.
    delta : float
        Conserved quantity a² − |w|².

    Returns
    -------
    ndarray of shape (d,)
        The gradient; at beta = 0, the subgradient 0 (all z with ``|z|² <= -2 delta`` are
        subgradients there).

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> implicit_bias.gradient([0.0, 2.0], 3.0)
    array([0.        , 1.41421356])
    """
    point, delta = checks.real_array(beta, "beta", 1), checks.finite_number(delta, "delta")
    return _gradient(point, length(point), delta)


def conjugate(z: ArrayLike, delta: float) -> float:
    """Convex conjugate of the potential, sup over beta of z·beta − Psi_delta(beta).

    Parameters
    ----------
    z : array_like of shape (d,)
        Dual point, a gradient of the potential.
    delta : float
        Conserved quantity a² − |w|².

    Returns
    -------
    float
        ``max(|z|² + 2 delta, 0)^{3/2} / 6``.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> implicit_bias.conjugate([2.0, 0.0], -2.0), implicit_bias.conjugate([2.0, 0.0], 0.0)
    (0.0, 1.3333333333333333)
    """
    point, delta = _dual_point(z, delta)
    return _sigma(length(point), delta) ** 3 / 6


def conjugate_gradient(z: ArrayLike, delta: float) -> Array:
    """Gradient of the conjugate: the point beta whose potential has the gradient `z`.

    Parameters
    ----------
    z : array_like of shape (d,)
        Dual point.
    delta : float
        Conserved quantity a² − |w|².

    Returns
    -------
    ndarray of shape (d,)
        ``sqrt(max(|z|² + 2 delta, 0)) z / 2``.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> implicit_bias.conjugate_gradient(implicit_bias.gradient([0.0, 2.0], 3.0), 3.0).round(12)
    array([0., 2.])
    """
    point, delta = _dual_point(z, delta)
    return np.asarray(_sigma(length(point), delta) / 2 * point)


@long_work
def single_neuron(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    beta0: ArrayLike = None,
    delta: float | None = None,
    *,
    method: str = "closed-form",
    time_limit: float | None = None,
) -> Minimizer:
    """Minimise Psi_delta(beta) − psi_delta beta0·beta/|beta0| subject to X beta = y.

    By Theorem 3.1 this is where the flow of a w·x from a0 w0 = `beta0` ends, unless it passes
    through beta = 0. `saddles.neuron.limit` reports whether it does, and computes the end then too.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets, in the range of X; leave out if `X` is a `Regression`.
    beta0 : array_like of shape (d,)
        Initial point, not zero.
    delta : float
        Conserved quantity a² − |w|².
    method : {'closed-form', 'cvxpy'}
        The closed form, or the solver that cvxpy chooses for `program`.
    time_limit : float, optional
        Seconds after which a solver of cvxpy is to stop. It gets the limit as its own; its point is
        then returned with ``status`` 'time_limit', if it has one. The closed form is not cut.

    Returns
    -------
    Minimizer
        Always unique: the potential is strictly convex.

    Raises
    ------
    TypeError, ValueError
        On bad input; if y is not in the range of X; if `beta0` is zero, which the theorem excludes.
    ImportError, RuntimeError
        If `method` needs cvxpy, and that is not installed or finds no solution.
    TimeoutError
        If the time is over before cvxpy's solver has a point.

    Examples
    --------
    >>> from saddles import implicit_bias
    >>> end = implicit_bias.single_neuron([[1.0, 0.0]], [1.0], beta0=[0.0, 1.0], delta=-1e3)
    >>> end.beta.round(3), end.unique
    (array([ 1.   , 31.631]), True)
    """
    checks.one_of(method, "method", ("closed-form", "cvxpy"))

    def minimise(space: RowSpace) -> Minimizer:
        start = Start.of(beta0, delta, space.problem.n_features)
        if method == "closed-form":
            return _certified(space, _closed_form(space, start), start)
        end = solved(theorem(space, start.pull, start.delta))
        return believed(_certified(space, end.beta, start), end.status)

    return minimised(X, y, minimise)


@dataclass(frozen=True, eq=False)
class Start:
    """What the theorem knows of the initial weights: c (d,), δ and a₀²."""

    pull: Array
    delta: float
    a_squared: float

    @classmethod
    def of(cls, beta0: ArrayLike, delta: float | None, n_features: int) -> Start:
        """Return the start from β₀ = a₀ w₀ (d,) and δ."""
        point = checks.per_feature(beta0, "beta0", n_features)
        delta, norm = checks.finite_number(delta, "delta"), length(point)
        if norm == 0:
            raise ValueError(
                f"beta0={checks.show(point)} is zero, which Theorem 3.1 excludes: it has no "
                "direction to preserve. Give the weights to neuron.limit instead."
            )
        a_squared, w_squared = squares(norm, delta)
        return cls(math.sqrt(2 * w_squared) * (point / norm), delta, a_squared)


def _closed_form(space: RowSpace, start: Start) -> Array:
    """Return β∞ (d,)."""
    outer, least = space.outside(start.pull), length(space.least_squares)
    # Both forms of m are exact; each has the smaller terms for one sign of delta.
    if start.delta >= 0:
        m = 2 * start.delta + float(outer @ outer)
    else:
        m = 2 * start.a_squared - length(space.basis.T @ start.pull) ** 2
    return np.asarray(space.least_squares + _positive_root(m, 4 * least) / 2 * outer)


def _positive_root(m: float, product: float) -> float:
    """Return sqrt of ½ [m + sqrt(m² + product²)], free of cancellation."""
    half = (math.hypot(m, product) + abs(m)) / 2
    if m >= 0:
        return math.sqrt(half)
    return product / 2 / math.sqrt(half)


def _certified(space: RowSpace, beta: Array, start: Start) -> Minimizer:
    """Return the minimiser with a multiplier, its residuals and its gap."""
    pull, delta, norm = start.pull, start.delta, length(beta)
    slope = _gradient(beta, norm, delta)
    if norm == 0 and delta < 0:
        # Any z with |z|² <= −2δ is a subgradient; P⊥(z − c) = 0 makes z = P⊥c the least one.
        slope = space.outside(pull)
        slope *= min(1.0, math.sqrt(-2 * delta) / (length(slope) or 1.0))
    multiplier = space.lift(slope - pull)
    dual = multiplier @ space.problem.X + pull
    size = max(length(slope), length(pull)) or 1.0
    objective = _potential(norm, delta) - float(pull @ beta)
    above = _sigma(length(dual), delta) ** 3 / 6
    bound = float(space.problem.y @ multiplier) - above
    scale = (abs(delta) + 2 * norm + float(pull @ pull)) ** 1.5
    return Minimizer(
        beta=beta,
        multiplier=multiplier,
        objective=objective,
        feasibility=infeasibility(space.problem, beta),
        stationarity=length(dual - slope) / size,
        gap=(objective - bound) / (scale or 1.0),
        unique=True,
    )


def _dual_point(z: ArrayLike, delta: float) -> tuple[Array, float]:
    return checks.real_array(z, "z", 1), checks.finite_number(delta, "delta")


def _potential(norm: float, delta: float) -> float:
    """Return Ψ_δ from |β|."""
    a_squared, w_squared = squares(norm, delta)
    return math.sqrt(2 * a_squared) * (w_squared - delta / 2) * (2 / 3)


def _gradient(point: Array, norm: float, delta: float) -> Array:
    """Return ∇Ψ_δ(β) (d,) from β and |β|."""
    if norm == 0:
        return np.zeros_like(point)
    return np.asarray(math.sqrt(2 * squares(norm, delta)[1]) / norm * point)


def _sigma(norm: float, delta: float) -> float:
    """Return sqrt(max(|z|² + 2δ, 0)) from |z|."""
    if delta >= 0:
        return math.hypot(norm, math.sqrt(2 * delta))
    kink = math.sqrt(-2 * delta)
    return math.sqrt(max(norm - kink, 0.0) * (norm + kink))
