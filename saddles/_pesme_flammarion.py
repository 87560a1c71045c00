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
``arc``          ∫|r| dτ, the arc length of ρ
``reach``        what rounding may have moved a clock by, over |x_i|: in proportion to it
``fit``          r, and β as far as independent columns carry it
``spare``        other coordinates whose clocks S = Xᵀρ are at their boundary (m,)
``weights``      the sign of S times |x|, of the same (m,)
``active``       coordinates that are not zero, ascending; ``values`` are theirs
``upper``,       t⁺, t⁻: boundaries of the clocks; ±1 for the two-layer network
``lower``
===============  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from saddles import checks
from saddles._screening import ROUNDING, Course, Screen
from saddles.alternation import Algorithm, Breakdown, Ring, solve
from saddles.cone import Fit, descend, minimum_norm, no_fit, optimality
from saddles.path import Certificate, Saddle, SaddlePath
from saddles.problems import InUnits, Regression, as_regression
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices, Mask

__all__ = ["pesme_flammarion"]

NAME = "Pesme-Flammarion"
SOURCE = "Pesme and Flammarion 2023, arXiv:2304.00488, Algorithm 1"

#: Losses of the same saddle, computed in another order, differ by less, relative to the first.
RESUMED = 1e-9

#: From so many features on, a path stores its coefficients as sparse rows.
SPARSE_FROM = 10_000


def pesme_flammarion(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    boundaries: tuple[ArrayLike, ArrayLike] | None = None,
    start: SaddlePath | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
) -> SaddlePath:
    """Saddle path of a diagonal linear network from vanishing initialisation.

    Parameters
    ----------
    X : array_like or scipy.sparse array of shape (n, d), or Regression
        Features, used as they are (for an intercept, ``Regression(X, y, centre=True)``). Large ones
        are read by the column: in feature-major order (``order="F"``), in memory or mapped from a
        file, they are used where they lie; of others in memory a copy is made in that order.
    y : array_like of shape (n,)
        Targets; left out if `X` is a `Regression`.
    boundaries : (t_plus, t_minus), optional
        Values of +S_i and −S_i at which coordinate i activates, each a positive number or an
        array of shape (d,), in the place of 1: other depths and asymmetric initialisations of the
        diagonal network (arXiv:2607.12332). Infinity forbids that sign.
    start : SaddlePath, optional
        Beginning of the path of the same problem, from an earlier call with `max_jumps` or a
        `callback`: it is continued, from its last saddle on, which is computed anew, and the whole
        path is returned.
    max_jumps : int, optional
        Stop after so many jumps, those of `start` included; None goes to the end of training.
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
    network = _network(as_regression(X, y, dense=False), boundaries)
    algorithm = _algorithm(network)
    earlier: list[Saddle] = []
    if start is not None and len(_checked_start(start, network)) > 1:
        earlier = list(start)[:-1]
        algorithm = replace(algorithm, start=partial(_resumed, network, start))
    return solve(
        algorithm,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        earlier=earlier,
    )


def steps(
    problem: Regression, boundaries: tuple[ArrayLike, ArrayLike] | None = None
) -> Algorithm[_State]:
    """Return the algorithm that learns `problem`; for `boundaries` see `pesme_flammarion`."""
    return _algorithm(_network(problem, boundaries))


def _network(problem: Regression, boundaries: tuple[ArrayLike, ArrayLike] | None) -> _Network:
    upper, lower = _checked_boundaries(boundaries, problem.n_features)
    data = InUnits.of(problem).read_often()
    return _Network.of(data, _in_units(upper, data), _in_units(lower, data))


def _algorithm(network: _Network) -> Algorithm[_State]:
    return Algorithm(
        name=NAME,
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


def _checked_start(start: Any, network: _Network) -> SaddlePath:
    """Return a path that may be one of this problem."""
    if not isinstance(start, SaddlePath):
        raise TypeError(f"start={checks.show(start)} must be a SaddlePath, or None.")
    n, d = network.data.shape
    if start.algorithm != NAME or start.duals is None:
        raise ValueError(f"start={start!r} must be a path that pesme_flammarion returned.")
    if start.duals.shape[1] != n or start.betas.shape[1] != d:
        raise ValueError(
            f"start has {start.duals.shape[1]} samples and {start.betas.shape[1]} features, but X "
            f"has {n} and {d}; pass the problem that it is a path of."
        )
    return start


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
    screen: Screen
    marks: Mask
    empty: Any

    @classmethod
    def of(cls, data: InUnits, upper: Array, lower: Array) -> _Network:
        """Return the network, no clock of which has run yet."""
        d, empty = data.shape[1], None
        if d >= SPARSE_FROM:
            from scipy.sparse import csr_array

            empty = csr_array((1, d))
        return cls(data, upper, lower, Screen(data, upper, lower), np.zeros(d, dtype=bool), empty)

    def without(self, some: Indices, others: Indices) -> Indices:
        """Return the indices that are among `some` and not among `others`."""
        self.marks[others] = True
        rest = some[~self.marks[some]]
        self.marks[others] = False
        return rest


class _State(NamedTuple):
    """Where the dual point is; see the module's table."""

    jumps: int
    time: float
    arc: float
    reach: float
    dual: Array
    fit: Fit
    spare: Indices
    weights: Array
    active: Indices
    values: Array
    previous: Indices
    unique: bool
    margin: float


