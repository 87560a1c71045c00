"""Gradient flow of the single linear neuron on any data, integrated.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), equation 4: in function space,
β' = −M∇L with M = a² I + w wᵀ a function of β and δ. The integrator works with a and with the part
of w inside the row space of X, because

1. w − w₀ never leaves the row space: the rest of w is constant, exactly, at no cost;
2. M is not a smooth function of β at 0 if δ < 0, while the weights pass through a = 0 smoothly;
3. δ = a² − |w|² is then not built in, so that its drift measures the error of the integration.

Far from balance a and w differ by orders, and so would their errors. What is integrated is
x = (a/u, u q), with a power of two u that makes both of the size of √|β|.

===============  ================================================================
code name        symbol
===============  ================================================================
``inner``        q = Vᵀw, shape (r,), V a basis of the row space
``outer``        P⊥w₀, shape (d,), constant
``pull``         b = VᵀXᵀy/n, shape (r,)
``stiffness``    λ = σ²/n, shape (r,): VᵀXᵀXV/n = diag(λ)
``state``        (a, q), shape (1 + r,):  a' = q·(b − aλq),  q' = a (b − aλq)
``units``        (u, 1/u, …), shape (1 + r,): the state over x
===============  ================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._numerics.stepping import LEAST_RTOL, Ending, Equation, Integration, Pieces, Tolerances
from saddles._numerics.watch import long_work
from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._problems.row_space import RowSpace
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles.neuron._formulas import squares
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["NearSaddle", "Weights", "function_space_flow", "integration"]

SOURCE = "Kunin et al. 2024, arXiv:2406.06158, equation 4"

#: Scaled time is t / log(1/alpha); this scale makes it the time t itself.
UNIT_LOG_ALPHA = -1.0

#: What LSODA is asked for is smaller than `rtol` by this factor, because its errors per step add up
#: over the thousand steps of a stiff flow.
SHARPER = 4.0

#: Steps before giving up: a plateau costs hundreds, a flow about a thousand.
NEURON_STEPS = 200_000

#: Differences below this many ulp of their terms cannot be told from zero.
INDISTINCT = 64 * EPS

#: The gain counts as positive from this fraction of its terms on: far above the integration error,
#: far below the third that is reached at every minimum.
POSITIVE = 1e-6

#: A flow that comes to a saddle within the distance that the integration error, this many times
#: enlarged, would cause is not known to have left it on the right side.
TRUST = 100.0


@long_work
def function_space_flow(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    beta0: ArrayLike = None,
    delta: float | None = None,
    *,
    until: float | None = None,
    rtol: float = 1e-13,
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Function-space flow beta' = -M(beta, delta) grad L of the neuron a w·x, for any data.

    Loss and times are those of the mean loss |y − X beta|²/(2n); divide times by n for the sum.
    The flow has no initial scale but `beta0` and `delta`, so scaled times equal the times t of the
    gradient flow (``log_alpha`` is -1 by convention).

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets; leave out if `X` is a `Regression`.
    beta0 : array_like of shape (d,)
        Initial point a0 * w0.
    delta : float
        Conserved quantity a² − |w|².
    until : float, optional
        Time t of the gradient flow at which to stop. Without it, the flow is followed until
        X⁺X beta equals X⁺y to `rtol` (64 ulp at best), relative to the larger of its sizes at the
        start and at the end.
    rtol : float, optional
        Relative error of the weights allowed per step, from 1e-13 to 1e-2.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the flow so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Flow
        With ``conservation`` the largest drift of a² − |w|², relative to a² + |w|². Its status is
        `Status.UNDECIDED` if it comes so close to a saddle a = 0, w·X'y = 0 that rounding decides
        how it leaves, as from a `beta0` opposite to X⁺y with ``delta = 0``; `neuron.exact` has all
        digits there, for whitened inputs.

    Raises
    ------
    TypeError, ValueError
        On bad input; also if `beta0` is zero and `delta` is not positive: then w has no known
        direction (delta < 0), or is zero for ever (delta = 0).

    Examples
    --------
    >>> from saddles import neuron
    >>> flow = neuron.function_space_flow([[1.0, 1.0]], [1.0], beta0=[0.1, 0.0], delta=0.0)
    >>> flow.at([0.0, 1.0, flow.until]).round(4) + 0.0
    array([[0.1   , 0.    ],
           [0.4415, 0.2194],
           [0.6353, 0.3647]])
    """
    problem = as_regression(X, y)
    rule = "the relative error per step must be from 1e-13 to 1e-2"
    rtol = checks.real_number(rtol, "rtol", rule, lambda value: 1e-13 <= value <= 1e-2)
    if until is not None:
        rule = (
            "the last time must be finite and above 0; leave it out to follow the flow to its end"
        )
        until = checks.real_number(until, "until", rule, lambda value: 0 < value < math.inf)
    weights, start = _start(problem, beta0, checks.finite_number(delta, "delta"))
    if weights.converged(start, rtol) and until is None:
        rest = _Steps(weights, Pieces(np.array([0.0, 1.0]), [_still(start / weights.units)]))
        return _as_flow(rest, Status.CONVERGED)
    run, near = integration(weights, start, rtol, until), NearSaddle(weights, start, rtol)

    def done(_: int, solver: Any) -> bool:
        state = weights.units * solver.y
        return near.decides(state) or (until is None and weights.converged(state, rtol))

    states = run.recorded(done, "neuron.function_space_flow")
    if not states.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    status = Status.UNDECIDED if near.lost else _status(weights, run, rtol, until)
    return _as_flow(_Steps(weights, states), status)


