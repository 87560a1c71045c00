"""Alternating gradient flows of the diagonal linear network, at any initial scale.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 4. The network
β = u ⊙ v is a sum of d neurons θ_i = (u_i, v_i), each started from (α, 0). While the residual
stands still, a neuron's norm obeys |θ_i|² = α² cosh(ϑ_i) with a phase ϑ_i that turns at the
constant rate 4 U_i* (signed by its gradient), so its accumulated utility is exactly

    S_i(t + τ) − S_i(t) = ½ log( cosh(4 U_i* τ + γ_i) / cosh γ_i ),

with γ_i = ± arccosh(|θ_i(t)|²/α²): positive if β_i has the sign that the residual now asks for. The
neuron activates when S_i reaches log(h/α), h the norm that counts as active. This file is written
from those formulas. With the Pesme–Flammarion path it shares no step, only the update of a
least-squares fit by a column.

A neuron that cost minimisation returns to zero keeps its clock at the threshold: β_i = u_i v_i goes
to zero on the scale of one, while log|θ_i| moves by O(1), nothing beside log(1/α). Its next phase
starts from γ_i = −arccosh(h²/α²), so its accumulated utility first falls back to zero, as the
neuron shrinks to its initial norm, and only then grows again, on the other side.

==============  ===========================================================================
code name       symbol
==============  ===========================================================================
``utility``     U_i* = ½|g_i|, the maximum of neuron i's utility at unit norm, (d,)
``pull``        g = Xᵀr, n times the (negative) gradient of the loss over β, (d,)
``growth``      S_i / log(1/α), accumulated utility: log-growth of the norm, (d,)
``side``        sign of β_i, towards which the neuron has turned, (d,)
``fit``         r, and β as far as independent columns carry it
``rung``        the neurons whose clocks rang at the last jump, (m,)
``gamma``       γ_i / log(1/α) of the turning neurons, (m,)
``reach``       what rounding may have turned a phase by, over 2 |x_i|: in proportion to ∫|r| dτ
==============  ===========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from saddles._diagonal.clock import Clock
from saddles._diagonal.cone import (
    Fit,
    extended,
    minimum_norm,
    no_fit,
    nonnegative_least_squares,
    shortened,
)
from saddles._numerics.precision import ZERO
from saddles._numerics.watch import long_work
from saddles._problems.door import ready
from saddles._problems.in_units import InUnits
from saddles._problems.regression import Regression
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle, SaddlePath
from saddles.alternation import Algorithm, Ring, solve
from saddles.status import Breakdown, Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["diagonal"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 4 and Algorithm 1"


@long_work
def diagonal(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    log_alpha: float = -math.inf,
    activation_norm: float | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
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
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

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
    data, clock = ready(X, y, dense=True), Clock.of(log_alpha, activation_norm)
    algorithm = Algorithm(
        name="alternating gradient flow, diagonal network",
        source=SOURCE,
        start=partial(_start, data),
        utility=partial(_utility, data, clock),
        jump=partial(_jump, clock),
        cost=partial(_cost, data),
        saddle=lambda state: _saddles(data, [state])[0],
        saddles=partial(_saddles, data),
        log_alpha=-clock.scale,
    )
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


class _State(NamedTuple):
    """Norm and side of every neuron, and the function they compute; see the module's table.

    ``fit`` is handed on and used up by the next state; all else stays as it is.
    """

    jumps: int
    time: float
    reach: float
    growth: Array
    side: Array
    at_threshold: Array
    rung: Indices
    fit: Fit
    loss: float
    beta: Array
    previous: Array
    pull: Array
    unique: bool
    margin: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ring(Ring):
    """Clocks that ring, and where they leave the phases: of all turning neurons (m,), signed."""

    turning: Indices
    phase: Array


def _start(data: InUnits) -> _State:
    """Begin with every neuron at its initial norm, on no side."""
    nothing, fit = np.zeros(data.shape[1]), no_fit(data)
    return _State(
        jumps=0,
        time=0.0,
        reach=0.0,
        growth=nothing,
        side=nothing,
        at_threshold=nothing,
        rung=np.zeros(0, dtype=np.intp),
        fit=fit,
        loss=data.loss(fit.residual),
        beta=nothing,
        previous=nothing,
        pull=_pull(data, fit, nothing),
        unique=True,
        margin=math.inf,
    )


def _pull(data: InUnits, fit: Fit, beta: Array) -> Array:
    """Return g = Xᵀr; zero for active neurons, and where only rounding is left of it.

    Growth has the same threshold for every neuron, so g is in the user's units of the columns.
    """
    pull = fit.residual @ data.X
    pull[(np.abs(pull) <= fit.noise * data.norms) | (beta != 0)] = 0.0
    return np.asarray(pull * data.column_unit) if data.rescaled else np.asarray(pull)


def _utility(data: InUnits, clock: Clock, state: _State) -> Ring | Status:
    """Solve ½ log(cosh(4U*τ + γ)/cosh γ) = log(h/|θ|) for each neuron's jump time τ."""
    turning = state.pull.nonzero()[0]
    if turning.size == 0:
        return Status.CONVERGED if state.jumps else Status.NOTHING_TO_LEARN
    pull = state.pull[turning]
    towards, rate = np.sign(pull), 2 * np.abs(pull)
    gamma = state.side[turning] * towards * clock.phase(state.growth[turning])
    to_turn = clock.threshold - gamma
    with np.errstate(over="ignore"):
        delays = to_turn / rate
    first = float(delays[delays.argmin()])  # less of a call than min
    if first <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    if not math.isfinite(first):
        raise Breakdown(Status.OVERFLOW, f"jump {state.jumps + 1}")
    blur = (state.reach + first * state.fit.noise) * (data.norms * data.column_unit)[turning]
    phase = gamma + rate * first
    together = (clock.threshold - phase <= 2 * blur).nonzero()[0]
    unsure = max((blur[together] / rate[together]).tolist())
    data.check_time(unsure, state.time + first, state.jumps + 1)
    phase[together], delays[together] = clock.threshold, math.inf
    return _Ring(
        delay=first,
        units=turning[together],
        margin=(float(delays[delays.argmin()]) - first) / first,
        due=data.time(state.time + first),
        turning=turning,
        phase=phase * towards,
    )


