"""Where the flow of the single linear neuron really ends, and whether Theorem 3.1 describes it.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), Theorem 3.1, supposes that β never
passes through 0 and that Xβ(∞) = y. The end is known without either. Gradient flow moves w inside
the row space of X only, and conserves δ = a² − |w|², so that at any minimum with a∞ ≠ 0

    β∞ = X⁺y + a∞ P⊥w₀,    a∞² = ½ [m + sqrt(m² + 4|X⁺y|²)],    m = δ + |P⊥w₀|² = a₀² − |P w₀|².

Only the sign of a∞ has to be found, and the loss decides it. Every visit to β = 0 happens at the
loss L(0), and the loss strictly decreases but at critical points; hence

- β = 0 is visited once at most, and never once L(β) < L(0): from then on a keeps its sign;
- the flow has to be followed only until its gain b·β − ½|Xβ|² = n (L(0) − L(β)) is positive. That
  never happens to a flow that ends at a saddle, where a = 0 and w·b = 0.

===================  ==================================================================
code name            symbol
===================  ==================================================================
``outer``            P⊥w₀ = (I − X⁺X) w₀;  ``inner`` q = coordinates of P w₀
``pull``             b/n = VᵀXᵀy/n in the basis V of the row space
``branches``         β∞ for a∞ < 0 and for a∞ > 0
``nearness``         distance to the saddles, sqrt(a² + (w·b̂)²)
===================  ==================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from operator import mul

import numpy as np

from saddles import checks
from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace, equation_units
from saddles._tools.record import Record
from saddles.neuron._flow import INDISTINCT, NearSaddle, Weights, integration
from saddles.typing import Array, ArrayLike

__all__ = ["Exclusion", "Limit", "limit"]

#: Relative error per step of the integration that finds the sign.
SIGN_RTOL = 1e-12


class Exclusion(Enum):
    """Why Theorem 3.1 does not apply to a flow; the value is a sentence.

    Examples
    --------
    >>> from saddles import neuron
    >>> neuron.limit([[1.0, 0.0]], [1.0], a0=1.0, w0=[0.0, 0.0]).excluded
    (Exclusion.STARTS_AT_ZERO,)
    """

    STARTS_AT_ZERO = "beta(0) = 0, so that the theorem's beta(0)/|beta(0)| is not defined."
    PASSES_THROUGH_ZERO = (
        "beta passes through 0 on its way, and leaves it with a direction other than the one that "
        "the theorem preserves."
    )
    INFEASIBLE = (
        "y is not in the range of X: no beta has X beta = y, and the flow ends at a least-squares "
        "solution instead."
    )
    ENDS_AT_SADDLE = "The flow ends at a saddle, a = 0 and w·X'y = 0, and never fits the targets."
    UNDECIDED = (
        "The flow comes so close to a saddle that rounding decides on which side it leaves; the "
        "end is one of the two branches, or the saddle."
    )

    def __repr__(self) -> str:
        return f"Exclusion.{self.name}"


@dataclass(frozen=True, eq=False, repr=False)
class Limit(Record):
    """The end of the flow.

    Attributes
    ----------
    beta : ndarray of shape (d,)
        Where the flow ends; NaN if that is `UNDECIDED`.
    a : float
        Output weight there; NaN if that is `UNDECIDED`.
    branches : ndarray of shape (2, d)
        The ends that are possible from these weights, for a < 0 and for a > 0.
    excluded : tuple of Exclusion
        Every reason for which Theorem 3.1 does not apply; empty if it does.
    """

    beta: Array
    a: float
    branches: Array
    excluded: tuple[Exclusion, ...]

    @property
    def applies(self) -> bool:
        """True if the flow satisfies the hypotheses of Theorem 3.1."""
        return not self.excluded

    @property
    def success(self) -> bool:
        """True if the end could be computed."""
        return Exclusion.UNDECIDED not in self.excluded

    @property
    def message(self) -> str:
        """Whether Theorem 3.1 applies, and if not, why."""
        reasons = " ".join(reason.value for reason in self.excluded)
        return f"Theorem 3.1 does not apply: {reasons}" if reasons else "Theorem 3.1 applies."


def limit(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    a0: float | None = None,
    w0: ArrayLike = None,
) -> Limit:
    """End of the gradient flow of a w·x, with the sign that `a` really has there.

    It is the same for the mean and for the sum loss, which differ by their time only.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets; leave out if `X` is a `Regression`. If they are not in the range of X, the flow
        ends at a least-squares solution.
    a0 : float
        Initial output weight.
    w0 : array_like of shape (d,)
        Initial input weights.

    Returns
    -------
    Limit
        The end, and the reasons for which Theorem 3.1 does not apply, if any.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import neuron
    >>> end = neuron.limit([[1.0, 0.0]], [1.0], a0=-0.5, w0=[2.0, 1.0])
    >>> end.beta.round(4), end.excluded
    (array([1. , 0.5]), (Exclusion.PASSES_THROUGH_ZERO,))
    """
    problem = as_regression(X, y)
    a0 = checks.finite_number(a0, "a0")
    start = checks.per_feature(w0, "w0", problem.n_features)
    space = RowSpace.of(problem)
    weights, state = Weights.of(space, a0, start)
    solutions = _solutions(space)
    size = _end_size(solutions, a0, start)
    outer = solutions.outside(start)
    branches = solutions.least_squares + np.array([[-size], [size]]) * outer
    sign, reasons = _ending(weights, state, lambda: _exactly_opposed(problem, a0, start))
    if not solutions.attainable:
        reasons.append(Exclusion.INFEASIBLE)
    if sign == 0:
        beta = np.zeros(problem.n_features)
        return Limit(beta=beta, a=0.0, branches=branches, excluded=tuple(reasons))
    if math.isnan(sign):
        beta = np.full(problem.n_features, math.nan)
        return Limit(beta=beta, a=math.nan, branches=branches, excluded=tuple(reasons))
    end = branches[0 if sign < 0 else 1].copy()
    return Limit(beta=end, a=sign * size, branches=branches, excluded=tuple(reasons))


def _solutions(space: RowSpace) -> RowSpace:
    """Return the equations whose solutions hold the end: all of them, however small they are.

    A small one is as good as any other where all can be met, and is met in the end. Where they
    contradict each other, sizes weigh them.
    """
    problem = space.problem
    unit = equation_units(problem)
    equations = Regression(problem.X / unit[:, None], problem.y / unit)
    apart = RowSpace.of(equations, np.ones_like(unit))
    return apart if apart.attainable else space


def _end_size(space: RowSpace, a0: float, start: Array) -> float:
    """Return |a∞|, by whichever root of its equation does not cancel."""
    inner = float(np.linalg.norm(space.basis.T @ start))
    m = (abs(a0) - inner) * (abs(a0) + inner)
    fit = float(np.linalg.norm(space.least_squares))
    half = (math.hypot(m, 2 * fit) + abs(m)) / 2
    if m >= 0:
        return math.sqrt(half)
    return fit / math.sqrt(half)


def _ending(
    weights: Weights, state: Array, opposed: Callable[[], bool]
) -> tuple[float, list[Exclusion]]:
    """Return the sign of a∞ (0 at a saddle, NaN if undecided) and the reasons found on the way.

    `opposed` says whether the start lies exactly on the line into the saddle at the origin.
    """
    a, inner = float(state[0]), state[1:]
    pull = weights.pull
    size = math.hypot(a, float(np.linalg.norm(inner)), float(np.linalg.norm(weights.outer)))
    starts = a == 0 or not (inner.any() or weights.outer.any())
    reasons = [Exclusion.STARTS_AT_ZERO] if starts else []
    force = float(inner @ pull)
    noise = INDISTINCT * float(np.linalg.norm(inner) * np.linalg.norm(pull))
    if not pull.any():
        # beta = 0 is a minimum: a decays to its end without changing sign.
        return math.copysign(1.0, a), reasons
    if (a == 0 and abs(force) <= noise) or size == 0:
        certain = force == 0
        return (0.0 if certain else math.nan), [*reasons, _saddle(certain)]
    if starts:
        return math.copysign(1.0, a if a else force), reasons
    if a * force < 0 and _aside(weights, state) <= INDISTINCT:
        delta = (abs(a) - np.linalg.norm(inner)) * (abs(a) + np.linalg.norm(inner))
        if abs(delta) <= INDISTINCT * size * size:
            certain = opposed()
            return (0.0 if certain else math.nan), [*reasons, _saddle(certain)]
        return math.copysign(1.0, a if delta > 0 else -a), [Exclusion.PASSES_THROUGH_ZERO]
    sign = _followed(weights, state)
    if math.isnan(sign):
        return sign, [Exclusion.UNDECIDED]
    return sign, [Exclusion.PASSES_THROUGH_ZERO] if sign * a < 0 else []


def _saddle(certain: bool) -> Exclusion:
    return Exclusion.ENDS_AT_SADDLE if certain else Exclusion.UNDECIDED


def _aside(weights: Weights, state: Array) -> float:
    """Return how far w strays from the line of X'y, relatively; only on it w can pass through 0."""
    inner, pull = state[1:], weights.pull
    line = pull / np.linalg.norm(pull)
    size, curve = float(np.linalg.norm(inner)), weights.stiffness * line
    off_line = float(np.linalg.norm(inner - (inner @ line) * line))
    bend = float(np.linalg.norm(curve - (curve @ line) * line))
    outer = float(np.linalg.norm(weights.outer))
    return max(off_line / size, outer / size, bend / float(weights.stiffness.max()))


