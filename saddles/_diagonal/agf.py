"""Alternating gradient flows of the diagonal linear network, at any initial scale.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 4. The network
β = u ⊙ v is a sum of d neurons θ_i = (u_i, v_i), each started from (α, 0). While the residual
stands still, a neuron's norm obeys |θ_i|² = α² cosh(ϑ_i) with a phase ϑ_i that turns at the
constant rate 4 U_i* (signed by its gradient), so its accumulated utility is exactly

    S_i(t + τ) − S_i(t) = ½ log( cosh(4 U_i* τ + γ_i) / cosh γ_i ),

with γ_i = ± arccosh(|θ_i(t)|²/α²): positive if β_i has the sign that the residual now asks for. The
neuron activates when S_i reaches log(h/α), h the norm that counts as active. This file is written
from those formulas and shares no step with the Pesme–Flammarion dual.

A neuron that cost minimisation returns to zero keeps its clock at the threshold: β_i = u_i v_i goes
to zero on the scale of one, while log|θ_i| moves by O(1), nothing beside log(1/α). Its next phase
starts from γ_i = −arccosh(h²/α²), so its accumulated utility first falls back to zero, as the
neuron shrinks to its initial norm, and only then grows again, on the other side.

==============  ===========================================================================
code name       symbol
==============  ===========================================================================
``scale``       log(1/α), the unit of time; infinite in the limit
``utility``     U_i* = ½|g_i|, the maximum of neuron i's utility at unit norm, (d,)
``pull``        g = Xᵀr, n times the (negative) gradient of the loss over β, (d,)
``growth``      S_i / log(1/α), accumulated utility: log-growth of the norm, (d,)
``side``        sign of β_i, towards which the neuron has turned, (d,)
``gamma``       γ_i / log(1/α), (d,)
``threshold``   arccosh(h²/α²) / log(1/α), the phase of activation
``reach``       what rounding may have turned a phase by, over 2 |x_i|: in proportion to ∫|r| dτ
==============  ===========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from saddles import checks
from saddles._diagonal.cone import (
    minimum_norm,
    nonnegative_least_squares,
    optimality,
    solve_factored,
)
from saddles._numerics.precision import ZERO
from saddles._problems.door import ready
from saddles._problems.in_units import InUnits
from saddles._problems.regression import Regression
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle, SaddlePath
from saddles.alternation import Algorithm, Ring, solve
from saddles.status import Breakdown, Status
from saddles.typing import Array, ArrayLike

__all__ = ["diagonal"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 4 and Algorithm 1"


def diagonal(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    log_alpha: float = -math.inf,
    activation_norm: float | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
) -> SaddlePath:
    """Alternating gradient flow of a diagonal linear network with exact accumulated utility.

    Parameters
    ----------
    X : array_like of shape (n, d), or Regression
        Features, used as they are.
    y : array_like of shape (n,)
        Targets; left out if `X` is a `Regression`.
    log_alpha : float
        Logarithm of the initial scale, u(0) = α, v(0) = 0; below 0. Minus infinity is the limit.
    activation_norm : float, optional
        Norm |θ_i| = h at which a neuron counts as active, larger than α. By default
        ``h**2 = (1 + alpha**4) / 2``, the norm of a neuron whose log-scale has moved by exactly
        log(1/α), so that scaled times do not depend on α; it is also |θ_i| = 1 of the authors'
        notebook, which starts from √2 α. The talk's |θ_i| = 1 from u(0) = α is
        ``activation_norm=1.0``: every time is longer by the factor 1 + log(2) / (2 log(1/α)).
    max_jumps : int, optional
        Stop after so many jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.

    Returns
    -------
    SaddlePath
        Scaled times t / log(1/α) of the mean loss |y − Xβ|²/(2n). Where β is not unique, the one of
        minimum norm is returned and ``certificates.unique`` is False.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If a saddle misses its optimality conditions (only with ``on_failure="raise"``).

    Examples
    --------
    >>> import saddles
    >>> X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
    >>> path = saddles.agf.diagonal(X, [1.0, 0.0], log_alpha=-230)
    >>> path.times.round(6).tolist(), path.left[2].tolist()
    ([0.0, 2.0, 8.0, 11.265306], [0])
    """
    data, clock = ready(X, y, dense=True), _Clock.of(log_alpha, activation_norm)
    algorithm = Algorithm(
        name="alternating gradient flow, diagonal network",
        source=SOURCE,
        start=partial(_start, data),
        utility=partial(_utility, data, clock),
        jump=partial(_jump, data, clock),
        cost=partial(_cost, data),
        saddle=partial(_saddle, data),
        log_alpha=-clock.scale,
    )
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


@dataclass(frozen=True)
class _Clock:
    """The map between a neuron's growth S and its phase, both in units of log(1/α)."""

    scale: float
    threshold: float

    @classmethod
    def of(cls, log_alpha: float, activation_norm: float | None) -> _Clock:
        """Return the clock for an initial scale and a norm of activation."""
        scale = -checks.log_scale(log_alpha, allow_limit=True)
        if activation_norm is None:
            return cls(scale, 2.0)
        rule = "a neuron must have to grow to become active; give a finite norm above alpha"
        norm = checks.real_number(
            activation_norm,
            "activation_norm",
            rule,
            lambda h: 0 < h < math.inf and math.log(h) > -scale,
        )
        goal = 1.0 if math.isinf(scale) else 1.0 + math.log(norm) / scale
        return cls(scale, float(cls(scale, 2.0).phase(np.float64(goal))))

    def phase(self, growth: Array | np.float64) -> Array:
        """Return arccosh(|θ|²/|θ(0)|²) = arccosh(exp 2S), without ever forming the exponential."""
        if math.isinf(self.scale):
            return np.asarray(2 * growth)
        log_ratio = 2 * self.scale * growth
        return np.asarray((log_ratio + np.log1p(np.sqrt(-np.expm1(-2 * log_ratio)))) / self.scale)

    def growth(self, phase: Array) -> Array:
        """Return S = ½ log cosh(phase): the inverse of `phase`."""
        if math.isinf(self.scale):
            return np.abs(phase) / 2
        angle = np.abs(phase) * self.scale
        near = np.log1p(2 * np.sinh(np.minimum(angle, 1.0) / 2) ** 2)
        far = angle + np.log1p(np.exp(-2 * angle)) - math.log(2)
        return np.where(angle < 1, near, far) / (2 * self.scale)