def _jump(clock: Clock, state: _State, ring: Ring) -> _State:
    """Let every dormant neuron's phase turn until the ring."""
    assert isinstance(ring, _Ring)
    turning = ring.turning
    growth, side = state.growth.copy(), state.side.copy()
    growth[turning] = clock.growth(ring.phase)
    side[turning] = np.sign(ring.phase)
    at_threshold = state.at_threshold.copy()
    at_threshold[turning] = 0.0
    at_threshold[ring.units] = side[ring.units]
    return state._replace(
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        reach=state.reach + ring.delay * state.fit.noise,
        growth=growth,
        side=side,
        at_threshold=at_threshold,
        rung=ring.units,
        margin=ring.margin,
    )


def _cost(data: InUnits, state: _State) -> _State:
    """Minimise the loss over the active neurons, none of which can change its side."""
    held = state.at_threshold.nonzero()[0]
    fit = _minimised(data, state, state.at_threshold * data.norms)
    beta, unique = np.zeros(state.beta.size), True
    beta[fit.factors.support] = fit.values
    if held.size > fit.factors.size:
        sides = state.at_threshold[held]
        beta[held], unique = minimum_norm(data, held, sides, beta[held], fit.residual)
    return state._replace(
        fit=fit,
        loss=data.loss(fit.residual),
        beta=beta,
        previous=state.beta,
        pull=_pull(data, fit, beta),
        unique=unique,
    )