def _start(network: _Network) -> _State:
    """Begin at the origin: every clock at 0, the residual is y."""
    nobody, nothing = np.zeros(0, dtype=np.intp), np.zeros(0)
    return _State(
        jumps=0,
        time=0.0,
        arc=0.0,
        reach=0.0,
        dual=np.zeros_like(network.data.y),
        fit=no_fit(network.data.y),
        spare=nobody,
        weights=nothing,
        active=nobody,
        values=nothing,
        previous=nobody,
        unique=True,
        margin=math.inf,
    )


def _resumed(network: _Network, path: SaddlePath) -> _State:
    """Return the state at the last saddle of a path with jumps."""
    data, before, last = network.data, path[-2], path[-1]
    dual = np.asarray(last.dual)
    sizes = np.sqrt(2 * data.n_samples * path.losses[:-1]) / data.target_unit
    waits = np.diff(path.times) / data.time(1.0)
    arc = float(waits @ sizes)
    reach = float(waits @ [data.resolution(size) for size in sizes.tolist()])
    clocks = data.products(None, dual)[0]
    slack = (reach + ROUNDING * dual.size * arc) * data.norms
    up, down = network.upper - clocks, clocks + network.lower
    held = (np.minimum(up, down) <= slack).nonzero()[0]
    state = _start(network)._replace(
        jumps=last.index,
        time=last.time / data.time(1.0),
        arc=arc,
        reach=reach,
        dual=dual,
        spare=held,
        weights=np.where(up < down, 1.0, -1.0)[held] * data.norms[held],
        previous=before.active,
        margin=last.certificate.margin,
    )
    state = _cost(network, state)
    off = abs(data.loss(state.fit.residual) - last.loss)
    if (np.minimum(up, down) < -slack).any() or off > RESUMED * path.losses[0]:
        raise ValueError(
            f"start={path!r} is a path of other data or boundaries: at its end the loss would be "
            f"{data.loss(state.fit.residual):.6g}; pass the problem that it is a path of."
        )
    return state


def _utility(network: _Network, state: _State) -> Ring | Status:
    """Find the clocks that ring first: S_i + (Δτ/n) x_i·r = t_i⁺ or −t_i⁻."""
    data, fit = network.data, state.fit
    noise, held = data.resolution(fit.size), fit.factors.support
    if state.spare.size:
        held = np.concatenate([held, state.spare[_still(data, state)]])
    course = Course(state.dual, fit.residual, fit.size, state.arc, state.reach, noise, held)
    race = network.screen.race(course)
    if race.first <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    if race.units.size == 0:
        return Status.CONVERGED if state.jumps else Status.NOTHING_TO_LEARN
    if not math.isfinite(race.first):
        if np.isfinite(race.goals).any():
            raise Breakdown(Status.OVERFLOW, f"jump {state.jumps + 1}")
        return Status.NO_CLOCK_RINGS
    data.check_time(race.blur, state.time + race.first, state.jumps + 1)
    margin = (race.second - race.first) / race.first
    return Ring(delay=race.first, units=race.units, margin=margin)


def _still(data: InUnits, state: _State) -> Mask:
    """Mark the spare coordinates (m,) whose clocks stay at their boundary."""
    push = (state.fit.residual @ data.columns(state.spare)) / state.weights
    return np.asarray(np.abs(push) <= data.resolution(state.fit.size))