def _status(weights: Weights, run: Integration, rtol: float, until: float | None) -> Status:
    """Return why the integration ended."""
    if run.ending is Ending.OUT_OF_TIME:
        return Status.TIME_LIMIT
    finished = run.ending is Ending.FINISHED
    if (finished or until is None) and weights.converged(weights.units * run.solver.y, rtol):
        return Status.CONVERGED
    return Status.UNTIL_REACHED if finished else Status.INTEGRATION_FAILED


def _start(problem: Regression, beta0: ArrayLike, delta: float) -> tuple[Weights, Array]:
    """Return the network and its initial state, with a > 0; the other sign gives the same beta."""
    point = checks.per_feature(beta0, "beta0", problem.n_features)
    norm = float(np.linalg.norm(point))
    if norm == 0 and delta <= 0:
        why = "the weights start at zero and stay there" if delta == 0 else "w has no direction"
        raise ValueError(
            f"beta0={checks.show(point)} is zero and delta={delta!r} is not positive, so {why}; "
            "start elsewhere, or give the weights to neuron.limit."
        )
    a0 = math.sqrt(squares(norm, delta)[0])
    return Weights.of(RowSpace.of(problem), a0, point / a0)


def _as_flow(curve: _Steps, status: Status) -> Flow:
    return Flow(
        algorithm="neuron.function_space_flow",
        source=SOURCE,
        log_alpha=UNIT_LOG_ALPHA,
        kappa=2,
        times=curve.times,
        curve=curve,
        status=status,
    )


def _unit(norm: float, delta: float) -> float:
    """Return the power of two nearest to sqrt(|a|/|w|), for |β| and δ; 1 where β is 0."""
    a_squared, w_squared = squares(norm, delta)
    if not (a_squared and w_squared):
        return 1.0
    return float(2.0 ** round((math.log2(a_squared) - math.log2(w_squared)) / 4))


def _still(state: Array) -> Callable[[Any], Array]:
    """Return a dense output that never moves, shape (1 + r,) or (1 + r, q)."""
    return lambda t: np.tile(state[:, None], np.size(t)).reshape(state.shape + np.shape(t))


@dataclass(frozen=True, eq=False)
class Weights:
    """The neuron restricted to the row space."""

    space: RowSpace
    outer: Array
    pull: Array
    stiffness: Array
    units: Array
    least: float
    """Smaller of the sizes that |x|² has at the start and at the end."""
    start: Array
    """Initial a q, shape (r,)."""
    initial: float
    """Initial |(a, w)|."""

    @classmethod
    def of(cls, space: RowSpace, a0: float, w0: Array) -> tuple[Weights, Array]:
        """Return the network and the initial state (1 + r,)."""
        n = space.problem.n_samples
        state = np.append(a0, space.basis.T @ w0)
        norm = float(np.linalg.norm(w0))
        delta = (abs(a0) - norm) * (abs(a0) + norm)
        end = squares(float(np.linalg.norm(space.least_squares)), delta)
        start = a0 * a0, norm * norm
        unit = _unit(max(abs(a0) * norm, math.sqrt(end[0] * end[1])), delta)
        sizes = [square[0] / unit**2 + square[1] * unit**2 for square in (start, end)]
        weights = cls(
            space=space,
            outer=space.outside(w0),
            pull=space.singular * space.targets / n,
            stiffness=space.singular**2 / n,
            units=np.append(unit, np.full(space.rank, 1 / unit)),
            least=min(size for size in sizes if size) if any(sizes) else 1.0,
            start=state[0] * state[1:],
            initial=math.sqrt(sum(start)),
        )
        return weights, state

    def slope(self, state: Array) -> Array:
        """Return −∇L in the basis V, for states (1 + r,) or (1 + r, q)."""
        shape = (-1,) + (1,) * (state.ndim - 1)
        pull, stiffness = self.pull.reshape(shape), self.stiffness.reshape(shape)
        return np.asarray(pull - stiffness * (state[0] * state[1:]))

    def velocity(self, _time: float, x: Array) -> Array:
        """Return the time derivative of x (1 + r,)."""
        slope = self.slope(x)  # the units cancel in aq
        return np.append(x[1:] @ slope, x[0] * slope) / self.units**2

    def jacobian(self, _time: float, x: Array) -> Array:
        """Return the derivative of the velocity of x, (1 + r, 1 + r)."""
        a, inner = x[0], x[1:]
        matrix = np.diag(np.append(-inner @ (self.stiffness * inner), -a * a * self.stiffness))
        matrix[0, 1:] = matrix[1:, 0] = self.pull - 2 * a * (self.stiffness * inner)
        return np.asarray(matrix / self.units[:, None] ** 2)

    def gains(self, state: Array) -> bool:
        """Say whether L(β) < L(0), from b·β − ½|Xβ|², which does not cancel against |y|²."""
        beta = state[0] * state[1:]
        gain, cost = float(beta @ self.pull), float(beta @ (self.stiffness * beta)) / 2
        return gain - cost > POSITIVE * (abs(gain) + cost)

    def nearness(self, state: Array) -> float:
        """Return the distance of the weights from the saddles a = 0, w·b = 0."""
        return math.hypot(state[0], float(state[1:] @ self.pull) / float(np.linalg.norm(self.pull)))

    def converged(self, state: Array, rtol: float) -> bool:
        """Say whether beta is at X⁺y in the row space, up to `rtol`, or the weights are gone."""
        # Only a flow exactly on the line into the saddle at the origin shrinks by that much.
        if np.linalg.norm(state) <= EPS * self.initial:
            return not self.outer.any()
        beta, end = state[0] * state[1:], self.pull / self.stiffness
        size = max(float(np.linalg.norm(end)), float(np.linalg.norm(self.start)))
        # Distances, not gradients: those of the flat directions of X are small from the start.
        return float(np.linalg.norm(beta - end)) <= max(rtol, INDISTINCT) * size