@dataclass(frozen=True, eq=False)
class _State:
    """Norm and side of every neuron, and the function they compute; see the module's table."""

    jumps: int
    time: float
    reach: float
    growth: Array
    side: Array
    at_threshold: Array
    beta: Array
    previous: Array
    residual: Array
    pull: Array
    unique: bool
    margin: float


def _start(data: InUnits) -> _State:
    """Begin with every neuron at its initial norm, on no side."""
    nothing = np.zeros(data.X.shape[1])
    return _State(
        jumps=0,
        time=0.0,
        reach=0.0,
        growth=nothing,
        side=nothing,
        at_threshold=nothing,
        beta=nothing,
        previous=nothing,
        residual=data.y,
        pull=_pull(data, data.y, nothing),
        unique=True,
        margin=math.inf,
    )


def _pull(data: InUnits, residual: Array, beta: Array) -> Array:
    """Return g = Xᵀr; zero for active neurons, and where only rounding is left of it.

    Growth has the same threshold for every neuron, so g is in the user's units of the columns.
    """
    pull = data.X.T @ residual
    noise = data.resolution(float(np.linalg.norm(residual)))
    active_or_still = (np.abs(pull) <= noise * data.norms) | (beta != 0)
    return np.where(active_or_still, 0.0, pull * data.column_unit)


def _utility(data: InUnits, clock: _Clock, state: _State) -> Ring | Status:
    """Solve ½ log(cosh(4U*τ + γ)/cosh γ) = log(h/|θ|) for each neuron's jump time τ."""
    if not state.pull.any():
        return Status.CONVERGED if state.jumps else Status.NOTHING_TO_LEARN
    utility = np.abs(state.pull) / 2
    gamma = _gamma(clock, state)
    to_turn = clock.threshold - gamma
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        delays = np.where(utility > 0, to_turn / (4 * utility), math.inf)
    first = float(delays.min())
    if first <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    if not math.isfinite(first):
        raise Breakdown(Status.OVERFLOW, f"jump {state.jumps + 1}")
    reach = state.reach + first * data.resolution(float(np.linalg.norm(state.residual)))
    left_to_turn = to_turn - 4 * utility * first
    together = (utility > 0) & (left_to_turn <= 2 * reach * data.norms * data.column_unit)
    blur = reach * data.norms[together] * data.column_unit[together] / (2 * utility[together])
    data.check_time(float(blur.max()), state.time + first, state.jumps + 1)
    second = float(delays[~together].min(initial=math.inf))
    return Ring(
        delay=first,
        units=np.flatnonzero(together),
        margin=(second - first) / first,
        due=data.time(state.time + first),
    )


