"""Diagonal linear networks in the limit of vanishing initialisation: the exact staircase.

Pesme and Flammarion, "Saddle-to-saddle dynamics in diagonal linear networks" (NeurIPS 2023,
arXiv:2304.00488), Algorithm 1; Algorithm 2 of Kunin et al. (2025, arXiv:2506.06489). The gradient
flow of β = u ⊙ v from u = α·1, v = 0 on the mean loss L = |y − Xβ|²/(2n) tends, in scaled time
τ = t / log(1/α), to a projected dynamical system of the dual point ρ on the polytope
{ρ : −t⁻ ≤ Xᵀρ ≤ t⁺}: ρ' = r/n while no clock S = Xᵀρ is at its boundary, and Xβ is the part of y
that the boundary's normal cone takes away.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``dual``         ρ, shape (n,)
``clocks``       S = Xᵀρ, shape (d,)
``signs``        sign of S where a clock is at its boundary, else 0
``speed``        −n∇L = Xᵀr, shape (d,): n times the clocks' speed
``upper``,       t⁺, t⁻: boundaries of the clocks; ±1 for the two-layer network
``lower``
``delay``        Δτ until the next clock rings
``reach``        what rounding may have moved a clock by, over |x_i|: in proportion to ∫|r| dτ
``fit``          r, and β as far as independent columns carry it
===============  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles.alternation import Algorithm, Breakdown, Ring, solve
from saddles.cone import Fit, descend, minimum_norm, no_fit, optimality
from saddles.path import Certificate, Saddle, SaddlePath
from saddles.problems import InUnits, Regression, as_regression
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["pesme_flammarion"]

SOURCE = "Pesme and Flammarion 2023, arXiv:2304.00488, Algorithm 1"

#: From so many features on, a path stores its coefficients as sparse rows.
SPARSE_FROM = 10_000


def pesme_flammarion(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    boundaries: tuple[ArrayLike, ArrayLike] | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
) -> SaddlePath:
    """Saddle path of a diagonal linear network from vanishing initialisation.

    Parameters
    ----------
    X : array_like of shape (n, d), or Regression
        Features, used as they are (centre them first if the model is to have an intercept).
    y : array_like of shape (n,)
        Targets; left out if `X` is a `Regression`.
    boundaries : (t_plus, t_minus), optional
        Values of +S_i and −S_i at which coordinate i activates, each a positive number or an
        array of shape (d,), in the place of 1: other depths and asymmetric initialisations of the
        diagonal network (arXiv:2607.12332). Infinity forbids that sign.
    max_jumps : int, optional
        Stop after so many jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.

    Returns
    -------
    SaddlePath
        Scaled times τ = t / log(1/α) of the mean loss (the papers' sum loss: divide by n);
        ``duals`` are ρ (K+1, n), with clocks ``X.T @ rho``. Fit, ρ, times and losses are unique;
        where β is not, the one of minimum norm is returned and ``certificates.unique`` is False.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If a saddle misses its optimality conditions (only with ``on_failure="raise"``).

    Notes
    -----
    Between jumps everything is linear in time, so times are exact up to rounding. Clocks that
    reach their boundaries together are one jump, and not all of their coordinates need become
    non-zero. A coordinate that returns to zero keeps its clock at the boundary, or moves inwards.
    The last saddle minimises Σ(t⁺β⁺ + t⁻β⁻) among the least-squares solutions.

    Examples
    --------
    The published path on which a coordinate enters and leaves again (arXiv:2607.12332):

    >>> import saddles
    >>> X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
    >>> path = saddles.pesme_flammarion(X, [1.0, 0.0])
    >>> path.times.round(6).tolist()
    [0.0, 2.0, 8.0, 11.265306]
    >>> [units.tolist() for units in path.active]
    [[], [0], [2], [2, 3]]
    """
    algorithm = steps(as_regression(X, y), boundaries)
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


def steps(
    problem: Regression, boundaries: tuple[ArrayLike, ArrayLike] | None = None
) -> Algorithm[_State]:
    """Return the algorithm that learns `problem`; for `boundaries` see `pesme_flammarion`."""
    upper, lower = _checked_boundaries(boundaries, problem.n_features)
    data = InUnits.of(problem)
    network = _Network(data, _in_units(upper, data), _in_units(lower, data))
    return Algorithm(
        name="Pesme-Flammarion",
        source=SOURCE,
        start=partial(_start, network),
        utility=partial(_utility, network),
        jump=partial(_jump, network),
        cost=partial(_cost, network),
        saddle=partial(_saddle, network),
    )


def _checked_boundaries(boundaries: Any, n_features: int) -> tuple[Array, Array]:
    if boundaries is None:
        return np.ones(n_features), np.ones(n_features)
    if not isinstance(boundaries, tuple | list) or len(boundaries) != 2:
        raise TypeError(
            f"boundaries={checks.show(boundaries)} must be a pair (t_plus, t_minus) of positive "
            "numbers or arrays of shape (d,)."
        )
    names = ("boundaries[0]", "boundaries[1]")
    plus, minus = (
        checks.boundary(b, name, n_features) for b, name in zip(boundaries, names, strict=True)
    )
    return plus, minus


def _in_units(boundary: Array, data: InUnits) -> Array:
    """Return boundaries (d,) for the columns of `data`; none may overflow or vanish."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.asarray(boundary / data.column_unit)
    lost = np.isfinite(boundary) & (np.isinf(scaled) | (scaled < checks.SMALLEST_BOUNDARY))
    if lost.any():
        where = int(np.argmax(lost))
        raise ValueError(
            f"boundary {float(boundary[where])!r} of feature {where}, whose entries have size "
            f"{float(data.column_unit[where]):g}: their ratio does not fit a float64; rescale that "
            "column and its boundary."
        )
    return scaled


@dataclass(frozen=True, eq=False)
class _Network:
    """The data and the boundaries, in units in which no product can overflow."""

    data: InUnits
    upper: Array
    lower: Array


@dataclass(frozen=True, eq=False)
class _State:
    """Where the dual point is; see the module's table."""

    jumps: int
    time: float
    reach: float
    dual: Array
    clocks: Array
    signs: Array
    fit: Fit
    speed: Array
    beta: Array
    previous: Array
    unique: bool
    margin: float


def _start(network: _Network) -> _State:
    """Begin at the origin: every clock at 0, the residual is y."""
    n, d = network.data.X.shape
    state = _State(
        jumps=0,
        time=0.0,
        reach=0.0,
        dual=np.zeros(n),
        clocks=np.zeros(d),
        signs=np.zeros(d),
        fit=no_fit(network.data.y),
        speed=np.zeros(d),
        beta=np.zeros(d),
        previous=np.zeros(d),
        unique=True,
        margin=math.inf,
    )
    return replace(state, speed=_speed(network.data, state.fit))


def _speed(data: InUnits, fit: Fit) -> Array:
    """Return Xᵀr, with the zeros that stationarity or orthogonality makes put back."""
    speed = fit.residual @ data.X
    speed[np.abs(speed) <= data.resolution(fit.size) * data.norms] = 0.0
    speed[fit.support] = 0.0
    return np.asarray(speed)


def _utility(network: _Network, state: _State) -> Ring | Status:
    """Find the clocks that ring first: S_i + (Δτ/n) x_i·r = t_i⁺ or −t_i⁻."""
    moving = state.speed.nonzero()[0]
    if moving.size == 0:
        return Status.CONVERGED if state.jumps else Status.NOTHING_TO_LEARN
    speed, clocks = state.speed[moving], state.clocks[moving]
    goals = np.where(speed > 0, network.upper[moving], -network.lower[moving])
    with np.errstate(over="ignore"):
        delays = (goals - clocks) / speed
    first = float(delays.min())
    if first <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    if not math.isfinite(first):
        if np.isfinite(goals).any():
            raise Breakdown(Status.OVERFLOW, f"jump {state.jumps + 1}")
        return Status.NO_CLOCK_RINGS
    reach = state.reach + first * network.data.resolution(state.fit.size)
    blur = reach * network.data.norms[moving] / np.abs(speed)
    together = delays - first <= blur
    network.data.check_time(blur[together], state.time + first, state.jumps + 1)
    second = float(delays[~together].min(initial=math.inf))
    return Ring(delay=first, units=moving[together], margin=(second - first) / first)


def _jump(network: _Network, state: _State, ring: Ring) -> _State:
    """Advance the dual point to the ring; clocks that ring are put exactly at their boundary."""
    units = ring.units
    signs = np.where(state.speed == 0, state.signs, 0.0)
    signs[units] = sides = np.sign(state.speed[units])
    clocks = state.clocks + ring.delay * state.speed
    clocks[units] = np.where(sides > 0, network.upper[units], -network.lower[units])
    return replace(
        state,
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        reach=state.reach + ring.delay * network.data.resolution(state.fit.size),
        dual=state.dual + ring.delay * state.fit.residual,
        clocks=clocks,
        signs=signs,
        margin=ring.margin,
    )


def _cost(network: _Network, state: _State) -> _State:
    """Descend to the sign-constrained least squares on the coordinates at their boundaries."""
    fit = descend(network.data, state.signs, state.fit)
    beta = np.zeros_like(state.beta)
    beta[fit.support] = fit.values
    beta, unique = minimum_norm(network.data, state.signs, beta, fit.residual)
    return replace(
        state,
        fit=fit,
        speed=_speed(network.data, fit),
        beta=beta,
        previous=state.beta,
        unique=unique,
    )


def _saddle(network: _Network, state: _State) -> Saddle:
    """Return the saddle in the user's units, with its certificate."""
    used, before = state.beta != 0, state.previous != 0
    return Saddle(
        index=state.jumps,
        time=network.data.time(state.time),
        beta=_stored(network.data.betas(state.beta)),
        loss=network.data.loss(state.fit.residual),
        dual=state.dual,
        active=used.nonzero()[0],
        entered=(used & ~before).nonzero()[0],
        left=(before & ~used).nonzero()[0],
        certificate=_certificate(network.data, state),
    )


def _certificate(data: InUnits, state: _State) -> Certificate:
    """Check the minimiser, and that Xᵀρ is where the clocks are said to be.

    The latter relative to |x_i| |ρ| where that is larger: no dual point in float64 could tell more.
    """
    held = state.signs.nonzero()[0]
    if held.size == 0:
        return Certificate(stationarity=0.0, violation=0.0)
    columns, norms, goal = data.X[:, held], data.norms[held], state.clocks[held]
    optimal = optimality(data, columns, norms, state.signs[held], state.beta[held])
    size = np.maximum(np.abs(goal), norms * np.abs(state.dual).max())
    drift = (np.abs(state.dual @ columns - goal) / size).max()
    return Certificate(
        stationarity=optimal[0],
        violation=max(optimal[1], float(drift)),
        margin=state.margin,
        unique=state.unique,
    )


def _stored(beta: Array) -> Any:
    """Return β as a dense array, or as a sparse row if it is very long."""
    if beta.shape[0] < SPARSE_FROM:
        return beta
    from scipy.sparse import csr_array

    return csr_array(beta[None, :])