def _exactly_opposed(problem: Regression, a0: float, w0: Array) -> bool:
    """Say, in fractions, whether |w| = |a| and w stays on the line of X'y."""
    rows = [[Fraction(float(x)) for x in row] for row in problem.X]
    targets, w = ([Fraction(float(x)) for x in vector] for vector in (problem.y, w0))

    def pulled(residual: list[Fraction]) -> list[Fraction]:
        return [sum(map(mul, column, residual), Fraction(0)) for column in zip(*rows, strict=True)]

    turned = pulled([sum(map(mul, row, w), Fraction(0)) for row in rows])
    balanced = sum(x * x for x in w) == Fraction(a0) ** 2
    return balanced and _parallel(w, pulled(targets)) and _parallel(w, turned)


def _parallel(first: list[Fraction], second: list[Fraction]) -> bool:
    """Say whether the second vector is a multiple of the first, which is not zero."""
    k = next(k for k, x in enumerate(first) if x)
    return all(x * second[k] == y * first[k] for x, y in zip(first, second, strict=True))


def _followed(weights: Weights, state: Array) -> float:
    """Follow the flow until its gain is positive; return the sign of `a` there, NaN if unsure."""
    near = NearSaddle(weights, state, SIGN_RTOL)
    if near.gained:
        return math.copysign(1.0, state[0])
    for solver in integration(weights, state, SIGN_RTOL):
        now = weights.units * solver.y
        if near.decides(now):
            return math.nan
        if weights.gains(now):
            return math.copysign(1.0, now[0])
    return math.nan