def _gamma(clock: _Clock, state: _State) -> Array:
    """Return γ: the phase of each neuron, negative if it must first turn back."""
    return np.asarray(state.side * np.sign(state.pull) * clock.phase(state.growth))


def _jump(data: InUnits, clock: _Clock, state: _State, ring: Ring) -> _State:
    """Let every dormant neuron's phase turn until the ring."""
    turning = state.pull != 0
    phase = 2 * np.abs(state.pull) * ring.delay + _gamma(clock, state)
    phase[ring.units] = clock.threshold
    growth = np.where(turning, clock.growth(phase), state.growth)
    side = np.where(turning, np.sign(phase) * np.sign(state.pull), state.side)
    at_threshold = np.where(turning, 0.0, state.at_threshold)
    at_threshold[ring.units] = side[ring.units]
    return replace(
        state,
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        reach=state.reach + ring.delay * data.resolution(float(np.linalg.norm(state.residual))),
        growth=growth,
        side=side,
        at_threshold=at_threshold,
        margin=ring.margin,
    )


def _cost(data: InUnits, state: _State) -> _State:
    """Minimise the loss over the active neurons, none of which can change its side."""
    active = np.flatnonzero(state.at_threshold)
    columns = data.X[:, active] * (state.side[active] / data.norms[active])
    sizes = _independent(columns, nonnegative_least_squares(columns, data.y)[0])
    used = sizes > ZERO * data.target_norm
    units = active[used]
    A = data.X[:, units]
    beta = np.zeros_like(state.beta)
    beta[units], residual = solve_factored(A, data.y, *np.linalg.qr(A))
    beta[active], unique = minimum_norm(
        data, active, state.at_threshold[active], beta[active], residual
    )
    return replace(
        state,
        beta=beta,
        previous=state.beta,
        residual=residual,
        pull=_pull(data, residual, beta),
        unique=unique,
    )


def _independent(columns: Array, sizes: Array) -> Array:
    """Return sizes (k,) >= 0 with the same sum of columns (n, k), those used being independent.

    Moving along a vanishing combination of the used columns until one of them is used up, as in
    Carathéodory's theorem.
    """
    sizes = sizes.copy()
    while (used := np.flatnonzero(sizes)).size:
        _, spread, directions = np.linalg.svd(np.linalg.qr(columns[:, used], mode="r"))
        if used.size <= columns.shape[0] and spread[-1] > ZERO:
            break
        shift = directions[-1] if (directions[-1] > 0).any() else -directions[-1]
        steps = np.where(shift > 0, sizes[used] / np.where(shift > 0, shift, 1.0), math.inf)
        sizes[used] = np.maximum(sizes[used] - steps.min() * shift, 0.0)
        sizes[used[steps.argmin()]] = 0.0
    return sizes


def _saddle(data: InUnits, state: _State) -> Saddle:
    """Return the saddle in the user's units, with its certificate."""
    return Saddle(
        index=state.jumps,
        time=data.time(state.time),
        beta=data.betas(state.beta),
        loss=data.loss(state.residual),
        dual=None,
        active=np.flatnonzero(state.beta),
        entered=np.flatnonzero((state.beta != 0) & (state.previous == 0)),
        left=np.flatnonzero((state.beta == 0) & (state.previous != 0)),
        certificate=_certificate(data, state),
    )


def _certificate(data: InUnits, state: _State) -> Certificate:
    """Check the minimum over the active neurons."""
    held = state.at_threshold.nonzero()[0]
    if held.size == 0:
        return Certificate(stationarity=0.0, violation=0.0)
    columns, weights = data.X[:, held], state.at_threshold[held] * data.norms[held]
    rest = data.y - columns @ state.beta[held]
    stationarity, violation = optimality(data, rest, columns, weights, state.beta[held])
    return Certificate(
        stationarity=stationarity,
        violation=violation,
        margin=state.margin,
        unique=state.unique,
    )