class NearSaddle:
    """Watches whether a flow comes so close to a saddle a = 0, w·b = 0 that rounding decides.

    Attributes
    ----------
    lost : bool
        Whether the error of the integration decides how, and when, the flow leaves.
    """

    def __init__(self, weights: Weights, start: Array, rtol: float) -> None:
        self._weights, self._rtol = weights, rtol
        self.gained = not weights.pull.any() or weights.gains(start)
        self._first = self._nearest = 0.0 if self.gained else weights.nearness(start)
        self._largest = weights.initial
        self.lost = False

    def decides(self, state: Array) -> bool:
        """Take the next state; return whether the flow is lost."""
        if self.gained:
            return False
        self._nearest = min(self._nearest, self._weights.nearness(state))
        size = math.hypot(np.linalg.norm(state), np.linalg.norm(self._weights.outer))
        self._largest = max(self._largest, size)
        self.lost = self._nearest**2 <= TRUST * self._rtol * self._first * self._largest
        self.gained = self._weights.gains(state)
        return self.lost


def integration(
    weights: Weights, start: Array, rtol: float, until: float | None = None
) -> Integration:
    """Return the integration of x from a state `start` (1 + r,).

    For |δ| far above |β| the directions settle up to (δ/|β|)² times slower than the norm, which no
    explicit method could follow.
    """
    return Integration(
        Equation(weights.velocity, start / weights.units, jacobian=weights.jacobian),
        Tolerances(
            rtol=max(rtol / SHARPER, LEAST_RTOL), atol=rtol / SHARPER * math.sqrt(weights.least)
        ),
        NEURON_STEPS,
        until=math.inf if until is None else until,
    )


@dataclass(frozen=True, eq=False)
class _Steps:
    """The trajectory of the state, and what follows from it."""

    weights: Weights
    scaled: Pieces
    """x (1 + r, q)."""

    @property
    def times(self) -> Array:
        """Times at which steps end (m,)."""
        return self.scaled.times

    def states(self, tau: Array) -> Array:
        """Return the states (1 + r, q)."""
        return np.asarray(self.weights.units[:, None] * self.scaled(tau))

    def point(self, tau: Array) -> Array:
        """Return beta, shape (q, d)."""
        states = self.states(tau)
        w = self.weights.space.basis @ states[1:] + self.weights.outer[:, None]
        return np.asarray((states[0] * w).T)

    def loss(self, tau: Array) -> Array:
        """Return |y − X beta|²/(2n), shape (q,)."""
        space, states = self.weights.space, self.states(tau)
        fit = space.singular[:, None] * (states[0] * states[1:])
        residual = space.problem.y[:, None] - space.left @ fit
        return np.asarray(np.sum(residual**2, axis=0) / (2 * space.problem.n_samples))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dt = −∇L·M∇L, shape (q,)."""
        states = self.states(tau)
        slope = self.weights.slope(states)
        turning = states[0] ** 2 * np.sum(slope**2, axis=0)
        return np.asarray(-turning - np.sum(states[1:] * slope, axis=0) ** 2)

    def conservation(self) -> float:
        """Return the largest drift of a² − |w|² over the steps, relative to a² + |w|²."""
        middles = (self.times[1:] + self.times[:-1]) / 2
        states = self.states(np.concatenate([self.times, middles]))
        inner = np.sum(states[1:] ** 2, axis=0)
        delta = states[0] ** 2 - inner
        size = states[0] ** 2 + inner + self.weights.outer @ self.weights.outer
        return float(np.max(np.abs(delta - delta[0]) / np.where(size > 0, size, 1.0)))