def _jump(network: _Network, state: _State, ring: Ring) -> _State:
    """Advance the dual point to the ring; its clocks are held at their boundary from now on."""
    data, fit, units = network.data, state.fit, ring.units
    sides = np.sign(fit.residual @ data.columns(units))
    spare, weights = units, sides * data.norms[units]
    if state.spare.size:
        still = _still(data, state)
        spare = np.concatenate([state.spare[still], spare])
        weights = np.concatenate([state.weights[still], weights])
    return state._replace(
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        arc=state.arc + ring.delay * fit.size,
        reach=state.reach + ring.delay * data.resolution(fit.size),
        dual=state.dual + ring.delay * fit.residual,
        spare=spare,
        weights=weights,
        previous=state.active,
        margin=ring.margin,
    )


def _cost(network: _Network, state: _State) -> _State:
    """Descend to the sign-constrained least squares on the coordinates at their boundaries."""
    data = network.data
    fit, spare, weights = descend(data, state.fit, state.spare, state.weights)
    active, values, unique = fit.factors.support, fit.values, True
    if spare.size:
        held = np.concatenate([active, spare])
        sides = np.sign(np.concatenate([fit.factors.weights, weights]))
        values = np.concatenate([values, np.zeros(spare.size)])
        values, unique = minimum_norm(data, held, sides, values, fit.residual)
        used = values.nonzero()[0]
        active, values = held[used], values[used]
    order = active.argsort()
    return state._replace(
        fit=fit,
        spare=spare,
        weights=weights,
        active=active[order],
        values=values[order],
        unique=unique,
    )


def _saddle(network: _Network, state: _State) -> Saddle:
    """Return the saddle in the user's units, with its certificate."""
    data, active, previous = network.data, state.active, state.previous
    return Saddle(
        index=state.jumps,
        time=data.time(state.time),
        beta=_stored(network, data.betas(state.values, active), active),
        loss=data.loss(state.fit.residual),
        dual=state.dual,
        active=active,
        entered=network.without(active, previous),
        left=network.without(previous, active),
        certificate=_certificate(network, state),
    )


def _certificate(network: _Network, state: _State) -> Certificate:
    """Check the minimiser, and that Xᵀρ is where the clocks are said to be."""
    data, (factors, values, *_) = network.data, state.fit
    if factors.size + state.spare.size == 0:
        return Certificate(stationarity=0.0, violation=0.0)
    held, columns, weights = factors.support, factors.columns, factors.weights
    if state.spare.size and not state.unique:
        held, columns, weights, values = _joined(network, state)
    rest = data.y - columns @ values
    stationarity, violation = optimality(data, rest, columns, weights, values)
    violation = max(violation, _drift(network, state.dual, held, columns, weights))
    if held.size == factors.size and state.spare.size:
        held, weights = state.spare, state.weights
        columns, values = data.columns(held), np.zeros(held.size)
        violation = max(violation, optimality(data, rest, columns, weights, values)[1])
        violation = max(violation, _drift(network, state.dual, held, columns, weights))
    return Certificate(
        stationarity=stationarity,
        violation=violation,
        margin=state.margin,
        unique=state.unique,
    )


def _joined(network: _Network, state: _State) -> tuple[Indices, Array, Array, Array]:
    """Return all candidates with their columns, weights and coefficients."""
    held = np.concatenate([state.fit.factors.support, state.spare])
    beta = np.zeros(network.data.shape[1])
    beta[state.active] = state.values
    weights = np.concatenate([state.fit.factors.weights, state.weights])
    return held, network.data.columns(held), weights, beta[held]


def _drift(network: _Network, dual: Array, held: Indices, columns: Array, weights: Array) -> float:
    """Return how far Xᵀρ is from the boundaries where clocks (m,) are said to be.

    Relative to |x_i| |ρ| where that is larger: no dual point in float64 could tell more.
    """
    goal = np.where(weights > 0, network.upper[held], network.lower[held]) / np.abs(weights)
    drift = np.abs((dual @ columns) / weights - goal)
    drift /= np.maximum(goal, max(dual.max(), -dual.min()))
    return float(drift.max(initial=0.0))


def _stored(network: _Network, values: Array, active: Indices) -> Any:
    """Return β as a dense array, or as a sparse row if it is very long."""
    if network.empty is None:
        beta = np.zeros(network.data.shape[1])
        beta[active] = values
        return beta
    values.setflags(write=False)
    row = copy(network.empty)  # the constructor would spend its time on checks
    row.data, row.indices, row.indptr = values, active, np.array([0, active.size])
    return row
