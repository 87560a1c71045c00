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
from saddles.alternation import Algorithm, Ring, solve
from saddles.cone import ZERO, Fit, descend, minimum_norm, no_fit
from saddles.path import Certificate, Saddle, SaddlePath
from saddles.problems import Regression, as_regression
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

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
    problem = as_regression(X, y)
    bounds = _checked_boundaries(boundaries, problem.n_features)
    network = _Network.of(problem, *bounds)
    algorithm = Algorithm(
        name="Pesme-Flammarion",
        source=SOURCE,
        start=partial(_start, network),
        utility=partial(_utility, network),
        jump=partial(_jump, network),
        cost=partial(_cost, network),
        saddle=partial(_saddle, network),
    )
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


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


@dataclass(frozen=True, eq=False)
class _Network:
    """The data in units (powers of two, hence exact) in which no product can overflow."""

    X: Array
    y: Array
    norms: Array
    upper: Array
    lower: Array
    n_samples: float
    column_unit: Array
    target_unit: float

    @classmethod
    def of(cls, problem: Regression, upper: Array, lower: Array) -> _Network:
        """Return the network of a problem."""
        largest = np.abs(problem.X).max(axis=0)
        extreme = (largest > 0) & ((largest < 1e-100) | (largest > 1e100))
        unit = np.where(extreme, np.exp2(np.frexp(largest)[1]), 1.0)
        X = problem.X / unit if extreme.any() else problem.X
        target_unit = float(np.exp2(np.frexp(np.abs(problem.y).max())[1]))
        return cls(
            X=X,
            y=problem.y / target_unit,
            norms=np.sqrt(np.einsum("ij,ij->j", X, X)),
            upper=upper / unit,
            lower=lower / unit,
            n_samples=problem.n_samples,
            column_unit=unit,
            target_unit=target_unit,
        )

    @property
    def target_norm(self) -> float:
        """|y|."""
        return float(np.linalg.norm(self.y))


@dataclass(frozen=True, eq=False)
class _State:
    """Where the dual point is; see the module's table."""

    jumps: int
    time: float
    dual: Array
    clocks: Array
    signs: Array
    fit: Fit
    speed: Array
    active: Indices
    previous: Indices
    beta: Array
    unique: bool
    margin: float


def _start(network: _Network) -> _State:
    """Begin at the origin: every clock at 0, the residual is y."""
    n, d = network.X.shape
    nothing = np.zeros(0, dtype=np.intp)
    state = _State(
        jumps=0,
        time=0.0,
        dual=np.zeros(n),
        clocks=np.zeros(d),
        signs=np.zeros(d),
        fit=no_fit(network.y),
        speed=np.zeros(d),
        active=nothing,
        previous=nothing,
        beta=np.zeros(d),
        unique=True,
        margin=math.inf,
    )
    return replace(state, speed=_speed(network, state.fit))


def _speed(network: _Network, fit: Fit) -> Array:
    """Return Xᵀr, with the zeros that stationarity or orthogonality makes put back."""
    speed = network.X.T @ fit.residual
    speed[np.abs(speed) <= ZERO * network.norms * network.target_norm] = 0.0
    speed[fit.support] = 0.0
    return np.asarray(speed)


def _utility(network: _Network, state: _State) -> Ring | Status:
    """Find the clocks that ring first: S_i + (Δτ/n) x_i·r = t_i⁺ or −t_i⁻."""
    moving = np.flatnonzero(state.speed)
    if moving.size == 0:
        return Status.CONVERGED if state.jumps else Status.NOTHING_TO_LEARN
    speed = state.speed[moving]
    room = np.where(
        speed > 0,
        network.upper[moving] - state.clocks[moving],
        network.lower[moving] + state.clocks[moving],
    )
    delays = room / np.abs(speed)
    first = float(delays.min())
    if not math.isfinite(first):
        return Status.NO_CLOCK_RINGS
    elapsed = state.time + first
    rounding = ZERO * elapsed * network.norms[moving] * network.target_norm
    together = (delays - first) * np.abs(speed) <= rounding
    second = float(delays[~together].min(initial=math.inf))
    margin = (second - first) / first
    return Ring(delay=first, units=moving[together], margin=margin)


def _jump(network: _Network, state: _State, ring: Ring) -> _State:
    """Advance the dual point to the ring; clocks at their boundaries are put exactly there."""
    clocks = state.clocks + ring.delay * state.speed
    signs = np.where(state.speed == 0, state.signs, 0.0)
    signs[ring.units] = np.sign(state.speed[ring.units])
    clocks = np.where(signs > 0, network.upper, np.where(signs < 0, -network.lower, clocks))
    return replace(
        state,
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        dual=state.dual + ring.delay * state.fit.residual,
        clocks=clocks,
        signs=signs,
        margin=ring.margin,
    )


def _cost(network: _Network, state: _State) -> _State:
    """Descend to the sign-constrained least squares on the coordinates at their boundaries."""
    fit = descend(network.X, network.y, network.norms, state.signs, state.fit)
    beta, unique = minimum_norm(
        network.X, network.norms, 1 / network.column_unit, state.signs, fit
    )
    return replace(
        state,
        fit=fit,
        speed=_speed(network, fit),
        beta=beta,
        unique=unique,
        active=np.flatnonzero(beta),
        previous=state.active,
    )


def _saddle(network: _Network, state: _State) -> Saddle:
    """Return the saddle in the user's units, with its certificate."""
    residual = state.fit.residual
    loss = float(residual @ residual) / (2 * network.n_samples)
    return Saddle(
        index=state.jumps,
        time=state.time * network.n_samples / network.target_unit,
        beta=_stored(state.beta * (network.target_unit / network.column_unit)),
        loss=loss * network.target_unit * network.target_unit,
        dual=state.dual,
        active=state.active,
        entered=np.setdiff1d(state.active, state.previous),
        left=np.setdiff1d(state.previous, state.active),
        certificate=_certificate(network, state),
    )


def _stored(beta: Array) -> Any:
    """Return β as a dense array, or as a sparse row if it is very long."""
    if beta.shape[0] < SPARSE_FROM:
        return beta
    from scipy.sparse import csr_array

    return csr_array(beta[None, :])


def _certificate(network: _Network, state: _State) -> Certificate:
    """Check the saddle against the data alone: nothing here comes from the factors.

    Stationarity: x_i·(y − Xβ) = 0 where β_i ≠ 0. Constraints: β_i has the sign of its clock, a
    clock at its boundary is not pushed outwards, and S = Xᵀρ there and within the box elsewhere.
    """
    X, norms = network.X, network.norms
    unit = max(network.target_norm, float(np.finfo(float).tiny))
    held = np.flatnonzero(state.signs)
    if held.size == 0:
        return Certificate(stationarity=0.0, violation=0.0)
    active = X[:, state.active]
    residual = network.y - active @ state.beta[state.active]
    gradient = np.abs(active.T @ residual) / (norms[state.active] * unit)
    signs, columns = state.signs[held], X[:, held]
    outward = signs * (columns.T @ residual) / (norms[held] * unit)
    outward[np.isin(held, state.active)] = 0.0
    wrong_sign = -signs * state.beta[held] * norms[held] / unit
    goal = np.where(signs > 0, network.upper[held], network.lower[held])
    drift = np.abs(signs * (columns.T @ state.dual) - goal) / goal
    return Certificate(
        stationarity=float(gradient.max(initial=0.0)),
        violation=float(max(outward.max(), wrong_sign.max(), drift.max(), 0.0)),
        margin=state.margin,
        unique=state.unique,
    )