def _minimised(data: InUnits, state: _State, weights: Array) -> Fit:
    """Return the fit that is least over the active neurons: `weights` (d,), side times norm.

    From one jump to the next its support gains the neuron that rang, and seldom loses one. So that
    is what is tried: columns of the wrong sign go, and one that is pushed to its own side joins,
    until the conditions of optimality hold, which make it the minimiser however it was found. Where
    several would join, which may be dependent, or where that is no progress, the method of Lawson
    and Hanson decides.
    """
    fit, fewest, joining = state.fit, math.inf, state.rung
    wrong = (fit.factors.weights != weights[fit.factors.support]).nonzero()[0]
    while joining.size <= 1 and fit.factors.size - wrong.size < fit.factors.n:
        fit = _exchanged(data, fit, wrong, joining, weights)
        if fit.factors.loose and fit.factors.firmness() <= ZERO:
            break
        wrong = (fit.values * fit.factors.weights <= ZERO * data.target_norm).nonzero()[0]
        joining = _pushed(data, fit, weights)
        if wrong.size + joining.size == 0:
            return fit
        if wrong.size + joining.size >= fewest:
            break
        fewest = wrong.size + joining.size
    held = weights.nonzero()[0]
    columns = data.X[:, held] / weights[held]
    sizes = np.zeros_like(weights)
    sizes[held] = _independent(columns, nonnegative_least_squares(columns, data.y)[0])
    used = sizes > ZERO * data.target_norm
    wrong = (~used[fit.factors.support]).nonzero()[0]
    used[fit.factors.support] = False
    return _exchanged(data, fit, wrong, used.nonzero()[0], weights)


def _pushed(data: InUnits, fit: Fit, weights: Array) -> Indices:
    """Return the active neurons outside the support that the residual pushes to their own side."""
    outside = weights != 0
    outside[fit.factors.support] = False
    spare: Indices = outside.nonzero()[0]
    if spare.size:
        spare = spare[(fit.residual @ data.X[:, spare]) / weights[spare] > fit.noise]
    return spare


def _exchanged(data: InUnits, fit: Fit, wrong: Indices, joining: Indices, weights: Array) -> Fit:
    """Return the fit without the columns at some places, and with others."""
    for position in wrong[::-1].tolist():
        fit = shortened(data, fit, position)
    for unit in joining.tolist():
        fit = extended(data, fit, unit, data.features.column(unit), float(weights[unit]))
    return fit


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


def _saddles(data: InUnits, states: list[_State]) -> list[Saddle]:
    """Return the saddles of `states` in the user's units, each with its certificate."""
    betas = np.array([state.beta for state in states])
    previous = np.array([state.previous for state in states])
    now, before = betas != 0, previous != 0
    stationarity, violation = _optimality(data, states, betas)
    return [
        Saddle(
            index=state.jumps,
            time=data.time(state.time),
            beta=beta,
            loss=state.loss,
            dual=None,
            active=np.flatnonzero(active),
            entered=np.flatnonzero(entered),
            left=np.flatnonzero(left),
            certificate=Certificate(
                stationarity=slope, violation=violated, margin=state.margin, unique=state.unique
            ),
        )
        for state, beta, active, entered, left, slope, violated in zip(
            states,
            data.betas(betas),
            now,
            now & ~before,
            before & ~now,
            stationarity.tolist(),
            violation.tolist(),
            strict=True,
        )
    ]


def _optimality(data: InUnits, states: list[_State], betas: Array) -> tuple[Array, Array]:
    """Return how far each saddle is from its minimum over the active neurons, as the data show.

    The largest gradient where β ≠ 0, and the largest violation: a wrong sign, or a push of an
    active neuron at zero to its own side; both (b,), relative to |x_i| |y|. `betas` are (b, d).
    """
    held = np.array([state.at_threshold for state in states])
    units = np.flatnonzero(held.any(axis=0))
    if units.size == 0:
        return np.zeros(len(states)), np.zeros(len(states))
    columns, sides, betas = data.X[:, units], held[:, units], betas[:, units]
    norms = data.norms[units]
    push = (data.y - betas @ columns.T) @ columns / norms
    slope = np.where((sides != 0) & (betas != 0), np.abs(push), 0.0)
    wrong = np.where(betas != 0, -betas * sides * norms, push * sides)
    return (
        slope.max(axis=1) / data.target_norm,
        wrong.max(axis=1, initial=0.0) / data.target_norm,
    )
